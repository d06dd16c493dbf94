"""Processes that killed runs leave behind: found by what their environment holds, and ended."""

import contextlib
import os
import select
import signal
from collections.abc import Set
from pathlib import Path
from typing import Final

_PATIENCE_SECONDS: Final = 10


def end_leftovers(work: Path) -> None:
    """Kill every process that was started to measure in the folder `work`.

    Measuring children have their HOME and TMPDIR there. The caller holds the slot, so whatever still runs in it has
    lost its controller; a shell that merely stands in the folder has not.
    """
    end_marked({b"HOME=" + os.fsencode(work / "home"), b"TMPDIR=" + os.fsencode(work / "tmp")})


def end_marked(marks: Set[bytes]) -> None:
    """Kill every process whose environment holds one of `marks`, NAME=value, and wait until it is gone.

    This process and its ancestors are spared. A process id may be given to another process at any time: what is killed
    is the process whose environment was read.
    """
    spared = _lineage()
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) not in spared:
            with contextlib.suppress(OSError):  # it ended meanwhile, or belongs to another user
                _end_if_marked(int(entry.name), marks)


def _lineage() -> set[int]:
    """Return the ids of this process and all its ancestors.

    Where one of them ends amid the walk, its id may be another's by the next step; then the next walk differs.
    """
    while (lineage := _ancestors(os.getpid())) != _ancestors(os.getpid()):
        pass
    return set(lineage)


def _ancestors(pid: int) -> list[int]:
    """Return a process id, that of its parent, and so on."""
    found = []
    while pid:
        found.append(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:  # it has just ended, or is hidden from this user
            break
    return found


def _end_if_marked(pid: int, marks: Set[bytes]) -> None:
    process = os.pidfd_open(pid)  # before its environment is read: were that another's, the signal would reach nobody
    try:
        if not marks.isdisjoint(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            ended = select.poll()
            ended.register(process, select.POLLIN)
            ended.poll(_PATIENCE_SECONDS * 1000)
    finally:
        os.close(process)
