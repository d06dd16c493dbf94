"""Locks of files, shared or exclusive, for threads and processes alike. A lock ends with its process."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from memharness.processes.supervision import Cancelled

_PAUSE_SECONDS: Final = 0.02


@contextlib.contextmanager
def locked(
    path: Path, *, shared: bool = False, wait: bool = True, cancel: threading.Event | None = None
) -> Iterator[int]:
    """Hold the lock of a file, which is made if it is missing, and yield its descriptor.

    Raises OSError, which is BlockingIOError where others hold the lock and none is waited for; Cancelled when `cancel`
    is set meanwhile.
    """
    while True:
        try:
            descriptor = _lock(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            break
        except BlockingIOError:
            if not wait:
                raise
        if cancel is not None and cancel.is_set():
            raise Cancelled
        time.sleep(_PAUSE_SECONDS)
    try:
        yield descriptor
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # were it only closed, a forked process would go on holding it
        os.close(descriptor)


def _lock(path: Path, kind: int) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass  # whoever had it removed the file
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
