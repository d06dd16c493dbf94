"""A child process: its environment, what it may do to itself, and what is left of it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from children import BLOCK, EVERYTHING, Bench, measured
from memharness.model.measurements import Measured
from memharness.processes.supervision import Cancelled

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
    text = f"""
        import os
        def run():
            found = dict(os.environ)
            assert len(found.pop("MEMHARNESS_TOKEN")) == 32
            assert found == {expected!r}, found
    """
    environment = bench.environment(variables={"MODE": "fast", "TZ": "Europe/Berlin"})
    assert measured(bench.observe(text, environment=environment))


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


def _hash_with_seed_zero(text: str) -> int:
    command = [f"{sys.base_prefix}/bin/python3", "-c", f"print(hash({text!r}))"]
    return int(subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, check=True).stdout)


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
