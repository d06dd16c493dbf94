"""`memharness check` and `memharness accept` on stored results."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from memharness.cli import main
from stored import FAMILY, records, stored_project
from workbench import BROKEN, Published, Workbench, module


def test_the_newest_commit_is_judged_and_nothing_is_measured(filled: Published) -> None:
    newest = filled.go_to("leak")
    before = filled.records()

    code, report = filled.call_json("check")

    assert code == 1
    assert {tuple(change["range"]) for change in report["changes"]} == {(filled.ids[2], newest)}
    assert {change["metric"] for change in report["changes"]} == {"retained", "growth"}
    assert report["counts"]["measured"] == 0
    assert filled.records() == before


def test_a_quiet_newest_commit_passes_though_an_older_one_did_not(filled: Published) -> None:
    risen = filled.go_to("grow")
    filled.go_to("move")
    assert filled.call_json("check")[0] == 0
    code, report = filled.call_json("check", "--all")
    assert code == 1
    assert {change["commit"] for change in report["changes"]} == {risen}


def open_still(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(change["commit"], change["metric"]) for change in report["still_open"]}


def test_what_is_open_since_an_earlier_commit_is_told_until_it_is_accepted_or_gone(quick: Workbench) -> None:
    quick.commit(module())
    risen = quick.commit(module(size=300_000), "grow")
    quick.commit(module(size=300_000, above="\n"))
    quick.call("run")
    expected = {(risen, "peak"), (risen, "result")}
    code, report = quick.call_json("check")
    assert (code, report["changes"], open_still(report)) == (0, [], expected)
    assert f"still open: peak and result of fill up to +199.8% since {risen[:10]}" in quick.call("check")[1]
    for range_ in (["--last", "1"], ["--new"]):
        code, report = quick.call_json("run", *range_)
        assert (code, report["changes"], open_still(report)) == (0, [], expected)
    code, report = quick.call_json("check", "--all")
    assert (code, len(report["changes"]), report["still_open"]) == (1, 2, [])
    quick.call("accept", risen, "-m", "result", "--reason", "meant")
    assert open_still(quick.call_json("check")[1]) == {(risen, "peak")}
    quick.commit(module(above="\n\n"), "shrink")
    quick.commit(module(above="\n\n\n"))
    assert quick.call_json("run", "--last", "2")[1]["still_open"] == []


def test_the_newest_commit_is_judged_against_what_is_stored_before_it(quick: Workbench) -> None:
    first = quick.commit(module())
    quick.call("run")
    quick.commit(module(size=200_000))
    newest = quick.commit(module(size=300_000))
    quick.call("run", "--last", "1")
    (peak,) = (change for change in quick.call_json("check")[1]["changes"] if change["metric"] == "peak")
    assert peak["range"] == [first, newest]
    before, after, _, headings, *_ = quick.call("check")[1].splitlines()
    assert (before[:18], after[:18]) == (f"before  {first[:10]}", f"newest  {newest[:10]}")
    assert headings.split()[:3] == ["metric", "before", "newest"]
    assert "judged against what is stored before it" in " ".join(quick.call("check", "--help")[1].split())


def test_a_newest_commit_that_is_not_measured_or_failed_is_incomplete(quick: Workbench) -> None:
    quick.commit(module())
    quick.call("run")
    assert quick.call("check")[0] == 0  # a first commit has no past
    other = quick.path / "scenarios" / "other.py"
    other.write_text("import box\n\n\ndef run():\n    return box.fill()\n")
    code, report = quick.call_json("check")
    assert code == 3
    assert any("other is not measured" in notice for notice in report["notices"])
    other.unlink()
    quick.commit(BROKEN + module())
    code, report = quick.call_json("check")
    assert code == 3
    assert "is not measured" in report["error"]["message"]
    quick.call("run")
    code, report = quick.call_json("check")
    assert (code, len(report["failures"])) == (3, 1)
    (peak,) = (row for row in report["series"] if row["metric"] == "peak")
    assert peak["first"] > 100_000
    assert (peak["last"], peak["residual"]) == (None, None)


def test_a_limit_is_judged_at_the_first_commit(quick: Workbench) -> None:
    quick.set('limits = { peak = "90 kB" }')
    only = quick.commit(module())
    code, report = quick.call_json("run")
    assert code == 1
    (over,) = report["exceeded"]
    assert (over["metric"], over["limit"], over["first"], over["open"]) == ("peak", 90_000, only, True)
    assert quick.call("check")[0] == 1


def test_what_many_cases_lack_is_said_in_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stored_project(tmp_path, 9000, 9000, cases=30)
    (oldest,) = (path for path in records(config) if "commit 0" in path.read_text())
    oldest.unlink()
    with (tmp_path / "project" / "memharness.toml").open("a") as file:
        file.write("[workloads]\n" + "".join(f'work_{number} = "call:box:work"\n' for number in range(10)))
    monkeypatch.chdir(tmp_path / "project")
    assert main(["check", "--json"]) == 3
    unmeasured, alone = json.loads(capsys.readouterr().out)["notices"]
    assert re.fullmatch(
        r"10 cases are not measured at \w{10}: work_0, work_1, work_2, work_3, work_4 and 5 more", unmeasured
    )
    assert alone.startswith("30 cases have nothing stored before ")
    assert alone.endswith(
        f" to be judged against ({FAMILY}): {', '.join(f'fill[size={n}]' for n in range(5))} and 25 more"
    )


def test_nothing_to_judge_against_is_incomplete(quick: Workbench) -> None:
    quick.commit(module())
    quick.commit(module(size=300_000))
    quick.call("run", "--last", "1")
    code, report = quick.call_json("check")
    assert code == 3
    assert any("nothing stored before" in notice for notice in report["notices"])
    quick.call("run")
    assert quick.call("check")[0] == 1
    code, said = quick.call("check", "--last", "1")
    assert code == 3
    assert "in the range to be judged against" in " ".join(said.split())


def test_a_shallow_clone_is_incomplete(filled: Published) -> None:
    filled.go_to("grow")
    clone = filled.path.with_name("clone")
    filled.repository.git("clone", "--quiet", "--depth=1", filled.path.as_uri(), str(clone))
    assert filled.call("check")[0] == 1
    code, said = filled.call("check", "--repo", str(clone))
    assert code == 3
    assert "note: there is only 1 commit: the clone is shallow." in said
    code, _ = filled.call("check", "--repo", str(clone), "--results", str(clone / "results"))
    assert (code, "the clone is shallow" in filled.stderr, "is not measured" in filled.stderr) == (3, True, True)


def test_new_is_for_the_command_that_measures(bench: Workbench) -> None:
    bench.commit(module())
    for command in ("check", "plot", "publish", "serve"):
        assert bench.call(command, "--new")[0] == 2
        assert "--new" not in bench.call(command, "--help")[1]
    assert "--new" in bench.call("run", "--help")[1]


def test_a_scenario_for_another_python_is_not_missing(quick: Workbench) -> None:
    quick.commit(module())
    newer = quick.path / "scenarios" / "newer.py"
    newer.write_text('# /// script\n# requires-python = ">=4"\n# ///\ndef run():\n    pass\n')
    quick.call("run")
    assert quick.call_json("check")[0] == 0


def test_a_comparison_in_one_environment_is_no_part_of_any_series(quick: Workbench) -> None:
    old = quick.commit(module())
    quick.commit(module(size=300_000))
    quick.commit(module(size=300_000, above="\n"))
    quick.call("run")
    assert quick.call_json("compare", old, "HEAD", "--same-env")[0] == 1
    assert quick.call("check")[0] == 0


def test_a_limit_that_an_abandoned_environment_broke_is_past(quick: Workbench) -> None:
    quick.set('limits = { peak = "150 kB" }')
    quick.commit(module(size=200_000))
    quick.call("run")
    config = quick.path / "memharness.toml"
    config.write_text(config.read_text().replace("[run]", 'variables = { A = "b" }\n[run]'))
    quick.commit(module())
    quick.commit(module(above="\n"))
    quick.call("run", "--last", "2")
    assert quick.call("check")[0] == 0


# --- accept ----------------------------------------------------------------------------------------------


@pytest.fixture
def risen(filled: Published) -> str:
    """Return the newest commit, at which peak and result rose."""
    return filled.go_to("grow")


def verdicts(report: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {change["metric"]: change["verdict"] for change in report["changes"]}


def test_an_accepted_change_is_shown_with_its_reason_and_is_no_regression(filled: Published, risen: str) -> None:
    code, entered = filled.call_json("accept", risen, "--reason", 'the "new" format needs it')
    assert code == 0
    assert {entry["metric"] for entry in entered["accepted"]} == {"peak", "warm_peak", "result"}
    code, report = filled.call_json("run")
    assert code == 0
    assert set(verdicts(report).values()) == {"accepted"}
    assert {change["reason"] for change in report["changes"]} == {'the "new" format needs it'}
    assert filled.call_json("check")[0] == 0
    assert 'the "new" format needs it' in filled.call("check")[1]


def test_one_metric_is_accepted_and_the_other_is_not(filled: Published, risen: str) -> None:
    filled.call("accept", risen, "-m", "result", "--reason", "meant")
    code, report = filled.call_json("check")
    assert (code, verdicts(report)) == (1, {"peak": "regressed", "result": "accepted"})


def test_a_peak_is_accepted_without_the_peak_of_later_calls(filled: Published, risen: str) -> None:
    code, said = filled.call("accept", risen, "-m", "peak", "--reason", "meant")
    assert code == 0
    assert "accepted peak of fill at" in said
    assert "not accepted: warm_peak of fill, which moved there too (-m warm_peak)\n" in said
    code, report = filled.call_json("check")
    assert (code, verdicts(report)) == (1, {"peak": "accepted", "warm_peak": "regressed", "result": "regressed"})
    assert "not accepted: peak" not in filled.call("accept", risen, "-m", "warm_peak", "--reason", "meant")[1]
    filled.call("accept", risen, "-m", "result", "--reason", "meant")
    assert filled.call_json("check")[0] == 0


def test_every_metric_is_entered_with_its_own_figures(bench: Workbench) -> None:
    cache = "    if not KEPT:\n        KEPT.append(bytearray(3000))\n"
    bench.commit(module(kept=cache))
    risen = bench.commit(module(size=300_000, kept=cache))
    bench.call("run")
    stored = {row["metric"]: (row["first"], row["last"]) for row in bench.call_json("check")[1]["series"]}
    entered = bench.call_json("accept", risen, "--reason", "meant")[1]["accepted"]
    assert {entry["metric"]: (entry["before"], entry["after"]) for entry in entered} == {
        metric: stored[metric] for metric in ("peak", "warm_peak", "result")
    }
    assert stored["peak"] != stored["warm_peak"]


def test_an_accepted_drift_is_shown_and_what_drifts_on_is_reported(bench: Workbench) -> None:
    bench.set('metrics = ["peak"]')
    size, ends = 10_000_000, []
    for _ in range(2):
        for _ in range(4):
            size += 70_000
            ends.append(bench.commit(module(size=size)))
        bench.call("run")
        if len(ends) == 4:
            assert verdicts(bench.call_json("check", "--all")[1]) == {"peak": "drifting"}
            for reason in ("slowly", "slowly indeed"):  # the second takes the place of the first
                (entry,) = bench.call_json("accept", ends[3], "--reason", reason)[1]["accepted"]
                assert entry["drift"] is True
            code, report = bench.call_json("check", "--all")
            assert (code, verdicts(report)) == (0, {"peak": "accepted"})
            assert "accepted: slowly indeed" in bench.call("check", "--all")[1]
    code, report = bench.call_json("check", "--all")
    found = [(change["verdict"], change["range"], change["drift"]) for change in report["changes"]]
    assert (code, found) == (
        1,
        [("accepted", [ends[0], ends[3]], True), ("drifting", [ends[3], ends[7]], True)],
    )
    (row,) = report["series"]
    flagged = sum(change["after"] - change["before"] for change in report["changes"])
    assert flagged + row["residual"] == row["last"] - row["first"]
    ledger = bench.results / "accepted.toml"
    assert ledger.read_text().count("[[accepted]]") == 1
    ledger.write_text(re.sub(r"after = \d+", "after = 10120000", ledger.read_text()))
    code, report = bench.call_json("check", "--all")
    found = [(change["verdict"], change["range"], change["drift"]) for change in report["changes"]]
    assert (code, found) == (1, [("drifting", [ends[0], ends[7]], True)])


def test_what_comes_later_is_a_regression_as_before(filled: Published, risen: str) -> None:
    filled.call("accept", risen, "--reason", "meant")
    later = filled.commit(module(size=500_000), "grow again")
    code, report = filled.call_json("run")
    assert code == 1
    assert {(c["commit"], c["verdict"]) for c in report["changes"]} == {(risen, "accepted"), (later, "regressed")}


def test_comments_in_the_ledger_stay_and_a_second_reason_replaces_the_first(filled: Published, risen: str) -> None:
    filled.call("accept", risen, "-m", "result", "--reason", "first")
    ledger = filled.results / "accepted.toml"
    ledger.write_text("# agreed on Monday\n" + ledger.read_text())
    filled.call("accept", risen, "-m", "result", "--reason", "second")
    text = ledger.read_text()
    assert "# agreed on Monday" in text
    assert "first" not in text
    assert text.count("[[accepted]]") == 1


def test_a_reason_that_is_replaced_is_quoted(filled: Published, risen: str) -> None:
    assert "replaces" not in filled.call("accept", risen, "-m", "result", "--reason", "first")[1]
    said = filled.call("accept", risen, "--reason", "second")[1].splitlines()
    assert [line.partition("; ")[2] for line in said if line.startswith("accepted ")] == [
        "",
        'this replaces the reason "first"',
        "",
    ]
    _, entered = filled.call_json("accept", risen, "-m", "result", "--reason", "third")
    assert [(old["metric"], old["reason"]) for old in entered["replaced"]] == [("result", "second")]


def test_what_is_no_regression_any_more_need_not_be_accepted(quick: Workbench) -> None:
    quick.commit(module())
    risen = quick.commit(module(size=300_000, kept="    if not KEPT:\n        KEPT.append(bytearray(3000))\n"))
    quick.commit(module(kept="    if not KEPT:\n        KEPT.append(bytearray(3000))\n"))
    _, report = quick.call_json("run")
    assert {(c["metric"], c["verdict"]) for c in report["changes"]} == {
        ("peak", "transient"),
        ("result", "transient"),
        ("retained", "regressed"),
    }
    said = quick.call("accept", risen, "-m", "peak", "--reason", "meant")[1]
    assert [line.split()[2] for line in said.splitlines() if line.startswith("not accepted")] == ["retained"]
    quick.call("accept", risen, "-m", "retained", "--reason", "meant")
    assert "not accepted" not in quick.call("accept", risen, "-m", "peak", "--reason", "meant")[1]


def test_a_commit_without_a_change_cannot_be_accepted(filled: Published, risen: str) -> None:
    code, answer = filled.call_json("accept", "v1.0", "--reason", "meant")
    assert code == 2
    assert "no change" in answer["error"]["message"]
    assert risen[:10] in answer["error"]["hint"]


def test_what_only_improved_cannot_be_accepted(quick: Workbench) -> None:
    quick.commit(module(size=300_000))
    quick.commit(module())
    quick.call("run")
    code, answer = quick.call_json("accept", "HEAD", "--reason", "meant")
    assert (code, answer["error"]["hint"]) == (2, "What a commit improved needs no acceptance.")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("format = 1\n[[accepted]]\ncase = 3\n", "accepted.toml: Expected `str`, got `int` - at `$.accepted[0].case`"),
        ("format = 1\nacepted = []\n", "unknown field `acepted`"),
        ("format = 9\n", "format 9"),
        ("format = \n", "accepted.toml:1:10: not valid TOML"),
    ],
)
def test_a_faulty_ledger_is_one_clear_error(filled: Published, risen: str, text: str, complaint: str) -> None:
    (filled.results / "accepted.toml").write_text(text)
    code, answer = filled.call_json("check")
    assert code == 2
    assert complaint in answer["error"]["message"]
