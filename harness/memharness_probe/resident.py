"""The rise of the resident memory's high-water mark over the first call, with nothing traced.

Never `ru_maxrss`: it survives exec, so it starts with the parent's.
"""

from __future__ import annotations

import os
from os import O_RDONLY, O_WRONLY

from memharness_probe import tracing
from memharness_probe.outcome import leave_if_forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.workload import Workload

_open, _read, _write, _close = os.open, os.read, os.write, os.close
_STATUS = "/proc/self/status"
_RESET_PEAK = b"5"  # see proc(5), clear_refs


def measure(work: Workload, _request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response."""
    work.load()
    work.setup()
    call = work.bind_run()
    tracing.settle()
    work.rest()
    notes = [] if _forget_peak() else ["rss_peak: the mark could not be reset, so it may come out too low"]
    before = _peak_bytes()
    work.enter("run")
    result = call()
    tracing.hook_trace(None)
    tracing.hook_profile(None)
    work.rest()
    after = _peak_bytes()
    leave_if_forked()
    del result
    work.teardown()
    if before is None or after is None:
        return {"metrics": {}, "notes": [f"rss_peak: {_STATUS} has no VmHWM"]}
    return {"metrics": {"rss_peak": after - before}, "notes": notes}


def _forget_peak() -> bool:
    try:
        descriptor = _open("/proc/self/clear_refs", O_WRONLY)
    except OSError:
        return False
    try:
        return _write(descriptor, _RESET_PEAK) == 1
    except OSError:
        return False
    finally:
        _close(descriptor)


def _peak_bytes() -> int | None:
    try:
        descriptor = _open(_STATUS, O_RDONLY)
    except OSError:
        return None
    try:
        text = _read(descriptor, 1 << 16)
    finally:
        _close(descriptor)
    _, found, rest = text.partition(b"VmHWM:")
    return int(rest.split()[0]) << 10 if found else None
