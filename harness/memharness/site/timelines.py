"""Rows and charts of one case: its metrics as the tables of a site show them, and as charts draw them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import numpy as np

from memharness.findings.report import reasons
from memharness.model.history import Commit
from memharness.model.measurements import Measured, Measurement, Outcome, Skipped
from memharness.model.metrics import METRICS, Phase
from memharness.site.case_history import CaseHistory
from memharness.site.columns import MISSING, Integers
from memharness.site.values import (
    CaseData,
    CaseName,
    ChangeEntry,
    FailureAt,
    FailureStretch,
    Mark,
    TrendData,
    TrendSummary,
)
from memharness.wording.thinning import extreme_positions

SPARK_POINTS: Final = 60


def summarise(case: CaseHistory, entries: Sequence[ChangeEntry], tag: int | None) -> tuple[TrendSummary, ...]:
    """Return every metric that has a value; `tag` is the position of the newest tag before the newest commit."""
    return tuple(
        row
        for metric in METRICS
        if metric in case.metrics and (row := _summary(case, metric, entries, tag)) is not None
    )


def _summary(case: CaseHistory, metric: str, entries: Sequence[ChangeEntry], tag: int | None) -> TrendSummary | None:
    values = case.values(metric)
    known = np.flatnonzero(values != MISSING)
    if not known.size:
        return None
    newest = int(known[-1])
    own = [entry for entry in entries if metric in (entry.change.metric, *entry.change.also)]
    limit = case.case.scenario.limits.get(metric)
    now = int(values[newest])
    return TrendSummary(
        subject=case.name,
        metric=metric,
        unit=METRICS[metric].unit,
        title=METRICS[metric].title,
        metric_class=case.classes.get(metric, "exact"),
        spark=reduced(values, SPARK_POINTS),
        marks=tuple(_marks(case, metric, values, own)),
        now=now,
        low=int(values[known].min()),
        high=int(values[known].max()),
        at_tag=None if tag is None or values[tag] == MISSING else int(values[tag]),
        limit=limit,
        over_limit=limit is not None and now > limit and not case.is_suspected(metric, newest),
        age=len(values) - 1 - newest,
        failed_now=newest < case.measured[-1] and bool(failures_at(case, case.measured[-1])),
        last=own[-1] if own else None,
        judged=metric in case.judged_metrics,
    )


def _marks(case: CaseHistory, metric: str, values: Integers, entries: Sequence[ChangeEntry]) -> Iterator[Mark]:
    for entry in entries:
        change = entry.change
        before, after = change.before, change.after
        good, bad = (case.stored.positions[id_] for id_ in change.range)
        if metric != change.metric:  # named beside it: what it did itself
            before, after = int(values[good]), int(values[bad])
        yield Mark(position=bad, before=before, after=after, status=entry.status, entry=entry.id)


def reduced(values: Integers, most: int) -> tuple[tuple[int, int | None], ...]:
    """Return at most `most` (position, value) pairs, None for a stretch without values.

    Of each stretch of equal length the lowest and the highest value stay, where they are, so no step or spike is lost;
    of the whole also the first and the last value.
    """
    cells = [None if value == MISSING else value for value in values.tolist()]
    if len(cells) <= most:
        return tuple(enumerate(cells))
    ends = {at for at in (0, len(cells) - 1) if cells[at] is not None}
    shown = ends.union(extreme_positions(cells, most - 2))
    return tuple((at, cells[at]) for at in sorted(shown))


def chart_data(case: CaseHistory, rows: Sequence[TrendSummary]) -> CaseData:
    """Return what the charts of a case draw."""
    return CaseData(
        subject=case.name,
        trends=tuple(_trend(case, row) for row in rows),
        failures=tuple(
            (at, "; ".join(f"{phase}: {reason}" for phase, reason in failed))
            for at in sorted(case.special)
            if (failed := failures_at(case, at))
        ),
    )


def _trend(case: CaseHistory, row: TrendSummary) -> TrendData:
    return TrendData(
        metric=row.metric,
        unit=row.unit,
        title=row.title,
        values=runs(case.values(row.metric)),
        band=tuple(
            (at, min(point.values), max(point.values))
            for at, point in case.special_points.get(row.metric, {}).items()
            if point.spread
        ),
        limit=row.limit,
        marks=row.marks,
    )


def runs(values: Integers) -> tuple[int | tuple[int | None, int] | None, ...]:
    """Return values, with the number of equal ones in a row where there are several."""
    starts = np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))
    lengths = np.diff(np.append(starts, len(values)))
    known: list[int] = values[starts].tolist()
    numbers = lengths.tolist()
    found: list[int | tuple[int | None, int] | None] = [*known]
    for at in np.flatnonzero((lengths > 1) | (values[starts] == MISSING)).tolist():  # of noisy metrics few
        value = None if known[at] == MISSING else known[at]
        found[at] = value if numbers[at] == 1 else (value, numbers[at])
    return tuple(found)


def failures_at(case: CaseHistory, position: int) -> tuple[tuple[Phase, str], ...]:
    """Return phase and reason of what failed at a position, by the first measurement there."""
    measurements = case.special.get(position)
    return tuple(reasons(measurements[0].outcome)) if measurements else ()


def failing(case: CaseHistory) -> tuple[FailureAt, ...]:
    """Return what failed at the newest commit that anything is stored of."""
    newest = case.measured[-1]
    cell = case.special.get(newest)
    return tuple(failure_details(case.name, case.stored.history[newest], cell)) if cell else ()


def failure_stretches(case: CaseHistory) -> tuple[FailureStretch, ...]:
    """Return the neighbouring measured commits that failed for one reason, oldest first."""
    place = {at: number for number, at in enumerate(case.measured)}
    failed = [(at, failures[0]) for at in sorted(case.special) if (failures := failures_at(case, at))]
    found = []
    # what follows without a gap keeps its distance from its number
    for ((phase, reason), _), run in groupby(
        enumerate(failed), key=lambda pair: (pair[1][1], place[pair[1][0]] - pair[0])
    ):
        positions = [at for _, (at, _) in run]
        first, last = (case.stored.history[at] for at in (positions[0], positions[-1]))
        found.append(FailureStretch(first=first, last=last, number=len(positions), phase=phase, reason=reason))
    return tuple(found)


def failure_details(subject: CaseName, commit: Commit, measurements: Sequence[Measurement]) -> Iterator[FailureAt]:
    """Yield what failed at a commit, by the first measurement there, with what it printed."""
    outcome = measurements[0].outcome
    if isinstance(outcome, Skipped):
        return
    parts: list[Outcome] = [*outcome.failed_passes.values()] if isinstance(outcome, Measured) else [outcome]
    for part, (phase, reason) in zip(parts, reasons(outcome), strict=True):
        yield FailureAt(
            subject=subject,
            commit=commit,
            phase=phase,
            reason=reason,
            exit_code=getattr(part, "exit_code", None),
            output=getattr(part, "output", ()),
            frames=getattr(part, "frames", ()),
        )
