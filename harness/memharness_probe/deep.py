"""The first call again, to explain it: with the callers and types of what is alive after it, or at its peak, or both.

Up to 3.11 not both: to call a trace function the interpreter puts the variables of a call into a dictionary, and lets
later dictionaries of the workload have its memory, which then counts at the line that was called.
"""

from __future__ import annotations

from gc import get_objects

from memharness_probe import holders, tracing
from memharness_probe.allocation import finder
from memharness_probe.attribution import LineAttribution
from memharness_probe.first_call import Profiler, measure_with
from memharness_probe.instances import traced_instances
from memharness_probe.instrumentation import Instrumentation, monitoring
from memharness_probe.peak import ELSEWHERE
from memharness_probe.peak_traces import PeakTraces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.attribution import LineType
    from memharness_probe.instances import Examples, Instances
    from memharness_probe.workload import Workload

_IMPORT_FRAMES = 100  # six for each module that another imports
_IMPORT_STACKS = 30


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response."""
    if request["event"] is not None and not monitoring:
        request = {**request, "metrics": ["peak"]}
    profiler = DeepProfiler(request)
    answer = measure_with(profiler, work, request)
    if profiler.peak is not None:
        taken = profiler.peak.taken()
        if profiler.peak_alone:
            answer["profiles"] = {}
        if taken is None:
            answer["notes"].append(ELSEWHERE)
        else:
            answer["profiles"]["peak"] = profiler.profile(taken[0], profiler.attribution.types(taken[1]))
    return answer


class DeepProfiler(Profiler):
    """Makes profiles with callers and types; the lines alone where the request allows but one frame."""

    import_frames = _IMPORT_FRAMES

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(request)
        self.attribution = LineAttribution(self.locator)
        self.peak: PeakTraces | None = None
        self._examples: Examples | None = {} if "retained" in request["metrics"] else None  # of what is retained
        self._event: list[int] | None = request["event"]
        self.peak_alone = self._event is not None and request["metrics"] == ["peak"]
        self._instrumentation = Instrumentation()
        self._prepare()

    def bind(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return what calls, and takes the traces at the peak where the request names its event."""
        self._allocated_at = finder()
        self._prepare()
        if self._event is None:
            return call
        peak = self.peak = PeakTraces(self._event, self)
        return lambda: peak.run(call)

    def _prepare(self) -> None:
        if self._event is not None or not monitoring:  # `sys.monitoring` only costs where nothing is watched
            self._instrumentation.prepare()

    def objects(self, *results: object) -> list[object]:
        """Return all objects that the collector tracks, and the results in a list: it may not track them."""
        return [] if self._is_over or self.frames == 1 else [*get_objects(), list(results)]

    def instances(self, objects: list[object]) -> Instances:
        """Return the number of objects by type and stack, and drop them."""
        return traced_instances(objects, self._allocated_at)

    def types(self, objects: list[object], *, last: bool = False) -> list[LineType]:
        """Return types by line, and drop the objects but for examples of the `last`."""
        examples = self._examples if last else None
        return self.attribution.types(traced_instances(objects, self._allocated_at, examples))

    def leave_out(self, counts: tracing.Counts) -> None:
        """Take out of the counts what was allocated to find the peak."""
        if self._event is not None and not self._is_over:
            self._instrumentation.leave_out(counts)

    @property
    def _is_over(self) -> bool:
        """Tell whether the peak is all that is wanted, and its traces were taken."""
        return self.peak_alone and self.peak is not None and bool(self.peak.data)

    def profile(self, counts: tracing.Counts, types: list[LineType]) -> dict[str, Any]:
        """Return the profile of a call."""
        if self.frames == 1:
            return super().profile(counts, types)
        return self.attribution.profile(tracing.by_stack(counts), types)

    def retained(self, counts: tracing.Counts, types: list[LineType]) -> dict[str, Any]:
        """Return the profile of what is retained, with what keeps it alive."""
        profile = self.profile(counts, types)
        if self._examples:
            profile["holders"] = holders.find_retained(self._examples, tracing.by_stack(counts), self.attribution)
        return profile

    def import_profile(self, counts: tracing.Counts) -> dict[str, Any]:
        """Return the profile of an import, but for its modules."""
        return self.attribution.profile(tracing.by_stack(counts), [], _IMPORT_STACKS)
