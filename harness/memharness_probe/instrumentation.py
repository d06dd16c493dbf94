"""What the interpreter allocates to have a workload's calls watched, which is no memory of the workload's.

On 3.11 code that is traced gets the line numbers of its instructions in an array, and each traced call a frame object;
from 3.12 on code gets some data of `sys.monitoring`. With the array, traces of 25 frames cost hardly more than traces
of one; on 3.11 without it, eight times as much.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from gc import get_objects
from sys import _current_frames, _getframe, gettrace, settrace

from memharness_probe import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any

    Block = tuple[tracing.Frames, int]  # stack, bytes

monitoring: Any = getattr(sys, "monitoring", None)  # from 3.12 on
ARRAYS = sys.version_info[:2] == (3, 11)
_DATA_BYTES = 72 if sys.version_info[:2] == (3, 12) else 64
NAME = "memharness"
_TOOLS = (3, 4, 1, 0, 2, 5)  # two that no kind of tool is meant to have, then the others
_events = monitoring and monitoring.events
CALLS: int = _events and _events.PY_START | _events.PY_RESUME
LINES: int = _events and _events.LINE | _events.PY_RETURN | _events.PY_YIELD
_GC_HEAD = 16
_ASYNC_GENERATOR = 0x200  # of co_flags


class Instrumentation:
    """Has the interpreter add to all code what watching takes; knows the blocks that it allocated for other code."""

    def __init__(self) -> None:
        self._ready: dict[int, CodeType] = {}  # by identity

    def prepare(self) -> None:
        """Have it added now, before tracing starts: what is allocated now is not traced."""
        add = _add_array if ARRAYS else _add_data
        try:
            for code in _codes(self._ready) if ARRAYS or monitoring else ():
                add(code)
                self._ready[tracing.identity(code)] = code
        except BaseException:  # noqa: BLE001, S110  (an audit hook of the workload's may raise anything)
            pass

    def leave_out(self, counts: tracing.Counts) -> None:
        """Take what was allocated to watch out of the counts of all traces. To be called while these are traced."""
        known: dict[Block, list[tuple[object, ...]]] = {}
        for trace in counts:  # traces of one stack may differ in its whole depth
            known.setdefault((trace[2], trace[1]), []).append(trace)
        for block in [*self._added(counts), *_frame_objects()]:
            traces = known.get(block)
            if traces:
                counts[traces[-1]] -= 1
                if not counts[traces[-1]]:
                    del counts[traces.pop()]

    def _added(self, counts: tracing.Counts) -> Iterator[Block]:
        """Stack and size of what was added to code made later, when it was called first: at its first line."""
        if not (ARRAYS or monitoring):
            return
        size = None if ARRAYS else _DATA_BYTES
        left: dict[Any, int] = {}
        for code in _codes(self._ready):
            place = code.co_filename, code.co_firstlineno, size or len(code.co_code)
            left[place] = left.get(place, 0) + 1
        for trace, number in list(counts.items()):
            place = (*trace[2][0], trace[1])
            for _ in range(min(number, left.get(place, 0)) if not trace[0] else 0):
                left[place] -= 1
                yield trace[2], trace[1]


def running() -> Iterator[tuple[int, FrameType]]:
    """Yield the frames of all threads, with the identity of theirs and the innermost first; not the probe's."""
    tops = _current_frames()
    tops[get_ident()] = _getframe(1)  # instead of this one, which would keep itself and all below it alive
    for thread, top in tops.items():
        frame: FrameType | None = top
        while frame is not None:
            if not tracing.is_own(frame.f_code.co_filename):
                yield thread, frame
            frame = frame.f_back


def _codes(known: dict[int, CodeType]) -> Iterator[CodeType]:
    """Yield the code of all functions that are alive, with the code within, but for `known` code (by identity)."""
    pending = [thing.__code__ for thing in get_objects() if type(thing) is type(_codes)]
    seen = set(known)
    while pending:
        code = pending.pop()
        if tracing.identity(code) not in seen:
            seen.add(tracing.identity(code))
            pending += [inner for inner in code.co_consts if type(inner) is type(code)]
            yield code


class _Abort(BaseException):
    """Ends a call before its first instruction."""


def _add_array(code: CodeType) -> None:
    """Call the code under a trace function that raises at once, so that none of it is executed."""
    cell = type((lambda: code).__closure__[0])  # type: ignore[index]
    kind: Any = type(_codes)
    function = kind(code, {}, None, (None,) * code.co_argcount, tuple([cell() for _ in code.co_freevars]))
    function.__kwdefaults__ = dict.fromkeys(code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount])
    traced = gettrace()
    settrace(_abort)
    try:
        made = function()
        if code.co_flags & _ASYNC_GENERATOR:
            made = made.__anext__()
        made.send(None)
    except _Abort:
        pass
    finally:
        settrace(traced)


def _abort(_frame: FrameType, _event: str, _value: object) -> None:
    raise _Abort


def _add_data(code: CodeType) -> None:
    """Have the code watched, and no more."""
    tool = take_tool()
    monitoring.set_local_events(tool, code, CALLS | LINES)
    monitoring.set_local_events(tool, code, 0)
    monitoring.free_tool_id(tool)


def take_tool() -> int:
    """Reserve a number for a tool of `sys.monitoring`; raise ValueError where the workload has taken all."""
    number = next((number for number in _TOOLS if monitoring.get_tool(number) is None), _TOOLS[0])
    monitoring.use_tool_id(number, NAME)
    return number


def _frame_objects() -> Iterator[Block]:
    """Stack and size of the frame objects of all calls that run, which 3.11 makes only to trace them."""
    if not ARRAYS:
        return
    for _, frame in running():
        place = tracing.allocated_at(frame)
        if place is not None:
            yield place, frame.__sizeof__() + _GC_HEAD
