"""Series: the values of one case and metric in one environment family along first-parent history.

In: commits oldest first, and the measurements stored for each. Out: `Series`, whose points keep every repeat.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from statistics import median_high, median_low

from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import MetricClass
from memharness.model.history import Commit
from memharness.model.measurements import Measured, Measurement, Outcome, Skipped, outcome_reason
from memharness.model.metrics import METRICS, Phase
from memharness.model.values import Value

# Packages whose own allocations tracemalloc traces: another version of one is another scale, not a change.
SCALE_PACKAGES = ("numpy",)

# Classes of metrics, and the greatest spread between repeats of one commit, as a share of the value, in each.
EXACT_SPREAD = 0.0005
NEAR_SPREAD = 0.005


class SeriesKey(Value):
    """What a series is about. Measurements of another scenario identity or probe method do not belong to it."""

    case: str
    identity: str
    probe: int
    family: str
    metrics: tuple[str, ...]

    def owns(self, measurement: Measurement) -> bool:
        """Tell whether a measurement that is stored in the key's family belongs to it."""
        return (measurement.case, measurement.identity, measurement.probe) == (self.case, self.identity, self.probe)


class Point(Value):
    """One commit of a series: the values of all repeats in order, or the reason why there is none.

    Neither values nor a reason: the commit was not measured. Values with different `scale` are not compared.
    `suspected`: no measurement was certain of its value.
    """

    commit: Commit
    values: tuple[int, ...] = ()
    failure: tuple[Phase, str] | None = None
    scale: tuple[str, ...] = ()
    suspected: bool = False

    @property
    def value(self) -> int | None:
        """The median of the repeats (the lower of the two in the middle, so that it was really measured).

        The class of the series decides how many there should be (`steps.REPEATS`); more do not make it worse.
        """
        values = self.values
        if len(values) < 2:  # so are most, and there are many
            return values[0] if values else None
        return median_low(values)

    @property
    def spread(self) -> int:
        """The difference between the repeats, in the metric's unit."""
        return max(self.values) - min(self.values) if len(self.values) > 1 else 0


class Series(Value, dict=True, gc=True):
    """The points of one (case, metric, family), one for every commit of the range, oldest first.

    What follows from the points is asked for at every step, so it is found once.
    """

    key: SeriesKey
    metric: str
    points: tuple[Point, ...]

    @cached_property
    def spread(self) -> int:
        """The median of the differences between repeats of one commit, 0 for an exact metric or without repeats."""
        return median_high([point.spread for point in self.points if len(point.values) > 1] or [0])

    @cached_property
    def metric_class(self) -> MetricClass:
        """How repeatable the metric is here, by the typical spread between repeats; "exact" while there are none.

        A spread of a few bytes does not count, whatever share it is: a peak of 2 KB that jitters by 60 B is not noisy.
        Growth is decided by the leak rule from many readings, so it is never noisy.
        """
        if self.metric == "growth":
            return "exact"
        harmless = METRICS[self.metric].harmless
        spread = median_high([_relative_spread(p, harmless) for p in self.points if len(p.values) > 1] or [0.0])
        if spread <= EXACT_SPREAD:
            return "exact"
        return "near" if spread <= NEAR_SPREAD else "noisy"

    @cached_property
    def runs(self) -> tuple[tuple[int, ...], ...]:
        """The indexes of the measured points, in runs of neighbours whose values are on one scale.

        A point whose environment is not known is taken to be on the scale of the one before.
        """
        runs: list[list[int]] = []
        scale: tuple[str, ...] = ()
        for index, point in enumerate(self.points):
            if not point.values:
                continue
            if not runs or (scale and point.scale not in {(), scale}):
                runs.append([])
            runs[-1].append(index)
            scale = point.scale or scale
        return tuple(map(tuple, runs))


def _relative_spread(point: Point, harmless: int) -> float:
    if point.spread <= harmless:
        return 0.0
    return point.spread / abs(point.value) if point.value else inf


def build_series(
    key: SeriesKey,
    commits: Sequence[Commit],
    measurements: Mapping[str, Sequence[Measurement]],
    environments: Mapping[str, EnvironmentFacts],
) -> tuple[Series, ...]:
    """Return one series for each metric of `key` that was measured at least once or failed everywhere.

    `measurements` maps commit ids to what is stored for them in the key's family, `environments` maps
    `EnvironmentFacts.id` to the facts.
    """
    own = {
        commit.id: sorted(filter(key.owns, measurements.get(commit.id, ())), key=lambda m: m.round)
        for commit in commits
    }
    scales = {
        id_: tuple(facts.packages.get(name, "") for name in SCALE_PACKAGES) for id_, facts in environments.items()
    }
    return tuple(
        Series(
            key=key,
            metric=metric,
            points=tuple(_point(commit, own[commit.id], metric, scales) for commit in commits),
        )
        for metric in key.metrics
        if metric in METRICS
    )


def _point(
    commit: Commit, measurements: Sequence[Measurement], metric: str, scales: Mapping[str, tuple[str, ...]]
) -> Point:
    """Return the point of the measurements in the environment of the first that has the metric.

    Later ones in another environment are no repeats of it, but environments that are not known, which are those without
    `scales`, count as one.
    """
    having = list(_having(metric, measurements))
    if not having:
        reasons = (_reason(measurement.outcome, metric) for measurement in measurements)
        return Point(commit=commit, failure=next(filter(None, reasons), None))
    first, _ = having[0]
    repeats = [outcome for other, outcome in having if other == first or {other, first}.isdisjoint(scales)]
    return Point(
        commit=commit,
        values=tuple(outcome.metrics[metric] for outcome in repeats),
        scale=scales.get(first, ()),
        suspected=all(metric in outcome.suspected for outcome in repeats),
    )


def _having(metric: str, measurements: Sequence[Measurement]) -> Iterator[tuple[str, Measured]]:
    """Yield the outcomes that have a metric, with their environments."""
    for measurement in measurements:
        outcome = measurement.outcome
        if isinstance(outcome, Measured) and metric in outcome.metrics:
            yield measurement.environment or "", outcome


def _reason(outcome: Outcome, metric: str) -> tuple[Phase, str] | None:
    """Return why an outcome lacks a metric; None where the metric was not asked for, or the case does not apply."""
    if isinstance(outcome, Skipped):
        return None
    failed = outcome.failed_passes.get(METRICS[metric].measured_in) if isinstance(outcome, Measured) else outcome
    return outcome_reason(failed) if failed is not None else None
