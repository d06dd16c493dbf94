"""Each way in which a child can end has an outcome of its own."""

import signal

import pytest

from children import Bench, failed, measured
from memharness.model.measurements import Failed, Frame, Measured, OutOfMemory, TimedOut
from memharness.model.metrics import Phase

PRELUDE = "import builtins, gc, os, sys, time\nclass Odd:\n    def __getattribute__(self, name): 1 / 0\n"


# Statement -> phase, reason, exit code.
FAILURES = {
    "raises": ("raise ValueError('first\\nsecond')", "run", "ValueError: first second", None),
    "raises nothing to say": ("raise KeyboardInterrupt", "run", "KeyboardInterrupt", None),
    "raises what is no Exception": ("raise type('Odd', (BaseException,), {})(1)", "run", "Odd: 1", None),
    "exits": ("sys.exit(3)", "run", "SystemExit: 3", None),
    "recurses": ("(lambda f: f(f))(lambda f: f(f))", "run", "RecursionError: maximum recursion depth exceeded", None),
    "raises what cannot be shown": (
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
        "run",
        "Odd: (no message: its __str__ failed)",
        None,
    ),
    "leaves": ("os._exit(3)", "crash", "exited with status 3 in run before delivering a result", 3),
    "leaves in peace": ("os._exit(0)", "crash", "exited with status 0 in run before delivering a result", 0),
    "is killed": ("os.kill(os.getpid(), 9)", "crash", "killed by SIGKILL while in run", -9),
    "crashes": (
        "import ctypes; ctypes.string_at(0)",
        "crash",
        "killed by SIGSEGV while in run",
        -signal.SIGSEGV,
    ),
    "aborts": ("os.abort()", "crash", "killed by SIGABRT while in run", -signal.SIGABRT),
    "is killed by a real-time signal": (
        "os.kill(os.getpid(), 35)",
        "crash",
        "killed by SIGRTMIN+1 while in run",
        -35,
    ),
    "is killed by a signal of the C library": (
        "os.kill(os.getpid(), 32)",
        "crash",
        "killed by signal 32 while in run",
        -32,
    ),
    "is killed by the last signal": ("os.kill(os.getpid(), 64)", "crash", "killed by SIGRTMAX while in run", -64),
    "leaves with the status of a signal": (
        "os._exit(137)",
        "crash",
        "exited with status 137 in run before delivering a result",
        137,
    ),
    "kills its group": ("os.killpg(0, 15)", "crash", "killed by SIGTERM while in run", -signal.SIGTERM),
    "stops the tracer": (
        "import tracemalloc; tracemalloc.stop()",
        "run",
        "TracerStoppedError: the workload stopped, cleared or restarted tracemalloc: nothing can be measured",
        None,
    ),
    "restarts the tracer": (
        "import tracemalloc; tracemalloc.stop(); tracemalloc.start()",
        "run",
        "TracerStoppedError: the workload stopped, cleared or restarted tracemalloc: nothing can be measured",
        None,
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_way_to_fail_is_told_from_the_others(bench: Bench, name: str) -> None:
    statement, phase, reason, exit_code = FAILURES[name]
    outcome = failed(bench.observe(f"{PRELUDE}def run():\n    print('so far')\n    {statement}\n"))
    assert (outcome.phase, outcome.reason, outcome.exit_code) == (phase, reason, exit_code)
    assert outcome.output[0] == "so far"


def test_a_failure_names_the_lines_of_the_user_and_no_others(bench: Bench) -> None:
    bench.write("tree/box.py", "class Box:\n    def open(self):\n        return {}['lid']\n")
    text = "import box\ndef run():\n    return [box.Box().open()   for _ in (1,)][0]\n"
    outcome = failed(bench.observe(text, checkout=bench.checkout("box")))
    frames = {frame.path: frame for frame in outcome.frames}
    source = "return [box.Box().open() for _ in (1,)][0]"
    assert frames["<scenarios>/waste.py"].source == source
    assert outcome.frames[-1] == Frame(path="box.py", line=3, function="Box.open", source="return {}['lid']")
    assert frames.keys() == {"<scenarios>/waste.py", "box.py"}
    assert outcome.reason == "KeyError: 'lid'"


@pytest.mark.parametrize(
    ("text", "phase", "reason"),
    [
        ("import gone\ndef run(): pass\n", "import", "ModuleNotFoundError: No module named 'gone'"),
        ("def run(:\n", "import", "SyntaxError: "),
        ("1 / 0\ndef run(): pass\n", "import", "ZeroDivisionError: division by zero"),
        ("walk = 1\n", "import", "AttributeError: "),
        ("import os\nos._exit(4)\ndef run(): pass\n", "crash", "exited with status 4 in import before"),
        ("def setup(): raise ValueError(1)\ndef run(): pass\n", "setup", "ValueError: 1"),
        ("def setup(): __import__('os')._exit(1)\ndef run(): pass\n", "crash", "exited with status 1 in setup before"),
    ],
)
def test_failures_of_import_and_setup_are_theirs(bench: Bench, text: str, phase: str, reason: str) -> None:
    outcome = failed(bench.observe(bench.case(text, setup=() if "setup" in text else None)))
    assert outcome.phase == phase
    assert outcome.reason.startswith(reason)


def test_a_syntax_error_points_at_its_line(bench: Bench) -> None:
    bench.write("tree/box.py", "x = 1\ndef broken(:\n")
    outcome = failed(bench.observe("import box\ndef run(): pass\n", checkout=bench.checkout("box")))
    assert [(frame.path, frame.line, frame.source) for frame in outcome.frames] == [
        ("<scenarios>/waste.py", 1, "import box"),
        ("box.py", 2, "def broken(:"),
    ]


def test_a_flood_of_output_leaves_its_last_lines_and_no_file(bench: Bench) -> None:
    text = """
        import os
        def run():
            for _ in range(64):
                os.write(1, b"x" * (1 << 20))
            os.write(2, b"\\n" + b"\\n".join(b"line %d \\xff" % n for n in range(30)) + b"\\n" + b"y" * 5000 + b"\\n")
            raise ValueError
    """
    outcome = failed(bench.observe(text))
    assert outcome.output == (*(f"line {n} \ufffd" for n in range(11, 30)), "y" * 400)
    files = [file for file in bench.work.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 20_000


@pytest.mark.parametrize("phase", ["import", "setup", "run", "teardown"])
def test_a_time_out_says_in_which_phase_and_keeps_the_output(bench: Bench, phase: Phase) -> None:
    stops = "print('so far'); exec('while True: pass')"
    case = bench.case(
        f"{stops if phase == 'import' else ''}\n"
        f"def setup(): {stops if phase == 'setup' else 'pass'}\n"
        f"def run(): {stops if phase == 'run' else 'pass'}\n"
        f"def teardown(): {stops if phase == 'teardown' else 'pass'}\n",
        setup=(),
        teardown=True,
    )
    outcome = bench.observe(case, timeout=0.3).outcome
    assert outcome == TimedOut(during=phase, limit_seconds=0.3, output=("so far",))


def test_a_workload_that_waits_may_take_longer_by_the_clock(bench: Bench) -> None:
    assert measured(bench.observe("import time\ndef run(): time.sleep(0.7)\n", timeout=0.6, wall_seconds=60))
    outcome = bench.observe("import time\ndef run(): time.sleep(1000)\n", wall_seconds=0.5).outcome
    reason = "still in run after 0.5 s by the clock (the timeout of 60 s counts CPU time)"
    assert outcome == Failed(phase="timeout", reason=reason)


@pytest.mark.parametrize(
    "statement",
    [
        "KEPT.extend(bytearray(1 << 20) for _ in range(10_000))",  # MemoryError, with nothing left
        "b'x' * (1 << 30)",  # MemoryError at once
        "import mmap; KEPT.append(mmap.mmap(-1, 1 << 29)); KEPT[0].write(b'x' * 1000 * 1000) and [KEPT[0].write(b'x' * (1 << 20)) for _ in range(500)]; time.sleep(60)",  # noqa: E501  (shared memory, which the limit on data does not see)
    ],
)
def test_too_much_memory_is_an_outcome_of_its_own(bench: Bench, statement: str) -> None:
    text = f"import time\nKEPT = []\ndef run():\n    {statement}\n"
    outcome = bench.observe(text, memory_limit=200 << 20).outcome
    assert isinstance(outcome, OutOfMemory), outcome
    assert (outcome.during, outcome.limit_bytes) == ("run", 200 << 20)


@pytest.mark.parametrize("mebibytes", [1, 6, 12])
def test_a_limit_that_the_probe_cannot_start_with_is_told_as_that(bench: Bench, mebibytes: int) -> None:
    outcome = bench.observe("def run(): pass\n", memory_limit=mebibytes << 20).outcome
    assert isinstance(outcome, OutOfMemory)
    assert outcome.during == "import"


def test_the_memory_limit_is_for_all_processes_together(bench: Bench) -> None:
    text = """
        import os, time
        def run():
            for _ in range(4):
                if os.fork() == 0: break
            held = bytearray(b"x" * (60 << 20))
            time.sleep(1000)
    """
    outcome = bench.observe(text, memory_limit=200 << 20).outcome
    assert isinstance(outcome, OutOfMemory)
    assert (outcome.during, outcome.limit_bytes) == ("run", 200 << 20)


def test_the_limit_on_memory_is_that_on_data(bench: Bench) -> None:
    text = """
        import resource
        def run(): assert resource.getrlimit(resource.RLIMIT_DATA) == (200 << 20, 200 << 20)
    """
    assert isinstance(bench.observe(text, memory_limit=200 << 20).outcome, Measured)


def test_a_memory_error_without_a_limit_is_the_workloads_own(bench: Bench) -> None:
    outcome = failed(bench.observe("def run(): raise MemoryError('no room')\n"))
    assert (outcome.phase, outcome.reason) == ("run", "MemoryError: no room")
