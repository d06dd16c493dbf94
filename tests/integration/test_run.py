"""`memharness run` on real repositories, with real children and a real store."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from built_projects import IN_TREE_MODULE
from memharness.config.configuration import load_config
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Activity, Forecast, Outcome
from memharness.run.listener import Silent
from memharness.run.session import run
from memharness.scenarios import load_scenarios
from repositories import contents
from workbench import BROKEN, LEAK, SCENARIO, Published, Workbench, module


def found(report: dict[str, list[dict[str, object]]]) -> set[tuple[object, object, object]]:
    return {(change["commit"], change["metric"], change["verdict"]) for change in report["changes"]}


def test_each_change_is_found_at_its_commit_and_line_and_a_second_run_measures_nothing(bench: Workbench) -> None:
    bench.commit(module(), tag="v1.0")
    doubled = bench.commit(module(size=200_000))
    bench.commit(module(size=200_000, above="\n\ndef other():\n    pass\n\n"), "move lines")
    bench.commit(BROKEN + module(size=200_000), "does not import")
    bench.commit(module(size=200_000), "imports again")
    leak = bench.commit(module(size=200_000, kept=LEAK))
    fixed = bench.commit(module(size=140_000, kept=LEAK))

    code, report = bench.call_json("run", "--since", "v1.0")

    assert code == 1
    assert found(report) == {
        (doubled, "peak", "regressed"),
        (doubled, "result", "regressed"),
        (leak, "retained", "regressed"),
        (leak, "growth", "regressed"),
        (fixed, "peak", "improved"),
        (fixed, "result", "improved"),
    }
    assert {change["confidence"] for change in report["changes"]} == {"confirmed"}
    by_metric = {(change["commit"], change["metric"]): change for change in report["changes"]}
    (line,) = by_metric[doubled, "peak"]["blame"]
    assert (line["path"], line["line"], line["function"], line["bytes"]) == ("box.py", 4, "fill", 100_000)
    assert line["changed_here"] is True
    top = by_metric[leak, "growth"]["blame"][0]
    assert (top["path"], top["source"]) == ("box.py", "KEPT.append(bytearray(3000))")
    assert [(f["phase"], f["reason"]) for f in report["failures"]] == [
        ("import", "ModuleNotFoundError: No module named 'missing_module'")
    ]
    assert report["counts"] == {"commits": 7, "measured": 7, "cached": 0, "reused": 0, "failed": 1}

    before = contents(bench.results)
    trends = {row["metric"]: row["trend"] for row in report["series"]}
    leaked = by_metric[leak, "growth"]["after"]
    assert trends["growth"] == [0, 0, 0, "failed", 0, leaked, leaked]
    assert [cell if cell == "failed" else cell // 100_000 for cell in trends["result"]] == [1, 2, 2, "failed", 2, 2, 1]
    _, newest = bench.call_json("check")
    assert {row["metric"]: row["trend"] for row in newest["series"]} == trends
    code, second = bench.call_json("run")
    assert (code, second["changes"]) == (1, report["changes"])
    assert second["counts"] == {"commits": 7, "measured": 0, "cached": 7, "reused": 0, "failed": 1}
    assert contents(bench.results) == before


def test_neither_runs_nor_workers_change_what_is_stored(bench: Workbench) -> None:
    for size in (1, 2, 3):
        bench.commit(module(size=size * 100_000))
    bench.commit(module(size=300_000, kept=LEAK))
    stored = []
    for workers in ("1", "3"):
        bench.call("run", "-j", workers)
        stored.append(bench.records())
        bench.results.rename(bench.results.with_name(f"aside-{workers}"))
    assert stored[0] == stored[1] != {}


def test_the_repository_is_left_as_it_was(quick: Workbench) -> None:
    quick.commit(module())
    quick.commit(module(size=200_000))
    (quick.path / "box.py").write_text("work in progress\n")
    before = contents(quick.path)
    quick.call("run")
    assert contents(quick.path) == before


class Recording(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.planned_tasks: list[tuple[str, int]] = []
        self.steps: list[tuple[int, str, str, str] | None] = []  # of a worker that runs beside what takes delivery
        self.stored: list[tuple[str, str, int, int]] = []

    def expected(self, forecast: Forecast) -> None:
        """Nothing here depends on it."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        self.planned_tasks.append((purpose, tasks))

    def working(self, worker: int, activity: Activity | None) -> None:
        self.steps.append(
            None if activity is None else (worker, activity.stage, activity.case, activity.commit.subject)
        )

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        self.stored.append((commit.subject, family, len(outcomes), reused))


def test_what_a_registry_keeps_of_the_result_is_no_improvement(bench: Workbench) -> None:
    rows = "def fill():\n    rows = [str(number) * 9 for number in range(2000)]\n"
    bench.commit(f"{rows.replace('2000', '9000')}    return rows\n")
    smaller = bench.commit(f"{rows}    return rows\n")
    leaking = bench.commit(f"KEPT = []\n\n\n{rows}    KEPT.append(rows)\n    return rows\n")
    _, report = bench.call_json("run")
    found = {(c["commit"], c["metric"]): (c["verdict"], bool(c["holders"])) for c in report["changes"]}
    assert found[smaller, "result"] == ("improved", False)
    assert found[leaking, "result"] == ("moved", True)
    assert found[leaking, "retained"] == ("regressed", True)


class Interrupting(Recording):
    """Interrupts the run where `purpose` is planned, and when the first task is stored."""

    def __init__(self, purpose: str = "") -> None:
        super().__init__()
        self.purpose = purpose

    def planned(self, tasks: int, *, purpose: str) -> None:
        super().planned(tasks, purpose=purpose)
        if purpose == self.purpose:
            raise KeyboardInterrupt

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        super().finished(commit, family, outcomes, reused=reused)
        if not self.purpose:
            raise KeyboardInterrupt


def test_what_an_interrupt_ends_does_not_count_as_done(bench: Workbench) -> None:
    slow = "import time\n\ntime.sleep(600)\n" + module()
    bench.commit(slow, "slow")
    bench.commit("# again\n" + slow, "slow again")
    bench.commit(module(), "fast")  # is measured first
    config = load_config(bench.path, overrides={"run.metrics": ["peak"], "run.workers": 2})
    listener = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run(config, listener=listener)
    assert len({subject for subject, *_ in listener.stored}) == listener.steps.count(None) == 1


def test_a_run_that_is_interrupted_before_its_repeats_says_that_they_are_missing(bench: Workbench) -> None:
    bench.commit(module())
    bench.commit(module(size=300_000))
    config = load_config(bench.path, overrides={"run.metrics": ["peak"]})
    with pytest.raises(KeyboardInterrupt) as raised:
        run(config, listener=Interrupting("measuring once more"))
    (note,) = raised.value.__notes__
    assert note.startswith("2 of 2 commits measured, 2 of them to be measured once more; `memharness check`")


def test_a_listener_is_told_what_a_worker_does_before_it_does_it(bench: Workbench) -> None:
    bench.commit(module(), "one")
    bench.commit(module(), "two")  # nothing differs but the commit
    bench.commit(module(size=300_000), "three")
    listener = Recording()
    config = load_config(bench.path, overrides={"run.metrics": ["peak", "growth"], "run.workers": 1})
    results = run(config, listener=listener)
    (family,) = results.measurements
    assert listener.planned_tasks == [("measuring", 3), ("measuring once more", 2)]
    assert listener.stored == [
        ("three", family, 1, 0),
        ("one", family, 1, 0),
        ("two", family, 0, 1),
        ("two", family, 1, 0),
        ("three", family, 1, 0),
    ]

    def steps(subject: str, *passes: str) -> list[object]:
        prepared = (0, "environment", "", subject)
        return [prepared, *((0, step, "fill", subject) for step in passes), None]

    assert listener.steps == [
        *steps("three", "first", "growth"),
        *steps("one", "first", "growth"),
        None,  # the result of the second is that of the first
        *steps("two", "first", "peak", "peak", "deep"),
        *steps("three", "first", "peak", "peak", "deep"),
    ]


def test_a_gap_makes_a_range(quick: Workbench) -> None:
    good = quick.commit(module())
    quick.commit(BROKEN + module(), "broken")
    bad = quick.commit(module(size=300_000))
    _, report = quick.call_json("run", "-k", "fill")
    assert {(c["metric"], c["commit"], c["confidence"], c["between"]) for c in report["changes"]} == {
        ("peak", None, "range", 2),
        ("result", None, "range", 2),
    }
    assert report["changes"][0]["range"] == [good, bad]


def test_between_tags_there_is_a_range_of_all_their_commits(quick: Workbench) -> None:
    old = quick.commit(module(), tag="v1.0")
    quick.commit(module())
    quick.commit(module(size=300_000))
    new = quick.commit(module(size=300_000), tag="v1.1")
    _, report = quick.call_json("run", "--tags")
    assert {(c["commit"], *c["range"], c["between"], c["confidence"]) for c in report["changes"]} == {
        (None, old, new, 3, "range")
    }


def test_new_commits_are_measured_against_the_newest_measured_one(quick: Workbench) -> None:
    quick.commit(module(size=50_000))
    quick.commit(module())
    assert quick.call_json("run", "--new")[1]["counts"]["commits"] == 1  # nothing was measured before
    quick.commit(module())
    risen = quick.commit(module(size=300_000))
    code, report = quick.call_json("run", "--new")
    assert (code, report["counts"]["commits"], report["counts"]["measured"]) == (1, 3, 2)
    assert {change["commit"] for change in report["changes"]} == {risen}


def test_a_broken_commit_is_no_baseline(quick: Workbench) -> None:
    good = quick.commit(module())
    quick.call("run", "--new")
    quick.commit(BROKEN + module(), "broken")
    assert quick.call("run", "--new")[0] == 3
    bad = quick.commit(module(size=300_000))
    code, report = quick.call_json("run", "--new")
    assert (code, {tuple(change["range"]) for change in report["changes"]}) == (1, {(good, bad)})


def test_the_series_of_a_changed_scenario_is_continued(quick: Workbench) -> None:
    scenario = quick.scenario
    quick.commit(module())
    doubled = quick.commit(module(size=200_000))
    joint = quick.commit(module(size=300_000))
    rises = {(commit, metric, "regressed") for commit in (doubled, joint) for metric in ("peak", "result")}
    assert found(quick.call_json("run")[1]) == rises
    before = {(change["before"], change["after"]) for change in quick.call_json("check", "--all")[1]["changes"]}

    scenario.write_text(SCENARIO.replace("fill()", "fill() * 3"))
    code, report = quick.call_json("run")
    said = f"scenario fill changed: its series is continued from {joint[:10]}, where both were measured"
    assert (code, report["counts"]["measured"], report["counts"]["cached"]) == (1, 1, 2)
    assert found(report) == rises
    assert {(change["before"], change["after"]) for change in report["changes"]} == before
    assert said in report["notices"]
    row = next(row for row in report["series"] if row["metric"] == "result")
    assert (row["first"], row["last"]) == (row["last"], row["last"]) != (None, None)

    fallen = quick.commit(module(size=200_000))
    code, report = quick.call_json("run", "--new")
    assert (code, report["counts"]["commits"], report["counts"]["measured"]) == (0, 2, 2)  # both sides again
    assert found(report) == {(fallen, "peak", "improved"), (fallen, "result", "improved")}

    scenario.write_text(SCENARIO.replace("fill()", "fill() * 2"))
    code, report = quick.call_json("run")
    assert (code, report["counts"]["measured"]) == (1, 1)
    assert found(report) == rises | {(fallen, "peak", "improved"), (fallen, "result", "improved")}
    assert quick.call_json("run")[1]["counts"]["measured"] == 0
    assert quick.call("check")[0] == 0
    assert quick.call_json("run", "--last", "2")[1]["counts"]["measured"] == 0


@pytest.mark.parametrize("how", [(), ("--adaptive",)])
def test_a_series_is_continued_from_a_commit_before_the_range(quick: Workbench, how: tuple[str, ...]) -> None:
    quick.commit(module())
    risen = quick.commit(module(size=200_000))
    joint = quick.commit(module(size=200_000))
    quick.call("run")
    quick.commit(module(size=200_000))
    quick.commit(module(size=200_000))
    quick.scenario.write_text(SCENARIO.replace("fill()", "fill() * 3"))
    _, first = quick.call_json("run", "--last", "1", *how)
    assert f"series is continued from {joint[:10]}, where both were measured" in "".join(first["notices"])
    code, again = quick.call_json("run", "--last", "1", *how)
    assert (code, again["counts"]["measured"]) == (0, 0)
    for report in first, again:
        assert {(c["commit"], c["metric"]) for c in report["still_open"]} == {(risen, "peak"), (risen, "result")}


def test_a_changed_scenario_is_measured_everywhere_where_its_former_series_has_gaps(quick: Workbench) -> None:
    quick.commit(module())
    quick.commit(module())
    quick.call("run", "--last", "1")
    quick.scenario.write_text(SCENARIO.replace("fill()", "fill() * 3"))
    code, report = quick.call_json("run")
    counts = report["counts"]
    assert (code, counts["measured"], counts["reused"], report["changes"]) == (0, 1, 1, [])
    assert not any("continued" in notice for notice in report["notices"])


def test_a_changed_scenario_that_fails_now_leaves_what_was_found_before(quick: Workbench) -> None:
    quick.commit(module())
    risen = quick.commit(module(size=200_000))
    quick.call("run")
    quick.scenario.write_text(SCENARIO.replace("fill()", "absent()"))
    code, report = quick.call_json("run")
    assert code == 1
    assert found(report) == {(risen, "peak", "regressed"), (risen, "result", "regressed")}
    assert f"scenario fill changed: its series is continued from {risen[:10]}, where it now fails" in report["notices"]
    assert [failure["commit"] for failure in report["failures"]] == [risen]


def test_failures_of_a_former_series_are_not_said_to_need_another_try(quick: Workbench) -> None:
    broken = quick.commit(BROKEN + module())
    quick.commit(module())
    quick.call("run")
    assert any("--retry-failed" in notice for notice in quick.call_json("run")[1]["notices"])
    quick.scenario.write_text(SCENARIO.replace("fill()", "fill() * 3"))
    _, report = quick.call_json("run", "--retry-failed")
    assert ([failure["commit"] for failure in report["failures"]], report["counts"]["measured"]) == ([broken], 1)
    for command in (["run"], ["check", "--all"]):
        assert not any("--retry-failed" in notice for notice in quick.call_json(*command)[1]["notices"])


def test_results_of_an_earlier_identity_or_way_of_measuring_go_on(quick: Workbench) -> None:
    quick.commit(module())
    risen = quick.commit(module(size=200_000))
    _, first = quick.call_json("run")
    (scenario,) = load_scenarios(quick.path / "scenarios")

    def store_again(old: str, new: str) -> None:
        for path in quick.results.rglob("*.json"):
            path.write_text(path.read_text().replace(old, new))

    store_again(f'"identity": "{scenario.identity}"', f'"identity": "{scenario.text_identity}"')
    code, report = quick.call_json("run")
    assert (code, report["counts"]["measured"], report["changes"]) == (1, 0, first["changes"])
    assert quick.call_json("check")[0] == 1

    store_again(f'"probe": {PROBE_METHOD}', f'"probe": {PROBE_METHOD - 1}')
    code, report = quick.call_json("run")
    assert (code, report["counts"]["measured"], report["changes"]) == (1, 1, first["changes"])
    assert (
        f"scenario fill is measured in another way (probe method {PROBE_METHOD}, before {PROBE_METHOD - 1}): "
        f"its series is continued from {risen[:10]}, where both were measured"
    ) in report["notices"]


def test_comments_and_docstrings_of_a_scenario_measure_nothing_again(quick: Workbench) -> None:
    quick.commit(module())
    _, first = quick.call_json("run")
    text = SCENARIO.replace("import box", '"""Fill a box."""\n\nimport box  # of ours').replace(
        "():\n", '():\n    """Fill."""\n'
    )
    quick.scenario.write_text(text)
    _, report = quick.call_json("run")
    assert (report["counts"]["measured"], report["series"]) == (0, first["series"])


def test_metrics_that_were_not_measured_before_are_added(bench: Workbench) -> None:
    bench.commit(module())
    toml = bench.path / "memharness.toml"
    toml.write_text(toml.read_text() + 'metrics = ["peak"]\n')
    _, first = bench.call_json("run")
    for metric in ("retained", "import", "growth", "warm_peak"):  # of the same pass, of the same and slower, of another
        toml.write_text(toml.read_text().replace('"]', f'", "{metric}"]'))
        _, report = bench.call_json("run")
        assert report["series"][0] == first["series"][0]
        assert report["series"][-1]["metric"] == metric
        assert report["series"][-1]["last"] is not None


def test_failures_are_kept_and_measured_again_on_request(quick: Workbench) -> None:
    quick.commit(BROKEN + module())
    code, report = quick.call_json("run")
    assert (code, report["counts"]["failed"]) == (3, 1)
    assert quick.call_json("run")[1]["counts"]["measured"] == 0
    assert quick.call_json("run", "--retry-failed")[1]["counts"]["measured"] == 1


PEAKS = ("peak", "warm_peak", "rss_peak")


def test_stored_failures_that_make_a_run_incomplete_are_said_to_need_another_try(bench: Workbench) -> None:
    advice = "failures are stored from before; --retry-failed measures them again"
    bench.commit(module())
    bench.commit(BROKEN + module())
    code, out = bench.call("run", "--last", "1")
    assert (code, advice in out) == (3, False)
    assert [line.split() for line in out.splitlines() if "peak" in line] == [[name, "-", "-"] for name in PEAKS]
    (bench.path / "scenarios" / "other.py").write_text(SCENARIO)
    one = "1 failure is stored from before; --retry-failed measures it again"
    assert one in bench.call_json("run")[1]["notices"]  # the other is of just now
    code, out = bench.call("run")
    assert (code, f"note: 2 {advice}" in out) == (3, True)
    assert f"note: 2 {advice}" in bench.call("compare", "HEAD~1", "HEAD")[1]
    assert advice not in bench.call("run", "--retry-failed")[1]
    bench.commit(module())
    code, out = bench.call("run")
    assert (code, f"note: 2 {advice}" in out) == (0, True)
    assert "note: 2 failures are stored from before; `memharness run --retry-failed`" in bench.call("check", "--all")[1]
    assert "`memharness run --until" in (bench.call("show", "HEAD~1"), bench.stderr)[1]
    assert "--retry-failed" in bench.call_json("bisect", "HEAD~2", "HEAD~1", "-m", "peak")[1]["error"]["hint"]


def test_an_edit_of_a_scenario_during_a_run_does_not_reach_it(quick: Workbench) -> None:
    for _ in range(4):
        quick.commit(module())
    scenario = quick.scenario
    scenario.write_text(
        "import box\nfrom pathlib import Path\n\n\ndef run():\n"
        f"    Path({str(scenario)!r}).write_text('def run(): return bytearray(10**6)\\n')\n    return box.fill()\n"
    )
    _, report = quick.call_json("run", "-j", "1")
    assert (report["changes"], report["failures"]) == ([], [])
    counts = quick.call_json("run")[1]["counts"]
    assert (counts["measured"], counts["cached"]) == (1, 3)  # it is another scenario now, and goes on from the newest


def test_what_a_workload_writes_does_not_reach_the_next_child(bench: Workbench) -> None:
    text = (
        "from pathlib import Path\n\n\ndef fill():\n    cache = Path(__file__).with_name('cache.txt')\n"
        "    size = 10 if cache.exists() else 300_000\n    cache.write_text('full')\n    return bytearray(size)\n"
    )
    bench.commit(text)
    bench.commit(text)
    (bench.path / "scenarios" / "other.py").write_text(SCENARIO)
    _, report = bench.call_json("run", "-j", "1")
    values = {row["last"] for row in report["series"] if row["metric"] == "result"}
    assert (len(values), min(values) > 300_000, report["changes"]) == (1, True, [])


def test_the_same_interpreter_twice_is_refused(bench: Workbench) -> None:
    bench.commit(module())
    code, _ = bench.call("run", "--python", sys.executable, "--python", os.path.realpath(sys.executable))
    assert code == 2
    assert "are the same environment" in bench.stderr


def test_another_patch_release_of_python_is_a_series_of_its_own(bench: Workbench) -> None:
    bench.commit(module())
    bench.call("run")
    (family,) = (path for path in bench.results.glob("*/cpython-*") if path.is_dir())
    own = family.name.split("-")[1]
    former = family.with_name(family.name.replace(own, f"{own}9"))
    shutil.copytree(family, former)
    for record in former.rglob("*.json"):
        record.write_text(record.read_text().replace(family.name, former.name))
    said = f"figures of Python {own} are a series of their own: the newest stored ones are of {own}9"

    assert bench.call_json("run")[1]["notices"] == []  # both have the newest commit
    shutil.rmtree(family)
    (note,) = bench.call_json("run")[1]["notices"]
    assert note.startswith(said)
    assert f'set python = ["{own}9"] under [environment]' in note
    bench.commit(module(size=300_000))
    assert bench.call_json("run")[1]["notices"] == []  # the newest stored ones are its own


def test_what_cannot_be_called_twice_is_measured_once(bench: Workbench) -> None:
    text = "CALLS = []\ndef fill():\n    CALLS.append(1)\n    assert len(CALLS) < 2\n    return bytearray(100_000)\n"
    bench.commit(text)
    code, report = bench.call_json("run")
    values = {row["metric"]: row["last"] for row in report["series"]}
    assert (values["result"] > 100_000, values["growth"], values["warm_peak"]) == (True, None, None)
    assert [(f["phase"], f["reason"].split(" (")[0]) for f in report["failures"]] == [("run", "AssertionError")]
    assert (code, report["counts"]["failed"]) == (3, 1)
    assert bench.call_json("run")[1]["counts"]["measured"] == 0
    assert bench.call_json("run", "--retry-failed")[1]["counts"]["measured"] == 1


def test_a_scenario_may_be_a_package(quick: Workbench) -> None:
    quick.commit(module())
    folder = quick.path / "scenarios" / "packed"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .work import fill\n\n\ndef run():\n    return fill()\n")
    (folder / "work.py").write_text("import box\n\n\ndef fill():\n    return box.fill()\n")
    code, report = quick.call_json("run", "-k", "packed")
    assert (code, report["failures"]) == (0, [])
    assert {row["case"] for row in report["series"]} == {"packed"}


def test_a_scenario_is_not_expected_to_work_before_its_start(quick: Workbench) -> None:
    quick.repository.commit({"README": "nothing yet"})
    quick.commit(module(), tag="v1.0")
    quick.set('since = "v1.0"')
    code, report = quick.call_json("run")
    assert (code, report["failures"], report["counts"]["measured"]) == (0, [], 1)


def test_the_report_for_people_names_commit_line_and_failure(quick: Workbench) -> None:
    quick.commit(module(), "start")
    quick.commit(BROKEN + module(), "broken")
    quick.commit(module(), "mended")
    risen = quick.commit(module(size=300_000), "grow \x1b[31mred\x1b[0m [bold]")
    code, out = quick.call("run")
    assert code == 1
    assert risen[:10] in out
    assert r"grow \x1b[31mred\x1b[0m [bold]" in out
    assert "\x1b" not in out
    assert "box.py:4  fill" in out
    assert "ModuleNotFoundError: No module named 'missing_module'" in out
    assert "[4/4]" in quick.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--since", "nowhere"], "'nowhere' is no revision"),
        (["run", "--since=-x"], "'-x' is not a revision"),
        (["run", "--since", "HEAD", "--last", "3"], "--since and --last exclude one another"),
        (["run", "-k", "nothing"], "nothing"),
        (["run", "--repo", "/nowhere"], "/nowhere: no such folder"),
        (["run", "--scenarios", "empty"], "empty"),
        (["run", "--python", "2.7"], "2.7"),
        (["run", "--results", "/proc/results"], "/proc/results"),
        (["show", "HEAD"], "Nothing is stored for commit"),
        (["plot", "-o", "trend.svg"], "No value of peak is stored"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(bench: Workbench, arguments: list[str], message: str) -> None:
    bench.commit(module())
    code, out = bench.call(*arguments)
    assert (code, out) == (2, "")
    assert message in bench.stderr
    assert "Traceback" not in bench.stderr


def test_plot_draws_a_picture(published: Published, tmp_path: Path) -> None:
    picture = tmp_path / "trend.svg"
    assert published.call("plot", "-m", "result", "-o", str(picture))[0] == 0
    assert "<svg" in picture.read_text()


def test_list_prints_scenarios_and_cases(bench: Workbench) -> None:
    bench.commit(module())
    _, listed = bench.call_json("list")
    assert [entry["scenario"]["name"] for entry in listed["scenarios"]] == ["fill"]


def test_what_a_run_does_not_measure_is_said(quick: Workbench) -> None:
    newest = quick.repository.commit({"box/__init__.py": module(), "box/one.py": "", ".gitignore": "*.pyc\n"})
    said = f"of the project are not as in {newest[:10]}; commits are measured, not the working tree"
    quick.call("run")
    assert said not in quick.stderr
    for name in ("one.py", "new.py", "ignored.pyc"):
        (quick.path / "box" / name).write_text("# edited\n")
    (quick.path / "README").write_text("not of the package\n")
    quick.call("run")
    assert f"note: 2 files {said}: commit them first, or add --worktree\n" in quick.stderr
    quick.repository.git("clone", "--quiet", "--bare", ".", "../bare.git")
    for option in (["--repo", "../bare.git"], ["--repo", quick.path.as_uri()]):
        assert quick.call("run", *option)[0] == 0
        assert said not in quick.stderr


def test_of_a_commit_at_which_some_cases_fail_the_figures_of_others_are_named(quick: Workbench) -> None:
    (quick.path / "scenarios" / "other.py").write_text(SCENARIO.replace("return box.fill()", "raise ValueError(1)"))
    commit = quick.commit(module())
    code, report = quick.call_json("run")
    assert (code, report["figures"]) == (3, {commit: ["fill"]})
    assert "    1 of 2 cases failed; figures of fill are stored\n" in quick.call("run")[1]
    later = quick.commit(module())
    quick.call("run")
    for path in (quick.path / "scenarios").glob("*.py"):
        path.write_text(path.read_text().replace("fill()", "fill() * 2").replace("(1)", "(2)"))
    assert quick.call_json("run")[1]["figures"] == {commit: ["fill"], later: ["fill"]}
    for path in (quick.path / "scenarios").glob("*.py"):
        path.write_text(path.read_text().replace("box.fill() * 2", "box.full()"))
    assert later not in quick.call_json("run")[1]["figures"]  # what was measured before the edit counts for nothing


def building(bench: Workbench, *faults: str) -> list[str]:
    """Make a history of which each commit is built, and fails with its fault where that is not ""."""
    (bench.path / "memharness.toml").write_text('[run]\nresults = "../results"\nmetrics = ["peak"]\n')
    ids = []
    for number, fault in enumerate(faults):
        setup = f"# {number}\n" + f"raise ValueError({fault!r})" * bool(fault)
        files = {"box.py": module(size=100_000 + number), "setup.py": setup}
        ids.append(bench.repository.commit({**files, **IN_TREE_MODULE}, f"{number}"))
    return ids


@pytest.mark.registry
@pytest.mark.parametrize("option", ["-j1", "-j2", "--adaptive"])
def test_commits_in_a_row_that_fail_to_build_alike_end_the_run(bench: Workbench, option: str) -> None:
    ids = building(bench, *(f"/tmp/{number} line {number}: no cython" for number in range(9)))
    code, report = bench.call_json("run", option)
    error = report["error"]
    assert (code, "fail to build alike" in error["message"], ids[-1][:10] in error["message"]) == (3, True, True)
    assert all(word in error["hint"] for word in ("before-build", "build-requires", "--since", "--keep-going"))
    tried = {Path(name).stem for name in bench.records()} & set(ids)
    assert {ids[0], ids[-1]} < tried < set(ids)
    code, report = bench.call_json("run", "-j1", "--keep-going")
    assert (code, len(report["failures"])) == (3, 9)


@pytest.mark.registry
@pytest.mark.parametrize("faults", [["no cython"] * 4 + [""], ["a", "b", "c", "a", "b"], ["a"] * 3])
def test_a_run_goes_on_where_the_newest_builds_or_the_reasons_differ(bench: Workbench, faults: list[str]) -> None:
    building(bench, *faults)
    code, report = bench.call_json("run", "-j1")
    assert (code, len(report["failures"])) == (0 if faults[-1] == "" else 3, sum(map(bool, faults)))
    assert report["counts"]["commits"] == len(faults)


def test_memory_of_child_processes_is_named_once_for_a_case(quick: Workbench) -> None:
    quick.scenario.write_text(
        "import subprocess\nimport box\n\n\ndef run():\n    subprocess.run(['true'])\n    return box.fill()\n"
    )
    for number in range(2):
        quick.commit(module(above=f"# {number}\n"))
    _, report = quick.call_json("run")
    named = [notice for notice in report["notices"] if "memory of child processes is not counted" in notice]
    assert len(named) == 1
    assert named[0].startswith("fill: the memory of child processes is not counted: 1 was started, ")


def test_a_skipped_case_is_no_failure_and_is_not_run_again(quick: Workbench) -> None:
    text = quick.scenario.read_text()
    skip = "if not hasattr(box, 'KEPT'):\n    raise unittest.SkipTest('no box yet')\n"
    quick.scenario.write_text(text.replace("import box\n", f"import unittest\n\nimport box\n\n{skip}"))
    quick.repository.commit({"README": ""}, "begin")
    quick.commit("def fill(): ...\n")
    code, report = quick.call_json("run", "--last", "1")
    assert (code, report["failures"], report["counts"]["failed"]) == (0, [], 0)
    assert "1 case skipped at" in " ".join(report["notices"])
    code, again = quick.call_json("run", "--last", "1", "--retry-failed")
    assert (code, again["counts"]["measured"]) == (0, 0)
    assert quick.call_json("check")[0] == 0
    code, shown = quick.call("show")
    assert (code, "skipped: no box yet" in shown, "--retry-failed" in quick.stderr) == (0, True, False)
    quick.commit(module())
    code, report = quick.call_json("run", "--last", "2")
    assert (code, report["failures"]) == (0, [])
    assert quick.call_json("publish")[0] == 0
    for number in range(2):
        quick.commit(f"def fill(): return {number}\n")
        code, report = quick.call_json("run", "--new")
        assert (code, report["counts"]["commits"], report["counts"]["measured"]) == (0, 2, 1)


@pytest.mark.parametrize("how", [[], ["--adaptive"]])
def test_a_budget_that_is_spent_says_what_is_left_and_the_next_run_goes_on(quick: Workbench, how: list[str]) -> None:
    for size in (100_000, 100_000, 300_000):
        quick.commit(module(size=size))
    code, report = quick.call_json("run", "--budget", "1ms", *how)
    left = "2 commits" if how else "3 commits"
    assert (code, report["counts"]["measured"]) == (3, 0)
    assert f"the budget is spent: {left} left; the same command goes on" in report["notices"]
    code, report = quick.call_json("run", "--budget", "1h", *how)
    assert (code, report["counts"]["measured"]) == (1, 3)
    assert not any("budget" in notice for notice in report["notices"])
    code, answer = quick.call_json("run", "--budget", "soon")
    assert (code, answer["error"]["message"]) == (2, "--budget: 'soon' is not a duration")
