"""Starts interpreters: which command and environment run the probe, and byte-compiling before."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from memharness.errors import MemharnessError
from memharness.model.environments import Environment
from memharness.processes.supervision import Ending, Limits, run_supervised

_PROBE: Final = Path(__file__).parents[2] / "memharness_probe"
_MAIN: Final = _PROBE / "__main__.py"
_CONSTANT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",  # nothing that is printed before a crash is lost
    "PYTHONFAULTHANDLER": "1",  # a fatal signal prints the Python stack
}
# Up to 3.10 byte code holds sets in the order of their hashes.
_UNMEASURED: Final = {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
_BATCH: Final = 100  # files given to one compiler: a command has room for so many long paths
_PATIENCE_SECONDS: Final = 300
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


def compile_bytecode(python: str, paths: Sequence[str]) -> None:
    """Byte-compile files for the interpreter `python`, once their contents are final: see `bytecode.py`.

    Skips a file that does not compile, and one at which two compilers crashed or hung. Raises MemharnessError where
    byte code cannot be written.
    """
    start, suspect = 0, -1
    while start < len(paths):
        batch = paths[start : start + _BATCH]
        done = _compile(python, batch)
        if done == 0 and start == suspect:
            done = 1
        elif done < len(batch):
            suspect = start + done
        start += done


def _compile(python: str, paths: Sequence[str]) -> int:
    """Return how many files were compiled before the compiler ended: fewer than all where it crashed."""
    ending = _run([python, "-s", "-S", "-B", "-W", "ignore", str(_PROBE / "bytecode.py"), *paths])
    dots = len(ending.output) - len(ending.output.lstrip("."))
    if dots == 0 or ending.status > 0:
        raise _not_written(f"Byte code could not be written with {python}", ending)
    return dots - 1


def _write_probe_bytecode(command: list[str], cache_tag: str) -> None:
    """Have the interpreter write the probe's byte code, checked by time as usual; 40 ms of every child else."""
    for source in _PROBE.glob("*.py"):
        if source not in (_MAIN, _PROBE / "bytecode.py"):
            target = source.parent / "__pycache__" / f"{source.stem}.{cache_tag}.pyc"
            if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                ending = _run([*command, str(_MAIN)])
                if ending.status:
                    raise _not_written(f"The probe does not start with {command[0]}", ending)
                return


def _run(command: list[str]) -> Ending:
    """Run an interpreter to its end; once more where something killed its supervisor."""
    limits = Limits(wall_seconds=_PATIENCE_SECONDS)
    ending = run_supervised(command, environment=_UNMEASURED, folder=Path("/"), limits=limits, fixed_addresses=True)
    if ending.cause == "lost":
        ending = run_supervised(command, environment=_UNMEASURED, folder=Path("/"), limits=limits, fixed_addresses=True)
    return ending


def _not_written(what: str, ending: Ending) -> MemharnessError:
    """Return the error of an interpreter that ended before its work was done."""
    last = ending.output.strip(".\n").rpartition("\n")[2] or "no reason given"
    reason = f"it took longer than {_PATIENCE_SECONDS} s" if ending.cause == "wall" else last
    return MemharnessError(
        f"{what}: {reason}",
        hint="Check that the disk has room and the cache folder can be written.",
    )
