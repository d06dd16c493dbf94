"""Steps: neighbours in a series that differ by more than the thresholds allow.

The rule for exact and near metrics: a difference counts when it is at least as large as the relative threshold, the
floor of the metric and four times the spread that repeats showed, at the two commits and typically. Leaks follow the
rule for `growth`.
"""

from memharness.analyse.series import Point, Series
from memharness.findings import Confidence
from memharness.model import METRICS, Thresholds, Value

SPREAD_FACTOR = 4
GROWTH_RELATIVE = 0.10  # a slope that was there before and moves by less is the same leak


class Rule(Value):
    """The thresholds of one series: `relative` of the value before and `absolute` in the metric's unit."""

    relative: float
    absolute: int


class Step(Value):
    """Two measured neighbours of a series, as indexes of its points, whose values differ by more than the rule."""

    good: int
    bad: int
    before: int
    after: int
    confidence: Confidence

    @property
    def adjacent(self) -> bool:
        """Tell whether no commit of the history lies between the two."""
        return self.confidence != "range"


def rule_for(metric: str, *levels: Thresholds) -> Rule | None:
    """Return the rule of `metric`, the first of `levels` that says something deciding; None: it never flags."""
    floor = METRICS[metric].floor
    if floor is None:
        return None
    relative = next((level.relative for level in levels if level.relative is not None), None)
    if relative is None:
        relative = GROWTH_RELATIVE if metric == "growth" else 0.01
    for level in levels:
        if metric in level.metrics:
            return Rule(relative=relative, absolute=level.metrics[metric])
        if level.absolute is not None and metric != "growth":
            return Rule(relative=relative, absolute=level.absolute)
    return Rule(relative=relative, absolute=floor)


def find_steps(series: Series, rule: Rule) -> tuple[Step, ...]:
    """Return the steps of `series`, oldest first."""
    typical = series.spread
    steps = []
    good: int | None = None
    for bad, point in enumerate(series.points):
        if point.value is None:
            continue
        if good is not None and point.comparable(series.points[good]):
            spread = max(typical, point.spread, series.points[good].spread)
            step = _step(series, good, bad, rule, spread)
            if step is not None:
                steps.append(step)
        good = bad
    return tuple(steps)


def _step(series: Series, good: int, bad: int, rule: Rule, spread: int) -> Step | None:
    before, after = series.points[good].value, series.points[bad].value
    assert before is not None
    assert after is not None
    needed = max(rule.relative * before, rule.absolute, SPREAD_FACTOR * spread)
    if abs(after - before) < max(needed, 1):
        return None
    return Step(
        good=good,
        bad=bad,
        before=before,
        after=after,
        confidence=_confidence(series.points[good], series.points[bad]),
    )


def _confidence(good: Point, bad: Point) -> Confidence:
    if bad.commit.parents[:1] != (good.commit.id,):
        return "range"
    # The spread of the repeats raised the threshold fourfold, so a step that is still there stands clear of them.
    repeated = len(good.values) > 1 and len(bad.values) > 1
    return "confirmed" if repeated else "located"
