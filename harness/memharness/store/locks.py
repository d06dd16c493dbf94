"""Who may write: one process at a time for every write, and one `memharness run` at a time for a folder."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.store.files import ResultFiles, reporting


@contextmanager
def write_lock(lock: filelock.BaseFileLock, seconds: float) -> Iterator[None]:
    """Hold the lock of single writes; it is re-entrant. Raise MemharnessError if it stays taken for `seconds`."""
    taken = MemharnessError(
        f"{lock.lock_file} stayed locked by another process for {seconds:g} s",
        hint="See which process holds it (fuser, lsof), then run the same command again.",
        exit_code=INCOMPLETE,
    )
    with _held(lock, seconds, lambda: taken):
        yield


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a results folder for a whole run; raise MemharnessError naming the process that has it.

    The number of that process is in a file of its own, because taking a lock may empty the lock's file.
    """
    files, owner = ResultFiles(folder), folder / ".run.pid"

    def taken() -> MemharnessError:
        return MemharnessError(
            f"another memharness run (process {_owner(files, owner)}) is using {folder}",
            hint="Wait for it to end, or choose another folder for the results.",
            exit_code=INCOMPLETE,
        )

    with _held(filelock.FileLock(folder / ".run.lock"), 0, taken):
        files.write(owner, f"{os.getpid()}\n".encode())
        yield


@contextmanager
def _held(lock: filelock.BaseFileLock, seconds: float, taken: Callable[[], MemharnessError]) -> Iterator[None]:
    path = Path(lock.lock_file)
    folder = ResultFiles(path.parent)
    folder.make(path.parent)
    folder.check_lock(path)  # taking the lock may empty the file
    with reporting("lock", path):
        try:
            lock.acquire(timeout=seconds)
        except filelock.Timeout:
            raise taken() from None
    try:
        yield
    finally:
        lock.release()


def _owner(files: ResultFiles, path: Path) -> str:
    """Return the number of the process that says it has the run lock."""
    try:
        content = files.read(path) or b""
    except OSError:
        content = b""
    return content.decode().strip() if re.fullmatch(rb"[0-9]{1,10}\n", content) else "unknown"
