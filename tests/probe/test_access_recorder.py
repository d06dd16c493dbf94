"""What the probe says that a run could see, on every Python that it supports and this machine has."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from children import FIRST, VERSIONS, Bench, every_version, measured
from memharness.child.exchange import Delivered, Exchange
from memharness.child.interpreter import child_environment, probe_command
from memharness.model.scenarios import Case
from memharness.processes.supervision import Limits, run_supervised

PASSES = (FIRST, ("growth",), ("rss_peak",))
# What a statement accesses: files opened, paths queried and folders listed, below its own folder T.
ACCESSES: dict[str, tuple[set[str], set[str], set[str]]] = {
    "open(T + '/data.txt').read()": ({"data.txt"}, set(), set()),
    "open(T.encode() + b'/data.txt').read()": ({"data.txt"}, set(), set()),
    "open(os.open(T + '/data.txt', os.O_RDONLY)).read()": ({"data.txt"}, set(), set()),
    "open(pathlib.Path(T) / 'sub' / '..' / 'data.txt').read()": ({"data.txt"}, {"sub"}, set()),
    "pathlib.Path(T, 'data.txt').read_text()": ({"data.txt"}, set(), set()),
    "open(Like()).close()": ({"data.txt"}, set(), set()),
    "io.FileIO(T + '//data.txt').close()": ({"data.txt"}, set(), set()),
    "os.chdir(T), open('data.txt').close()": ({"data.txt"}, set(), set()),
    "os.chdir(T + '/sub'), os.stat(b'../data.txt')": (set(), {"data.txt", "sub"}, set()),
    "in_vain(open, T + '/gone.txt')": ({"gone.txt"}, set(), set()),
    "mapped(T + '/data.txt')": ({"data.txt"}, set(), set()),
    "linecache.getline(T + '/data.txt', 1)": ({"data.txt"}, {"data.txt"}, set()),
    "os.stat(T + '/data.txt')": (set(), {"data.txt"}, set()),
    "os.stat(path=T + '/data.txt', follow_symlinks=False)": (set(), {"data.txt"}, set()),
    "in_vain(os.lstat, T + '/gone.txt')": (set(), {"gone.txt"}, set()),
    "os.path.exists(Like()), os.path.getsize(T + '/sub/one.txt')": (set(), {"data.txt", "sub/one.txt"}, set()),
    "os.access(T + '/data.txt', os.R_OK)": (set(), {"data.txt"}, set()),
    "in_vain(os.readlink, T + '/data.txt')": (set(), {"data.txt"}, set()),
    "pathlib.Path(T, 'data.txt').stat()": (set(), {"data.txt"}, set()),
    "in_vain(os.remove, T + '/gone.txt')": (set(), {"gone.txt"}, set()),
    "in_vain(os.mkdir, T + '/sub')": (set(), {"sub"}, set()),
    "os.listdir(T + '/sub')": (set(), set(), {"sub"}),
    "os.chdir(T + '/sub'), os.listdir()": (set(), {"sub"}, {"sub"}),
    "list(os.scandir(T + '/sub'))": (set(), {"sub/one.txt", "sub/two.txt"}, {"sub"}),
    "list(os.walk(T + '/sub'))": (set(), {"sub/one.txt", "sub/two.txt"}, {"sub"}),
    "glob.glob(T + '/sub/o*')": (set(), {"sub/one.txt", "sub/two.txt"}, {"sub"}),
    "list(pkgutil.iter_modules([T + '/box']))": (
        set(),
        {"box", "box/__pycache__", "box/text.txt"},
        {"box", "box/__pycache__"},
    ),
    "zipped(T + '/code.zip')": ({"code.zip"}, {"code.zip"}, set()),
    "threads()": ({f"{n}.txt" for n in range(40)}, {f"{n}.dat" for n in range(40)}, set()),
    "open('/dev/null').close(), os.urandom(8)": (set(), set(), set()),
    "temporary()": (set(), set(), set()),
    "os.stat('/'), os.stat(os.path.dirname(TREE)), os.stat(TREE)": (set(), set(), set()),
    "ctypes.pythonapi.Py_GetVersion()": (set(), set(), set()),
    "in_vain(os.stat, 'a\\0b'), os.stat(0), os.stat(True)": (set(), set(), set()),
}
IMPORTS: dict[
    str, tuple[set[str], set[str], set[str]]
] = {  # the same of what imports the package "box", below the tree
    "in_vain(importlib.import_module, 'box.gone')": ({"box/__init__.py"}, {"box", "box/__init__.py"}, {"box"}),
    "importlib.resources.read_text('box', 'text.txt')": (
        {"box/__init__.py", "box/text.txt"},
        {"box/__init__.py"},
        set(),
    ),
    "traced()": ({"box/__init__.py"}, {"box/__init__.py"}, set()),
}
PRELUDE = """
    T = TREE = TREE_PATH
    def in_vain(function, *given):
        try: function(*given)
        except (OSError, ImportError, ValueError): pass
        else: raise AssertionError(given)
"""
ACTS = """
    import ctypes, functools, glob, importlib, importlib.resources, io, linecache, mmap, os, pathlib, pkgutil
    import shutil, sys, tempfile, threading, traceback, warnings, zipimport
    warnings.simplefilter("ignore")
    class Like:
        def __fspath__(self): return T + "/data.txt"
    def mapped(path):
        with open(path, "rb") as file: mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).read()
    def zipped(path):
        sys.path.insert(0, path)
        in_vain(importlib.import_module, "gone")
        del sys.path[0]
    def look(part):
        for n in range(part, 40, 4):
            in_vain(open, f"{T}/{n}.txt")
            in_vain(os.stat, f"{T}/{n}.dat")
    def threads():
        running = [threading.Thread(target=look, args=(n,)) for n in range(4)]
        for thread in running: thread.start()
        for thread in running: thread.join()
    def traced():
        import box
        try: box.fail()
        except ZeroDivisionError: traceback.format_exc()
    def temporary():
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(folder + "/a/b")
            open(folder + "/a/b/c", "w").close()
            os.symlink("a", folder + "/link")
            os.rename(folder + "/a", folder + "/d")
            shutil.copytree(folder + "/d", folder + "/e")
            assert sorted(os.listdir(folder)) == ["d", "e", "link"]
"""
OBSTACLES = {
    "os.path.exists('/etc/mime.types')": "it looked at /etc/mime.types",
    "in_vain(open, '/etc/gone')": "it looked at /etc/gone",
    "os.listdir(os.path.dirname(T))": "it looked at {above}",
    "os.stat(T + '/../other')": "it looked at {above}/other",
    "in_vain(os.stat, b'/\\xff')": "it looked at /\\udcff",
    "in_vain(os.stat, T + '/\\udcff\\udcfe')": "it looked at {tree}/\\udcff\\udcfe",
    "os.close(os.open(T + '/sub', os.O_RDONLY))": "it opened the folder {tree}/sub",
    "os.stat(T + '/link/one.txt')": "it followed a symbolic link to {tree}/link/one.txt",
    "os.stat(T + '/link/../data.txt')": "it followed a symbolic link to {tree}/link",
    "os.symlink(T + '/data.txt', 'link')": "it moved or linked {tree}/data.txt",
    "os.chdir(tempfile.mkdtemp()), os.symlink(os.path.relpath(T), 'link')": "it moved or linked {tree}",
    "os.rename(T + '/sub/two.txt', T + '/three.txt')": "it moved or linked {tree}/sub/two.txt",
    "os.link(T + '/data.txt', 'copy')": "it moved or linked {tree}/data.txt",
    "subprocess.run([sys.executable, '-c', ''])": "it started a process (",
    "os.system('true')": "it started a process (os.system)",
    "os.fork() or os._exit(0)": "it started a process (os.fork)",
    "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)": "it started a process (os.posix_spawn)",
    "spawned()": "it started a process unheard",
    "ctypes.CDLL('libm.so.6')": "it loaded the library libm.so.6",
    "ctypes.CDLL(None).getpid()": "it called getpid of a library",
    "sqlite3.connect(T + '/data.db').close()": "it opened the database {tree}/data.db",
    "sqlite3.connect('file:' + T + '/data.db?mode=memory', uri=True).close()": "it opened the database file:{tree}/",
    "socket.getaddrinfo('127.0.0.1', 80)": "it used the network (socket.getaddrinfo)",
    "in_vain(socket.socket(socket.AF_UNIX).connect, 'gone')": "it used the network (socket.connect)",
    "os.statvfs('/proc')": "it looked at /proc",
    "setattr(os, 'stat', lambda path: None)": "it replaced os.stat",
    "os.path.exists(Raising())": "it disturbed the recording of what it looks at",
    "[(os.mkdir('d' * 200), os.chdir('d' * 200)) for _ in range(30)]": "it disturbed the recording of what it looks at",
    "[os.path.exists(f'{T}/{n}') for n in range(12_500)]": "it looked at too many paths",
    "[os.path.exists(f'{T}/{n:0>3000}') for n in range(1_000)]": "it looked at too many paths",
}
OBSTRUCTION = """
    class Raising:
        def __fspath__(self): raise OSError
    def spawned():
        import _posixsubprocess
        from multiprocessing.util import spawnv_passfds
        os.waitpid(spawnv_passfds(b"/bin/true", [b"true"], []), 0)
"""


def see(bench: Bench, text: str, metrics: tuple[str, ...] = ("peak",)) -> dict[str, Any]:
    """Return what the only pass of a measurement says to have seen."""
    measured(bench.observe(text, metrics, checkout=bench.checkout("box"), calls=15))
    seen: dict[str, Any] = json.loads((bench.work / "response.json").read_text())["accesses"]
    return seen


def prelude_of(bench: Bench) -> str:
    return PRELUDE.replace("TREE_PATH", repr(str(bench.tree)))


def fill(bench: Bench, folder: str = "tree") -> None:
    bench.write(f"{folder}/data.txt", "text\n" * 9)
    bench.write(f"{folder}/sub/one.txt", "")
    bench.write(f"{folder}/sub/two.txt", "")
    bench.write(f"{folder}/box/__init__.py", "def fail(): 1 / 0\n")
    bench.write(f"{folder}/box/text.txt", "")
    bench.write(f"{folder}/code.zip", "")


def below(tree: Path, seen: dict[str, Any], kind: str) -> set[str]:
    """Return paths of a kind relative to the tree; those of other folders are whole."""
    return {
        path[len(str(tree)) + 1 :] if path.startswith(f"{tree}/") or path == str(tree) else path for path in seen[kind]
    }


@every_version
def test_everything_that_is_opened_queried_or_listed_is_reported(versioned: Bench) -> None:
    fill(versioned)
    prelude = prelude_of(versioned) + ACTS
    basis = see(versioned, prelude + "    def run(): pass\n")
    assert (basis["native"], basis["obstacle"]) == (False, None)
    assert below(versioned.tree, basis, "opened") == {f"{versioned.scenarios}/waste.py"}
    folders = {statement: f"{number:02}" for number, statement in enumerate(ACCESSES)}
    acts = f"{prelude}    HOME = os.getcwd()\n    def run():\n        global T\n"
    for statement, folder in folders.items():
        fill(versioned, f"tree/{folder}")
        acts += f"        T = TREE + '/{folder}'\n        {statement}\n        os.chdir(HOME)\n"
    found = added(versioned, see(versioned, acts), basis)
    for statement, folder in folders.items():
        ours = [{path[3:] for path in paths if path.startswith(f"{folder}/")} for paths in found]
        assert (statement, *ours) == (statement, *ACCESSES[statement])
    elsewhere = {path for paths in found for path in paths if path[:2] not in folders.values()}
    assert elsewhere == set()
    for statement, expected in IMPORTS.items():
        seen = see(versioned, prelude + f"    def run(): {statement}\n")
        assert (statement, *added(versioned, seen, basis)) == (statement, *expected)


def added(bench: Bench, seen: dict[str, Any], basis: dict[str, Any]) -> list[set[str]]:
    """Return what was opened, queried and listed beside `basis`, but for extension modules."""
    assert seen["obstacle"] is None
    kinds = [below(bench.tree, seen, kind) - below(bench.tree, basis, kind) for kind in ("opened", "queried", "listed")]
    return [{path for path in paths if not path.endswith(".so")} for paths in kinds]


@pytest.mark.parametrize("versioned", VERSIONS[::2] + VERSIONS[-1:], indirect=True)
def test_what_cannot_be_followed_is_an_obstacle(versioned: Bench) -> None:
    fill(versioned)
    versioned.write("other", "")
    (versioned.tree / "link").symlink_to("sub")
    prelude = prelude_of(versioned) + OBSTRUCTION
    modules = ("ctypes", "os", "socket", "sqlite3", "subprocess", "sys", "tempfile")
    found, expected = {}, {}
    for statement, obstacle in OBSTACLES.items():
        imports = ", ".join(name for name in modules if f"{name}." in statement or name == "os")
        seen = see(versioned, f"{prelude}    import {imports}\n    def run(): {statement}\n")
        expected[statement] = obstacle.format(tree=versioned.tree, above=versioned.tree.parent)
        found[statement] = (seen["obstacle"] or "none")[: len(expected[statement])]
    assert found == expected


@every_version
def test_extension_modules_of_others_and_databases_are_native_code(versioned: Bench) -> None:
    text = """
        import importlib.util, os, shutil, sqlite3, _bisect
        def load(folder):
            path = shutil.copy(_bisect.__file__, folder)
            spec = importlib.util.spec_from_file_location("_bisect", path)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        def run(): {}
    """
    acts = ("pass", "load('.')", "sqlite3.connect(':memory:').close()", "__import__('readline')")
    found = [see(versioned, text.format(act)) for act in acts]
    assert [(seen["native"], seen["obstacle"]) for seen in found] == [(False, None), *[(True, None)] * 3]
    seen = see(versioned, text.format(f"load({str(versioned.tree)!r})"))
    (library,) = versioned.tree.glob("_bisect*.so")
    assert (seen["native"], str(library) in seen["opened"], seen["obstacle"]) == (True, True, None)


@pytest.mark.parametrize("metrics", PASSES)
def test_all_phases_are_recorded_and_nothing_that_the_probe_does_itself(bench: Bench, metrics: tuple[str, ...]) -> None:
    bench.write("tree/box.py", "KEPT = []\ndef keep(): KEPT.append([])\n")
    text = f"""
        import os, box
        T = {str(bench.tree)!r}
        code = compile("box.keep()", "/etc/generated.py", "exec")
        os.path.exists(T + "/import")
        def setup(): os.path.exists(T + "/setup")
        def run():
            exec(code)
            os.path.exists(T + "/run")
        def teardown(): os.path.exists(T + "/teardown")
    """
    case = bench.case(text, setup=(), teardown=True)
    outcome = measured(bench.observe(case, metrics, checkout=bench.checkout("box"), calls=15))
    assert outcome.metrics.get("growth", 64) > 0
    seen = json.loads((bench.work / "response.json").read_text())["accesses"]
    asked = {path for path in below(bench.tree, seen, "queried") if not path.endswith(".so")}
    scenario = str(bench.scenarios / "waste.py")
    package = {"box", "box/__init__.py", "box/__init__.pyc"}  # which the module would give way to
    assert asked == {"import", "setup", "run", "teardown", "box.py", scenario} | package
    assert below(bench.tree, seen, "opened") == {"box.py", scenario}
    assert (below(bench.tree, seen, "listed") - {str(bench.scenarios)}, seen["obstacle"]) == (set(), None)


def test_what_a_build_made_is_as_sound_as_the_environment(bench: Bench) -> None:
    bench.write("tree/box/__init__.py", "from box import version\n")
    (bench.tree / "box" / "version.py").symlink_to(bench.write("generated/version.py", ""))
    text = "import box\ndef run(): pass\n"
    found = []
    for generated in ({}, {"box/version.py": str(bench.tree.parent / "generated" / "version.py")}):
        environment = replace(bench.environment(), generated=generated)
        bench.observe(text, ("peak",), checkout=bench.checkout("box"), environment=environment)
        found.append(json.loads((bench.work / "response.json").read_text())["accesses"]["obstacle"])
    assert found == [f"it followed a symbolic link to {bench.tree}/box/version.py", None]


@every_version
def test_recording_changes_no_figure(versioned: Bench) -> None:
    fill(versioned)
    text = """
        import json, os, box  # json, because tables of the interpreter's grow once, with or without recording
        KEPT = []
        def run():
            folder = os.path.dirname(box.__file__)
            for number in range(1500):
                with open(box.__file__) as file:
                    KEPT.append((number, file.read()))
                KEPT.append(os.stat(box.__file__))
                KEPT.append([os.path.exists(f"{folder}/{number}"), id(KEPT)])
            KEPT.append([entry.name for entry in os.scandir(folder)] + os.listdir(folder))
            try: import gone
            except ImportError: pass
            block = bytearray(10**6)  # so that the peak is here: that of an import moves by 600 bytes with addresses
            with open(box.__file__): os.path.exists(folder)
            os.listdir(folder)
            return os.stat(box.__file__, follow_symlinks=False)
    """
    case = versioned.case(text)
    recorded = measured(versioned.observe(case, FIRST[1:], checkout=versioned.checkout("box"))).metrics
    silent = measure_silently(versioned, case)
    assert abs(recorded.pop("peak") - silent.pop("peak")) < 500
    assert recorded == silent
    assert recorded["retained"] > 1500 * 300


def measure_silently(bench: Bench, case: Case) -> dict[str, int]:
    """Measure the first call without recording: as the pass that explains it does."""
    exchange = Exchange(bench.work, "0" * 32)
    measure = {"pass": "deep", "frames": 1, "metrics": FIRST[1:], "event": None}
    exchange.put(case, bench.checkout("box"), bench.environment(), bench.scenarios, measure)
    command = [*probe_command(bench.environment()), str(exchange.request)]
    variables = child_environment(bench.environment(), bench.work) | {"MEMHARNESS_TOKEN": exchange.token}
    folder, limits = bench.work / "cwd", Limits(wall_seconds=600)
    ending = run_supervised(command, environment=variables, folder=folder, limits=limits, fixed_addresses=True)
    response = exchange.response(ending.pid)
    assert isinstance(response, Delivered)
    assert response.accesses is None
    return response.metrics


@every_version
def test_functions_of_os_are_what_libraries_expect(versioned: Bench) -> None:
    text = """
        import inspect, os, posix, shutil
        class Accessor:
            stat = os.stat
        def run():
            assert Accessor().stat("/dev/null").st_mode == os.stat("/dev/null").st_mode
            assert shutil.rmtree.avoids_symlink_attacks
            assert os.stat in os.supports_fd and os.stat in os.supports_follow_symlinks
            assert os.access in os.supports_effective_ids and posix.access in os.supports_effective_ids
            assert (os.stat.__name__, os.stat.__qualname__, os.stat.__module__) == ("stat", "stat", "posix")
            assert os.stat.__doc__.startswith("Perform a stat system call")
    """
    assert see(versioned, text)["obstacle"] is None
