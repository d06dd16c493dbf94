"""Pictures of trends for print and for pages without scripts, drawn where what they show has changed."""

import hashlib
from typing import Final

import msgspec
from msgspec.structs import replace

from memharness.findings import Trend, TrendChange, TrendPoint
from memharness.pages import TrendSummary
from memharness.pipeline.catalogue import Chapter
from memharness.pipeline.columns import MISSING
from memharness.pipeline.trending import failures_at
from memharness.present.folder import SiteFolder

PICTURED: Final = "peak"
_EXACT_PICTURES: Final = 1000  # commits; beyond, a picture may end some commits before the newest
_STEPS: Final = 50  # of a longer history, of which a picture may miss the last
_TURNS: Final = 16  # into which the pictures are dealt, some commits apart: drawing one costs what drawing ten does


def choose(chapter: Chapter, *, every: bool) -> tuple[TrendSummary, ...]:
    """Return the metrics to draw: all, or the one that a page shows first."""
    if every or not chapter.rows:
        return chapter.rows
    return (next((row for row in chapter.rows if row.metric == PICTURED), chapter.rows[0]),)


def publish_picture(folder: SiteFolder, chapter: Chapter, row: TrendSummary, code: str) -> None:
    """Draw a metric; along a long history not for every commit, unless there is a change in it."""
    number, path = len(chapter.subject.states), f"picture/{row.subject.id}-{row.metric}.svg"
    last = number - 1
    if number > _EXACT_PICTURES:
        step = 1 << (number // _STEPS).bit_length() - 1
        turn = int(row.subject.id, 16) % _TURNS * max(step // _TURNS, 1)
        last -= (last - turn) % step
        last = max([last, *(mark.position for mark in row.marks)])
    key = _key(chapter, row, last, code)
    if not folder.keeps(path, key):
        from memharness.present.pictures import picture  # matplotlib takes its time

        folder.put(path, picture(_trend(chapter, row, last)), key)


def _key(chapter: Chapter, row: TrendSummary, last: int, code: str) -> str:
    """Return a digest of all that a picture shows."""
    subject, history = chapter.subject, chapter.subject.shelf.history
    shown = [code, row.subject, row.metric, row.limit, row.marks, [e.change.verdict for e in chapter.entries]]
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
