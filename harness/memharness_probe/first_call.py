"""The first call: imports, peak, what stays alive, tracked objects by type, profiles by line."""

from __future__ import annotations

from gc import get_freeze_count, get_objects

from memharness_probe import signals, tracing
from memharness_probe.delivery import leave_if_forked
from memharness_probe.file_driver import file_stem
from memharness_probe.import_sizes import ImportSizes
from memharness_probe.instances import type_name
from memharness_probe.interned_names import TABLE_SIZES
from memharness_probe.locator import Locator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.attribution import LineType
    from memharness_probe.workload import Workload

_GROWN_TYPES = 10
_TABLE = (
    "import: %d bytes of it may be the interpreter's table of interned names, which grows by leaps and counts for the "
    "module that was imported then"
)


class Profiler:
    """Makes profiles of one frame: by the line that allocates. `deep.DeepProfiler` makes those that explain."""

    import_frames = 1

    def __init__(self, request: dict[str, Any]) -> None:
        self.locator = Locator(request)
        self.frames: int = request["frames"]

    def bind(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return what is called in place of `call`. To be made before tracing starts."""
        return call

    def objects(self, *_results: object) -> list[object]:
        """Return all objects there are, results among them, for `types`."""
        return []

    def types(self, _objects: list[object], *, last: bool = False) -> list[LineType]:  # noqa: ARG002  (a subclass uses it)
        """Return types by line, and drop the objects; `last`: they are what is retained."""
        return []

    def leave_out(self, counts: tracing.Counts) -> None:
        """Take memory out of the counts that is not the workload's."""

    def profile(self, counts: tracing.Counts, _types: list[LineType]) -> dict[str, Any]:
        """Return the profile of a call."""
        return {"lines": self.locator.profile(tracing.by_line(counts)), "stacks": []}

    def retained(self, counts: tracing.Counts, types: list[LineType]) -> dict[str, Any]:
        """Return the profile of what is retained."""
        return self.profile(counts, types)

    def import_profile(self, _counts: tracing.Counts) -> dict[str, Any]:
        """Return the profile of an import, but for its modules."""
        return {}


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response."""
    return measure_with(Profiler(request), work, request)


def measure_with(profiler: Profiler, work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass with profiles of a kind and return the fields of the response."""
    wanted = request["metrics"]
    answer: dict[str, Any] = {"metrics": {}, "profiles": {}, "notes": []}
    if "import" in wanted:
        _import(work, request, profiler, answer)
    else:
        work.load()
    if wanted != ["import"]:
        _first_call(work, request, profiler, answer)
    return answer


def _import(work: Workload, request: dict[str, Any], profiler: Profiler, answer: dict[str, Any]) -> None:
    """Import the scenario; put the memory and modules that stay into `answer`."""
    name = file_stem(request["scenario"])
    sizes = ImportSizes()
    tracing.settle()
    tracing.start(profiler.import_frames)
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
    answer["notes"] += [_TABLE % trace[1] for trace in counts if trace[1] in TABLE_SIZES]
    modules = sizes.rows(profiler.locator, total, request["project"]["packages"])
    answer["profiles"]["import"] = {"modules": modules, **profiler.import_profile(counts)}


def _first_call(work: Workload, request: dict[str, Any], profiler: Profiler, answer: dict[str, Any]) -> None:
    """Call once and put figures and profiles into `answer`."""
    work.setup()
    call = profiler.bind(work.bind_run())
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
        traced = _trace_call(call, readings, counting, profiler)
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
    if "track" in request["metrics"]:
        metrics["track"], notes = work.tracked()
        answer["notes"] += notes
    answer["profiles"]["alive"] = profiler.profile(alive, traced.alive_types)
    answer["profiles"]["retained"] = profiler.retained(retained, traced.retained_types)
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


def _trace_call(call: Callable[[], Any], readings: memoryview[Any], counting: bool, profiler: Profiler) -> _Traced:
    """Call once.

    From the start to the first reading the probe allocates only the marker, of a known size.
    """
    tracing.start(profiler.frames)
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
    objects = profiler.objects(result)
    traced.alive = tracing.take_counts()  # the traces themselves would be looked at as objects
    traced.alive_types = profiler.types(objects)
    profiler.leave_out(traced.alive)
    del result
    tracing.settle()
    tracing.check(marker)
    objects = profiler.objects()
    traced.retained = tracing.take_counts()
    traced.retained_types = profiler.types(objects, last=True)
    profiler.leave_out(traced.retained)
    traced.peak = tracing.peak(readings, marker)
    return traced


def _tracked_types() -> dict[str, int]:
    """Name of each type -> its instances that the garbage collector tracks."""
    types = list(map(type, get_objects()))
    others = [kind for kind in types if type(kind) is not type]  # by id: a metaclass may have a hash of its own
    kinds = dict(zip(map(id, others), others))  # noqa: B905  (3.10)
    counts = [(kinds[key], number) for key, number in tracing.tally(map(id, others)).items()]
    counts += tracing.tally([kind for kind in types if type(kind) is type]).items()
    names: dict[str, int] = {}
    for kind, number in counts:
        name = type_name(kind)
        names[name] = names.get(name, 0) + number
    return names


def _grown(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, int, int]]:
    grown = [(name, before.get(name, 0), number) for name, number in after.items()]
    grown = [entry for entry in grown if entry[2] > entry[1]]
    return sorted(grown, key=lambda entry: (entry[1] - entry[2], entry[0]))[:_GROWN_TYPES]
