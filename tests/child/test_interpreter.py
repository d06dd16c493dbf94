"""Byte code that real interpreters write before anything is measured."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from children import Bench
from memharness.child.interpreter import compile_bytecode
from memharness.errors import MemharnessError
from missing import interpreter as installed

TAG = sys.implementation.cache_tag
BASE = f"{sys.base_prefix}/bin/python3"


def interpreter(folder: Path, act: str) -> str:
    """Make an interpreter that does `act` before it compiles a `source`."""
    python = folder / "python"
    program = (
        "import builtins, os, runpy, sys, time\nusual = builtins.compile\n"
        f"def compile(source, *args, **kwargs):\n    {act}\n    return usual(source, *args, **kwargs)\n"
        "builtins.compile = compile\nsys.argv = sys.argv[sys.argv.index('--') + 1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    (folder / "prelude.py").write_text(program)
    python.write_text(f'#!/bin/sh\nshift 5\nexec {BASE} -I -S "{folder}/prelude.py" -- "$@"\n')
    python.chmod(0o755)
    return str(python)


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


def test_byte_code_is_written_unchecked_and_bad_sources_are_passed_over(tmp_path: Path) -> None:
    good, bad, odd = (tmp_path / name for name in ("good.py", "bad.py", "odd \u00fc.py"))
    good.write_text("def run(): return 1\n")
    bad.write_text("def run(:\n")
    odd.write_text("x = 1\n")
    undecodable = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")
    Path(undecodable).write_text("x = 1\n")
    compile_bytecode(BASE, [str(good), str(bad), str(tmp_path / "gone.py"), str(odd), undecodable])
    names = {file.name for file in tmp_path.rglob("*.pyc")}
    assert names == {f"good.{TAG}.pyc", f"odd \u00fc.{TAG}.pyc", f"\udcff.{TAG}.pyc"}
    code = (tmp_path / "__pycache__" / f"good.{TAG}.pyc").read_bytes()
    assert code[4:8] == b"\x01\0\0\0"  # by hash, unchecked
    good.write_text("raise SystemError('read the source')\n")
    os.utime(good, (time.time() - 1000,) * 2)
    command = [BASE, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import good; print(good.run())"]
    shown = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (shown.stdout, shown.stderr) == ("1\n", "")


def test_nothing_to_compile_starts_nothing() -> None:
    compile_bytecode("/nowhere/python", [])


def test_more_names_than_a_command_holds(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["x" * 200] * 10)
    folder.mkdir(parents=True)
    names = [f"{number:0200d}" for number in range(1000)]
    compile_bytecode(BASE, sources(folder, *names))
    assert written(folder) == {*names}


@pytest.mark.parametrize("names", [("a", "bad1", "b", "bad2", "bad3", "c"), ("bad1", "a"), ("a", "bad1"), ("bad1",)])
def test_a_source_that_crashes_the_compiler_is_passed_over(tmp_path: Path, names: tuple[str, ...]) -> None:
    python = interpreter(tmp_path, "if b'bad' in source: os.abort()")
    (tmp_path / "tree").mkdir()
    compile_bytecode(python, sources(tmp_path / "tree", *names))
    assert written(tmp_path / "tree") == {"a", "b", "c"} & {*names}


def test_a_compiler_that_ends_once_loses_nothing(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    python = interpreter(
        tmp_path, f"if b'bad' in source and not os.path.exists({mark!r}): os.mkdir({mark!r}); os.abort()"
    )
    (tmp_path / "tree").mkdir()
    compile_bytecode(python, sources(tmp_path / "tree", "a", "bad", "b"))
    assert written(tmp_path / "tree") == {"a", "bad", "b"}


def test_a_source_that_takes_for_ever_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memharness.child.interpreter._PATIENCE_SECONDS", 1)
    python = interpreter(tmp_path, "if b'slow' in source: time.sleep(1000)")
    (tmp_path / "tree").mkdir()
    compile_bytecode(python, sources(tmp_path / "tree", "before", "slow", "after"))
    assert written(tmp_path / "tree") == {"before", "after"}


def test_a_compiler_of_a_killed_controller_writes_nothing_more(tmp_path: Path) -> None:
    told, heard = tmp_path / "told", tmp_path / "heard"
    os.mkfifo(told)
    os.mkfifo(heard)
    act = f"if b'slow' in source: print(os.getpid(), file=open({str(told)!r}, 'w')); open({str(heard)!r}).close()"
    (tmp_path / "tree").mkdir()
    names = sources(tmp_path / "tree", "a", "slow", "b")
    code = (
        "import sys; from memharness.child.interpreter import compile_bytecode; "
        "compile_bytecode(sys.argv[1], sys.argv[2:])"
    )
    with subprocess.Popen([sys.executable, "-c", code, interpreter(tmp_path, act), *names]) as controller:
        descriptor = os.pidfd_open(int(told.read_text()))  # it is about to compile the second source
        controller.kill()
    assert select.select([descriptor], [], [], 60)[0]
    os.close(descriptor)
    assert written(tmp_path / "tree") == {"a"}


@pytest.mark.parametrize("program", ["/bin/false", "/bin/true"])
def test_what_is_no_interpreter_is_an_error(program: str, tmp_path: Path) -> None:
    with pytest.raises(MemharnessError) as raised:
        compile_bytecode(program, sources(tmp_path, "a"))
    assert raised.value.message == f"Byte code could not be written with {program}: no reason given"


def test_byte_code_that_cannot_be_written_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("a file where the folder should be")
    names = sources(tmp_path, "a")
    with pytest.raises(MemharnessError) as raised:
        compile_bytecode(BASE, names)
    assert raised.value.message.startswith(f"Byte code could not be written with {BASE}: ")
    assert str(tmp_path / "__pycache__") in raised.value.message
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
        compile_bytecode(python, [str(tmp_path / "a.py")])
        (file,) = (tmp_path / "__pycache__").iterdir()
        found.add(file.read_bytes())
    assert len(found) == 1


def test_every_source_has_a_folder_for_byte_code_also_one_that_does_not_compile(tmp_path: Path) -> None:
    for name in ("bad", "bare"):
        (tmp_path / name).mkdir()
    (tmp_path / "bad/a.py").write_text("x =\n")
    (tmp_path / "file").write_text("")
    python = interpreter(tmp_path / "bare", "if b'NAME' in source: os.abort()")
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


def test_a_missing_interpreter_is_an_error_with_a_way_out(bench: Bench) -> None:
    environment = replace(bench.environment(), python="/nowhere/python")
    for work in (
        lambda: bench.observe("def run(): pass\n", environment=environment),
        lambda: compile_bytecode("/nowhere/python", ["/x.py"]),
    ):
        with pytest.raises(MemharnessError, match="/nowhere/python cannot be started") as raised:
            work()
        assert raised.value.hint
