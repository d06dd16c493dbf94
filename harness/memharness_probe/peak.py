"""The moment of the first call's peak: found by looking at the tracer's peak at every Python call within it.

The peak is reached between two calls of a thread. Where much is allocated between the two, within C code or a loop
without calls, a second child looks at each line that runs then, in whatever thread. Calls and lines are numbered within
their thread, because threads switch at other moments in every run; where threads run side by side, the children may see
different moments.
"""

from __future__ import annotations

from itertools import repeat
from sys import maxsize

from memharness_probe import tracing
from memharness_probe.allocation import finder
from memharness_probe.call_events import Window, listener
from memharness_probe.delivery import leave_if_forked
from memharness_probe.instrumentation import Instrumentation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from memharness_probe.call_events import MonitoredCalls, Step, TracedCalls
    from memharness_probe.workload import Workload


_MARGIN = 512  # bytes of a rise that may be the steps' own
_LITTLE = 10  # bits: a rise by less than a thousandth does not move the event
_MOST = 1 << 60
_REPLACED = "peak: the workload has a trace function of its own, so the lines of its peak are not known"
_NO_EVENTS = "peak: no Python code of the workload runs in the call, so the lines of its peak are not known"
ELSEWHERE = "peak: the workload went another way when run again, so the lines of its peak are not known"


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Find the call, or, where the request has an event, the line after its call; return the fields of the response."""
    work.load()
    work.setup()
    call = work.bind_run()
    finder()  # as "deep" does: what it imports the workload finds loaded, and its calls are counted so
    Instrumentation().prepare()
    event = request["event"]
    rise = _LastRise()
    try:
        answer = _find_call(call, rise) if event is None else _find_line(call, rise, event)
    finally:
        tracing.stop()
    work.teardown()
    return {"metrics": {}, **answer}


def _find_call(call: Callable[[], Any], rise: _LastRise) -> dict[str, Any]:
    """Return the event, or a note where there is none to be trusted."""
    if not _run(call, listener(rise.begin), rise):
        return {"notes": [_REPLACED]}
    thread, number, size = rise.found or (0, 2, 0)
    if thread == 0 and (number < 2 or rise.number_of_steps(0) < 2):  # the first is the probe's, of `run`
        return {"notes": [_NO_EVENTS]}
    return {"event": [thread, number, thread, 0, tracing.highest() - size]}


def _find_line(call: Callable[[], Any], rise: _LastRise, event: list[int]) -> dict[str, Any]:
    """Return the event with the last line before which the peak rose.

    Without a line where none rises above what watching them takes, as with a peak of some hundred bytes.
    """
    thread, number = event[:2]
    steps: dict[int, Step] = {}

    def enter() -> None:
        steps[thread] = rise.begin(thread)
        window.watch(line)
        rise.start_lines(thread)

    def line(running: int, _returning: bool) -> None:
        step = steps.get(running)
        if step is None:
            step = steps[running] = rise.begin(running)
        step()

    line(thread, False)  # in advance: up to 3.10 a function's first call allocates its frame
    window = Window(thread, number, enter, rise.end)
    if not _run(call, window.calls, rise):
        return {"notes": [_REPLACED]}
    if rise.found is None:
        return {"event": event}
    running, lines, size = rise.found
    return {"event": [thread, number, running, lines, tracing.highest() - size]}


def _run(call: Callable[[], Any], calls: TracedCalls | MonitoredCalls, rise: _LastRise) -> bool:
    """Call while calls are heard; tell whether all were. The result is dropped."""
    tracing.settle()
    tracing.start(1)
    marker = tracing.new_marker()
    result = calls.run(call)
    rise.end()
    leave_if_forked()
    tracing.check(marker)
    del result
    return not calls.replaced


class _LastRise:
    """Finds a step, before the next of which the peak rose last: its thread and number, and the traced size then.

    Where one thread made the last step and another the next, it is that of the thread that began later: the other
    mostly waits for it, and not by the same calls in every run.
    """

    def __init__(self) -> None:
        self.found: tuple[int, int, int] | None = None
        self._counters: dict[int, Iterator[None]] = {}  # of the steps of each thread
        self._sizes: dict[int, tuple[int, int]] = {}  # the reading at each thread's last step
        self._last = 0  # the thread of the last step
        self._limit = _MARGIN
        tracing.before_resets(self._look)

    def begin(self, thread: int) -> Step:
        """Return the step of a thread. It makes few objects, each of which is traced."""
        counter = self._counters[thread] = repeat(None, _MOST)
        sizes = self._sizes
        sizes[thread] = 0, 0

        def step(_frame: object = None, _event: object = None, _value: object = None) -> None:
            now = tracing.traced()
            if now[1] > self._limit:
                self._note(now[1], thread)
            self._last = thread
            sizes[thread] = now
            next(counter)

        return step

    def number_of_steps(self, thread: int) -> int:
        """Return how many steps of a thread there were so far."""
        return _MOST - self._counters[thread].__length_hint__()  # type: ignore[attr-defined,no-any-return]

    def start_lines(self, thread: int) -> None:
        """Find only what rises above the peak so far; steps are lines from now on."""
        self._last = thread
        self._sizes[thread] = tracing.traced()
        self._limit = self._sizes[thread][1]

    def end(self) -> None:
        """Look for the last time."""
        self._look()
        self._limit = maxsize

    def _look(self) -> None:
        peak = tracing.traced()[1]
        if peak > self._limit:
            self._note(peak, self._last)

    def _note(self, peak: int, thread: int) -> None:
        self._limit = peak + max(_MARGIN, peak >> _LITTLE)
        thread = max(thread, self._last) if self.number_of_steps(thread) else self._last
        self.found = thread, self.number_of_steps(thread), self._sizes[thread][0]
