"""The first call: imports, peak, what stays alive, tracked objects by type, profiles by line."""

from __future__ import annotations

import gc

from memharness_probe import tracing
from memharness_probe.lines import Locator
from memharness_probe.outcome import leave_if_forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.workload import Workload

_GROWN_TYPES = 10
_STACKS = 10
_PEAK, _END, _CLEARED = range(3)  # places among the readings


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response."""
    wanted = request["metrics"]
    metrics: dict[str, int] = {}
    if "import" in wanted:
        metrics["import"] = _import_bytes(work)
    else:
        work.load()
    answer: dict[str, Any] = {"metrics": metrics}
    if wanted != ["import"]:
        answer.update(_first_call(work, request, metrics))
    return answer


def _import_bytes(work: Workload) -> int:
    tracing.settle()
    tracing.start(1)
    marker = tracing.new_marker()
    try:
        before = tracing.traced()[0]
        work.load()
        tracing.settle()
        after = tracing.traced()[0]
        tracing.check(marker)
    finally:
        tracing.stop()
    return after - before


def _first_call(work: Workload, request: dict[str, Any], metrics: dict[str, int]) -> dict[str, Any]:
    work.setup()
    call = work.bind_run()
    counting = "gc_objects" in request["metrics"]
    readings = tracing.cells(3)
    before: dict[str, int] = {}
    if counting:
        tracing.settle()
        tracing.settle()  # the collector lets go of tuples of tuples one level at a time
        before = _tracked_types()
    tracing.settle()
    try:
        peak, alive, retained, after = _trace_call(call, readings, request["frames"], counting)
    finally:
        tracing.stop()
    held, kept = tracing.count(alive), tracing.count(retained)
    del alive, retained
    metrics["peak"] = peak
    metrics["retained"] = tracing.total(kept)
    metrics["result"] = tracing.total(held) - metrics["retained"]
    answer: dict[str, Any] = {}
    if counting:
        answer["gc_objects"] = [sum(before.values()), sum(after.values())]
        answer["types"] = _grown(before, after)
        metrics["gc_objects"] = answer["gc_objects"][1] - answer["gc_objects"][0]
    locator = Locator(request)
    answer["profiles"] = {
        "alive": _profile(locator, held, deep=request["frames"] > 1),
        "retained": _profile(locator, kept, deep=request["frames"] > 1),
    }
    work.teardown()
    return answer


def _profile(locator: Locator, counts: tracing.Counts, *, deep: bool) -> dict[str, Any]:
    stacks = tracing.biggest_stacks(counts, _STACKS) if deep else []
    return {
        "lines": locator.profile(tracing.by_line(counts)),
        "stacks": [[size, number, [locator.frame(*frame) for frame in frames]] for size, number, frames in stacks],
    }


def _trace_call(
    call: Callable[[], Any], readings: memoryview[Any], frames: int, counting: bool
) -> tuple[int, list[Any], list[Any], dict[str, int]]:
    """Call once: the peak in bytes, raw traces with and without the result, tracked objects by type.

    From the start to the second reading nothing is allocated here beside the marker, whose traced size is its
    own; `readings` holds plain numbers, so that no number of theirs is alive while the next is taken.
    """
    tracing.start(frames)
    marker = tracing.new_marker()
    result = call()
    readings[_PEAK] = tracing.traced()[1]
    readings[_END] = tracing.traced()[0]  # read anew, as its first tuple now waits in a free list
    tracing.clear_caches()
    readings[_CLEARED] = tracing.traced()[0]
    tracing.hook_trace(None)
    tracing.hook_profile(None)
    leave_if_forked()
    tracing.check(marker)
    tracing.settle()
    types = _tracked_types() if counting else {}
    alive = tracing.take()
    del result
    tracing.settle()
    tracing.check(marker)
    retained = tracing.take()
    in_type_cache = readings[_END] - readings[_CLEARED]
    return readings[_PEAK] - in_type_cache - marker.__sizeof__(), alive, retained, types


def _tracked_types() -> dict[str, int]:
    """Name of each type -> its instances that the garbage collector tracks."""
    counts: dict[type, int] = {}
    tracing.count_elements(counts, map(type, gc.get_objects()))
    names: dict[str, int] = {}
    for kind, number in counts.items():
        name = _type_name(kind)
        names[name] = names.get(name, 0) + number
    return names


def _type_name(kind: type) -> str:
    try:
        return f"{kind.__module__}.{kind.__qualname__}"
    except Exception:  # noqa: BLE001  (a metaclass of the workload's may answer anything)
        return "?"


def _grown(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, int, int]]:
    grown = [(name, before.get(name, 0), number) for name, number in after.items()]
    grown = [entry for entry in grown if entry[2] > entry[1]]
    return sorted(grown, key=lambda entry: (entry[1] - entry[2], entry[0]))[:_GROWN_TYPES]
