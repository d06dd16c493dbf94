"""The first call: imports, peak, what stays alive, tracked objects by type, profiles by line."""

from __future__ import annotations

from gc import get_freeze_count, get_objects

from memharness_probe import signals, tracing
from memharness_probe.allocation import finder
from memharness_probe.attribution import LineAttribution
from memharness_probe.delivery import leave_if_forked
from memharness_probe.import_sizes import ImportSizes
from memharness_probe.instances import traced_instances, type_name
from memharness_probe.locator import Locator
from memharness_probe.workload import file_stem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.attribution import LineType
    from memharness_probe.workload import Workload

_GROWN_TYPES = 10
_IMPORT_FRAMES = 100  # of a deep pass: six for each module that another imports
_IMPORT_STACKS = 30


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response."""
    wanted = request["metrics"]
    answer: dict[str, Any] = {"metrics": {}, "profiles": {}, "notes": []}
    attribution = LineAttribution(Locator(request))
    if "import" in wanted:
        _import(work, request, attribution, answer)
    else:
        work.load()
    if wanted != ["import"]:
        _first_call(work, request, attribution, answer)
    return answer


def _import(work: Workload, request: dict[str, Any], attribution: LineAttribution, answer: dict[str, Any]) -> None:
    """Import the scenario; put the memory and modules that stay, in a deep pass also its lines, into `answer`."""
    deep = request["frames"] > 1
    name = file_stem(request["scenario"])
    sizes = ImportSizes()
    tracing.settle()
    tracing.start(_IMPORT_FRAMES if deep else 1)
    marker = tracing.new_marker()
    try:
        sizes.open(name)
        try:
            work.load()
        finally:
            sizes.close(name)
        tracing.settle()
        tracing.check(marker)
        traces = tracing.take()
    except tracing.TracerStoppedError as error:
        answer["notes"].append(f"import: {error}")
        return
    finally:
        tracing.stop()
    work.end_user_code()
    counts = tracing.count(traces)
    del traces
    answer["metrics"]["import"] = total = tracing.total(counts)
    profile: dict[str, Any] = {"modules": sizes.rows(attribution.locator, total, request["project"]["packages"])}
    if deep:
        profile.update(attribution.profile(tracing.by_stack(counts), [], _IMPORT_STACKS))
    answer["profiles"]["import"] = profile


def _first_call(work: Workload, request: dict[str, Any], attribution: LineAttribution, answer: dict[str, Any]) -> None:
    """Call once and put figures and profiles into `answer`."""
    work.setup()
    call = work.bind_run()
    deep = request["frames"] > 1
    allocated_at = finder() if deep else None

    def types_of(objects: list[object]) -> list[LineType]:
        return attribution.types(traced_instances(objects, allocated_at)) if allocated_at else []

    counting = "gc_objects" in request["metrics"]
    readings = tracing.cells(3)
    before: dict[str, int] = {}
    frozen = get_freeze_count()
    if counting:
        tracing.settle()
        tracing.settle()  # the collector lets go of tuples of tuples one level at a time
        before = _tracked_types()
    tracing.settle()
    try:
        traced = _trace_call(call, readings, request["frames"], counting, types_of)
    finally:
        tracing.stop()
    work.end_user_code()
    alive, retained = traced.alive, traced.retained
    metrics: dict[str, int] = answer["metrics"]
    metrics["peak"] = traced.peak
    metrics["retained"] = tracing.total(retained)
    metrics["result"] = tracing.total(alive) - metrics["retained"]
    if counting:
        if get_freeze_count() == frozen:
            answer["gc_objects"] = [sum(before.values()), sum(traced.types.values())]
            answer["types"] = _grown(before, traced.types)
            metrics["gc_objects"] = answer["gc_objects"][1] - answer["gc_objects"][0]
        else:
            answer["notes"].append("gc_objects: the workload froze objects, which the collector then does not tell of")
    for kind, counts, types in (("alive", alive, traced.alive_types), ("retained", retained, traced.retained_types)):
        if deep:
            profile = attribution.profile(tracing.by_stack(counts), types)
        else:
            profile = {"lines": attribution.locator.profile(tracing.by_line(counts)), "stacks": []}
        answer["profiles"][kind] = profile
    work.teardown()


class _Traced:
    """The readings of one traced call: peak in bytes, traces with and without the result, types where wanted."""

    def __init__(self) -> None:
        self.peak = 0
        self.alive: tracing.Counts = {}
        self.retained: tracing.Counts = {}
        self.types: dict[str, int] = {}  # tracked objects, the result among them
        self.alive_types: list[LineType] = []  # in a deep pass, types with and without the result
        self.retained_types: list[LineType] = []


def _trace_call(
    call: Callable[[], Any],
    readings: memoryview[Any],
    frames: int,
    counting: bool,
    types_of: Callable[[list[object]], list[LineType]],
) -> _Traced:
    """Call once.

    From the start to the first reading the probe allocates only the marker, of a known size.
    """
    tracing.start(frames)
    marker = tracing.new_marker()
    result = call()
    readings[tracing.PEAK] = tracing.traced()[1]
    tracing.hook_trace(None)
    tracing.hook_profile(None)
    signals.hold()
    tracing.clear_cached(readings)
    leave_if_forked()
    tracing.check(marker)
    tracing.settle()
    types = _tracked_types() if counting else {}
    traced = _Traced()  # not before, as it would be counted
    traced.types = types
    # the list around the result is for what the collector does not track; all is dropped by `types_of`
    objects = [*get_objects(), [result]] if frames > 1 else []
    traced.alive = tracing.take_counts()  # the traces themselves would be looked at as objects
    traced.alive_types = types_of(objects)
    del result
    tracing.settle()
    tracing.check(marker)
    objects = get_objects() if frames > 1 else []
    traced.retained = tracing.take_counts()
    traced.retained_types = types_of(objects)
    traced.peak = tracing.peak(readings, marker)
    return traced


def _tracked_types() -> dict[str, int]:
    """Name of each type -> its instances that the garbage collector tracks."""
    types = list(map(type, get_objects()))
    counts: dict[int, int] = {}  # by the type's id: a metaclass may have a hash of its own
    tracing.count_elements(counts, map(id, types))
    kinds = dict(zip(map(id, types), types))  # noqa: B905  (3.10)
    names: dict[str, int] = {}
    for kind, number in counts.items():
        name = type_name(kinds[kind])
        names[name] = names.get(name, 0) + number
    return names


def _grown(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, int, int]]:
    grown = [(name, before.get(name, 0), number) for name, number in after.items()]
    grown = [entry for entry in grown if entry[2] > entry[1]]
    return sorted(grown, key=lambda entry: (entry[1] - entry[2], entry[0]))[:_GROWN_TYPES]
