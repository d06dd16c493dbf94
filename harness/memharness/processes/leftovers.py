"""Processes that killed runs leave behind: found by what their environment holds, and ended."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator, Set
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

    This process and those that it descends from are spared.
    """
    spared = set(_lineage())
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) not in spared:
            with contextlib.suppress(OSError):  # ended meanwhile, or another user's
                _end(entry, marks)


def _lineage() -> Iterator[int]:
    """Yield the ids of this process and of all its ancestors."""
    pid = os.getpid()
    while pid:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            return


def _end(entry: Path, marks: Set[bytes]) -> None:
    """Kill a process whose environment holds one of `marks`; its handle is taken first, since ids are used again."""
    process = os.pidfd_open(int(entry.name))
    try:
        if not marks.isdisjoint((entry / "environ").read_bytes().split(b"\0")):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], _PATIENCE_SECONDS)
    finally:
        os.close(process)
