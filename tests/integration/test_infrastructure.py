"""What is memharness' own doing is stored as no commit's failure: its files are gone, its disk is full."""

import subprocess
import sys
from pathlib import Path

import pytest

from memharness.run import infrastructure
from workbench import SCENARIO, Workbench, module

# Where the cache and the parts of it are, as seen from the folder of a child.
CACHE = "os.path.abspath('../../../../..')"
REMOVED = {
    "the cache": CACHE,
    "all slots": f"{CACHE} + '/slots'",
    "the lock of the slot": "os.path.abspath('../../..') + '/1.lock'",
    "the tree": "os.path.abspath('../../tree')",
    "the files of git": "os.path.abspath('../../tree/.git')",
    "the copies of the scenarios": f"*glob.glob({CACHE} + '/scenarios-*/*'), os.path.abspath('../../scenarios')",
}
CLEANER = """
import glob, os, shutil

def clean(*paths):
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)
        if os.path.isfile(path):
            os.unlink(path)
"""


def cleaned(paths: str, once: Path | None = None, *, then: str = "raise SystemExit(3)", call: int = 1) -> str:
    """Return a scenario in which a cleaner comes by at a call after the first commit, unless `once` is there."""
    mark = f"open({str(once)!r}, 'w').close()" if once else "pass"
    return (
        f"{SCENARIO.partition('def run')[0]}{CLEANER}\nCALLS = []\n\ndef run():\n    CALLS.append(1)\n"
        f"    if box.SIZE and len(CALLS) == {call} and not os.path.exists({str(once)!r}):\n"
        f"        {mark}\n        clean({paths})\n        {then}\n    return box.fill()\n"
    )


def sized(size: int) -> str:
    return f"{module(size=size)}SIZE = {size - 100_000}\n"


@pytest.mark.parametrize("what", REMOVED)
def test_a_cleaner_that_comes_by_is_no_failure_of_a_commit(quick: Workbench, tmp_path: Path, what: str) -> None:
    quick.scenario.write_text(cleaned(REMOVED[what], tmp_path / "once"))
    for size in (100_000, 101_000, 102_000):
        quick.commit(sized(size))
    code, report = quick.call_json("run", "-j", "1", "--no-reuse")
    assert (tmp_path / "once").exists()
    assert (code, report["failures"], report["counts"]["measured"]) == (0, [], 3)
    assert quick.call_json("run", "--no-reuse")[1]["counts"]["measured"] == 0


def test_a_pass_that_failed_before_its_files_were_put_back_is_run_again(bench: Workbench, tmp_path: Path) -> None:
    text = cleaned(REMOVED["the copies of the scenarios"], tmp_path / "once", call=4)  # in the growth pass
    bench.scenario.write_text(text)
    bench.commit(sized(200_000))
    code, report = bench.call_json("run", "-j", "1")
    assert (tmp_path / "once").exists()
    assert (code, report["failures"]) == (0, [])


def test_a_workload_that_removes_its_own_files_fails_like_any_other(quick: Workbench) -> None:
    """Although it tells of another temporary file each time."""
    text = cleaned(REMOVED["the tree"], then="open(f'/tmp/gone-{os.urandom(8).hex()}')")
    quick.scenario.write_text(text)
    for size in (100_000, 101_000, 102_000):
        quick.commit(sized(size))
    code, report = quick.call_json("run", "-j", "1", "--no-reuse")
    reasons = [failure["reason"].partition("gone-")[0] for failure in report["failures"]]
    assert (code, reasons) == (3, ["FileNotFoundError: [Errno 2] No such file or directory: '/tmp/"] * 2)
    assert quick.call_json("run", "--no-reuse")[1]["counts"]["measured"] == 0


def test_what_is_disturbed_again_and_otherwise_is_not_stored(quick: Workbench) -> None:
    text = cleaned(REMOVED["the tree"], then="raise ValueError(os.urandom(8))")
    quick.scenario.write_text(text)
    disturbed = quick.commit(sized(101_000))
    newest = quick.commit(sized(100_000))
    code, report = quick.call_json("run", "-j", "1")
    assert code == 3
    message = f"fill at {disturbed[:10]}: what it needs was removed or changed twice"
    assert report["error"]["message"].startswith(message)
    assert "MEMHARNESS_CACHE" in report["error"]["hint"]
    assert {Path(name).stem for name in quick.records()} & {disturbed, newest} == {newest}


def test_with_a_full_disk_no_failure_is_stored(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.commit("import missing_module\n")
    newest = bench.commit(module())
    monkeypatch.setattr(infrastructure, "LEAST_ROOM", 1 << 62)
    code, report = bench.call_json("run", "-j", "1")
    assert (code, "the disk is full" in report["error"]["message"]) == (3, True)
    assert [name for name in bench.records() if name.startswith(newest)] == [f"{newest}.json"]
    monkeypatch.undo()
    monkeypatch.setenv("MEMHARNESS_CACHE", str(bench.results.parent / "cache"))
    monkeypatch.chdir(bench.path)
    assert [failure["phase"] for failure in bench.call_json("run")[1]["failures"]] == ["import"]


def test_too_many_open_files_are_no_failure_of_a_commit(quick: Workbench) -> None:
    for size in (100_000, 101_000):
        quick.commit(module(size=size))
    command = ["sh", "-c", 'ulimit -n "$1"; shift; exec "$@"', "sh", "14", sys.executable, "-m", "memharness"]
    ended = subprocess.run([*command, "run", "-j", "1"], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, b"Too many open files" in ended.stderr) == (3, True), ended.stderr
    code, report = quick.call_json("run", "-j", "1")
    assert (code, report["failures"], report["counts"]["commits"]) == (0, [], 2)
