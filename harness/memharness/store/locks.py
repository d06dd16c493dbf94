"""Who may write: one process at a time for every write, and one `memharness run` at a time for a folder."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from memharness.errors import MemharnessError
from memharness.store import files


@contextmanager
def held(lock: filelock.BaseFileLock, seconds: float) -> Iterator[None]:
    """Hold the lock of single writes; it is re-entrant. Raise MemharnessError if it stays taken for `seconds`."""
    path = Path(lock.lock_file)
    _prepare(path)
    try:
        lock.acquire(timeout=seconds)
    except filelock.Timeout:
        raise MemharnessError(
            f"{path} stayed locked by another process for {seconds:g} s",
            hint="See which process holds it (fuser, lsof), then run the same command again.",
        ) from None
    except OSError as error:
        raise files.failure("lock", path, error) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a results folder for a whole run; raise MemharnessError naming the process that has it.

    The number of that process is in a file of its own, because taking a lock may empty the lock's file.
    """
    owner = folder / ".run.pid"
    lock = filelock.FileLock(folder / ".run.lock")
    _prepare(folder / ".run.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        number = _owner(folder)
        raise MemharnessError(
            f"another memharness run (process {number}) is using {folder}",
            hint="Wait for it to end, or choose another folder for the results.",
        ) from None
    except OSError as error:
        raise files.failure("lock", folder / ".run.lock", error) from error
    try:
        files.Files(folder).write(owner, f"{os.getpid()}\n".encode())
        yield
    finally:
        lock.release()


def _prepare(path: Path) -> None:
    """Make the folder of a lock's file, and see that taking the lock, which may empty the file, empties no other."""
    folder = files.Files(path.parent)
    folder.make(path.parent)
    folder.check_lock(path)


def _owner(folder: Path) -> str:
    """Return the number of the process that says it has the run lock."""
    try:
        content = files.Files(folder).read(folder / ".run.pid") or b""
    except OSError:
        content = b""
    return content.decode().strip() if re.fullmatch(rb"[0-9]{1,10}\n", content) else "unknown"
