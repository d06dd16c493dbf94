"""Steps: where the values of a series change by more than the thresholds allow.

Exact and near metrics: neighbours are compared. A difference counts when it is at least as large as the relative
threshold, the floor of the metric and four times the spread that repeats showed, at the two commits and typically.
Growth likewise, with the spread once: every value went through the leak rule, so what counts is that a leak appears,
goes, or changes its slope, which beside a large old leak a small new one does. Noisy metrics: levels of several commits
are compared (`noisy`).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

from memharness.analyse.noisy import find_jumps
from memharness.analyse.series import Series
from memharness.model.findings import Confidence, MetricClass
from memharness.model.metrics import FLAGGING, METRICS
from memharness.model.scenarios import Thresholds
from memharness.model.values import Value

SPREAD_FACTOR = 4
RELATIVE = 0.01
NOISY_RELATIVE = 0.03
RELATIVE_OF: Final[Mapping[str, float]] = {
    "growth": 0.10,  # a slope that was there before and moves by less is the same leak
    "rss_peak": NOISY_RELATIVE,  # pages and allocators move it, also where repeats agree
}
NOISY_ABSOLUTE = 1 << 20
_OWN_FLOOR: Final = ("growth", "track")  # whose units are other than bytes
ENOUGH_GROWTH = 1 << 10  # bytes per call that are a leak of their own beside an old one, if they are exact
REPEATS: Final[Mapping[MetricClass, int]] = {"exact": 2, "near": 3, "noisy": 5}  # that settle a value


class Rule(Value):
    """The thresholds of one series: `relative` of the value before and `absolute` in the metric's unit.

    `noisy_absolute` takes the place of `absolute` where the series turns out to be noisy. A difference of `enough` that
    is also 1 % counts though it is a smaller share than `relative`.
    """

    relative: float
    absolute: int
    noisy_absolute: int = NOISY_ABSOLUTE
    enough: int | None = None

    def needed(self, before: int) -> float:
        """Return the least difference from `before` that counts in an exact or near series."""
        share = self.relative * abs(before)
        if self.enough is not None:
            share = min(share, max(self.enough, RELATIVE * abs(before)))
        return max(share, self.absolute)

    def is_gone(self, before: int, now: int, metric_class: MetricClass) -> bool:
        """Tell whether a value, of a noisy series a level, shows nothing any more of a rise from `before`."""
        if metric_class == "noisy":
            return now - before < max(NOISY_RELATIVE * abs(before), self.needed(before), self.noisy_absolute)
        return now - before < max(self.needed(before), 1)

    def floor(self, metric_class: MetricClass) -> int:
        """Return the absolute threshold for a series of this class."""
        return self.noisy_absolute if metric_class == "noisy" else self.absolute


class Step(Value):
    """A change from `before` to `after` between two measured points of a series, given by their indexes.

    Of a "step" the two are neighbours, or the ends of a stretch where a noisy series cannot tell more; a "drift" is
    spread over the points between. `apart`: commits of the history lie between them.
    """

    good: int
    bad: int
    before: int
    after: int
    confidence: Confidence
    kind: Literal["step", "drift"] = "step"
    apart: bool = False

    @property
    def adjacent(self) -> bool:
        """Tell whether no commit of the history lies between the two."""
        return not self.apart and self.confidence != "range"


def rule_for(metric: str, *levels: Thresholds, metric_class: MetricClass = "exact") -> Rule | None:
    """Return the rule of `metric`, the first of `levels` that says something deciding; None: it never flags."""
    floor = METRICS[metric].floor
    if floor is None:
        return None
    relative = next((level.relative for level in levels if level.relative is not None), None)
    enough = ENOUGH_GROWTH if relative is None and (metric, metric_class) == ("growth", "exact") else None
    if relative is None:
        relative = RELATIVE_OF.get(metric, RELATIVE)
    absolute = _given_absolute(metric, levels)
    if absolute is not None:
        return Rule(relative=relative, absolute=absolute, noisy_absolute=absolute, enough=enough)
    noisy = floor if metric == "track" else NOISY_ABSOLUTE
    return Rule(relative=relative, absolute=floor, noisy_absolute=noisy, enough=enough)


def _given_absolute(metric: str, levels: Sequence[Thresholds]) -> int | None:
    """Return what the first of `levels` that says something says of `metric`: that of all metrics counts bytes."""
    for level in levels:
        absolute = level.metrics.get(metric, None if metric in _OWN_FLOOR else level.absolute)
        if absolute is not None:
            return absolute
    return None


def find_steps(series: Series, rule: Rule) -> tuple[Step, ...]:
    """Return the steps of `series`, oldest first. Values on different scales are not compared."""
    find = _between_levels if series.metric_class == "noisy" else _between_neighbours
    return tuple(step for run in series.runs for step in find(series, run, rule))


def _between_neighbours(series: Series, run: Sequence[int], rule: Rule) -> list[Step]:
    typical = series.spread
    factor = 1 if series.metric == "growth" else SPREAD_FACTOR
    steps = []
    for good, bad in pairwise(run):
        old, new = series.points[good], series.points[bad]
        before, after = old.value or 0, new.value or 0
        spread = max(typical, old.spread, new.spread)
        if abs(after - before) >= max(rule.needed(before), factor * spread, 1):
            steps.append(step_between(series, good, bad))
    return steps


def weight(series: Series, rule: Rule, before: int, after: int) -> float:
    """Return how many thresholds lie between two values of a series, by the spread that its repeats showed so far."""
    needed = max(rule.needed(before), series.spread * (1 if series.metric == "growth" else SPREAD_FACTOR), 1)
    if series.metric_class == "noisy":
        needed = max(needed, NOISY_RELATIVE * abs(before), rule.noisy_absolute)
    return abs(after - before) / needed


def step_between(series: Series, good: int, bad: int) -> Step:
    """Return the step between two measured points, however small; suspected where their repeats overlap."""
    old, new = series.points[good], series.points[bad]
    assert old.value is not None
    assert new.value is not None
    overlap = min(new.values) <= max(old.values) and min(old.values) <= max(new.values)
    return make_step(series, good, bad, old.value, new.value, suspected=overlap)


def _between_levels(series: Series, run: Sequence[int], rule: Rule) -> list[Step]:
    repeats = [series.points[index].values for index in run]
    jumps = find_jumps(repeats, max(rule.relative, NOISY_RELATIVE), rule.noisy_absolute)
    return [
        make_step(series, run[jump.good], run[jump.bad], jump.before, jump.after, suspected=jump.suspected)
        for jump in jumps
    ]


def make_step(
    series: Series,
    good: int,
    bad: int,
    before: int,
    after: int,
    *,
    kind: Literal["step", "drift"] = "step",
    suspected: bool = False,
) -> Step:
    """Return the step between two points with its confidence.

    Confirmed is what was measured again on both sides, as often as the class of the series asks for, and is still
    there: for exact and near metrics it then stands clear of the repeats, as their spread raised the threshold.
    """
    old, new = series.points[good], series.points[bad]
    apart = new.commit.parents[:1] != (old.commit.id,)
    confidence: Confidence = "located"
    if suspected or old.suspected or new.suspected:
        confidence = "suspected"
    elif apart:
        confidence = "range"
    elif min(len(old.values), len(new.values)) >= REPEATS[series.metric_class]:
        confidence = "confirmed"
    return Step(good=good, bad=bad, before=before, after=after, confidence=confidence, kind=kind, apart=apart)


def needs_repeats(series: Series, steps: Sequence[Step], *, ends: bool = False) -> tuple[tuple[int, int], ...]:
    """Return the points that are to be repeated: (index, number of measurements there should be in all), by index.

    Both sides of every step or drift, to confirm it; all points of a noisy series; both `ends`, where the spread is to
    be known in any case. A metric that never flags asks for none.
    """
    if series.metric not in FLAGGING:
        return ()
    measured = [index for run in series.runs for index in run]
    if series.metric_class == "noisy":
        return tuple((index, REPEATS["noisy"]) for index in measured)
    wanted = dict.fromkeys([*measured[:1], *measured[-1:]], REPEATS["exact"]) if ends else {}
    wanted |= dict.fromkeys([i for step in steps for i in (step.good, step.bad)], REPEATS[series.metric_class])
    return tuple(sorted(wanted.items()))
