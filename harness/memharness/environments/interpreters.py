"""Interpreters: "3.12", a path, or nothing -> an `Interpreter` that the probe runs on."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from memharness.environments.build import locate_uv
from memharness.environments.uv_settings import query_variables
from memharness.errors import MemharnessError
from memharness.model.environments import Interpreter

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_QUERY: Final = (
    "import json, sys; print(json.dumps({'path': sys.executable, 'version': '.'.join(map(str, sys.version_info[:3])),"
    " 'implementation': sys.implementation.name, 'cache_tag': sys.implementation.cache_tag,"
    " 'abiflags': sys.abiflags}))"
)
OLDEST: Final = (3, 8)
_NEWEST: Final = 20  # minor version beyond which none is looked for
_PATIENCE_SECONDS: Final = 60  # for an interpreter that is asked, or uv that asks several
_PATCHES: Final = 40  # more than any minor version has


def find_interpreter(request: str = "") -> Interpreter:
    """Find the interpreter that a version, a path or a name asks for.

    "" is the one that memharness runs on, and so is its own version, lest another of that version be taken.

    Raises MemharnessError where there is none, and where the probe cannot run on it.
    """
    interpreter = _inspect(_locate(request), request)
    version = tuple(int(part) for part in interpreter.version.split(".")[:2])
    if interpreter.implementation != "cpython" or version < OLDEST:
        raise MemharnessError(
            f"Python {request or interpreter.path} is {interpreter.implementation} {interpreter.version}",
            hint="Measuring takes CPython 3.8 or later.",
        )
    return interpreter


def find_fitting(required: "SpecifierSet") -> Interpreter:
    """Find an interpreter of a version that is required: the one that memharness runs on, else the next to it.

    Raises MemharnessError where this machine has none.
    """
    own = find_interpreter()
    if required.contains(own.version):
        return own
    minors = sorted(range(OLDEST[1], _NEWEST + 1), key=lambda minor: (abs(minor - sys.version_info.minor), -minor))
    possible = [minor for minor in minors if any(required.contains(f"3.{minor}.{patch}") for patch in range(_PATCHES))]
    for minor in possible:
        with contextlib.suppress(MemharnessError):
            found = find_interpreter(f"3.{minor}")
            if required.contains(found.version):
                return found
    wanted = f"3.{possible[0]}" if possible else "VERSION"
    raise MemharnessError(
        f"the project requires Python {required}, and this machine has none that fits",
        hint=f"Get one with `uv python install {wanted}`, or give the path of one: --python PATH. "
        "See `memharness help environments`.",
    )


def ask(command: Sequence[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command that asks interpreters something; raise OSError, or TimeoutExpired when all of it is ended."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=variables,
        start_new_session=True,
    ) as process:
        try:
            output, messages = process.communicate(timeout=_PATIENCE_SECONDS)
        except BaseException:
            if process.returncode is None:  # else the id may be another's by now
                os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(command, process.returncode, output, messages)


def _locate(request: str) -> str:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if request in ("", own):
        # the base one: the virtual environment that holds memharness is no part of what is measured
        return str(Path(sys.base_prefix) / "bin" / f"python{own}")
    if os.sep in request:
        return str(Path(request).expanduser().absolute())  # not resolved: a virtual environment is a link
    command = [locate_uv(), "python", "find", "--no-project", "--system", "--no-python-downloads", "--", request]
    variables = {**query_variables(), "PATH": _search_path()}
    try:
        found = ask(command, variables)
    except subprocess.TimeoutExpired:
        raise MemharnessError(
            f"Python {request!r} was not found within {_PATIENCE_SECONDS} s",
            hint="An interpreter on PATH may hang when it is asked; give the path of the one to measure with.",
        ) from None
    if found.returncode:
        version = request if request[:1].isdigit() else "3.12"
        raise MemharnessError(
            f"Python {request!r} was not found on this machine",
            hint=f"Get it with `uv python install {version}` or from your system, or give the path of an interpreter. "
            "See `memharness help environments`.",
        )
    return os.fsdecode(found.stdout).strip()


def _search_path() -> str:
    """PATH with pyenv's own interpreters in place of its shims, which fail for versions that are not selected."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if not folder.endswith("/shims")]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return os.pathsep.join([*folders, *map(str, sorted(pyenv.glob("versions/*/bin"), reverse=True))])


def _inspect(path: str, request: str) -> Interpreter:
    try:
        command = [path, "-I", "-S", "-c", _QUERY]
        return msgspec.json.decode(ask(command, query_variables()).stdout, type=Interpreter)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError):
        raise MemharnessError(
            f"{path} is not a Python interpreter",
            hint=f"Asked for as {request!r}: give a version such as 3.12, or the path of an executable.",
        ) from None
