"""What repeated calls cost, as the pursuit of a leak reckons."""

import subprocess
import sys
from pathlib import Path

HARNESS = Path(__file__).parents[2] / "harness"


def test_what_is_done_between_runs_is_not_the_time_of_calls() -> None:
    text = """
import sys, time
sys.path.insert(0, sys.argv[1])
from memharness_probe import tracing
from memharness_probe.calls import Calls
calls = Calls(64, 600, 600, 1)
tracing.start(1)
calls.marker, calls.call = tracing.new_marker(), int
calls.run(16)
time.sleep(1.5)
fits = [calls.fit(10_000)]
calls.run(32)
time.sleep(1.5)
fits.append(calls.fit(10_000))
calls.call = lambda: time.sleep(0.05)
calls.run(64)
fits.append(calls.fit(10_000))
print(*fits)
"""
    command = [sys.executable, "-c", text, str(HARNESS)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found.split() == ["True", "True", "False"]
