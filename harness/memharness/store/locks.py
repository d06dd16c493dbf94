"""Who may write: one process at a time for every write, and one `memharness run` at a time for a folder."""

import os
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
    files.make_folder(path.parent)
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
    files.make_folder(folder)
    owner = folder / ".run.pid"
    lock = filelock.FileLock(folder / ".run.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        number = (files.read(owner) or b"unknown").decode(errors="replace").strip()
        raise MemharnessError(
            f"another memharness run (process {number}) is using {folder}",
            hint="Wait for it to end, or choose another folder for the results.",
        ) from None
    except OSError as error:
        raise files.failure("lock", folder / ".run.lock", error) from error
    try:
        files.write(owner, f"{os.getpid()}\n".encode())
        yield
    finally:
        lock.release()
