"""A run that is killed or interrupted loses nothing and ends, when it is run again, where an undisturbed one ends."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memharness.files.cache_folder import cache_folder
from workbench import LEAK, Workbench, module

COMMITS = 20
KILLS = 10


def start(bench: Workbench, *options: str, ignored: tuple[signal.Signals, ...] = ()) -> subprocess.Popen[bytes]:
    """Start a run that ignores some signals, as nohup and shells have it of what runs in the background."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "memharness.cli", "run", "--json", *options],
            cwd=bench.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def until_measured(process: subprocess.Popen[bytes], commits: int) -> None:
    """Read what a run says until so many commits are stored."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"[%d/" % commits):
            return
    raise AssertionError("it ended")


def make_history(bench: Workbench) -> None:
    texts = [module(size=100_000 * (1 + number // 5), kept=LEAK if number >= 8 else "") for number in range(COMMITS)]
    bench.repository.commits(({"box.py": text}, "change") for text in texts)


def test_killed_ten_times_a_run_still_ends_with_the_same_results(bench: Workbench) -> None:
    make_history(bench)
    bench.call("run")
    undisturbed = bench.records()
    bench.results.rename(bench.results.with_name("undisturbed"))

    moments = random.Random(20240101)
    unfinished = 0
    for _ in range(KILLS):
        process = start(bench)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(b"[") and moments.random() < 0.7:
                break  # a commit is stored; kill at once or amid the next
        time.sleep(moments.choice((0, 0.05, 0.2)))
        unfinished += process.poll() is None
        process.kill()
        process.stderr.close()
        process.wait(timeout=60)
    assert unfinished >= KILLS // 2
    code, report = bench.call_json("run")
    assert (code, report["counts"]["commits"]) == (1, COMMITS)
    assert bench.records() == undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_what_it_measured_and_says_so(quick: Workbench, number: signal.Signals) -> None:
    make_history(quick)
    ignored = tuple({signal.SIGINT, signal.SIGHUP} - {number})
    with start(quick, ignored=ignored) as process:
        until_measured(process, 2)
        for other in ignored:
            process.send_signal(other)  # which it was started to ignore
        until_measured(process, 3)
        process.send_signal(number)
        assert process.stderr is not None
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 130
    assert b"interrupted" in rest
    assert b"Traceback" not in rest
    assert [path.name for path in cache_folder().glob("scenarios-*")] == []
    ids = quick.repository.git("rev-list", "main").split()
    assert len([name for name in quick.records() if Path(name).stem in ids]) >= 3
    _, report = quick.call_json("run")
    assert report["counts"]["measured"] < COMMITS  # two of those that were kept may be measured once more


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_a_verdict_over_the_whole_range(quick: Workbench, number: signal.Signals) -> None:
    make_history(quick)
    ids = quick.repository.git("rev-list", "--reverse", "main").split()
    with start(quick, "-j", "1") as process:
        until_measured(process, 5)
        process.send_signal(number)
        assert process.stderr is not None
        rest = process.stderr.read().decode()
        process.wait(timeout=60)
    stored = sorted(ids.index(Path(name).stem) for name in quick.records() if Path(name).stem in ids)
    assert {0, 4, 9, 14, COMMITS - 1} <= set(stored)
    assert len(stored) <= 7
    if number == signal.SIGINT:
        assert f"interrupted; {len(stored)} of {COMMITS} commits measured; `memharness check`" in rest

    code, report = quick.call_json("check", "--all")
    results = [change for change in report["changes"] if change["metric"] == "result"]
    assert code == 1
    assert sum(change["after"] - change["before"] for change in results) == 300_000
    for change in report["changes"]:  # the last good and the first bad one of those that are measured
        good, bad = map(ids.index, change["range"])
        assert stored.index(bad) == stored.index(good) + 1
        assert change["between"] == bad - good
        assert (change["commit"], change["confidence"]) == (
            (ids[bad], "located") if bad - good == 1 else (None, "range")
        )
    assert any(change["commit"] is None for change in results)

    before = [quick.records()[f"{ids[at]}.json"]["measurements"][:1] for at in stored]
    code, report = quick.call_json("run")
    assert code == 1
    if all(before):  # none was reused and is measured now, as a finding rests on it
        assert [quick.records()[f"{ids[at]}.json"]["measurements"][:1] for at in stored] == before
    assert {change["commit"] for change in report["changes"]} == {ids[5], ids[8], ids[10], ids[15]}
    assert {change["confidence"] for change in report["changes"]} == {"confirmed"}


def test_what_follows_the_last_run_leaves_no_gap_when_it_is_killed_and_run_again(quick: Workbench) -> None:
    """It begins after the newest measured commit: had that been the newest of all, the rest would be left out."""
    quick.commit(module())
    quick.call("run", "--new")
    ids = [quick.commit(module(above=f"# {number}\n")) for number in range(6)]
    with start(quick, "-j", "1", "--new") as process:
        until_measured(process, 3)
        process.kill()
        process.wait(timeout=60)
        assert process.stderr is not None
        process.stderr.close()
    assert quick.call("run", "--new")[0] == 0
    assert {f"{id_}.json" for id_ in ids} <= quick.records().keys()


def test_nothing_goes_on_after_a_kill_and_the_next_run_removes_what_is_left(quick: Workbench, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    text = f"""
import os, subprocess, sys
def run():
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(1000)", {str(marks)!r}]
    subprocess.Popen(sleep, start_new_session=True)
    with open("{marks}/" + str(os.getpid()), "w") as file: file.write("x")
    while True: pass
"""
    quick.commit(module())
    scenario = quick.scenario
    usual = scenario.read_text()
    scenario.write_text(text)
    process = start(quick)
    for _ in range(1200):
        if list(marks.iterdir()):
            break
        time.sleep(0.05)
    process.kill()
    assert process.stderr is not None
    process.stderr.close()
    process.wait(timeout=60)
    (measured,) = marks.iterdir()
    for _ in range(1200):
        if not running(str(marks)) and not Path("/proc", measured.name).exists():
            break
        time.sleep(0.05)
    else:
        raise AssertionError("something goes on")
    assert len(list(cache_folder().glob("scenarios-*"))) == 1
    scenario.write_text(usual)
    assert quick.call("run")[0] == 0
    assert list(cache_folder().glob("scenarios-*")) == []


def running(mark: str) -> bool:
    """Tell whether a process with this word in its command line is there."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                return True
    return False


def test_a_second_run_at_once_is_refused(quick: Workbench) -> None:
    make_history(quick)
    process = start(quick)
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.readline()  # it plans, so it holds the folder
    code, _ = quick.call("run")
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait(timeout=60)
    assert code == 3
    assert "another memharness run" in quick.stderr
