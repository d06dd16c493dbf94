"""Series for the tests of the analysis, written down or with seeded noise."""

import random
from collections.abc import Collection, Sequence

from memharness.analyse.series import Point, Series, SeriesKey
from memharness.analyse.steps import Rule, rule_for
from memharness.model.scenarios import Thresholds
from values import commit

MIB = 1 << 20
SUBJECT = SeriesKey(case="waste", identity="one", probe=1, family="f", metrics=("peak",))


def series(
    *values: tuple[int, ...],
    metric: str = "peak",
    scales: Sequence[str] = (),
    suspected: Collection[int] = (),
) -> Series:
    """Return a series with these repeats at its commits."""
    points = tuple(
        Point(
            commit=commit(i),
            values=v,
            scale=(scales[i],) if scales and scales[i] else (),
            suspected=i in suspected,
        )
        for i, v in enumerate(values)
    )
    return Series(key=SUBJECT, metric=metric, points=points)


def noise(
    seed: int,
    levels: Sequence[int | None],
    *,
    sigma: int,
    metric: str = "rss_peak",
    scales: Sequence[str] = (),
    repeats: int = 5,
) -> Series:
    """Return a series around `levels` (None: not measured) whose repeats scatter by `sigma`."""
    source = random.Random(seed)
    values = [
        () if level is None else tuple(round(source.gauss(level, sigma)) for _ in range(repeats)) for level in levels
    ]
    return series(*values, metric=metric, scales=scales)


def rule(metric: str, *levels: Thresholds) -> Rule:
    found = rule_for(metric, *levels)
    assert found
    return found
