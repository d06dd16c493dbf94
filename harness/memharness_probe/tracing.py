"""A thin layer over tracemalloc: start, read, and reduce the traces.

It uses the private module: `tracemalloc` itself imports re, pickle and linecache, which costs 10 to 30 ms and hides
those modules from the figure for imports.
"""

from __future__ import annotations

import _tracemalloc as tracer
import sys
from _collections import _count_elements  # type: ignore[import-not-found]
from _tracemalloc import _get_object_traceback, _get_traces
from gc import collect, isenabled
from gc import disable as disable_collection
from gc import enable as enable_collection
from itertools import islice
from sys import setprofile as set_profile
from sys import settrace as set_trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Line = tuple[str, int]
    Frames = tuple[Line, ...]  # innermost first
    Stacks = dict[Frames, list[int]]  # -> [bytes, blocks]
    Counts = dict[tuple[Any, ...], int]  # (domain, size, ((file, line), ..)[, frames in all]) -> number of blocks

count_elements: Callable[[dict[Any, int], Iterable[Any]], None] = _count_elements  # adds one to the count of each thing
# Called with None after a call, before any function of the probe runs: the workload may have left a hook in place.
hook_trace: Callable[[None], None] = set_trace
hook_profile: Callable[[None], None] = set_profile

traced = tracer.get_traced_memory
# As id(), which raises an audit event: where a hook hears it, such as the recorder of accesses, that takes five times
# as long.
identity: Callable[[object], int] = object.__hash__
allocated_at: Callable[[object], Any] = _get_object_traceback  # frames, None of what is not traced
is_tracing = tracer.is_tracing

# The type cache keeps names of attributes alive, and which ones depends on addresses.
clear_caches: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache

PEAK, _CACHED, _CLEARED = range(3)  # places among the readings of a call
_HALF = bytes(8)
_BATCH = 256  # the greatest number that is an object before it is needed
_FOLDER = __file__[: -len("tracing.py")]
CALL_FILE = _FOLDER + "call"  # of the code that calls the workload; counts as the probe's own


class TracerStoppedError(Exception):
    """The workload stopped or cleared the tracer: there is nothing to read."""


def start(frames: int) -> None:
    """Start tracing anew, also where the workload had started it before, with frames of its own number."""
    tracer.stop()
    _highest[0] = 0
    tracer.start(frames)


def stop() -> None:
    """Stop tracing and drop all traces."""
    tracer.stop()


def settle() -> None:
    """Collect cycles and empty the caches of the interpreter."""
    collect()
    clear_caches()


def cells(length: int, kind: str = "q") -> memoryview[Any]:
    """Return room for numbers that does not hold objects. Importing array would import collections."""
    return memoryview(bytearray(8 * length)).cast(kind)  # type: ignore[call-overload,no-any-return]


_highest = cells(2)  # the peak at an earlier time, and what is read to be compared with it
_before_reset: list[Callable[[], None]] = [lambda: None]


def keep_peaks() -> None:
    """Remember the peak whenever the workload resets it.

    To be called before anything, such as a .pth file, imports `tracemalloc`, which binds the function then.
    """
    original = getattr(tracer, "reset_peak", None)
    if original is not None:

        def reset_peak() -> None:
            _before_reset[0]()
            _remember_peak()
            original()

        reset_peak.__doc__, reset_peak.__module__ = original.__doc__, original.__module__
        reset_peak.__qualname__ = "reset_peak"
        reset_peak()
        tracer.reset_peak = reset_peak


def before_resets(function: Callable[[], None]) -> None:
    """Call a function before each reset of the peak from now on."""
    _before_reset[0] = function


def highest() -> int:
    """Return the peak since the start, whether it was reset or not."""
    _remember_peak()
    size: int = _highest[0]
    return size


def _remember_peak() -> None:
    """Put the peak into a cell at once, before anything is allocated here."""
    _highest[1] = traced()[1]
    if _highest[1] > _highest[0]:
        _highest[0] = _highest[1]


def new_marker() -> bytes:
    """Allocate one block of the size `__sizeof__()`, and nothing beside it."""
    return _HALF + _HALF


new_marker()  # in advance: up to 3.10 the first call allocates its frame


def check(marker: object) -> None:
    """Raise `TracerStoppedError` unless `marker`, allocated after the start, is still traced."""
    if not is_tracing() or allocated_at(marker) is None:
        raise TracerStoppedError("the workload stopped, cleared or restarted tracemalloc: nothing can be measured")


def clear_cached(readings: memoryview[Any]) -> None:
    """Clear the caches; put the traced size before and after into cells, so that no number is alive beside the next."""
    readings[_CACHED] = traced()[0]
    clear_caches()
    readings[_CLEARED] = traced()[0]


def peak(readings: memoryview[Any], marker: bytes) -> int:
    """Return the peak, also where it was reset, less what the caches held and the marker."""
    size: int = max(readings[PEAK], _highest[0]) - (readings[_CACHED] - readings[_CLEARED]) - marker.__sizeof__()
    return size


def take() -> Any:
    """Return the raw traces, without automatic collection while the list grows. The list itself is not traced."""
    return _uncollected(_get_traces)


def take_counts() -> Counts:
    """Return the traces, reduced by `count`, without automatic collection, which would look at each."""
    counts: Counts = _uncollected(lambda: count(_get_traces()))
    return counts


def _uncollected(work: Callable[[], Any]) -> Any:
    enabled = isenabled()
    disable_collection()
    try:
        return work()
    finally:
        if enabled:
            enable_collection()


def count(traces: Any) -> Counts:
    """Reduce raw traces to distinct ones and their number, without those of the probe's own allocations."""
    return {trace: number for trace, number in tally(traces).items() if not trace[2][0][0].startswith(_FOLDER)}


def tally(things: Iterable[Any]) -> dict[Any, int]:
    """Count equal things.

    In batches, so that counting makes no numbers: while tracing, each would take three times as long as the rest.
    """
    counts: dict[Any, int] = {}
    left = iter(things)
    while True:
        batch: dict[Any, int] = {}
        count_elements(batch, islice(left, _BATCH))
        if not batch:
            return counts
        for thing, number in batch.items():
            counts[thing] = counts.get(thing, 0) + number


def total(counts: Counts) -> int:
    """Bytes of all blocks."""
    return sum([trace[1] * number for trace, number in counts.items()])


def by_line(counts: Counts) -> dict[Line, list[int]]:
    """(file, line) -> [bytes, blocks], by the line that allocates."""
    return _sums(counts, lambda frames: frames[0])


def by_stack(counts: Counts) -> Stacks:
    """Frames, the innermost first -> [bytes, blocks]."""
    return _sums(counts, lambda frames: frames)


def _sums(counts: Counts, key_of: Callable[[Frames], Any]) -> dict[Any, list[int]]:
    sums: dict[Any, list[int]] = {}
    for trace, number in counts.items():
        entry = sums.setdefault(key_of(trace[2]), [0, 0])
        entry[0] += trace[1] * number
        entry[1] += number
    return sums


def biggest_stacks(stacks: Stacks, limit: int) -> list[tuple[int, int, list[Line]]]:
    """Return the `limit` biggest (bytes, blocks, frames), outermost call first, of the workload's frames alone."""
    biggest = sorted(stacks.items(), key=lambda item: (-item[1][0], item[0]))[:limit]
    return [
        (size, number, [frame for frame in reversed(workload_frames(frames)) if not is_own(frame[0])])
        for frames, (size, number) in biggest
    ]


def workload_frames(frames: Frames) -> Frames:
    """Return the frames within the call of the workload: a driver may be far down in a program that it runs."""
    for number, (path, _) in enumerate(frames):
        if path == CALL_FILE:
            return frames[:number]
    return frames


def is_own(path: str) -> bool:
    """Tell whether a code object's file is the probe's."""
    return path.startswith(_FOLDER)
