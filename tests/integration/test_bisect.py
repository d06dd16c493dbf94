"""`memharness bisect`, and `bisect-step` under the real `git bisect run`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import LEAK, Workbench, module


def history(bench: Workbench, texts: list[str]) -> list[str]:
    """Commit each text with a line of its own, so that all commits differ."""
    return [bench.commit(f"# {number}\n{text}", f"commit {number}") for number, text in enumerate(texts)]


def test_the_culprit_is_found_with_few_measurements(quick: Workbench) -> None:
    commits = history(quick, [module()] * 10 + [module(size=200_000)] * 6)
    code, report = quick.call_json("bisect", commits[0], "HEAD", "-k", "fill", "--metric", "peak")
    assert code == 1
    (change,) = report["changes"]
    assert (change["commit"], change["metric"], change["confidence"]) == (commits[10], "peak", "confirmed")
    assert change["blame"][0]["changed_here"] is True
    assert report["counts"]["commits"] == 16
    assert report["counts"]["measured"] <= 2 + 4


def test_a_case_without_the_metric_is_left_out(quick: Workbench) -> None:
    header = "# /// script\n# [tool.memharness]\n# calls = 15\n# metrics = ['growth']\n# ///\n"
    (quick.path / "scenarios" / "slow.py").write_text(f"{header}def run(): pass\n")
    commits = history(quick, [module()] * 2 + [module(size=200_000)] * 2)
    _, report = quick.call_json("bisect", commits[0], "HEAD", "--metric", "peak")
    assert [change["commit"] for change in report["changes"]] == [commits[2]]
    stored = {m["case"] for record in quick.records().values() for m in record.get("measurements", ())}
    assert stored == {"fill"}


def test_commits_that_do_not_import_are_passed_by(quick: Workbench) -> None:
    broken = "import missing_module\n" + module()
    commits = history(quick, [*[module()] * 3, *[broken] * 3, *[module(kept=LEAK)] * 3])
    code, report = quick.call_json("bisect", commits[0], commits[-1], "-m", "retained")
    (change,) = report["changes"]
    assert code == 1
    assert (change["commit"], change["confidence"], change["between"]) == (None, "range", 4)
    assert change["range"] == [commits[2], commits[6]]


def test_a_culprit_on_a_merged_branch_is_found(quick: Workbench) -> None:
    start = quick.commit(module())
    quick.repository.branch("side")
    quick.repository.commit({"a.txt": "a"})
    culprit = quick.commit(module(size=200_000), "grow")
    quick.repository.commit({"b.txt": "b"})
    quick.repository.switch("main")
    quick.repository.commit({"c.txt": "c"})
    merge = quick.repository.merge("side")
    _, report = quick.call_json("bisect", start, "HEAD")
    (change,) = report["changes"]
    assert (change["commit"], change["merge"]) == (culprit, merge)


def test_a_drift_ends_at_the_commit_where_it_passes_the_middle(quick: Workbench) -> None:
    commits = history(quick, [module(size=1_000_000 + 7_000 * number) for number in range(10)])
    code, report = quick.call_json("bisect", commits[0], "HEAD")
    (change,) = report["changes"]
    told = change["metric"], change["verdict"], change["confidence"], change["commit"], change["range"]
    assert told == ("peak", "regressed", "confirmed", commits[5], commits[4:6])
    assert (code, change["after"] - change["before"]) == (1, 7_000)
    assert change["blame"][0]["bytes"] == 7_000
    (notice,) = report["notices"]
    assert "peak of fill goes from" in notice
    residuals = {row["metric"]: row["residual"] for row in report["series"]}
    assert residuals["peak"] == 0
    code, text = quick.call("bisect", commits[0], "HEAD")
    assert (code, commits[5][:10] in text, "no change" in text) == (1, True, False)


def test_a_merge_in_the_middle_of_a_drift_is_searched_as_well(quick: Workbench) -> None:
    def step(number: int) -> str:
        return quick.commit(module(size=1_000_000 + 7_000 * number), f"commit {number}")

    start = step(0)
    step(1)
    step(2)
    quick.repository.branch("side")
    culprit = step(3)
    quick.repository.commit({"b.txt": "b"})
    quick.repository.switch("main")
    merge = quick.repository.merge("side")
    step(4)
    step(5)
    _, report = quick.call_json("bisect", start, "HEAD")
    (change,) = report["changes"]
    assert (change["commit"], change["merge"], change["after"] - change["before"]) == (culprit, merge, 7_000)


def test_a_fall_is_no_regression(quick: Workbench) -> None:
    commits = history(quick, [module(size=1_000_000 - 7_000 * number) for number in range(10)])
    code, report = quick.call_json("bisect", commits[0], "HEAD")
    assert (code, [change["verdict"] for change in report["changes"]]) == (0, ["improved"])


@pytest.mark.parametrize(
    ("metric", "before", "after"),
    [
        ("rss_peak", 'return b"x" * 4_000_000', 'return b"x" * 24_000_000'),
        ("gc_objects", "return [[] for _ in range(10)]", "return [[] for _ in range(500)]"),
    ],
)
def test_a_metric_is_found_that_is_not_judged_otherwise(bench: Workbench, metric: str, before: str, after: str) -> None:
    body = "def fill():\n    {}\n"
    commits = history(bench, [body.format(before)] * 3 + [body.format(after)] * 2)
    code, report = bench.call_json("bisect", commits[0], "HEAD", "-m", metric)
    (change,) = report["changes"]
    assert (code, change["metric"], change["commit"], change["confidence"]) == (1, metric, commits[3], "confirmed")
    assert report["notices"] == []


PARTS = "import one, two\n\n\ndef fill():\n    return bytearray(100_000 + one.SIZE + two.SIZE)\n"


@pytest.mark.parametrize("branches", [("big", "small"), ("both",)])
def test_a_merge_is_named_where_no_commit_behind_it_made_the_whole_difference(
    quick: Workbench, branches: tuple[str, ...]
) -> None:
    start = quick.repository.commit({"box.py": PARTS, "one.py": "SIZE = 0\n", "two.py": "SIZE = 0\n"})
    for name, size in (("one.py", 110_000), ("two.py", 90_000)):
        branch = branches[0] if name == "one.py" else branches[-1]
        if quick.repository.git("branch", "--list", branch):
            quick.repository.switch(branch)
        else:
            quick.repository.branch(branch, start)
        quick.repository.commit({name: f"SIZE = {size}\n"}, f"grow {name}")
    quick.repository.switch("main")
    quick.repository.commit({"c.txt": "c"})
    quick.repository.git("merge", "--quiet", "--no-ff", "--message", "merge", *branches)
    merge = quick.repository.git("rev-parse", "HEAD")
    _, report = quick.call_json("bisect", start, "HEAD")
    (change,) = report["changes"]
    assert (change["commit"], change["merge"], change["after"] - change["before"]) == (merge, None, 200_000)


def test_the_line_of_a_branch_is_asked_for_once(
    quick: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = quick.commit(module())
    quick.repository.branch("side")
    for number in range(8):
        quick.commit(f"# {number}\n{module(size=100_000 if number < 3 else 200_000)}")
    quick.repository.switch("main")
    quick.repository.commit({"c.txt": "c"})
    quick.repository.merge("side")
    shim, log = tmp_path / "bin" / "git", tmp_path / "git.log"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nexec {shutil.which("git")} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
    assert quick.call("bisect", start, "HEAD")[0] == 1
    listed = [line for line in log.read_text().splitlines() if " --not " in line]
    assert len(listed) == len(set(listed)) == 2  # the range itself, and the branch


def test_ends_that_ask_nothing_are_refused(bench: Workbench) -> None:
    bench.set('metrics = ["peak"]')
    history(bench, ["import missing_module\n", module(), module(), module()])
    for arguments, code, complaint in (
        (("HEAD~2", "HEAD"), 2, "peak does not differ"),
        (("HEAD", "HEAD~2"), 2, "is not before"),
        (("HEAD~3", "HEAD"), 3, "is not known"),
        (("HEAD~2", "HEAD", "-m", "rss_peak"), 2, "not measured"),
    ):
        answer = bench.call_json("bisect", *arguments)
        assert (answer[0], complaint in answer[1]["error"]["message"]) == (code, True), arguments


def test_git_bisect_run_gets_its_answers_and_a_clean_tree(quick: Workbench, tmp_path: Path) -> None:
    broken = "import missing_module\n" + module()
    texts = [module(), broken, module(), module(), module(size=200_000), module(size=200_000)]
    commits = history(quick, texts)
    git = quick.repository.git
    (quick.path / "scenarios").rename(tmp_path / "scenarios")
    (quick.path / "memharness.toml").rename(tmp_path / "memharness.toml")
    git("reset", "--quiet", "--hard")
    git("bisect", "start", commits[-1], commits[0])
    arguments = ["bisect-step", "--config", str(tmp_path / "memharness.toml")]
    done = subprocess.run(
        ["git", "bisect", "run", sys.executable, "-m", "memharness.cli", *arguments],
        cwd=quick.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{commits[4]} is the first bad commit" in done.stdout, done.stdout + done.stderr
    assert git("status", "--porcelain", "--ignored") == ""
    assert not quick.results.exists()


@pytest.mark.parametrize(
    ("setting", "arguments"),
    [("", ()), ("", ("-m", "peek")), ("", ("--colour",)), ("[run]\nworkers = 0\n", ()), ("[rum]\n", ())],
)
def test_any_other_fault_stops_git_bisect(bench: Workbench, setting: str, arguments: tuple[str, ...]) -> None:
    bench.commit(module())
    config = bench.path / "memharness.toml"
    config.write_text(setting or config.read_text())
    code, _ = bench.call("bisect-step", *arguments)
    assert code == 128
    assert bench.stderr
