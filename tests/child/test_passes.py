"""The host: what misbehaving workloads cannot spoil, and how each way to fail is told from the others."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from children import EVERYTHING, Bench, failed, measured, without_power_over_files
from memharness.child.interpreter import compile_bytecode
from memharness.child.merging import UNCOUNTED
from memharness.errors import MemharnessError
from memharness.model.measurements import Failed, Frame, Measured, OutOfMemory, TimedOut
from memharness.model.metrics import Phase, Stage
from memharness.processes.supervision import Cancelled

BLOCK = 57  # bytes of a bytearray beside its contents

# Each runs before `return bytearray(1000)`, in the call that is measured.
HARMLESS = {
    "closes all descriptors": "os.closerange(0, 4096)",
    "replaces open": "builtins.open = None",
    "replaces os.write and os.open": "os.write = os.open = os.close = os.replace = None",
    "replaces os._exit": "os._exit = lambda status: None",
    "replaces os.getpid": "os.getpid = lambda: 1",
    "replaces json": "import json; json.dumps = json.dump = None",
    "replaces stdout": "sys.stdout = sys.stderr = None",
    "empties sys.modules": "sys.modules.clear()",
    "empties sys.path": "sys.path.clear(); sys.meta_path.clear()",
    "changes folder": "os.chdir('/')",
    "removes its folder": "import shutil; shutil.rmtree(os.getcwd())",
    "changes the mask": "os.umask(0o777)",
    "traces calls": "sys.settrace(lambda *event: 1 / 0)",
    "profiles calls": "sys.setprofile(lambda *event: print(event, file=open(os.devnull, 'w')))",
    "turns collection off": "gc.disable()",
    "turns collection on": "gc.enable(); gc.set_threshold(1)",
    "freezes time": "time.process_time = time.time = time.monotonic = lambda: 0",
    "replaces random": "import random; random.random = random.seed = None",
    "prints much": "print('x' * 1_000_000)",
    "prints bytes": "os.write(1, bytes(range(256)) * 100)",
    "forks and comes back": "os.fork()",
    "forks and raises": "if os.fork() == 0: raise SystemExit(3)",
    "leaves an exit handler": "import atexit; atexit.register(time.sleep, 100)",
    "leaves a daemon thread": "import threading; threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
    "leaves a thread": "import threading; threading.Thread(target=time.sleep, args=(100,)).start()",
    "leaves a process": "import subprocess; subprocess.Popen(['sleep', '100'])",
    "ignores signals": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "sets a low recursion limit": "sys.setrecursionlimit(50)",
    "sets a high recursion limit": "sys.setrecursionlimit(10**9)",
    "replaces a function of itself": "builtins.len = builtins.isinstance = builtins.map = builtins.type = None",
    "replaces errors": "builtins.OSError = builtins.Exception = builtins.BaseException = None",
    "removes all functions": "result = bytearray(1000); vars(builtins).clear(); return result",
    "replaces the collector": "gc.collect = gc.get_objects = gc.isenabled = gc.disable = gc.get_referents = None",
    "replaces paths": "os.fspath = os.lstat = os.path.join = os.path.normpath = os.path.realpath = None",
    "replaces hooks": "sys.settrace = sys.setprofile = sys.addaudithook = sys._getframe = os.fork = None",
    "replaces sys.modules": "sys.modules = 3",
    "puts oddities into sys.modules": "sys.modules.update({3: 3, 're': Odd(), 'threading': Odd(), 'functools': Odd()})",
    "freezes objects": "gc.freeze()",
    "has callbacks of the collector": "gc.callbacks.append(lambda *args: 1 / 0)",
    "switches threads": "sys.setswitchinterval(1e-9)",
    "traces threads": "import threading; threading.settrace(lambda *args: 1 / 0)",
    "forbids to open": "sys.addaudithook(lambda event, args: 1 / 0 if event == 'open' else None)",
    "forbids to rename": "sys.addaudithook(lambda event, args: 1 / 0 if event.startswith('os.') else None)",
    "leaves a timer": "import signal; signal.signal(signal.SIGVTALRM, lambda *args: 1 / 0); "
    "signal.setitimer(signal.ITIMER_VIRTUAL, 0.002, 0.002)",
    "replaces excepthook": "sys.excepthook = sys.unraisablehook = None",
}
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


def alive(marker: str) -> bool:
    """Tell whether a process with this text in its command line runs; a zombie has none."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("name", HARMLESS)
def test_a_misbehaving_workload_is_measured_all_the_same(bench: Bench, name: str) -> None:
    outcome = measured(bench.observe(f"{PRELUDE}def run():\n    {HARMLESS[name]}\n    return bytearray(1000)\n"))
    assert outcome.metrics["result"] == 1000 + BLOCK
    assert outcome.metrics.keys() == {"peak", "retained", "result"}


@pytest.mark.parametrize(
    "name",
    [
        "forks and comes back",
        "replaces open",
        "traces calls",
        "closes all descriptors",
        "replaces a function of itself",
        "replaces paths",
        "puts oddities into sys.modules",
        "forbids to rename",
    ],
)
def test_misbehaviour_in_every_call_spoils_no_pass(bench: Bench, name: str) -> None:
    text = f"{PRELUDE}def run():\n    {HARMLESS[name]}\n    return bytearray(1000)\n"
    assert measured(bench.observe(text, EVERYTHING, calls=15)).metrics.keys() == set(EVERYTHING)


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
    ],
)
def test_failures_of_the_import_are_the_imports(bench: Bench, text: str, phase: str, reason: str) -> None:
    outcome = failed(bench.observe(text))
    assert outcome.phase == phase
    assert outcome.reason.startswith(reason)


def test_a_syntax_error_points_at_its_line(bench: Bench) -> None:
    bench.write("tree/box.py", "x = 1\ndef broken(:\n")
    outcome = failed(bench.observe("import box\ndef run(): pass\n", checkout=bench.checkout("box")))
    assert [(frame.path, frame.line, frame.source) for frame in outcome.frames] == [
        ("<scenarios>/waste.py", 1, "import box"),
        ("box.py", 2, "def broken(:"),
    ]


def test_failures_of_setup_are_setups(bench: Bench) -> None:
    for statement, phase, reason in (
        ("raise ValueError(1)", "setup", "ValueError: 1"),
        ("import os; os._exit(1)", "crash", "exited with status 1 in setup before delivering a result"),
    ):
        case = bench.case(f"def setup(): {statement}\ndef run(): pass\n", setup=())
        outcome = failed(bench.observe(case))
        assert (outcome.phase, outcome.reason) == (phase, reason)


def test_a_later_pass_that_fails_leaves_what_the_first_found(bench: Bench) -> None:
    text = "calls = iter(range(99))\ndef run():\n    if next(calls) == 5: raise ValueError('sixth call')\n"
    outcome = measured(bench.observe(text, EVERYTHING))
    assert outcome.metrics.keys() == {*EVERYTHING} - {"growth"}
    (growth,) = outcome.failed_passes.values()
    assert isinstance(growth, Failed)
    assert (growth.phase, growth.reason) == ("run", "ValueError: sixth call")
    assert failed(bench.observe(text, ("growth",))) == growth


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (("import",), {"import"}),
        (("peak",), {"peak", "retained", "result"}),
        (("gc_objects",), {"peak", "retained", "result", "gc_objects"}),
        (("warm_peak",), {"warm_peak"}),
        (("growth", "rss_peak"), {"growth", "rss_peak"}),
    ],
)
def test_all_that_a_pass_yields_is_kept(bench: Bench, wanted: tuple[str, ...], kept: set[str]) -> None:
    assert measured(bench.observe("def run(): pass\n", wanted, calls=15)).metrics.keys() == kept


def test_the_caller_is_called_before_each_child(bench: Bench) -> None:
    seen: list[str] = []
    steps: list[Stage] = []
    left = bench.tree / "left"

    def tidy(step: Stage) -> None:
        steps.append(step)
        seen.append(left.read_text() if left.exists() else "")
        left.unlink(missing_ok=True)

    text = f"""
        import os
        def run():
            assert not os.path.exists({str(left)!r}) or open({str(left)!r}).read() == str(os.getpid())
            open({str(left)!r}, "w").write(str(os.getpid()))
    """
    outcome = measured(bench.observe(text, EVERYTHING, calls=15, before_pass=tidy))
    assert outcome.failed_passes == {}
    assert seen[0] == ""
    assert len({*seen}) == 3
    assert steps == ["first", "growth", "rss"]
    assert measured(bench.observe("def run(): pass\n", ("rss_peak",), before_pass=tidy))
    assert len(seen) == 4


DEEP = "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')"


@pytest.mark.parametrize(
    "statement",
    [
        "os.makedirs('a/b'); open('a/b/c', 'w').close()",
        "os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a/b', 0); os.chmod('a', 0)",
        "os.chmod('.', 0)",
        "os.chmod('..', 0o500)",
        "os.symlink(ELSEWHERE, 'elsewhere')",
        "os.makedirs('/'.join(['deep'] * 200))",
        "subprocess.run([sys.executable, '-S', '-c', DEEP])",
        "os.chmod('../..', 0o500)",
        "os.rename('../../work', '../../moved'); os.symlink(ELSEWHERE, '../../work')",
    ],
)
def test_what_a_child_left_is_gone_before_the_next(bench: Bench, tmp_path: Path, statement: str) -> None:
    kept = tmp_path / "elsewhere/kept"
    kept.parent.mkdir()
    kept.parent.chmod(0o755)
    kept.touch()
    cwd = bench.work / "cwd"
    prelude = f"import os, subprocess, sys\nELSEWHERE, DEEP = {str(kept.parent)!r}, {DEEP!r}\n"
    leaves = f"{prelude}def run():\n    {statement}\n    os._exit(7)\n"
    finds = f"import os\ndef run(): assert (os.getcwd(), os.listdir()) == ({str(cwd)!r}, [])\n"
    with without_power_over_files():
        assert failed(bench.observe(leaves)).exit_code == 7
        assert measured(bench.observe(finds))
    assert sorted(entry.name for entry in cwd.iterdir()) == []
    assert kept.exists()
    assert kept.parent.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_cannot_be_emptied_is_an_error_with_a_way_out(bench: Bench, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path, 12345, 12345)
    tmp_path.chmod(0o755)
    with without_power_over_files(), pytest.raises(MemharnessError, match=r"work: cannot be emptied") as raised:
        bench.observe("def run(): pass\n")
    os.chown(tmp_path, 0, 0)
    assert raised.value.hint


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


@pytest.mark.parametrize("ending", ["exec('while True: pass')", "os.kill(os.getppid(), 9)\n        time.sleep(1000)"])
def test_a_time_out_or_a_lost_supervisor_is_tried_once_more(bench: Bench, ending: str) -> None:
    tries = bench.tree / "tries"
    text = f"""
import os, time
def run():
    with open({str(tries)!r}, "a") as file: file.write("x")
    if os.path.getsize({str(tries)!r}) <= LATE:
        {ending}
"""
    assert measured(bench.observe(text.replace("LATE", "1"), timeout=0.3))
    tries.unlink()
    assert not isinstance(bench.observe(text.replace("LATE", "9"), timeout=0.3).outcome, Measured)
    assert tries.read_text() == "xx"


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


@pytest.mark.parametrize("ending", ["time.sleep(100)", "pass", "os._exit(1)", "raise ValueError"])
def test_nothing_that_a_child_started_outlives_it(bench: Bench, tmp_path: Path, ending: str) -> None:
    marker = f"{tmp_path}/marker"
    text = f"""
        import os, subprocess, sys, time
        sleep = "import time; time.sleep(98)"
        deep = "import subprocess, sys, time; command = [sys.executable, '-c', " + repr(sleep) + ", sys.argv[1]]; "
        deep += "subprocess.Popen(command, start_new_session=True); time.sleep(97)"
        def run():
            for session in (False, True):
                subprocess.Popen([sys.executable, "-c", deep, {marker!r}], start_new_session=session)
            if os.fork() == 0:
                os.setsid()
                os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(96)", {marker!r}])
            time.sleep(0.5)
            {ending}
    """
    bench.observe(text, wall_seconds=1.5)
    assert not alive(marker)


def test_an_orphan_of_this_process_that_is_not_the_childs_is_left_alone(bench: Bench) -> None:
    other = os.posix_spawn(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"], {})
    try:
        measured(bench.observe("def run(): pass\n"))
        assert os.waitpid(other, os.WNOHANG) == (0, 0)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)


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


def test_a_response_that_is_not_the_childs_own_does_not_count(bench: Bench) -> None:
    text = """
        import os
        forged = '{"status": "measured", "format": 1, "method": 1, "token": "0", "pid": %d, "metrics": {}}'
        def run():
            with open("../response.json", "w") as file:
                file.write(forged % os.getpid())
            os._exit(0)
    """
    assert failed(bench.observe(text)).reason == "exited with status 0 in run before delivering a result"


FOREIGN = {
    "a FIFO": "os.mkfifo(path)",
    "a folder": "os.makedirs(path + '/below')",
    "a link to a device": "os.symlink('/dev/zero', path)",
    "a link to a file": "os.symlink(__file__, path)",
    "a link to itself": "os.symlink(path, path)",
    "a socket": "import socket; socket.socket(socket.AF_UNIX).bind(path)",
    "a huge file": "open(path, 'w').truncate(1 << 40)",
}
LINK, OTHER = "it is a symbolic link, which is not followed", "it is a pipe, a socket or a device"
LEFT = [OTHER, "it is a folder", LINK, LINK, LINK, OTHER, "it has more than 64 MiB"]


@pytest.mark.parametrize(("name", "what"), [*zip(FOREIGN, LEFT, strict=True)])
def test_what_lies_in_place_of_a_response_is_neither_followed_nor_waited_for(
    bench: Bench, name: str, what: str
) -> None:
    text = f"""
        import os
        path = "../response.json"
        def run():
            {FOREIGN[name]}
            os._exit(0)
    """
    reason = "exited with status 0 in run without a result that can be read"
    assert failed(bench.observe(text)).reason == f"{reason}: {what}"
    assert measured(bench.observe(text.replace("os._exit(0)", "pass")))
    assert measured(bench.observe("def run(): pass\n"))


@pytest.mark.parametrize("name", FOREIGN)
def test_what_lies_in_place_of_other_files_of_the_exchange_hinders_nothing(bench: Bench, name: str) -> None:
    text = f"""
        import os
        def run():
            for path in "../phase", "../request.json", "../response.json.part":
                if os.path.exists(path): os.unlink(path)
                {FOREIGN[name]}
            return bytearray(1000)
        def teardown(): pass
    """
    outcome = measured(bench.observe(bench.case(text, teardown=True)))
    assert outcome.metrics["result"] == 1000 + BLOCK


@pytest.mark.parametrize(
    "fields",
    [
        '"metrics": {"peak": 1' + "0" * 400 + "}",
        '"metrics": {"peak": 1' + "0" * 5000 + "}",
        '"metrics": {"peak": 1e400}',
        '"metrics": {"peak": NaN}',
        '"metrics": {}, "notes": ["\\ud800"]',
        '"metrics": {}, "notes": ' + "[" * 100_000 + "]" * 100_000,
        '"metrics": {}, "more": ' + "[" * 100_000 + "]" * 100_000,
        '"metrics": {}, "profiles": {"alive": {"lines": ' + "[" * 900 + "]" * 900 + "}}",
    ],
    ids=["big", "bigger", "infinite", "no number", "surrogate", "deep", "deep and unknown", "deep lines"],
)
def test_a_forged_response_with_odd_values_is_none(bench: Bench, fields: str) -> None:
    text = f"""
        import os
        FORGED = '{{"status": "measured", "format": 1, "method": 1, "token": "%s", "pid": %d, FIELDS}}'
        def run():
            with open("../response.json", "w") as file:
                forged = FORGED % (os.environ["MEMHARNESS_TOKEN"], os.getpid())
                file.write(forged.replace("FIELDS", {fields!r}))
            os._exit(0)
    """
    assert failed(bench.observe(text)).reason == "exited with status 0 in run before delivering a result"


def test_a_memory_error_without_a_limit_is_the_workloads_own(bench: Bench) -> None:
    outcome = failed(bench.observe("def run(): raise MemoryError('no room')\n"))
    assert (outcome.phase, outcome.reason) == ("run", "MemoryError: no room")


def test_cancelling_ends_the_child_at_once(bench: Bench, tmp_path: Path) -> None:
    cancel = threading.Event()
    marker = f"{tmp_path}/cancelled"
    threading.Timer(0.3, cancel.set).start()
    command = f"[sys.executable, '-c', 'import time; time.sleep(99)', {marker!r}]"
    text = f"import os, sys\ndef run(): os.execv(sys.executable, {command})\n"
    with pytest.raises(Cancelled):
        bench.observe(text, cancel=cancel)
    assert not alive(marker)


def test_the_environment_of_a_child_is_an_allow_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/secret")
    monkeypatch.setenv("PYTHONMALLOC", "debug")
    text = """
        import os
        def run(): raise ValueError(sorted(os.environ.items()))
    """
    environment = bench.environment(variables={"MODE": "fast", "TZ": "Europe/Berlin"})
    outcome = failed(bench.observe(text, environment=environment))
    expected = {
        "HOME": f"{bench.work}/home",
        "LANG": "C.UTF-8",
        "MODE": "fast",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": f"{bench.work}/tmp",
        "TZ": "Europe/Berlin",
    }
    names = """
        import os
        def run(): raise ValueError(" ".join(sorted(os.environ)))
    """
    assert failed(bench.observe(names, environment=environment)).reason == "ValueError: " + " ".join(
        sorted([*expected, "MEMHARNESS_TOKEN"])
    )
    assert "secret" not in outcome.reason
    for name, value in expected.items():
        text = f"import os\ndef run(): assert os.environ[{name!r}] == {value!r}\n"
        assert isinstance(bench.observe(text, environment=environment).outcome, Measured), name


def test_the_conditions_of_a_child_are_constant(bench: Bench) -> None:
    text = f"""
        import os, random, sys
        def descriptors():
            for number in range(1000):
                try: yield os.readlink(f"/proc/self/fd/{{number}}")
                except OSError: pass
        def run():
            assert os.getcwd() == {str(bench.work / "cwd")!r}
            assert os.listdir() == os.listdir(os.environ["TMPDIR"]) == os.listdir(os.environ["HOME"]) == []
            assert sys.stdin.read() == ""
            assert random.random() == random.Random(0).random()
            assert os.getsid(0) == os.getpid()
            assert int(open("/proc/self/personality").read(), 16) & 0x0040000
            assert len({{name for name in descriptors() if name.startswith("pipe:")}}) == 1  # for its output
            assert hash("constant") == {_hash_with_seed_zero("constant")}
            for folder in (".", os.environ["TMPDIR"], os.environ["HOME"]):
                open(folder + "/left", "w").close()
    """
    outcome = measured(bench.observe(text, ("peak", "rss_peak")))
    assert outcome.notes == ("its result can be reused for no other commit: it looked at /proc/self/fd/0",)
    assert outcome.passes == ("first", "rss")
    assert not int(Path("/proc/self/personality").read_text(), 16) & 0x0040000


def test_the_prefix_is_that_of_the_virtual_environment(bench: Bench) -> None:
    """Where a project finds the data files that were installed with it."""
    home = bench.tree.parent / "venv"
    base = f"{sys.base_prefix}/bin/python3"
    subprocess.run([base, "-m", "venv", "--without-pip", str(home)], check=True)
    bench.python = str(home / "bin" / "python")
    bench.write("venv/share/box/data", "x" * 1000)
    text = """
        import sys
        def run():
            assert sys.prefix == sys.exec_prefix != sys.base_prefix
            return open(sys.prefix + "/share/box/data", "rb").read()
    """
    assert measured(bench.observe(text)).metrics["result"] == 1000 + sys.getsizeof(b"")
    outcome = measured(bench.observe("import sys\ndef run():\n    return sys.prefix\n"))
    assert (outcome.notes, [*outcome.inputs]) == ((), ["first"])  # so that it can be reused


def _hash_with_seed_zero(text: str) -> int:
    command = [f"{sys.base_prefix}/bin/python3", "-c", f"print(hash({text!r}))"]
    return int(subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, check=True).stdout)


def test_children_run_at_the_same_time_in_threads(tmp_path: Path) -> None:
    found: list[int] = []

    def work(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        version = ".".join(map(str, sys.version_info[:3]))
        place = Bench(folder, python=f"{sys.base_prefix}/bin/python3", version=version)
        text = f"import time\ndef run():\n    time.sleep(0.1)\n    return bytearray({number})\n"
        found.extend(measured(place.observe(text)).metrics["result"] - BLOCK for _ in range(3))

    threads = [threading.Thread(target=work, args=(1000 * number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [1000] * 3 + [2000] * 3 + [3000] * 3


def test_a_missing_interpreter_is_an_error_with_a_way_out(bench: Bench) -> None:
    bench.python = "/nowhere/python"
    for work in (lambda: bench.observe("def run(): pass\n"), lambda: compile_bytecode("/nowhere/python", ["/x.py"])):
        with pytest.raises(MemharnessError, match="/nowhere/python cannot be started") as raised:
            work()
        assert raised.value.hint
