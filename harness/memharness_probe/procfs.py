"""Numbers of this process from /proc, read into a buffer.

Objects whose sizes depend on the numbers would shift what is allocated after them, and some caches of the interpreter
depend on addresses.
"""

from __future__ import annotations

import os
from os import O_RDONLY

_open, _read_into, _close = os.open, os.readv, os.close
_BUFFER = bytearray(1 << 14)
_SPACE, _ZERO, _NINE = b" 09"
_FAULTS = 9  # spaces before cminflt, after the name; see proc(5)


def faults_of_children() -> int:
    """Page faults of the processes that this one has waited for: every process has some."""
    end = _load("/proc/self/stat")
    at = _BUFFER.rfind(b") ", 0, end)
    for _ in range(_FAULTS):
        at = _BUFFER.find(_SPACE, at + 1, end)
    return _number(at + 1, end)


def resident_peak() -> int | None:
    """Peak of resident memory in bytes; None where the kernel does not say."""
    end = _load("/proc/self/status")
    at = _BUFFER.find(b"VmHWM:", 0, end)
    return None if at < 0 else _number(at + len("VmHWM:"), end) << 10


def _load(path: str) -> int:
    """Fill the buffer with a file and return the length; 0 where it cannot be read."""
    try:
        descriptor = _open(path, O_RDONLY)
    except Exception:  # noqa: BLE001  (an audit hook of the workload's may raise anything)
        return 0
    try:
        return _read_into(descriptor, [_BUFFER])
    finally:
        _close(descriptor)


def _number(at: int, end: int) -> int:
    """Return the number at `at`, after white space."""
    while at < end and _BUFFER[at] <= _SPACE:
        at += 1
    number = 0
    while at < end and _ZERO <= _BUFFER[at] <= _NINE:
        number = 10 * number + _BUFFER[at] - _ZERO
        at += 1
    return number
