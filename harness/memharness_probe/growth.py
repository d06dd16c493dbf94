"""The calls after the first: what every call leaks, and the peak of a warm call."""

from __future__ import annotations

from sys import getallocatedblocks
from time import monotonic, process_time

from memharness_probe import tracing
from memharness_probe.lines import Locator
from memharness_probe.outcome import leave_if_forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.workload import Workload

_CALLS = (127, 63, 31, 15)  # one less than a power of two: whole windows
_LEAST = _CALLS[-1]
_TIMED = 6  # calls timed for the calibration
_WARM = 8  # the warm peak is the median of calls 8 to 15, whatever the number of calls
_AGAIN = 2  # a suspected leak is decided again on this many times the calls, traced
_PURSUE = 8  # and must still go on after so many times the calls
_FEWEST_BLOCKS = 3  # fewer new ones say nothing
_START, _END, _PEAK, _CLEARED, _OFFSET = range(5)  # places in the scratch cells; the last: what is the probe's
_LEAST_SLOPE = 4  # bytes per call: a list's slot is 8, over-allocated by an eighth
_WORD = 8  # growth is told in whole words: a finer figure depends on the number of calls
_SPARE = 0.2  # of the time left before the time-out: what pursuing a leak must leave
_LOADED = monotonic()  # the host's time-out began some milliseconds before


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response.

    Tracing starts before the scenario is loaded: memory that was allocated before would not be credited when
    freed, and a full cache that replaces its entries would look like a leak.
    """
    most = _PURSUE * (max(request["calls"] or _CALLS[0], _LEAST) + 1)
    calls = _Calls(most, request["timeout_seconds"])
    answer: dict[str, Any] = {"metrics": {}}
    tracing.settle()
    tracing.start(1)
    try:
        calls.marker = tracing.new_marker()
        work.load()
        work.setup()
        calls.call = work.bind_run()
        grown = _measure_calls(calls, request, answer)
    finally:
        tracing.stop()
    if grown:
        answer["profiles"] = {"leak": {"lines": Locator(request).profile(grown), "stacks": []}}
    work.teardown()
    return answer


def _measure_calls(calls: _Calls, request: dict[str, Any], answer: dict[str, Any]) -> dict[tuple[str, int], list[int]]:
    """Make the calls, put the figures into `answer`, return what each line added where there is a leak."""
    calls.run(2 * _WARM)
    answer["metrics"]["warm_peak"] = sorted(calls.peaks)[(_WARM - 1) // 2]
    if "growth" not in request["metrics"]:
        return {}
    wanted = max(request["calls"] or calls.calibrated(request["budget_seconds"]), _LEAST)
    answer["calls"] = wanted
    calls.run(wanted + 1)
    slope, grown = _decide(calls)
    answer["metrics"]["growth"] = max(round(slope / _WORD), 1) * _WORD if slope else 0
    answer["notes"] = calls.notes
    return grown


def leak_slope(readings: memoryview[Any]) -> float:
    """Bytes leaked per call, 0 when there is no steady rise.

    `readings[i]` is the size after call i; the last whole power of two of them is used. The least of each of the
    last four windows [2**j, 2**(j+1)) must rise, and rise faster with the windows' width: noise, sawteeth and
    warm-up do not.
    """
    top = len(readings).bit_length() - 1
    m = [min(readings[2**j : 2 ** (j + 1)]) for j in range(top - 4, top)]
    a, b, c = m[1] - m[0], m[2] - m[1], m[3] - m[2]
    slope: float = c / 2.0 ** (top - 2)
    leaks = a > 0 and b >= 1.3 * a and c >= 1.3 * b and slope >= _LEAST_SLOPE
    return slope if leaks else 0.0


def still_rises(readings: memoryview[Any], expected: float) -> bool:
    """Tell a leak from a cache that was filled within the last window: the last quarter must rise as well.

    A quarter of the `expected` rise in a quarter is enough, because lists and dicts grow in leaps.
    """
    quarter = len(readings) // 4
    rise = min(readings[3 * quarter :]) - min(readings[2 * quarter : 3 * quarter])
    return bool(rise >= 0.25 * expected)


def _decide(calls: _Calls) -> tuple[float, dict[tuple[str, int], list[int]]]:
    """Return the slope and what each line added in as many calls again; the latter only where there is a leak.

    Where the time-out leaves no room to go on, what the calls so far say stands.
    """
    made = calls.made
    slope = leak_slope(calls.readings[:made])
    if not slope or not calls.fit(made):
        return slope, {}
    before = tracing.by_line(tracing.count(tracing.take()))
    blocks = getallocatedblocks()
    calls.run(_AGAIN * made)
    blocks = getallocatedblocks() - blocks
    readings = calls.readings[: calls.made]
    slope = leak_slope(readings)
    if not slope or not still_rises(readings, slope * (made // 2)):
        return 0.0, {}
    after = tracing.take()
    end = _PURSUE * made
    if calls.fit(end - calls.made) and not _goes_on(calls, slope, blocks / made, end):
        return 0.0, {}
    tracing.stop()
    return slope, _difference(before, tracing.by_line(tracing.count(after)))


def _goes_on(calls: _Calls, slope: float, blocks_per_call: float, end: int) -> bool:
    """Tell whether the rise goes on up to call `end`, which a bounded cache's does not.

    Where every leaked thing takes new blocks of the small-object allocator, these are counted without tracing,
    which costs a fraction; lists that grow in place, and other allocators, are traced on.
    """
    quarter = end // 4
    if blocks_per_call * calls.made < _AGAIN * _FEWEST_BLOCKS:
        calls.run(end)
        return still_rises(calls.readings[:end], slope * quarter)
    tracing.stop()
    calls.run_untraced(end - quarter - calls.made)
    blocks = getallocatedblocks()
    calls.run_untraced(quarter)
    return getallocatedblocks() - blocks >= 0.25 * blocks_per_call * quarter


def _difference(
    before: dict[tuple[str, int], list[int]], after: dict[tuple[str, int], list[int]]
) -> dict[tuple[str, int], list[int]]:
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
        self.notes: list[str] = []
        self._timeout = timeout
        self.readings = tracing.cells(limit)  # size after each call
        self.peaks = tracing.cells(_WARM)  # of calls 8 to 15, above the size at their start
        self._cpu = tracing.cells(_WARM, "d")  # CPU seconds at the start of calls 0 to 7
        self._wall = tracing.cells(_WARM, "d")  # and wall seconds
        self._scratch = tracing.cells(5)
        self._successors = [i + 1 for i in range(limit)]
        _begin_peak(self._scratch)  # once ahead: up to 3.10 the first call of a function allocates its frame
        _end_peak(self._scratch)

    def run(self, end: int) -> None:
        """Make the calls up to the one numbered `end` (excluded), dropping the result of each at once.

        What came or went between the last reading and now is the probe's: the count goes on from that reading.
        Nothing is allocated between a collection, which empties the free lists, and the reading after it.
        """
        call, readings, scratch, successors = self.call, self.readings, self._scratch, self._successors
        i = self.made
        if i:
            tracing.settle()
            scratch[_OFFSET] = tracing.traced()[0] - readings[i - 1]
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

    def calibrated(self, budget: float) -> int:
        """Return the most calls within `budget` CPU seconds and a part of the time-out that allows for the pursuit.

        Never less than 15. Judged by the cheapest of calls 1 to 6, its reading included.
        """
        cpu, wall = _least_step(self._cpu), _least_step(self._wall)
        for calls in _CALLS:
            if calls * cpu <= budget and calls * wall <= self._timeout / _PURSUE:
                return calls
        return _LEAST

    def fit(self, number: int) -> bool:
        """Tell whether so many more calls, as long as those after the first, end well before the time-out.

        A note says so where they do not.
        """
        now = monotonic()
        seconds = (now - self._wall[1]) / (self.made - 1)
        if number * seconds <= (1 - _SPARE) * (self._timeout - (now - _LOADED)):
            return True
        self.notes.append(
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
