"""How an interpreter is started: as the probe, with which environment; and what it byte-compiles before."""

import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from memharness.child.compiler import lend
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.model.environments import Environment

_PROBE: Final = Path(__file__).parents[2] / "memharness_probe"
_MAIN: Final = _PROBE / "__main__.py"
_CONSTANT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",  # what was printed before a crash is kept
    "PYTHONFAULTHANDLER": "1",  # a fatal signal prints the Python stack
}
_START_SECONDS: Final = 300
_prepared: set[str] = set()
_preparing = threading.Lock()


def child_environment(environment: Environment, workdir: Path) -> dict[str, str]:
    """Return the whole environment of a measured process; nothing of the host's own gets in."""
    folders = {"HOME": str(workdir / "home"), "TMPDIR": str(workdir / "tmp")}
    return {**_CONSTANT, **folders, **environment.variables}


def probe_command(environment: Environment) -> list[str]:
    """Return the command that starts the probe, to be followed by the path of a request."""
    version = tuple(int(part) for part in environment.facts.python.split(".")[:2])
    command = [environment.python, *(["-P"] if version >= (3, 11) else []), "-s", "-S"]
    with _preparing:
        if environment.python not in _prepared:
            _write_probe_bytecode(command, environment.cache_tag)
            _prepared.add(environment.python)
    return [*command, "-B", str(_MAIN)]


def probe_is_there() -> bool:
    """Tell whether the files that children run are still installed."""
    return _MAIN.exists()


def compile_bytecode(python: str, paths: Iterable[str]) -> None:
    """Byte-compile files for the interpreter `python`, once their contents are final: see `bytecode.py`.

    A file that does not compile is passed over, and so is one that was the end of two compilers, the second just
    started. Raises MemharnessError when byte code cannot be written.
    """
    waiting = list(paths)
    suspect: str | None = None
    while waiting:
        with lend(python, anew=suspect is not None) as compiler:
            waiting = waiting[compiler.compile(waiting) :]
        if waiting and waiting[0] == suspect:
            del waiting[0]
        elif waiting:
            suspect = waiting[0]


def _write_probe_bytecode(command: list[str], cache_tag: str) -> None:
    """Have the interpreter write the probe's byte code, checked by time as usual; 40 ms of every child else."""
    for source in _PROBE.glob("*.py"):
        if source not in (_MAIN, _PROBE / "bytecode.py"):
            target = source.parent / "__pycache__" / f"{source.stem}.{cache_tag}.pyc"
            if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                _run([*command, str(_MAIN)])
                return


def _run(command: list[str]) -> None:
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
            capture_output=True,
            check=True,
            timeout=_START_SECONDS,
        )
    except OSError as error:
        raise MemharnessError(f"{command[0]} cannot be started: {error.strerror}", hint="Is it gone?") from None
    except subprocess.TimeoutExpired:
        raise MemharnessError(
            f"{command[0]} does not start within {_START_SECONDS} s",
            hint="See what it waits for.",
            exit_code=INCOMPLETE,
        ) from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise MemharnessError(
            f"The probe does not start with {command[0]}: {last}",
            hint="Check that the disk has room and the cache folder can be written.",
        ) from None
