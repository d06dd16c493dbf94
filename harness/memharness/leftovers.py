"""What children and killed runs leave behind in a slot: processes, and folders that resist being removed."""

import contextlib
import os
import select
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

_PATIENCE_SECONDS = 10


def end_leftovers(work: Path) -> None:
    """Kill every process that was started to measure in the folder `work`, and wait until it is gone.

    Measuring children have their HOME and TMPDIR there. The caller holds the slot, so whatever still runs in it has
    lost its controller; a shell that merely stands in the folder has not, nor has the caller's own line of descent.
    """
    marks = {b"HOME=" + os.fsencode(work / "home"), b"TMPDIR=" + os.fsencode(work / "tmp")}
    spared = set(_lineage())
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            if int(entry.name) not in spared and not marks.isdisjoint((entry / "environ").read_bytes().split(b"\0")):
                _end(int(entry.name))


def _lineage() -> Iterator[int]:
    """Yield the ids of this process and of all its ancestors."""
    pid = os.getpid()
    while pid:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            return


def _end(pid: int) -> None:
    process = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], _PATIENCE_SECONDS)
    finally:
        os.close(process)


def remove(folder: Path) -> None:
    """Delete a folder or file with all it holds, also what a workload made unreadable."""
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(folder)
    except PermissionError:
        folder.chmod(0o700)
        for parent, names, _ in os.walk(folder):
            for path in (Path(parent, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o700)  # before the walk enters it
        shutil.rmtree(folder)
