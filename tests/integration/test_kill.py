"""A run that is killed or interrupted loses nothing and ends, when it is run again, where an undisturbed one ends."""

import os
import random
import signal
import subprocess
import sys
import time

from integration.conftest import LEAK, Workbench, module

COMMITS = 20
KILLS = 10


def start(bench: Workbench) -> subprocess.Popen[bytes]:
    """Start a run that heeds SIGINT: what a background job starts would inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "memharness.cli", "run", "--json"],
            cwd=bench.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def make_history(bench: Workbench) -> None:
    for number in range(COMMITS):
        bench.commit(module(size=100_000 * (1 + number // 5), kept=LEAK if number >= 8 else ""))


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
        process.wait()
    assert unfinished >= KILLS // 2
    code, report = bench.call_json("run")
    assert (code, report["counts"]["commits"]) == (1, COMMITS)
    assert bench.records() == undisturbed


def test_an_interrupted_run_keeps_what_it_measured_and_says_so(bench: Workbench) -> None:
    make_history(bench)
    process = start(bench)
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(4)]  # configuration, plan and two commits
    assert b"[2/20]" in lines[-1]
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert b"interrupted" in rest
    assert b"Traceback" not in rest
    _, report = bench.call_json("run")
    assert report["counts"]["cached"] > 0
    assert report["counts"]["measured"] < COMMITS


def test_a_second_run_at_once_is_refused(bench: Workbench) -> None:
    make_history(bench)
    process = start(bench)
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.readline()  # it plans, so it holds the folder
    code, _ = bench.call("run")
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()
    assert code == 2
    assert "another memharness run" in bench.stderr
