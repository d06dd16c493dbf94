"""Compilers of byte code: real interpreters, whose processes are looked up in /proc."""

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from children import Bench, measured
from memharness.child.interpreter import compile_bytecode
from memharness.errors import MemharnessError
from missing import interpreter as installed

TAG = sys.implementation.cache_tag
BASE = f"{sys.base_prefix}/bin/python3"
BLOCK = 57  # bytes of a bytearray beside its contents
CONTROLLER = """
import os, sys, time
from pathlib import Path
from memharness.child.interpreter import compile_bytecode
compile_bytecode(sys.argv[1], [sys.argv[2]])
print(Path(f"/proc/self/task/{os.getpid()}/children").read_text(), flush=True)
time.sleep(float(sys.argv[3]))
"""


def interpreter(folder: Path, prelude: str) -> str:
    """Make an interpreter of its own kind: one that runs `prelude` before any script."""
    python = folder / "python"
    program = f"import runpy, sys\n{prelude}\nrunpy.run_path(sys.argv[1], run_name='__main__')\n"
    (folder / "prelude.py").write_text(program)
    python.write_text(f'#!/bin/sh\nfor script; do :; done\nexec {BASE} -I -S "{folder}/prelude.py" "$script"\n')
    python.chmod(0o755)
    return str(python)


def compilers() -> set[int]:
    """Return the ids of this process' compilers."""
    lists = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
    pids = [int(pid) for text in lists for pid in text.split()]
    return {pid for pid in pids if b"bytecode.py" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def sources(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / f"{name}.py").write_text(f"NAME = {name!r}\n")
    return [str(folder / f"{name}.py") for name in names]


def written(folder: Path) -> set[str]:
    """Return the names that have byte code, and take it away."""
    found = list((folder / "__pycache__").iterdir())
    for file in found:
        file.unlink()
    return {file.name.removesuffix(f".{TAG}.pyc") for file in found}


def ends(pid: int) -> bool:
    """Tell whether a process is gone, or going within a minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 60)[0])
    finally:
        os.close(descriptor)


def test_a_compiler_stays_and_linked_interpreters_share_it(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(BASE)
    compile_bytecode(BASE, sources(tmp_path, "a", "b"))
    before = compilers()
    compile_bytecode(str(tmp_path / "python"), sources(tmp_path, "c"))
    assert written(tmp_path) == {"a", "b", "c"}
    assert compilers() == before
    assert before


def test_nothing_to_compile_starts_nothing() -> None:
    compile_bytecode("/nowhere/python", [])


def test_more_names_than_a_pipe_holds(tmp_path: Path) -> None:
    names = sources(tmp_path, *(f"{number:0200d}" for number in range(1000)))
    compile_bytecode(BASE, names)
    assert written(tmp_path) == {f"{number:0200d}" for number in range(1000)}


def test_threads_use_compilers_of_their_own(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    names = [f"m{number}" for number in range(50)]
    before = len(compilers())

    def work(folder: Path) -> None:
        folder.mkdir()
        for name in names:
            compile_bytecode(BASE, sources(folder, name))

    threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [written(folder) for folder in folders] == [set(names)] * 3
    assert len(compilers()) <= max(before, 3)


def test_a_source_that_crashes_the_compiler_is_passed_over(tmp_path: Path) -> None:
    crash = "import builtins, os; kept = compile\n"
    crash += "builtins.compile = lambda s, *a, **k: os.abort() if b'bad' in s else kept(s, *a, **k)"
    python = interpreter(tmp_path, crash)
    (tmp_path / "tree").mkdir()
    compile_bytecode(python, sources(tmp_path / "tree", "a", "bad1", "b", "bad2", "bad3", "c"))
    assert written(tmp_path / "tree") == {"a", "b", "c"}


def test_a_compiler_that_was_killed_is_replaced(tmp_path: Path) -> None:
    compile_bytecode(BASE, sources(tmp_path, "a"))
    for pid in compilers():
        os.kill(pid, signal.SIGKILL)
    compile_bytecode(BASE, sources(tmp_path, "b", "c"))
    assert written(tmp_path) == {"a", "b", "c"}


def test_a_compiler_that_has_grown_is_not_kept(tmp_path: Path) -> None:
    before = compilers()
    lean, fat = tmp_path / "lean", tmp_path / "fat"
    for folder, prelude in ((lean, ""), (fat, "ballast = b'1' * (65 << 20)")):
        folder.mkdir()
        compile_bytecode(interpreter(folder, prelude), sources(folder, "a"))
        assert written(folder) == {"a"}
        assert len(compilers() - before) == 1


def test_compilers_end_with_the_controller(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "dev", "-c", CONTROLLER, BASE, *sources(tmp_path, "a")]
    done = subprocess.run([*command, "0"], capture_output=True, text=True)
    assert (written(tmp_path), done.stderr) == ({"a"}, "")
    assert not Path(f"/proc/{int(done.stdout)}").exists()  # waited for: what it cost counts as the controller's
    with subprocess.Popen([*command, "600"], stdout=subprocess.PIPE, text=True) as controller:
        assert controller.stdout is not None
        pid = int(controller.stdout.readline())
        controller.kill()
    assert ends(pid)


def test_a_compiler_of_a_killed_controller_writes_nothing_more(tmp_path: Path) -> None:
    told, heard = tmp_path / "told", tmp_path / "heard"
    os.mkfifo(told)
    os.mkfifo(heard)
    slow = f"import builtins; kept = compile; builtins.compile = lambda s, *a, **k: (open({str(told)!r}, 'w').close(), "
    slow += f"open({str(heard)!r}).close(), kept(s, *a, **k))[-1] if b'slow' in s else kept(s, *a, **k)"
    (tmp_path / "tree").mkdir()
    names = sources(tmp_path / "tree", "a", "slow", "b")
    code = (
        "import sys; from memharness.child.interpreter import compile_bytecode; "
        "compile_bytecode(sys.argv[1], sys.argv[2:])"
    )
    with subprocess.Popen([sys.executable, "-c", code, interpreter(tmp_path, slow), *names]) as controller:
        told.open().close()  # it is about to compile the second source
        (pid,) = map(int, Path(f"/proc/{controller.pid}/task/{controller.pid}/children").read_text().split())
        descriptor = os.pidfd_open(pid)
        controller.kill()
    heard.open("w").close()
    assert select.select([descriptor], [], [], 60)[0]
    os.close(descriptor)
    assert written(tmp_path / "tree") == {"a"}


def test_what_is_measured_inherits_no_pipe_of_a_compiler(tmp_path: Path) -> None:
    bench = Bench(tmp_path, python=BASE, version=".".join(map(str, sys.version_info[:3])))
    text = "import os\ndef run():\n    found = set()\n    for fd in os.listdir('/proc/self/fd'):\n"
    text += "        try: found.add(os.readlink(f'/proc/self/fd/{fd}'))\n        except OSError: pass\n"
    text += "    return bytearray(1000 * len([name for name in found if name.startswith('pipe:')]))\n"
    assert measured(bench.observe(text)).metrics["result"] == 1000 + BLOCK  # one, for its output
    assert compilers()


@pytest.mark.parametrize("program", ["/bin/false", "/bin/true"])
def test_what_is_no_interpreter_is_an_error(program: str, tmp_path: Path) -> None:
    with pytest.raises(MemharnessError) as raised:
        compile_bytecode(program, sources(tmp_path, "a"))
    assert raised.value.message == f"Byte code could not be written with {program}: no reason given"


def test_byte_code_that_cannot_be_written_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("a file where the folder should be")
    names = sources(tmp_path, "a")
    before = compilers()
    with pytest.raises(MemharnessError) as raised:
        compile_bytecode(BASE, names)
    place = tmp_path / "__pycache__"
    assert raised.value.message.startswith(f"Byte code could not be written with {BASE}: ")
    assert str(place) in raised.value.message
    assert compilers() <= before
    (tmp_path / "__pycache__").unlink()
    compile_bytecode(BASE, names)
    assert written(tmp_path) == {"a"}


@pytest.mark.parametrize("version", ["3.8.18", "3.9.18", "3.10.13", "3.11.7"])
def test_byte_code_is_the_same_from_any_compiler(version: str, tmp_path: Path) -> None:
    python = installed(version)
    names = {f"name_{number}" for number in range(40)}
    (tmp_path / "a.py").write_text(f"def run(name):\n    return name in {names!r}\n")
    found = set()
    for _ in range(3):
        for pid in compilers():
            os.kill(pid, signal.SIGKILL)
        compile_bytecode(python, [str(tmp_path / "a.py")])
        (file,) = (tmp_path / "__pycache__").iterdir()
        found.add(file.read_bytes())
    assert len(found) == 1


def test_every_source_has_a_folder_for_byte_code_also_one_that_does_not_compile(tmp_path: Path) -> None:
    for name in ("bad", "bare"):
        (tmp_path / name).mkdir()
    (tmp_path / "bad/a.py").write_text("x =\n")
    (tmp_path / "file").write_text("")
    crash = "import builtins, os; kept = compile\n"
    crash += "builtins.compile = lambda s, *a, **k: os.abort() if b'NAME' in s else kept(s, *a, **k)"
    python = interpreter(tmp_path / "bare", crash)
    compile_bytecode(BASE, [str(tmp_path / name) for name in ("bad/a.py", "gone/a.py", "file/a.py")])
    compile_bytecode(python, sources(tmp_path / "bare", "b"))
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("__pycache__"))] == [
        "bad/__pycache__",
        "bare/__pycache__",
    ]
    assert (written(tmp_path / "bad"), written(tmp_path / "bare"), (tmp_path / "gone").exists()) == (
        set(),
        set(),
        False,
    )


@pytest.mark.parametrize("target", ["fifo", "/dev/zero", "/dev/stdin", "folder"])
def test_a_link_to_no_file_is_passed_over(tmp_path: Path, target: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.py").symlink_to(target)
    compile_bytecode(BASE, [str(tmp_path / "link.py"), *sources(tmp_path, "usual")])
    assert written(tmp_path) == {"usual"}


def test_a_source_that_takes_for_ever_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memharness.child.compiler._PATIENCE_SECONDS", 1)
    prelude = "import builtins, time; usual = compile\n"
    prelude += (
        "builtins.compile = lambda s, path, *a, **k: 'slow' in path and time.sleep(1000) or usual(s, path, *a, **k)"
    )
    compile_bytecode(interpreter(tmp_path, prelude), sources(tmp_path, "before", "slow", "after"))
    assert written(tmp_path) == {"before", "after"}
