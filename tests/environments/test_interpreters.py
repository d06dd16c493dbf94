"""Interpreters: found by version, path or name, and asked without waiting for ever."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from memharness.environments import find_interpreter, interpreters
from memharness.errors import MemharnessError
from memharness.model.environments import Interpreter


def test_own_interpreter_is_the_base_one() -> None:
    found = find_interpreter()
    assert found == Interpreter(
        path=found.path,
        version=".".join(map(str, sys.version_info[:3])),
        implementation="cpython",
        cache_tag=str(sys.implementation.cache_tag),
        abiflags=sys.abiflags,
    )
    assert os.path.realpath(found.path) == os.path.realpath(sys.executable)
    assert not Path(found.path).is_relative_to(sys.prefix)


def test_by_version_and_by_path() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert find_interpreter(version).cache_tag == sys.implementation.cache_tag
    assert find_interpreter(sys.executable).path == sys.executable  # a virtual environment stays one


def test_versions_of_pyenv_are_found_behind_its_shims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shim, real = tmp_path / "shims", tmp_path / "versions" / version / "bin"
    for folder in (shim, real):
        folder.mkdir(parents=True)
    (shim / f"python{version}").write_text("#!/bin/sh\nexit 127\n")
    (shim / f"python{version}").chmod(0o755)
    (real / f"python{version}").symlink_to(find_interpreter().path)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(shim))
    assert os.path.realpath(find_interpreter(version).path) == os.path.realpath(find_interpreter().path)


@pytest.mark.parametrize(
    ("request_", "message", "hint"),
    [
        ("3.99", "Python '3.99' was not found", "uv python install 3.99"),
        ("no-such-python", "Python 'no-such-python' was not found", "path of an interpreter"),
        ("/bin/cat", "/bin/cat is not a Python interpreter", "a version such as 3.12"),
        ("/no/such/python", "/no/such/python is not a Python interpreter", "a version such as 3.12"),
    ],
)
def test_unusable_interpreters(request_: str, message: str, hint: str) -> None:
    with pytest.raises(MemharnessError) as caught:
        find_interpreter(request_)
    assert message in caught.value.message
    assert hint in caught.value.hint


def is_running(pid: str) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.parametrize("request_", ["3.9", "/python3.9"])
def test_an_interpreter_that_hangs_is_not_waited_for(
    request_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "python3.9"
    hanging.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nsleep 1000\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(interpreters, "_PATIENCE_SECONDS", 2)
    with pytest.raises(MemharnessError, match=r"not found within 2 s|is not a Python interpreter"):
        find_interpreter(f"{tmp_path}{request_}" if "/" in request_ else request_)
    asked = tmp_path / "pids"  # by uv only if it got there in time
    for pid in asked.read_text().split() if asked.exists() else ():
        for _ in range(1000):  # the kernel takes a moment for what was killed
            if not is_running(pid):
                break
            time.sleep(0.01)
        assert not is_running(pid)


def test_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python"
    facts = {"path": str(old), "version": "3.7.16", "implementation": "cpython", "cache_tag": "cpython-37"}
    old.write_text(f"#!/bin/sh\necho '{json.dumps(facts)}'\n")
    old.chmod(0o755)
    with pytest.raises(MemharnessError, match=r"is cpython 3\.7\.16") as caught:
        find_interpreter(str(old))
    assert caught.value.hint == "Measuring takes CPython 3.8 or later."
