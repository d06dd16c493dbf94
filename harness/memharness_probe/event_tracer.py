"""Calls trace functions at the events (line, call, return, exception) of a call, in all of its threads."""

from __future__ import annotations

import sys
from sys import _getframe, gettrace, settrace

from memharness_probe import signals, tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    Trace = Callable[[FrameType, str, Any], Any]
    Begin = Callable[[int], Trace]  # number of a thread -> its trace function; threads are numbered as they begin

_loaded = sys.modules


class EventTracer:
    """Calls trace functions at the events of a call, in its thread and all that `threading` starts meanwhile."""

    def __init__(self, begin: Begin) -> None:
        self.replaced = False
        self._begin = begin
        self._locals: list[Trace] = []  # of each thread so far
        self._hooked = False
        self._main = self._global_trace()

    def rehearse(self) -> None:
        """Call each function in advance: up to 3.10 the first call allocates its frame."""
        settrace(self._main)
        _stand_in()
        settrace(None)
        self._locals[0](_getframe(), "call", None)

    def run(self, call: Callable[[], Any]) -> Any:
        """Call and return the result; `replaced` tells whether another trace function was set."""
        self._hook_threads()
        settrace(self._main)
        result = call()
        self.replaced = gettrace() is not self._main
        tracing.hook_trace(None)
        tracing.hook_profile(None)
        signals.hold()
        if self._hooked:
            _loaded["threading"].settrace(None)
        return result

    def _global_trace(self) -> Trace:
        """Return the function that Python calls for every call in the next thread."""
        local = self._begin(len(self._locals))
        self._locals.append(local)

        def trace(frame: FrameType, event: str, value: Any) -> Any:
            if not self._hooked:
                self._hook_threads()
            return None if tracing.is_own(frame.f_code.co_filename) else local(frame, event, value)

        return trace

    def _hook_threads(self) -> None:
        """Trace threads to come, if `threading` is loaded; loading it here would hide what it costs."""
        module = _loaded.get("threading")
        hook = getattr(module, "settrace", None) if type(module) is type(sys) else None
        if hook is not None:
            self._hooked = True
            hook(self._adopt)

    def _adopt(self, frame: FrameType, event: str, value: Any) -> Any:
        trace = self._global_trace()
        settrace(trace)
        return trace(frame, event, value)


def _stand_in() -> None:
    """Do nothing, in place of the workload."""
