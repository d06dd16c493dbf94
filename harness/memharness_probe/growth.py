"""The calls after the first: what every call leaks, and the peak of a warm call.

A leak is suspected by the rule of `rule`, then pursued: decided again on as many calls more, and followed without
tracing over eight times the calls, which the usual bounded caches do not survive; those of functools and re are
emptied at the end to see whether it is they that hold what was kept.
"""

from __future__ import annotations

import gc
from sys import getallocatedblocks, modules
from time import monotonic, process_time

from memharness_probe import rule, survivors, tracing
from memharness_probe.lines import Locator
from memharness_probe.outcome import leave_if_forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.workload import Workload

    Lines = dict[tuple[str, int], list[int]]

_CALLS = (127, 63, 31, 15)  # one less than a power of two: whole windows
_LEAST = _CALLS[-1]
_TIMED = 6  # calls timed for the calibration
_WARM = 8  # the warm peak is the median of calls 8 to 15, whatever the number of calls
_AGAIN = 2  # a suspected leak is decided again on this many times the calls, traced
_PURSUE = 8  # and must still go on after so many times the calls
_CACHED = 0.9  # of what was kept: caches that hold so much of it are the whole of it
_START, _END, _PEAK, _CLEARED, _OFFSET, _BASE, _BLOCKS = range(7)  # places in the scratch cells
_WORD = 8  # growth is told in whole words: a finer figure depends on the number of calls
_SPARE = 0.2  # of the time left before the time-out: what pursuing a leak must leave
_LOADED = monotonic()  # the host's time-out began some milliseconds before


class _Leak:
    """What the calls say about a leak. A slope of 0: there is none."""

    def __init__(self) -> None:
        self.slope = 0.0
        self.lines: Lines = {}  # what each added in as many calls again
        self.sample: list[survivors.Kept] = []
        self.notes: list[str] = []  # why it is not certain

    def clear(self) -> None:
        """Find that it is none."""
        self.__init__()  # type: ignore[misc]


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response.

    Tracing starts before the scenario is loaded: memory that was allocated before would not be credited when
    freed, and a full cache that replaces its entries would look like a leak.
    """
    most = _PURSUE * (max(request["calls"] or _CALLS[0], _LEAST) + 1)
    calls = _Calls(most, request["timeout_seconds"])
    answer: dict[str, Any] = {"metrics": {}}
    leak = _Leak()
    tracing.settle()
    tracing.start(1)
    try:
        calls.marker = tracing.new_marker()
        work.load()
        work.setup()
        calls.call = work.bind_run()
        calls.run(2 * _WARM)
        answer["metrics"]["warm_peak"] = sorted(calls.peaks)[(_WARM - 1) // 2]
        if "growth" in request["metrics"]:
            wanted = max(request["calls"] or calls.calibrated(request["budget_seconds"]), _LEAST)
            calls.run(wanted + 1)
            leak = _decide(calls)
            answer.update(calls=wanted, profiles={"calls": {"sizes": calls.sizes(wanted + 1)}})
            answer["metrics"]["growth"] = max(round(leak.slope / _WORD), 1) * _WORD if leak.slope else 0
    finally:
        tracing.stop()
    if leak.slope:
        _describe(leak, Locator(request), answer)
    work.teardown()
    return answer


def _describe(leak: _Leak, locator: Locator, answer: dict[str, Any]) -> None:
    """Put what is known of a leak into `answer`. All figures are final: from here on objects may be touched."""
    if leak.notes:
        answer["suspected"] = ["growth"]
    if leak.lines:
        rows, notes = survivors.show(leak.sample, locator)
        answer["profiles"]["leak"] = {"lines": locator.profile(leak.lines), "survivors": rows}
        leak.notes += notes
    answer["notes"] = leak.notes


def _decide(calls: _Calls) -> _Leak:
    """Tell a leak from all that looks like one for a while; make as many more calls as that takes.

    Where the time-out leaves no room to go on, what the calls so far say stands, with a note.
    """
    leak, made = _Leak(), calls.made
    leak.slope = rule.leak_slope(calls.readings[:made], calls.blocks[:made])
    if not leak.slope or not calls.fit(made, leak.notes):
        return leak
    before = tracing.by_line(tracing.count(tracing.take()))
    calls.run(_AGAIN * made)
    readings, blocks = calls.readings[: calls.made], calls.blocks[: calls.made]
    leak.slope, rate = rule.leak_slope(readings, blocks), rule.block_rate(blocks)
    if not leak.slope or not rule.still_rises(blocks if rate else readings, rate or leak.slope):
        leak.clear()
        return leak
    leak.lines = _difference(before, tracing.by_line(tracing.count(tracing.take())))
    leak.sample = survivors.find(leak.lines)
    end = _PURSUE * made
    if calls.fit(end - calls.made, leak.notes) and not _goes_on(calls, leak.slope, rate, made, end):
        leak.clear()
    return leak


def _goes_on(calls: _Calls, slope: float, rate: float, part: int, end: int) -> bool:
    """Tell whether the rise goes on up to call `end`, which a bounded cache's does not.

    Where every leaked thing takes new blocks, these are counted without tracing, which costs a fraction, and
    every `part` of the calls must add its share of them. Lists that grow in place, in leaps, are traced on.
    """
    if not rate:
        calls.run(end)
        return rule.still_rises(calls.readings[:end], slope)
    tracing.stop()
    tracing.settle()
    before = getallocatedblocks()
    for _ in range(calls.made, end, part):
        calls.run_untraced(part)
        after = getallocatedblocks()
        if not rule.rises_enough(after - before, rate, part):
            return False
        before = after
    _empty_bounded_caches()
    return before - getallocatedblocks() < _CACHED * rate * end


def _empty_bounded_caches() -> None:
    """Empty the caches that have a limit by definition, however far off it is."""
    wrapper = getattr(modules.get("functools"), "_lru_cache_wrapper", None)
    for cache in [thing for thing in gc.get_objects() if type(thing) is wrapper]:
        if cache.cache_info()[2] is not None:
            cache.cache_clear()
    purge = getattr(modules.get("re"), "purge", None)
    if purge is not None:
        purge()
    tracing.settle()


def _difference(before: Lines, after: Lines) -> Lines:
    added = {}
    for line, (size, number) in after.items():
        old_size, old_number = before.get(line, (0, 0))
        if size > old_size:
            added[line] = [size - old_size, number - old_number]
    return added


class _Calls:
    """Calls one after the other, with a reading after each.

    All storage that the calls need is allocated before tracing starts, the numbers of the calls included, and
    readings go to cells at once, so that none holds memory of the probe's that another does not.
    """

    call: Callable[[], Any]
    marker: bytes  # traced since the start

    def __init__(self, limit: int, timeout: float) -> None:
        self.made = 0
        self._timeout = timeout
        self.readings = tracing.cells(limit)  # size after each call
        self.blocks = tracing.cells(limit)  # blocks of memory in use then; a reading takes 0.1 ms for a GB of them
        self.peaks = tracing.cells(_WARM)  # of calls 8 to 15, above the size at their start
        self._cpu = tracing.cells(_WARM, "d")  # CPU seconds at the start of calls 0 to 7
        self._wall = tracing.cells(_WARM, "d")  # and wall seconds
        self._scratch = tracing.cells(7)
        self._successors = [i + 1 for i in range(limit)]
        _begin_peak(self._scratch)  # once ahead: up to 3.10 the first call of a function allocates its frame
        _end_peak(self._scratch)
        tracing.hook_trace(None)  # and the first of these prepares what it would report
        tracing.hook_profile(None)

    def run(self, end: int) -> None:
        """Make the calls up to the one numbered `end` (excluded), dropping the result of each at once.

        What came or went between the last reading and now is the probe's: the count goes on from that reading.
        Nothing is allocated between a collection, which empties the free lists, and the reading after it.
        """
        call, readings, blocks, scratch = self.call, self.readings, self.blocks, self._scratch
        successors = self._successors
        i = self.made
        tracing.settle()
        if i:
            scratch[_BLOCKS] = getallocatedblocks() - blocks[i - 1]
            scratch[_OFFSET] = tracing.traced()[0] - readings[i - 1]
        else:
            scratch[_BASE] = tracing.traced()[0]
        while i < end:
            if i < _WARM:
                self._cpu[i] = process_time()
                self._wall[i] = monotonic()
            ballast = _begin_peak(scratch) if _WARM <= i < 2 * _WARM else b""
            call()
            tracing.hook_trace(None)
            tracing.hook_profile(None)
            if _WARM <= i < 2 * _WARM:
                _end_peak(scratch)
                self.peaks[i - _WARM] = scratch[_PEAK]
            del ballast
            leave_if_forked()
            tracing.settle()
            blocks[i] = getallocatedblocks() - scratch[_BLOCKS]
            readings[i] = tracing.traced()[0] - scratch[_OFFSET]
            i = successors[i]
        self.made = i
        tracing.check(self.marker)

    def run_untraced(self, number: int) -> None:
        """Make so many calls without readings."""
        call = self.call
        for _ in range(number):
            call()
            tracing.hook_trace(None)
            tracing.hook_profile(None)
            leave_if_forked()
        tracing.settle()

    def sizes(self, number: int) -> list[int]:
        """Return the bytes alive after each of the first calls, above those before the first."""
        base = self._scratch[_BASE]
        return [reading - base for reading in self.readings[:number]]

    def calibrated(self, budget: float) -> int:
        """Return the most calls within `budget` CPU seconds and a part of the time-out that allows for the pursuit.

        Never less than 15. Judged by the cheapest of calls 1 to 6, its reading included.
        """
        cpu, wall = _least_step(self._cpu), _least_step(self._wall)
        for calls in _CALLS:
            if calls * cpu <= budget and calls * wall <= self._timeout / _PURSUE:
                return calls
        return _LEAST

    def fit(self, number: int, notes: list[str]) -> bool:
        """Tell whether so many more calls, as long as those after the first, end well before the time-out.

        Where they do not, `notes` gets one that says so.
        """
        now = monotonic()
        seconds = (now - self._wall[1]) / (self.made - 1)
        if number * seconds <= (1 - _SPARE) * (self._timeout - (now - _LOADED)):
            return True
        notes.append(
            f"growth: the leak was not pursued beyond call {self.made}: the time-out of {self._timeout:g} s is near"
        )
        return False


def _least_step(times: memoryview[Any]) -> float:
    return float(min([times[i + 1] - times[i] for i in range(1, 1 + _TIMED)]))


def _begin_peak(scratch: memoryview[Any]) -> bytes:
    """Forget the peak so far and put the size of now into `scratch[_START]`.

    CPython 3.8 cannot forget it: there a block that nobody touches lifts the size to the peak, and is to be held
    until the new peak is read.
    """
    if tracing.reset_peak is not None:
        scratch[_START] = tracing.traced()[0]
        tracing.reset_peak()
        return b""
    scratch[_END], scratch[_PEAK] = tracing.traced()
    ballast = bytes(scratch[_PEAK] - scratch[_END] + 512)
    scratch[_START] = scratch[_END] + ballast.__sizeof__()
    return ballast


def _end_peak(scratch: memoryview[Any]) -> None:
    """Put the peak above the size at the start into `scratch[_PEAK]`, less what the type cache holds."""
    scratch[_PEAK] = tracing.traced()[1] - scratch[_START]
    scratch[_END] = tracing.traced()[0]  # after that first tuple went to a free list
    tracing.clear_caches()
    scratch[_CLEARED] = tracing.traced()[0]  # no number may be alive beside it
    scratch[_PEAK] -= scratch[_END] - scratch[_CLEARED]
