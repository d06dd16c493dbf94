"""Absolute judgements of a series: its budget, and whether tracing sees the greater part of its memory."""

from collections.abc import Iterable
from itertools import groupby
from statistics import median

from memharness.analyse.series import Series
from memharness.model.findings import Exceeded
from memharness.model.metrics import METRICS

DOMINATING = 2  # times the traced peak
LEAST_UNTRACED = 8 << 20  # bytes


def find_exceeded(series: Series, limit: int) -> tuple[Exceeded, ...]:
    """Return where `series` is above `limit`, oldest first: one for each run of neighbouring measured points.

    Every commit is judged, the first and an only one included. What could not be measured interrupts no run.
    """
    measured = [point for point in series.points if point.values]
    runs = [list(run) for above, run in groupby(measured, key=lambda point: (point.value or 0) > limit) if above]
    return tuple(
        Exceeded(
            case=series.key.case,
            metric=series.metric,
            family=series.key.family,
            unit=METRICS[series.metric].unit,
            limit=limit,
            value=max(point.value or 0 for point in run),
            first=run[0].commit.id,
            last=run[-1].commit.id,
            open=run[-1] is measured[-1],
            suspected=all(point.suspected for point in run),
        )
        for run in runs
    )


def untraced_dominates(traced: Iterable[int | None], resident: Iterable[int | None]) -> bool:
    """Tell whether most of the memory is invisible to tracing, so that `rss_peak` has to be judged beside `peak`.

    In: the values of both along one history. Resident memory moves by pages and arenas that have nothing to do with the
    project, so it is judged only where it differs from the traced peak: at the median of the commits with
    both, it is at least twice as much, and at least 8 MiB more, which is beyond what arenas, stacks and lazily loaded
    libraries of a small workload take. The median keeps the answer the same from commit to commit.
    """
    pairs = [(peak, rss) for peak, rss in zip(traced, resident, strict=True) if peak is not None and rss is not None]
    if not pairs:
        return False
    beyond_double = median(rss - DOMINATING * peak for peak, rss in pairs)
    return beyond_double >= 0 and median(rss - peak for peak, rss in pairs) >= LEAST_UNTRACED
