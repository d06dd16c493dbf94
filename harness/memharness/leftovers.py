"""Processes that a killed run left behind in a slot: they would spoil the files of the next run there."""

import contextlib
import os
import select
import signal
from pathlib import Path

_PATIENCE_SECONDS = 10


def end_leftovers(folder: Path) -> None:
    """Kill every process that was started with `folder` in its environment, and wait until it is gone.

    Measuring children have their HOME in the slot they measure in. The caller holds the slot, so whatever still runs
    in it has lost its controller.
    """
    mark = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            if mark in (entry / "environ").read_bytes():
                _end(int(entry.name))


def _end(pid: int) -> None:
    process = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], _PATIENCE_SECONDS)
    finally:
        os.close(process)
