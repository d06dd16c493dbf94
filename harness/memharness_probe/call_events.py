"""Calls functions at the Python calls within a call, in all of its threads, and for a while at its lines.

By `sys.settrace` up to 3.11, by `sys.monitoring` later, where a trace function makes deep traces ten times slower. A
generator that goes on counts as a call. What is called must allocate next to nothing: it is traced as well.
"""

from __future__ import annotations

import sys
from _thread import _local, get_ident
from itertools import repeat
from sys import addaudithook, settrace

from memharness_probe import signals, tracing
from memharness_probe.instrumentation import CALLS, LINES, NAME, monitoring, running, take_tool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    Step = Callable[..., None]  # called at a call; its two or three arguments mean nothing
    Line = Callable[[int, bool], None]  # called at a line of a thread, and with True where a frame returns or yields
    Begin = Callable[[int], Step]  # number of a thread -> its step; threads are numbered as they begin

_loaded = sys.modules


class TracedCalls:
    """Calls by trace functions, in the thread of the call and all that `threading` starts meanwhile."""

    def __init__(self, begin: Begin) -> None:
        self.replaced = False
        self._begin = begin
        self._numbers: dict[int, int] = {}  # of threads, by identity
        self._watching: dict[int, Callable[..., None]] = {}  # trace functions of their frames, by number
        self._line: Line = _ignore
        self._hooked = False
        self._is_set = False  # a trace function in the first thread
        self._first = get_ident()
        self._step = self._next_step()
        notice = self._make_hook()
        addaudithook(notice)
        notice("", ())  # in advance: up to 3.10 a function's first call allocates its frame

    def run(self, call: Callable[[], Any]) -> Any:
        """Call and return the result; `replaced` tells whether the workload set a trace function meanwhile.

        One that it put back in the end counts as well: no call was heard until then.
        """
        self._set(_hooking(self._hook_threads, self._step))
        result = call()
        self._is_set = False
        tracing.hook_trace(None)
        tracing.hook_profile(None)
        signals.hold()
        self.stop()
        return result

    def watch(self, line: Line) -> None:
        """Call `line` too, at the lines of all frames that there are, in all threads."""
        self._line = line
        for thread, frame in running():
            if thread in self._numbers:
                self._follow(frame, self._numbers[thread])

    def follow(self, frame: FrameType) -> None:
        """Watch a frame of this thread that has just begun."""
        self._follow(frame, self._numbers[get_ident()])

    def stop(self) -> None:
        """Call nothing any more in this thread and in those to come, and no `line` in any."""
        self._set(None)
        for _, frame in running():
            frame.f_trace = None
        if self._hooked:
            _loaded["threading"].settrace(None)

    def _follow(self, frame: FrameType, number: int) -> None:
        if number not in self._watching:
            self._watching[number] = _watching(self._line, number)
        frame.f_trace = self._watching[number]

    def _set(self, trace: Step | None) -> None:
        self._is_set = False
        settrace(trace)
        self._is_set = trace is not None

    def _make_hook(self) -> Callable[[str, object], None]:
        """Return an audit hook that notices that the workload sets a trace function, in Python or in C.

        A method would take twice as long to call: at every event the interpreter looks for an attribute of the hook.
        """

        def notice(event: str, _arguments: object) -> None:
            if event == "sys.settrace" and self._is_set and get_ident() == self._first:
                self.replaced = True

        return notice

    def _next_step(self) -> Step:
        number = self._numbers[get_ident()] = len(self._numbers)
        return self._begin(number)

    def _hook_threads(self) -> None:
        """Trace threads to come, once `threading` is loaded; loading it here would hide what it costs."""
        module = _loaded.get("threading")
        hook = getattr(module, "settrace", None) if type(module) is type(sys) else None
        if hook is not None:
            self._hooked = True
            hook(self._adopt)
            self._set(self._step)

    def _adopt(self, frame: FrameType, event: str, value: object) -> None:
        step = self._next_step()
        settrace(step)
        step(frame, event, value)


class MonitoredCalls:
    """Calls by `sys.monitoring`, in all threads."""

    def __init__(self, begin: Begin) -> None:
        self.replaced = False
        self._begin = begin
        self._threads = 0
        self._thread = _local()  # number and step
        self._next_step()
        self._watched: list[CodeType] = []
        self._tool = take_tool()

    def run(self, call: Callable[[], Any]) -> Any:
        """Call and return the result; `replaced` tells whether the workload took the tool's place meanwhile."""
        self._register(CALLS, self._make_callback())
        monitoring.set_events(self._tool, CALLS)
        result = call()
        self.replaced = monitoring.get_tool(self._tool) is not NAME
        if not self.replaced:
            monitoring.set_events(self._tool, 0)  # before a call of the probe's is heard
            self.stop()
            monitoring.free_tool_id(self._tool)
        tracing.hook_trace(None)
        tracing.hook_profile(None)
        signals.hold()
        return result

    def watch(self, line: Line) -> None:
        """Call `line` too, at the lines of all code that is running, in all threads."""
        thread = self._thread

        def pass_on(_code: object, _place: object, value: object = _NO_VALUE) -> None:
            number = getattr(thread, "number", None)
            if number is not None:  # else no call was heard of it, in a thread of before
                line(number, value is not _NO_VALUE)

        self._register(LINES, pass_on)
        for _, frame in running():
            self.follow(frame.f_code)

    def follow(self, code: CodeType) -> None:
        """Watch code that has just been called."""
        self._watched.append(code)
        monitoring.set_local_events(self._tool, code, LINES)

    def stop(self) -> None:
        """Call nothing any more."""
        monitoring.set_events(self._tool, 0)
        for code in self._watched:
            monitoring.set_local_events(self._tool, code, 0)

    def _register(self, events: int, function: Callable[..., None]) -> None:
        for event in range(events.bit_length()):
            if events >> event & 1:
                monitoring.register_callback(self._tool, 1 << event, function)

    def _next_step(self) -> Step:
        number, self._threads = self._threads, self._threads + 1
        step = self._begin(number)
        self._thread.number, self._thread.step = number, step
        return step

    def _make_callback(self) -> Step:
        thread, begin = self._thread, self._next_step

        def step(code: object, place: object) -> None:
            try:
                own = thread.step
            except AttributeError:
                own = begin()
            own(code, place)

        return step


def listener(begin: Begin) -> TracedCalls | MonitoredCalls:
    """Return what calls the steps of `begin`, to be made in the thread that will call."""
    return MonitoredCalls(begin) if monitoring else TracedCalls(begin)


class Window:
    """The time from a call of a thread to its next one: calls `enter` at the one and `leave` at the other."""

    def __init__(self, thread: int, call: int, enter: Callable[[], None], leave: Callable[[], None]) -> None:
        self._thread = thread
        self._call = call
        self._enter = enter
        self._leave = leave
        self._watched = self._passed = False
        self.calls = listener(self._begin)

    def watch(self, line: Line) -> None:
        """Call `line` at all lines from now on until the window is closed, but in calls of its own thread to come."""
        self._watched = True
        self.calls.watch(line)

    def close(self) -> None:
        """Call nothing any more."""
        self._watched = False
        self.calls.stop()

    def _begin(self, thread: int) -> Step:
        if thread == self._thread:
            return _counting(repeat(True, self._call - 1), self._reach)
        return self._following()

    def _reach(self) -> None:
        if not self._passed:
            self._passed = True
            self._enter()
        elif self._watched:
            self._leave()
            self.close()

    def _following(self) -> Step:
        """Return the step of another thread: in the window it watches what is called."""

        def step(called: Any, _event: object, _value: object = None) -> None:
            if self._watched:
                self.calls.follow(called)

        return step


def _counting(left: Iterator[bool], reach: Callable[[], None]) -> Step:
    """Return a step that calls `reach` when nothing is left; it counts down with no number that would be traced."""

    def step(_frame: object, _event: object, _value: object = None) -> None:
        if next(left, None) is None:
            reach()

    return step


def _hooking(hook_threads: Callable[[], None], step: Step) -> Step:
    """Return a trace function that looks whether threads can be traced before each step."""

    def trace(frame: object, event: object, value: object) -> None:
        hook_threads()
        step(frame, event, value)

    return trace


def _watching(line: Line, thread: int) -> Callable[..., None]:
    """Return the trace function of the frames of a thread."""

    def trace(_frame: object, event: str, _value: object) -> None:
        line(thread, event == "return")

    return trace


def _ignore(*_: object) -> None:
    """Do nothing."""


_NO_VALUE = object()
# In advance: up to 3.10 a function's first call allocates its frame, and it would be charged to the workload's line.
_counting(repeat(True), _ignore)(None, "")
_hooking(_ignore, _ignore)(None, "", None)
_watching(_ignore, 0)(None, "", None)
