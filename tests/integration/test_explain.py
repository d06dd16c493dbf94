"""What is explained: what a run flags by the metrics flagged, and what is asked for."""

import json

from workbench import LEAK, Published, Workbench, module


def passes(bench: Workbench, commit: str) -> list[list[str]]:
    """Return the passes of every measurement of a commit, the first one first."""
    (path,) = bench.results.rglob(f"{commit}.json")
    return [measurement["outcome"]["passes"] for measurement in json.loads(path.read_text())["measurements"]]


def test_without_news_nothing_is_repeated_or_explained(quick: Workbench) -> None:
    commits = [quick.commit(module(above=f"# {number}\n")) for number in range(3)]
    code, report = quick.call_json("run")
    assert (code, report["counts"]["measured"]) == (0, 3)
    assert [passes(quick, commit) for commit in commits] == [[["first"]]] * 3
    commits.append(quick.commit(module(above="# night\n")))
    code, report = quick.call_json("run", "--new")
    assert (code, report["counts"]["measured"], passes(quick, commits[-1])) == (0, 1, [["first"]])


def test_what_moved_is_explained_by_the_metrics_that_moved_and_once(bench: Workbench) -> None:
    bench.commit(module())
    good = bench.commit(module(above="\n"))
    bad = bench.commit(module(kept=LEAK))  # retained and growth move, and no peak
    newest = bench.commit(module(kept=LEAK, above="\n"))
    code, report = bench.call_json("run")
    assert (code, {change["metric"] for change in report["changes"]}) == (1, {"retained", "growth"})
    for side in (good, bad):
        _, explained = passes(bench, side)
        assert "deep" in explained
        assert "peak" not in explained
    assert passes(bench, newest) == [["first", "growth", "rss"]]
    assert bench.call_json("run")[1]["counts"]["measured"] == 0


PASSING = """
def first():
    return len({first})

def second():
    return len(bytearray(1_000_000))

def fill():
    return first() + second()
"""


def test_a_fall_to_the_same_value_at_other_lines_is_explained_as_well(quick: Workbench) -> None:
    """The two peaks of one function: the first rises above the second, then it is gone."""
    small, large = (PASSING.format(first=f"bytearray({size})") for size in (1_000_000, 2_000_000))
    quick.commit(small)
    quick.commit(large)
    quick.commit(large + "\n")
    quick.commit(PASSING.format(first="b''"))
    _, report = quick.call_json("run")
    assert [
        (change["metric"], change["verdict"], change["blame"][0]["path"], change["blame"][0]["source"])
        for change in report["changes"]
    ] == [
        ("peak", "regressed", "box.py", "return len(bytearray(2000000))"),
        ("peak", "improved", "box.py", "return len(bytearray(2000000))"),
    ]


def test_the_newest_commit_above_its_limit_is_explained(quick: Workbench) -> None:
    quick.set('limits = { result = "1 KiB" }')
    first, newest = quick.commit(module()), quick.commit(module(above="\n"))
    assert quick.call("run")[0] == 1
    assert passes(quick, first) == [["first"]]
    assert [("deep" in found, "peak" in found) for found in passes(quick, newest)] == [(False, False), (True, False)]


def test_show_names_what_it_lacks_and_measures_it_if_told_to(quick: Workbench) -> None:
    commit = quick.commit(module())
    quick.call("run")
    _, shown = quick.call_json("show")
    assert f"1 case without call stacks, types by line or the lines of the peak; `memharness show {commit[:10]} " in (
        quick.stderr
    )
    assert shown["cases"][0]["profiles"].keys() == {"alive", "retained"}
    _, shown = quick.call_json("show", "--explain")
    assert "without call stacks" not in quick.stderr
    assert shown["cases"][0]["profiles"].keys() == {"alive", "retained", "peak"}
    assert all(shown["cases"][0]["profiles"][kind]["stacks"] for kind in ("alive", "peak"))
    before = quick.records()
    assert quick.call("show", "--explain")[0] == 0
    assert quick.records() == before


def test_show_explains_no_commit_that_is_not_measured(quick: Workbench) -> None:
    quick.commit(module())
    code, _ = quick.call("show", "--explain")
    assert code == 2
    assert "Nothing is stored" in quick.stderr
    assert not list(quick.results.rglob("*.json"))


def test_compare_explains_what_changed_and_nothing_else(quick: Workbench) -> None:
    one, other, third = quick.commit(module()), quick.commit(module(above="\n")), quick.commit(module(size=300_000))
    assert quick.call("compare", one, other)[0] == 0
    assert [passes(quick, commit) for commit in (one, other)] == [[["first"]]] * 2
    assert quick.call("compare", other, third)[0] == 1
    assert [passes(quick, commit)[-1] for commit in (other, third)] == [["deep", "first", "peak"]] * 2
    assert passes(quick, one) == [["first"]]


def test_check_names_the_command_that_explains_a_change(quick: Workbench) -> None:
    good, bad = quick.commit(module()), quick.commit(module(size=300_000))
    for commit in (good, bad):
        quick.call("run", "--until", commit, "--last", "1")  # one alone is no news
    code, report = quick.call_json("check", "--all")
    command = f"`memharness compare {good[:10]} {bad[:10]}`"
    (notice,) = [notice for notice in report["notices"] if "not explained" in notice]
    assert (code, notice[:31]) == (1, "2 changes are not explained: `m")
    assert command in notice
    _, *arguments = command.strip("`").split()
    assert quick.call(*arguments)[0] == 1
    _, report = quick.call_json("check", "--all")
    assert not any("not explained" in notice for notice in report["notices"])


def test_publish_explains_the_newest_commit_if_told_to(published: Published) -> None:
    newest = published.ids[-1]
    assert not any("peak" in found for found in passes(published, newest))
    published.publish()
    plain = published.files()
    published.publish("--explain")
    assert any("peak" in found for found in passes(published, newest))
    changed = {path for path, content in published.files().items() if plain.get(path) != content}
    assert any(path.startswith("data/profile/") for path in changed)
