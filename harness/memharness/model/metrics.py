"""Metrics: the quantities that are measured, the passes that yield them, and the least difference worth a report."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from memharness.model.values import Value

PassName = Literal["first", "growth", "rss"]
PASSES: Final[tuple[PassName, ...]] = ("first", "growth", "rss")  # in the order in which they are run
_OF_GROWTH: Final = frozenset({"leak", "calls"})  # kinds of profiles
# Of a task: "deep" and "peak" explain, "discover" lists what a suite holds, "setup_cache" prepares it.
Stage = Literal["environment", "first", "growth", "rss", "deep", "peak", "discover", "setup_cache"]
Phase = Literal["build", "import", "setup", "run", "teardown", "timeout", "memory", "crash", "skip"]


class Metric(Value):
    """A named quantity. `floor` is the least difference worth a report, None where it never flags.

    A spread between repeats of at most `harmless` says nothing about how repeatable the metric is. `explained_in` is
    the further pass that tells which lines hold it, None where there is none.
    """

    name: str
    floor: int | None
    title: str
    unit: str = "bytes"
    measured_in: PassName = "first"
    explained_in: Literal["deep", "peak"] | None = None
    harmless: int = 0


METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(name="peak", floor=4 << 10, harmless=2560, title="peak of the first call", explained_in="peak"),
        Metric(name="retained", floor=2 << 10, harmless=512, title="kept after the first call", explained_in="deep"),
        Metric(name="result", floor=2 << 10, harmless=512, title="held by the returned value", explained_in="deep"),
        Metric(
            name="warm_peak",
            floor=4 << 10,
            harmless=2560,
            title="peak of a later call",
            measured_in="rss",
            explained_in="peak",
        ),
        Metric(
            name="growth",
            floor=4,
            title="leaked by every call",
            unit="bytes per call",
            measured_in="growth",
            explained_in="deep",
        ),
        Metric(name="import", floor=4 << 10, harmless=2560, title="kept by the imports", explained_in="deep"),
        Metric(name="gc_objects", floor=None, title="tracked objects gained", unit="objects"),
        Metric(
            name="rss_peak", floor=1 << 20, harmless=128 << 10, title="resident memory, untraced run", measured_in="rss"
        ),
        Metric(name="track", floor=1, title="number that a benchmark tracks", unit="millionths"),
    )
}
COMMON: Final = tuple(name for name in METRICS if name != "track")  # that any case may have
FLAGGING: Final = tuple(name for name, metric in METRICS.items() if metric.floor is not None)


def passes_for(metrics: Iterable[str]) -> frozenset[PassName]:
    """Return the passes that yield some metrics."""
    return frozenset(METRICS[name].measured_in for name in metrics)


def explainable(metrics: Iterable[str]) -> frozenset[str]:
    """Return which of the metrics of a case further passes explain: none where its first call is not measured."""
    names = tuple(metrics)
    return frozenset(name for name in names if METRICS[name].explained_in and "first" in passes_for(names))


def profile_pass(kind: str) -> PassName:
    """Return the pass that yields a kind of profile; the passes that explain the first one count as that."""
    return "growth" if kind in _OF_GROWTH else "first"
