"""The lines that hold memory at the peak of the first call, found by two children.

The first ("find") looks at the tracer's peak at every event (line, call, return, exception) of the workload's Python
frames and remembers the last one before which it rose. The second ("take") counts to the event before that one, takes
the traces there, and charges what is still missing from the peak to the line that executes then: so the peak may lie
within a call of a C function. Events are numbered within their thread, because threads switch at other moments in every
run; where threads run side by side, the two children may still see different moments.
"""

from __future__ import annotations

import sys
from gc import disable, enable, get_objects, isenabled
from itertools import repeat
from sys import _current_frames, settrace

from memharness_probe import tracing
from memharness_probe.allocation import finder
from memharness_probe.attribution import LineAttribution
from memharness_probe.delivery import leave_if_forked
from memharness_probe.event_tracer import EventTracer
from memharness_probe.instances import traced_instances
from memharness_probe.locator import Locator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    from memharness_probe.event_tracer import Trace
    from memharness_probe.instances import Instances
    from memharness_probe.workload import Workload


_MARGIN = 512  # bytes of a rise that may be the trace function's own
_LIMIT, _THREAD, _EVENT, _LAST = range(4)  # places in the cells of `_Finder`
_THREADS = 1 << 12  # watched at most
_GC_HEAD = 16
_VARIABLES = (dict, (lambda: type(sys._getframe().f_locals))())
_REPLACED = "peak: the workload has a trace function of its own, so the lines of its peak are not known"
_NO_EVENTS = "peak: no Python code of the workload runs in the call, so the lines of its peak are not known"
_ELSEWHERE = "peak: the workload went another way when run again, so the lines of its peak are not known"


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Find the event, or take the traces at the one that the request names; return the fields of the response."""
    work.load()
    work.setup()
    call = work.bind_run()
    allocated_at = finder()  # in both children: what it imports the workload finds loaded, and events are counted so
    try:
        answer = _find(call) if request["event"] is None else _take(call, request, allocated_at)
    finally:
        tracing.stop()
    work.teardown()
    return {"metrics": {}, **answer}


# --- the first child ---------------------------------------------------------------------------------------


def _find(call: Callable[[], Any]) -> dict[str, Any]:
    """Return the event, [thread, number, peak in bytes], or a note where there is none to be trusted."""
    cells, numbers = tracing.cells(4), tracing.cells(_THREADS)
    tracer = EventTracer(lambda thread: _finder(cells, numbers, thread))
    tracer.rehearse()
    tracing.before_resets(lambda: _note_rise(cells, numbers))
    numbers[0] = cells[_EVENT] = 0
    cells[_LIMIT] = _MARGIN
    tracing.settle()
    tracing.start(1)
    marker = tracing.new_marker()
    result = tracer.run(call)
    peak = tracing.highest()
    leave_if_forked()
    tracing.check(marker)
    del result
    if tracer.replaced:
        return {"notes": [_REPLACED]}
    if not numbers[0]:
        return {"notes": [_NO_EVENTS]}
    if peak > cells[_LIMIT]:
        cells[_THREAD], cells[_EVENT] = cells[_LAST], numbers[cells[_LAST]]
    return {"event": [cells[_THREAD], max(cells[_EVENT], 1), peak]}


def _finder(cells: memoryview[Any], numbers: memoryview[Any], thread: int) -> Trace:
    """Return a trace function that keeps the last event, of whichever thread, after which the peak rose."""
    traced = tracing.traced

    def step(_frame: FrameType, _event: str, _value: Any) -> Trace:
        if traced()[1] > cells[_LIMIT]:
            cells[_LIMIT] = traced()[1] + _MARGIN
            cells[_THREAD] = last = cells[_LAST]
            cells[_EVENT] = numbers[last]
        cells[_LAST] = thread
        numbers[thread] += 1
        return step

    return step


def _note_rise(cells: memoryview[Any], numbers: memoryview[Any]) -> None:
    """Note a rise of the peak between two events, as the trace function does at an event."""
    if tracing.traced()[1] > cells[_LIMIT]:
        cells[_LIMIT] = tracing.traced()[1] + _MARGIN
        cells[_THREAD] = cells[_LAST]
        cells[_EVENT] = numbers[cells[_LAST]]


# --- the second child --------------------------------------------------------------------------------------


def _take(call: Callable[[], Any], request: dict[str, Any], allocated_at: Callable[[object], Any]) -> dict[str, Any]:
    """Return the profile at the event of the request."""
    thread, number, peak = request["event"]
    moment = _Moment(number, peak, request["frames"], allocated_at)
    tracer = EventTracer(lambda this: moment.trace if this == thread else _ignore)
    tracer.rehearse()
    moment.left = repeat(True, number - 1)
    tracing.settle()
    tracing.start(request["frames"])
    tracer.run(call)
    leave_if_forked()
    if moment.counts is None:
        return {"notes": [_ELSEWHERE]}
    attribution = LineAttribution(Locator(request))
    profile = attribution.profile(tracing.by_stack(moment.counts), attribution.types(moment.instances))
    return {"profiles": {"peak": profile}}


def _ignore(_frame: FrameType, _event: str, _value: Any) -> None:
    """Ignore the events of another thread."""


class _Moment:
    """Counts down to an event, and takes the traces there: all of the peak in `counts`."""

    def __init__(self, number: int, peak: int, depth: int, allocated_at: Callable[[object], Any]) -> None:
        self.left = repeat(True, number + 1)  # out of reach of the rehearsal; a number counted down would be traced
        self.counts: tracing.Counts | None = None
        self.instances: Instances = {}
        self._peak = peak
        self._depth = depth
        self._allocated_at = allocated_at
        self.trace = self._make_trace()

    def _make_trace(self) -> Trace:
        """Return the trace function of the thread in which the event takes place, one object for all its frames."""

        def trace(frame: FrameType, event: str, _value: Any) -> Trace:
            if next(self.left, None) is None and self.counts is None:
                settrace(None)
                self._capture(frame, event, self._peak - tracing.traced()[0])
            return trace

        return trace

    def _capture(self, frame: FrameType, event: str, rest: int) -> None:
        """Take the traces of what is alive, without the type cache; the call then goes on untraced."""
        enabled = isenabled()
        disable()
        tracing.clear_caches()
        objects: list[object] = get_objects()
        traces = tracing.take()
        objects.append([value for step in _running() for value in _locals(step)])
        self.instances = traced_instances(objects, self._allocated_at)
        live = _live_frames()
        tracing.stop()
        counts = tracing.count(traces)
        del traces
        _leave_out(counts, [*live, *_instrumentation(counts)])
        if rest > 0:
            counts[0, rest, self._executing(frame, event)] = 1
        self.counts = counts
        if enabled:
            enable()

    def _executing(self, frame: FrameType, event: str) -> tracing.Frames:
        """Return the stack that executes next: after a return that of the caller."""
        outer = frame.f_back
        step = outer if event == "return" and outer and not tracing.is_own(outer.f_code.co_filename) else frame
        frames: list[tracing.Line] = []
        while step is not None and len(frames) < self._depth:
            frames.append((step.f_code.co_filename, step.f_lineno))
            step = step.f_back  # type: ignore[assignment]
        return tuple(frames)


# --- the tracer's own allocations --------------------------------------------------------------------------


def _live_frames() -> list[tuple[tracing.Frames, int]]:
    """Stack and size of the frame objects there are: since 3.11 they are made for trace functions only."""
    found: list[tuple[tracing.Frames, int]] = []
    if sys.version_info < (3, 11):
        return found
    for frame in _running():
        place = tracing.allocated_at(frame)
        if place is not None:
            found.append((place, frame.__sizeof__() + _GC_HEAD))
    return found


def _locals(frame: FrameType) -> list[object]:
    """Return the values of a frame's variables; the body of a class may have them in an object of its own."""
    variables = frame.f_locals
    return list(variables.values()) if type(variables) in _VARIABLES else []


def _running() -> Iterator[FrameType]:
    """Yield the frames of all threads."""
    for top in _current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            yield frame
            frame = frame.f_back


def _instrumentation(counts: tracing.Counts) -> Iterator[tuple[tracing.Frames, int]]:
    """Stack and size of the memory that the interpreter adds to each code object that is traced, since 3.11.

    It is allocated when the code is entered, at the first line of it: two bytes per instruction, and since 3.12 a
    structure of some words.
    """
    if sys.version_info < (3, 11):
        return
    sizes: dict[tracing.Line, set[int]] = {}
    fixed = {12: 72}.get(sys.version_info[1], 64)
    for code in _codes():
        entry = sizes.setdefault((code.co_filename, code.co_firstlineno), set())
        entry.add(len(code.co_code))
        if sys.version_info >= (3, 12):
            entry.add(fixed)
    for domain, size, frames, *_ in list(counts):
        if not domain and size in sizes.get(frames[0], ()):
            yield frames, size


def _codes() -> Iterator[CodeType]:
    """Yield the code of all functions that are alive, with the code within."""
    pending = [thing.__code__ for thing in get_objects() if type(thing) is type(_codes)]
    seen = set()
    while pending:
        code = pending.pop()
        if id(code) not in seen:
            seen.add(id(code))
            pending += [inner for inner in code.co_consts if type(inner) is type(code)]
            yield code


def _leave_out(counts: tracing.Counts, blocks: list[tuple[tracing.Frames, int]]) -> None:
    """Take blocks of the tracer's out of the counts, one for each."""
    known: dict[tuple[tracing.Frames, int], list[Any]] = {}
    for trace in counts:  # traces of one stack may differ in its whole depth
        known.setdefault((trace[2], trace[1]), []).append(trace)
    for block in blocks:
        traces = known.get(block)
        if traces:
            counts[traces[-1]] -= 1
            if not counts[traces[-1]]:
                del counts[traces.pop()]
