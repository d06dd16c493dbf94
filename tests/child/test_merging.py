"""What is said of all passes together."""

import re

import pytest

from children import Bench, measured
from memharness.child.merging import UNCOUNTED


@pytest.mark.parametrize(
    ("statement", "number", "least", "most"),
    [
        (
            "subprocess.run([sys.executable, '-S', '-c', 'b = bytearray(40 << 20); import time; time.sleep(0.5)'])",
            1,
            40,
            60,
        ),
        ("os.system('sleep 0.5; true')", 2, 1, 9),
        ("os.waitpid(os.posix_spawn('/bin/sleep', ['sleep', '0.5'], {}), 0)", 1, 1, 9),
        ("[os.fork() or os._exit(time.sleep(0.5)) for _ in range(3)]; os.wait()", 3, 1, 30),
        ("with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(time.sleep, [0.5] * 2)", 2, 1, 40),
        ("subprocess.run(['true'])", 1, 0, 9),
        (  # what nobody hears of, and nobody waits for
            "signal.signal(17, signal.SIG_IGN); ctypes.CDLL(None).fork() or os._exit(time.sleep(0.5)); time.sleep(0.8)",
            1,
            1,
            30,
        ),
    ],
)
def test_memory_of_child_processes_is_said_not_to_be_counted(
    bench: Bench, statement: str, number: int, least: int, most: int
) -> None:
    text = f"import ctypes, multiprocessing, os, signal, subprocess, sys, time\ndef run():\n    {statement}\n"
    outcome = measured(bench.observe(text))
    (note,) = [note for note in outcome.notes if note.startswith(UNCOUNTED)]
    said = re.fullmatch(rf"{UNCOUNTED}(\d+) \w+ started, (?:none was seen|.* that was seen held (\d+) MiB)", note)
    assert said, note
    assert int(said[1]) == number
    assert least <= int(said[2] or 0) <= most
