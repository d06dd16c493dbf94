"""Drift: a change so slow that no step of it is flagged.

What a series gained from its base to its end, less its flagged steps, is its residual. A residual too large to
overlook is reported over the range in which it came.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

from memharness.analyse.series import Series
from memharness.analyse.steps import SPREAD_FACTOR, Rule, Step, make_step
from memharness.model.metrics import FLAGGING

DRIFT_RELATIVE = 0.02
TRIM = 20  # a value within a twentieth of the drift is still at the base, or at the end already


def find_drift(
    series: Series, steps: Sequence[Step], rule: Rule, start: int = 0, end: int | None = None
) -> Step | None:
    """Return the drift of `series` from point `start` on as a step of kind "drift"; None where there is none.

    The base is the first point measured from `start` on, or after the last change of scale. The residual counts from
    2 % of the base (more where the rule asks more of a single step), the rule's absolute threshold, and beyond four
    times the spread. `before` is the value measured at the good point, `after` what would be measured at the bad one
    without the flagged steps between. Growth is decided call by call, and never drifts. With `end`, that of an accepted
    drift, nothing beyond it is looked at, and the drift lasts to the last point measured up to it.
    """
    if series.metric == "growth" or series.metric not in FLAGGING:
        return None
    run = _last_run(series, start, end)
    if not run:
        return None
    rest = _unflagged(series, run, steps)
    first, last = next(iter(rest)), run[-1]
    drift = rest[last] - rest[first]
    spread = max(series.spread, series.points[first].spread, series.points[last].spread)
    needed = max(rule.relative, DRIFT_RELATIVE) * abs(rest[first]), rule.floor(series.metric_class), 1
    if abs(drift) < max(needed) or abs(drift) <= SPREAD_FACTOR * spread:
        return None
    tolerance = max(abs(drift) / TRIM, spread)
    *_, good = takewhile(lambda index: abs(rest[index] - rest[first]) <= tolerance, rest)
    bad = _first_at_end(rest, tolerance) if end is None else last
    before = series.points[good].value
    assert before is not None
    return make_step(series, good, bad, before, before + rest[bad] - rest[good], kind="drift")


def _last_run(series: Series, start: int, end: int | None) -> list[int]:
    """Return the measured points from `start` to `end`, those after the last change of scale alone."""
    runs = ([index for index in run if end is None or index <= end] for run in reversed(series.runs))
    return [index for index in next(filter(None, runs), []) if index >= start]


def _first_at_end(rest: dict[int, int], tolerance: float) -> int:
    """Return the first index from which on all values stay within `tolerance` of the last one."""
    backwards = list(reversed(rest))
    *_, index = takewhile(lambda index: abs(rest[index] - rest[backwards[0]]) <= tolerance, backwards)
    return index


def _unflagged(series: Series, run: Sequence[int], steps: Sequence[Step]) -> dict[int, int]:
    """Return the values of `run` less the flagged steps so far, by index; without those in the middle of a step."""
    own = [step for step in steps if run[0] < step.bad <= run[-1]]
    inside = {index for step in own for index in range(step.good + 1, step.bad)}
    moved: Counter[int] = Counter()
    for step in own:
        moved[step.bad] += step.after - step.before
    rest = {}
    flagged = 0
    for index in run:
        value = series.points[index].value
        assert value is not None
        flagged += moved[index]
        if index not in inside:
            rest[index] = value - flagged
    return rest
