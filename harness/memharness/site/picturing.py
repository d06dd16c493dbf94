"""Pictures of trends for print and for pages without scripts, drawn where what they show has changed."""

import hashlib
from typing import Final

import msgspec
from msgspec.structs import replace

import memharness.site.render as pages
from memharness.model.findings import Trend, TrendChange, TrendPoint
from memharness.site.catalogue import Chapter
from memharness.site.columns import MISSING
from memharness.site.drawn import code_digest
from memharness.site.folder import SiteFolder
from memharness.site.timelines import failures_at
from memharness.site.values import TrendSummary

_EXACT: Final = 1000  # commits, up to which a picture shows all
_STRETCHES: Final = 50  # at least, that a longer history has; most of the last one may be missing
_PACE: Final = 4  # commits from one turn to the next


def choose(chapter: Chapter, *, every: bool) -> tuple[TrendSummary, ...]:
    """Return the metrics to draw: all, or the one that a page shows first."""
    if every or not chapter.rows:
        return chapter.rows
    first = pages.first_metric(chapter.rows)
    return tuple(row for row in chapter.rows if row.metric == first)


def publish_picture(folder: SiteFolder, chapter: Chapter, row: TrendSummary) -> None:
    """Draw a metric, unless its picture is there as it would be."""
    path = f"picture/{row.subject.id}-{row.metric}.svg"
    last = newest_pictured(row, len(chapter.subject.states))
    key = _key(chapter, row, last)
    if not folder.keeps(path, key):
        from memharness.pictures.small_trend import draw_small_trend  # matplotlib takes its time

        folder.put(path, draw_small_trend(_trend(chapter, row, last)), key)


def newest_pictured(row: TrendSummary, commits: int) -> int:
    """Return the position up to which a picture shows a history: its end, or of a long one a little before it.

    Changes are always shown. Pictures move on by stretches, some of them at every fourth commit and none at others: to
    import what draws them takes as long as to draw ten. Where the stretches double, at 1,600, 3,200, 6,400 commits and
    so on, all move at once.
    """
    newest = commits - 1
    if commits <= _EXACT:
        return newest
    stretch = 1 << (commits // _STRETCHES).bit_length() - 1
    turn = int(row.subject.id, 16) * _PACE % stretch
    return max([newest - (newest - turn) % stretch, *(mark.position for mark in row.marks)])


def _key(chapter: Chapter, row: TrendSummary, last: int) -> str:
    """Return a digest of all that a picture shows."""
    subject, history = chapter.subject, chapter.subject.shelf.history
    shown = [code_digest(), row.subject, row.metric, row.limit, row.marks, [e.change.verdict for e in chapter.entries]]
    tags = [(at, history[at].tags) for at in range(last + 1) if history[at].tags]
    failed = [at for at in subject.special if at <= last and failures_at(subject, at)]
    spreads = [(at, p.values) for at, p in subject.special_points.get(row.metric, {}).items() if at <= last]
    found = hashlib.sha256(msgspec.msgpack.encode([shown, tags, failed, spreads, history[last].id, last]))
    found.update(subject.values(row.metric)[: last + 1].tobytes())
    return found.hexdigest()[:32]


def _trend(chapter: Chapter, row: TrendSummary, last: int) -> Trend:
    subject, changes = chapter.subject, {entry.id: entry.change for entry in chapter.entries}
    values, history = subject.values(row.metric).tolist(), subject.shelf.history
    points = [
        TrendPoint(
            commit=history[at].short,
            tags=history[at].tags,
            value=None if values[at] == MISSING else values[at],
            failed=values[at] == MISSING and bool(failures_at(subject, at)),
        )
        for at in range(last + 1)
    ]
    for at, point in subject.special_points.get(row.metric, {}).items():
        if point.spread and at <= last:
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
