"""The calls after the first: what every call leaks, and the peak of a warm call."""

from __future__ import annotations

from time import process_time

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
_TIMED = 3  # calls timed for the calibration
_WARM = 8  # the warm peak is the median of calls 8 to 15, whatever the number of calls
_CONTINUE = 8  # a suspected leak is decided again on this many times the calls
_START, _END, _PEAK, _CLEARED, _OFFSET = range(5)  # places in the scratch cells
_LEAST_SLOPE = 4  # bytes per call: a list's slot is 8, over-allocated by an eighth


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response.

    Tracing starts before the scenario is loaded: memory that was allocated before would not be credited when
    freed, and a full cache that replaces its entries would look like a leak.
    """
    calls = _Calls(_CONTINUE * (max(request["calls"] or _CALLS[0], _LEAST) + 1))
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
        first = answer["calls"] + 1
        answer["notes"] = [f"the leak profile holds what calls {first} to {calls.made - 1} added"]
    work.teardown()
    return answer


def _measure_calls(calls: _Calls, request: dict[str, Any], answer: dict[str, Any]) -> dict[tuple[str, int], list[int]]:
    """Make the calls, put the figures into `answer`, return what each line added where there is a leak."""
    calls.run(1)
    calls.run(1 + _TIMED)
    seconds = min(calls.seconds[1 : 1 + _TIMED])
    calls.run(_WARM)
    calls.run_peaks()
    answer["metrics"]["warm_peak"] = sorted(calls.peaks)[(_WARM - 1) // 2]
    if "growth" not in request["metrics"]:
        return {}
    wanted = max(request["calls"] or calibrated(seconds, request["budget_seconds"]), _LEAST)
    answer["calls"] = wanted
    calls.run(wanted + 1)
    slope, grown = _decide(calls)
    answer["metrics"]["growth"] = round(slope)
    return grown


def calibrated(seconds: float, budget: float) -> int:
    """Return the most calls that cost no more than `budget` CPU seconds at `seconds` each, but at least 15."""
    for calls in _CALLS:
        if calls * seconds <= budget:
            return calls
    return _LEAST


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


def still_rises(readings: memoryview[Any], slope: float) -> bool:
    """Tell a leak from a cache that was filled within the last window: the last quarter must rise as well.

    A quarter of the expected rise is enough, because lists and dicts grow in leaps.
    """
    quarter = len(readings) // 4
    rise = min(readings[3 * quarter :]) - min(readings[2 * quarter : 3 * quarter])
    return bool(rise >= 0.25 * slope * quarter)


def _decide(calls: _Calls) -> tuple[float, dict[tuple[str, int], list[int]]]:
    """Return the slope and what each line added meanwhile; on suspicion only after eight times the calls."""
    if not leak_slope(calls.readings[: calls.made]):
        return 0.0, {}
    scratch, made = calls.scratch, calls.made
    scratch[_START] = tracing.traced()[0]
    before = tracing.by_line(tracing.count(tracing.take()))
    scratch[_OFFSET] = tracing.traced()[0] - scratch[_START]
    calls.run(_CONTINUE * 2 ** (made.bit_length() - 1))
    after = tracing.take()
    tracing.stop()
    readings = calls.readings[: calls.made]
    slope = leak_slope(readings)
    if not slope or not still_rises(readings, slope):
        return 0.0, {}
    return slope, _difference(before, tracing.by_line(tracing.count(after)))


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

    All storage is allocated before tracing starts, the numbers of the calls included, so that no reading holds
    memory of the probe's; `scratch[_OFFSET]` is what it came to hold later. Readings go to cells at once: an
    integer that is alive while the next is taken would count.
    """

    call: Callable[[], Any]
    marker: bytes  # traced since the start

    def __init__(self, limit: int) -> None:
        self.made = 0
        self.readings = tracing.cells(limit)  # size after each call
        self.peaks = tracing.cells(_WARM)
        self.seconds = tracing.cells(_WARM, "d")
        self.scratch = tracing.cells(5)
        self._successors = [i + 1 for i in range(limit)]

    def run(self, end: int) -> None:
        """Make the calls up to the one numbered `end` (excluded), dropping the result of each at once."""
        call, readings, scratch, successors = self.call, self.readings, self.scratch, self._successors
        i = self.made
        while i < end:
            started = process_time() if i < _WARM else None
            call()
            leave_if_forked()
            tracing.settle()
            if started is not None:
                self.seconds[i] = process_time() - started
                started = None
            readings[i] = tracing.traced()[0] - scratch[_OFFSET]
            i = successors[i]
        self.made = i
        tracing.check(self.marker)

    def run_peaks(self) -> None:
        """Make calls 8 to 15 as above and keep the peak of each above the size at its start."""
        call, readings, scratch, peaks = self.call, self.readings, self.scratch, self.peaks
        for i in range(_WARM, 2 * _WARM):
            ballast = _begin_peak(scratch)
            call()
            scratch[_PEAK] = tracing.traced()[1]
            scratch[_END] = tracing.traced()[0]  # read anew, as its first tuple now waits in a free list
            tracing.clear_caches()
            scratch[_CLEARED] = tracing.traced()[0]
            leave_if_forked()
            peaks[i - _WARM] = scratch[_PEAK] - scratch[_START] - (scratch[_END] - scratch[_CLEARED])
            del ballast
            tracing.settle()
            readings[i] = tracing.traced()[0]
        self.made = 2 * _WARM
        tracing.check(self.marker)


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
