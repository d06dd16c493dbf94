"""Processes that outlive the measured one: adopted by this process, found by a token, ended.

A descendant that made a session of its own escapes the kill of its group. As child subreaper this process becomes
the parent of all such orphans, and of nothing else that it did not start itself. One that also replaced its
environment is not recognised and left alone, as it could be another thread's child.
"""

import contextlib
import ctypes
import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
_SESSION: Final = 3  # fields of /proc/PID/stat after the name
_PARENT: Final = 1
_GENERATIONS: Final = 1000  # the end of a process makes orphans of its children: each round finds the next


@functools.cache
def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans(session: int, token: str) -> None:
    """End and wait for adopted processes of `session`, or with `token` in their environment, and their own orphans."""
    mark = f"MEMHARNESS_TOKEN={token}\0".encode()
    for _ in range(_GENERATIONS):
        found = [pid for pid in _children() if _session(pid) == session or mark in _environment(pid)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError, ChildProcessError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        if not found:
            return


def _children() -> Iterator[int]:
    """Yield the ids of this process' children; the kernel lists them by thread, if it was built to."""
    try:
        lists = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
    except OSError:
        entries = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        yield from (pid for pid in entries if _stat(pid)[_PARENT : _PARENT + 1] == [str(os.getpid())])
    else:
        for text in lists:
            yield from map(int, text.split())


def _session(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[_SESSION]) if fields else 0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
