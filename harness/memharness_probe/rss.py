"""Two calls: how much the first, untraced, raises the peak of resident memory; the traced peak of the second.

Never `ru_maxrss`: it survives exec, so it starts with the peak of the parent.
"""

from __future__ import annotations

import os
from os import O_WRONLY

from memharness_probe import signals, tracing
from memharness_probe.delivery import leave_if_forked
from memharness_probe.failure import reason
from memharness_probe.procfs import resident_peak

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.workload import Workload

_open, _write, _close = os.open, os.write, os.close
_CALLED = {"run": "call", "setup": "setup"}
_RESET_PEAK = b"5"  # see proc(5), clear_refs


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response."""
    wanted = request["metrics"]
    metrics: dict[str, int] = {}
    notes: list[str] = []
    work.load()
    work.setup()
    call = work.bind_run()
    tracing.settle()
    work.end_user_code()
    if "rss_peak" in wanted and not _forget_peak():
        notes.append("rss_peak: the mark could not be reset, so it may come out too low")
    before = resident_peak()
    work.begin_user_code()
    result = call()
    tracing.hook_trace(None)
    tracing.hook_profile(None)
    work.end_user_code()
    after = resident_peak()
    leave_if_forked()
    del result
    if "rss_peak" in wanted and before is not None and after is not None:
        metrics["rss_peak"] = after - before
    elif "rss_peak" in wanted:
        notes.append("rss_peak: no VmHWM could be read from /proc/self/status")
    if "warm_peak" in wanted:
        work.begin_user_code()
        try:
            if work.fresh:
                work.renew()
            metrics["warm_peak"] = _warm_peak(call)
        except Exception as error:  # noqa: BLE001  (what is known of the first call stands)
            tracing.hook_trace(None)
            tracing.hook_profile(None)
            leave_if_forked()
            notes.append(f"warm_peak: the second {_CALLED[work.phase]} raised {reason(error)}")
        finally:
            tracing.stop()
    work.teardown()
    return {"metrics": metrics, "notes": notes}


def _warm_peak(call: Callable[[], Any]) -> int:
    """Return the highest traced size during a call, above that at its start; read as in `first_call`."""
    readings = tracing.cells(3)
    tracing.settle()
    tracing.start(1)
    marker = tracing.new_marker()
    result = call()
    readings[tracing.PEAK] = tracing.traced()[1]
    tracing.hook_trace(None)
    tracing.hook_profile(None)
    signals.hold()
    tracing.clear_cached(readings)
    leave_if_forked()
    tracing.check(marker)
    del result
    return tracing.peak(readings, marker)


def _forget_peak() -> bool:
    try:
        descriptor = _open("/proc/self/clear_refs", O_WRONLY)
    except Exception:  # noqa: BLE001  (an audit hook of the workload's may raise anything)
        return False
    try:
        return _write(descriptor, _RESET_PEAK) == 1
    except OSError:
        return False
    finally:
        _close(descriptor)
