"""Pictures of trends, for print and for pages without scripts."""

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from memharness.model.findings import Trend, TrendChange, TrendPoint
from memharness.pictures.small_trend import draw_small_trend
from memharness.site.case_history import CaseHistory
from memharness.site.columns import MISSING
from memharness.site.folder import SiteFolder
from memharness.site.timelines import failures_at
from memharness.site.values import ChangeEntry, TrendSummary


def publish_picture(folder: SiteFolder, case: CaseHistory, row: TrendSummary, entries: Sequence[ChangeEntry]) -> None:
    """Draw a metric of a case, unless its picture is there already."""
    trend = _trend(case, row, entries)
    folder.draw(f"picture/{row.subject.id}-{row.metric}.svg", trend, partial(draw_small_trend, trend))


def _trend(case: CaseHistory, row: TrendSummary, entries: Sequence[ChangeEntry]) -> Trend:
    changes = {entry.id: entry.change for entry in entries}
    failed = {at for at in case.special if failures_at(case, at)}
    points = [
        TrendPoint(
            commit=commit.short,
            tags=commit.tags,
            value=None if value == MISSING else value,
            failed=value == MISSING and at in failed,
        )
        for at, (commit, value) in enumerate(zip(case.stored.history, case.values(row.metric).tolist(), strict=True))
    ]
    for at, point in case.special_points.get(row.metric, {}).items():
        if point.spread:
            points[at] = replace(points[at], low=min(point.values), high=max(point.values))
    return Trend(
        case=row.subject.case,
        metric=row.metric,
        unit=row.unit,
        points=tuple(points),
        changes=tuple(
            TrendChange(
                index=mark.position,
                before=mark.before,
                after=mark.after,
                verdict=changes[mark.entry].verdict,
                exact=changes[mark.entry].commit is not None,
            )
            for mark in row.marks
        ),
        family=row.subject.family,
        limit=row.limit,
    )
