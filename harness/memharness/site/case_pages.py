"""The page of a case, what its charts load, and its pictures."""

import re
import shlex
from collections.abc import Sequence
from functools import partial

from memharness.model.findings import Trend, TrendChange, TrendPoint
from memharness.model.measurements import Measured
from memharness.pictures.small_trend import draw_small_trend
from memharness.site import render
from memharness.site.case_history import CaseHistory
from memharness.site.columns import MISSING
from memharness.site.contents import CaseChanges
from memharness.site.folder import SiteFolder
from memharness.site.timelines import chart_data, failure_stretches, failures_at
from memharness.site.values import CaseName, CasePage, ChangeEntry, Site, TrendSummary


def publish_case(
    folder: SiteFolder, site: Site, changes: CaseChanges, siblings: Sequence[CaseName], *, every_picture: bool
) -> None:
    """Write the files of a case; without `every_picture` only the metric has one that its page shows first."""
    case, rows = changes.case, changes.rows
    first = render.first_metric(rows)
    pictured = [row for row in rows if every_picture or row.metric == first]
    grown = case.newest("growth")
    calls = None if grown is None else case.profile(grown, "calls")
    page = CasePage(
        subject=case.name,
        summary=case.case.scenario.summary,
        rows=rows,
        entries=changes.entries,
        failures=failure_stretches(case),
        unmeasured=len(case.states) - len(case.measured) - case.measured[0],
        siblings=tuple(siblings),
        reproduce=_reproduce(case),
        sizes=calls.sizes if calls else (),
        notes=_notes(case),
        pictures=tuple(row.metric for row in pictured),
    )
    folder.put(f"data/scenario/{case.name.id}.js", render.case_script(chart_data(case, rows)))
    folder.put(f"scenario/{case.name.id}.html", render.render_case(site, page))
    for row in pictured:
        trend = _trend(case, row, changes.entries)
        folder.draw(f"picture/{row.subject.id}-{row.metric}.svg", trend, partial(draw_small_trend, trend))


def _trend(case: CaseHistory, row: TrendSummary, entries: Sequence[ChangeEntry]) -> Trend:
    """Return what the picture of a metric shows."""
    changes = {entry.id: entry.change for entry in entries}
    special = case.special_points.get(row.metric, {})
    repeats = {at: point.values for at, point in special.items() if point.spread}
    points = [
        TrendPoint(
            commit=commit.short,
            tags=commit.tags,
            value=None if value == MISSING else value,
            failed=value == MISSING and bool(failures_at(case, at)),
            low=min(repeats[at]) if at in repeats else None,
            high=max(repeats[at]) if at in repeats else None,
        )
        for at, (commit, value) in enumerate(zip(case.stored.history, case.values(row.metric).tolist(), strict=True))
    ]
    marked = [
        TrendChange(
            index=mark.position,
            before=mark.before,
            after=mark.after,
            verdict=changes[mark.entry].verdict,
            exact=changes[mark.entry].commit is not None,
        )
        for mark in row.marks
    ]
    return Trend(
        case=row.subject.case,
        metric=row.metric,
        unit=row.unit,
        points=tuple(points),
        changes=tuple(marked),
        family=row.subject.family,
        limit=row.limit,
    )


def _reproduce(case: CaseHistory) -> tuple[str, ...]:
    """Return the commands that measure its newest result anew and show what is behind it."""
    name, scenario, commit = case.case.name, case.case.scenario.name, case.stored.history[case.measured[-1]].short
    inner = name.removeprefix(scenario).strip("[]")
    words = [scenario, *inner.split(",")] if inner else [scenario]
    plain = all(re.fullmatch(r"[\w.=-]+", word) and word not in {"and", "or", "not"} for word in words)
    choice = shlex.quote(" and ".join(words if plain else [scenario]))
    return (
        f"memharness run --until {commit} --last 1 -k {choice}",
        f"memharness show {commit} -k {choice}",
    )


def _notes(case: CaseHistory) -> tuple[str, ...]:
    outcomes = [m.outcome for m in case.measurements(case.measured[-1])]
    return tuple(dict.fromkeys(note for o in outcomes if isinstance(o, Measured) for note in o.notes))
