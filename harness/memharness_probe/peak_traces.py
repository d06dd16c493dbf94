"""The traces at the peak of the first call, at the event that the passes "peak" found.

What is still missing from the peak then is charged to the line that executes next: so the peak may lie within a call of
a C function. The call goes on traced, but is no longer watched.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from gc import collect, disable, enable, isenabled
from itertools import repeat
from marshal import dumps, loads

from memharness_probe import tracing
from memharness_probe.call_events import Window
from memharness_probe.instrumentation import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from memharness_probe.deep import DeepProfiler
    from memharness_probe.instances import Instances

_VARIABLES = (dict, (lambda: type(sys._getframe().f_locals))())


class PeakTraces:
    """Takes the traces at an event: all that makes up the peak."""

    def __init__(self, event: list[int], profiler: DeepProfiler) -> None:
        self.data = b""  # no objects, which would be among those that are alive after the call
        thread, call, self._thread, self._line, self._rest = event
        self._lines_left = repeat(True, self._line - 1)
        self._profiler = profiler
        self._window = Window(thread, call, self._enter, lambda: None)

    def run(self, call: Callable[[], Any]) -> Any:
        """Call and return the result."""
        return self._window.calls.run(call)

    def taken(self) -> tuple[tracing.Counts, Instances] | None:
        """Return counts of traces and of objects, None where the event did not come."""
        return loads(self.data) if self.data else None  # noqa: S302  (its own)

    def _enter(self) -> None:
        if self._line:
            self._window.watch(self._at_line)
        else:
            self._take(returning=False)

    def _at_line(self, thread: int, returning: bool) -> None:
        if thread == self._thread and next(self._lines_left, None) is None:
            self._take(returning=returning)

    def _take(self, *, returning: bool) -> None:
        """Take the traces of what is alive, without the type cache."""
        if self.data:
            return
        self._window.close()
        enabled = isenabled()
        disable()
        tracing.clear_caches()
        objects = self._profiler.objects()
        counts = tracing.take_counts()
        instances: Instances = {}
        if objects:
            objects.append([value for _, frame in running() for value in _locals(frame)])
            instances = self._profiler.instances(objects)
        self._profiler.leave_out(counts)
        if self._rest > 0:
            counts[0, self._rest, self._executing(returning=returning)] = 1
        self.data = dumps((counts, instances))
        del objects, counts, instances
        collect()  # empties the free lists: memory that is the probe's by its trace would be given to the workload
        if enabled:
            enable()

    def _executing(self, *, returning: bool) -> tracing.Frames:
        """Return the stack that executes next: after a return that of the caller."""
        here = get_ident()
        stack = [(frame.f_code.co_filename, frame.f_lineno) for thread, frame in running() if thread == here]
        return tuple(stack[1 if returning and len(stack) > 1 else 0 :][: self._profiler.frames])


def _locals(frame: FrameType) -> list[object]:
    """Return the values of a frame's variables; the body of a class may have them in an object of its own.

    Up to 3.12 reading them makes a dictionary that lives as long as the frame.
    """
    variables = frame.f_locals
    return list(variables.values()) if type(variables) in _VARIABLES else []
