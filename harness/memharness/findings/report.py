"""Puts findings together for the commands: reports, and trends to be drawn."""

from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from memharness.analyse.causes import group_by_cause
from memharness.analyse.changes import fold_warm_peaks
from memharness.analyse.limits import find_exceeded
from memharness.analyse.noisy import LEAST_COMMITS
from memharness.analyse.series import Point
from memharness.findings.describe import describe
from memharness.findings.judge import Judged, judge
from memharness.findings.results import Results
from memharness.findings.series_parts import SeriesPart, all_parts, continuations
from memharness.git.history import find_commit
from memharness.model.findings import (
    TREND_CELLS,
    Cell,
    Change,
    Counts,
    Exceeded,
    Failure,
    Report,
    Summary,
    Trend,
    TrendChange,
    TrendPoint,
)
from memharness.model.history import Commit
from memharness.model.measurements import Measured, Outcome, Skipped, outcome_reason
from memharness.model.metrics import METRICS, Phase
from memharness.wording.text import number_text, on_cases
from memharness.wording.thinning import thin


def failures(results: Results) -> tuple[Failure, ...]:
    """Return what could not be measured, in the order of the history."""
    parts = tuple(all_parts(results))
    return tuple(
        Failure(commit=commit.id, case=part.case.name, family=part.family, phase=phase, reason=reason)
        for position, commit in enumerate(results.commits)
        for part in parts
        if part.first <= position <= part.last
        for m in part.stored.get(commit.id, ())[:1]
        for phase, reason in reasons(m.outcome)
    )


def former_only(results: Results) -> frozenset[tuple[str, str, str]]:
    """Return family, commit id and case of what only former parts of series hold, which is not measured any more."""
    return frozenset(
        (part.family, commit, part.case.name)
        for part in all_parts(results)
        for commit in part.stored
        if commit not in results.series(part.family, part.case.name, part.case.scenario.identity)
    )


def reasons(outcome: Outcome) -> Iterator[tuple[Phase, str]]:
    """Yield phase and reason of each failure in an outcome: its own, or those of single passes."""
    if isinstance(outcome, Skipped):
        return
    if not isinstance(outcome, Measured):
        yield outcome_reason(outcome)
        return
    for name, failed in outcome.failed_passes.items():
        phase, reason = outcome_reason(failed)
        yield phase, f"{reason} (in the {name} pass; the other metrics are measured)"


def _figures(results: Results, failed: Sequence[Failure]) -> dict[str, tuple[str, ...]]:
    """Return the measured cases of each commit that also has failures."""
    failing = {(failure.commit, failure.case) for failure in failed}
    parts = tuple(all_parts(results))
    measured = {
        commit: tuple(dict.fromkeys(part.case.name for part in parts if _has_figures(part, commit, failing)))
        for commit, _ in failing
    }
    return {commit: names for commit, names in measured.items() if names}


def _has_figures(part: SeriesPart, commit: str, failing: Collection[tuple[str, str]]) -> bool:
    """Tell whether a part has figures of a commit; a former part's do not count for a case that fails there now."""
    outdated = part.closed and (commit, part.case.name) in failing
    return not outdated and any(isinstance(m.outcome, Measured) for m in part.stored.get(commit, ()))


def make_report(
    results: Results, judged: Sequence[Judged] | None = None, described: Sequence[Judged] | None = None
) -> Report:
    """Report on `results`: on all that was `judged` of them (default: by `judge`), with the changes of `described`."""
    judged = judge(results) if judged is None else judged
    present = [one for one in judged if not one.closed]
    failed = failures(results)
    changes = fold_warm_peaks(describe(results, judged if described is None else described))
    return Report(
        counts=_counts(results, failed),
        changes=changes,
        findings=group_by_cause(changes),
        failures=failed,
        series=tuple(map(_summary, present)),
        exceeded=tuple(over for one in present for over in _exceeded(one)),
        figures=_figures(results, failed),
        below_floors=_below_floors(judged, failed, changes),
        working_tree=next((commit.id for commit in results.commits if commit.working_tree), None),
        notices=_notices(results, present),  # describing may have noticed damaged profiles
    )


def _below_floors(judged: Sequence[Judged], failed: Sequence[Failure], changes: Sequence[Change]) -> tuple[str, ...]:
    """Return the cases in which nothing can be found, as no judged figure reaches its floor, and nothing failed."""
    shown = {one.case.name for one in judged if one.reaches_floor or one.case.scenario.limits}
    shown |= {failure.case for failure in failed} | {change.case for change in changes}
    return tuple(dict.fromkeys(one.case.name for one in judged if one.rule is not None and one.case.name not in shown))


def _notices(results: Results, present: Sequence[Judged]) -> tuple[str, ...]:
    """Return what there is to say beside changes and failures, each once."""
    notices = (
        *results.notices,
        *results.project.notices,
        *results.project.store.notices,
        *continuations(results),
        *_skipped(results),
        *on_cases(blind_spot for one in present for blind_spot in _blind_spots(one)),
    )
    return tuple(dict.fromkeys(notices))


def _skipped(results: Results) -> Iterator[str]:
    """Yield a remark on the cases that were skipped at the newest commit, with the reason of the first."""
    newest = results.commits[-1]
    skipped = [
        (part.case.name, m.outcome.reason)
        for part in all_parts(results)
        for m in part.stored.get(newest.id, ())[:1]
        if isinstance(m.outcome, Skipped) and not part.closed
    ]
    if skipped:
        (name, reason), number = skipped[0], number_text(len(skipped), "case")
        rest = f"; `memharness show {newest.short}` has all of them" if len(skipped) > 1 else ""
        yield f"{number} skipped at {newest.short}, {'the first ' * (len(skipped) > 1)}{name}: {reason}{rest}"


def _counts(results: Results, failed: Sequence[Failure]) -> Counts:
    """Count what became of the commits of `results`."""
    stored = {commit for part in all_parts(results) for commit in part.stored}
    touched = {commit for _, commit, _ in results.fresh}
    measured, reused = (len(ids & results.positions.keys()) for ids in (touched, results.reused - touched))
    return Counts(
        commits=len(results.commits),
        measured=measured,
        cached=len(stored) - measured - reused,
        reused=reused,
        failed=len({failure.commit for failure in failed}),
    )


def report_newest(results: Results) -> Report:
    """Judge the newest commit of `results` against what was measured before it.

    A step in a noisy series is certain once three commits follow it, so there the newest three are new.
    """
    judged = judge(results)
    recent = [commit.id for commit in results.commits[-LEAST_COMMITS:]]
    first, newest = len(results.commits) - len(recent), recent[-1]
    report = make_report(results, judged, [one for one in judged if any(step.bad >= first for step in one.findings)])
    pairs = [_newest_pair(one) for one in judged if not one.closed]
    changes = tuple(_changes_at(report, recent))
    return replace(
        _failures_at(report, newest),
        changes=changes,
        findings=group_by_cause(changes),
        series=tuple(
            replace(_newest_summary(pair), trend=whole.trend) for pair, whole in zip(pairs, report.series, strict=True)
        ),
    )


def _failures_at(report: Report, newest: str) -> Report:
    """Return a report with the failures and the exceeded limits of the newest commit alone."""
    failed = tuple(failure for failure in report.failures if failure.commit == newest)
    return replace(
        report,
        counts=replace(report.counts, commits=1, cached=1, failed=min(len(failed), 1)),
        failures=failed,
        figures={commit: names for commit, names in report.figures.items() if commit == newest},
        exceeded=tuple(over for over in report.exceeded if over.last == newest),
    )


def _changes_at(report: Report, recent: Sequence[str]) -> Iterator[Change]:
    """Yield the changes at the newest of the `recent` commits; in a noisy series those at any of them."""
    noisy = {(row.case, row.metric, row.family) for row in report.series if row.metric_class == "noisy"}
    for change in report.changes:
        new = recent if (change.case, change.metric, change.family) in noisy else recent[-1:]
        if change.range[1] in new or change.undone_by in new:
            yield change


def _newest_pair(judged: Judged) -> Judged:
    """Return a series from the last point measured before the newest commit on."""
    newest = len(judged.series.points) - 1
    past = [index for index, point in enumerate(judged.series.points[:-1]) if point.values]
    return replace(
        judged,
        series=replace(judged.series, points=judged.series.points[past[-1] if past else newest :]),
        steps=tuple(step for step in judged.steps if step.bad == newest),
        drifts=(),
    )


def _newest_summary(pair: Judged) -> Summary:
    """Return a pair of points with the value of each, None where one has none."""
    *past, newest = pair.series.points
    return with_ends(_summary(pair), past[0].value if past else None, newest.value)


def with_ends(row: Summary, first: int | None, last: int | None) -> Summary:
    """Return a series with these two values, and a residual where neither is None."""
    return replace(row, first=first, last=last, residual=None if None in (first, last) else row.residual)


def judged_against(results: Results) -> tuple[Commit, ...]:
    """Return the commits whose values the newest one is judged against by `report_newest`, the newest first."""
    pairs = [_newest_pair(one).series.points for one in judge(results) if not one.closed]
    past = {point.commit.id for points in pairs for point in points[:-1][:1]}
    return tuple(commit for commit in reversed(results.commits) if commit.id in past)


def commits_of(results: Results, report: Report) -> dict[str, Commit]:
    """Return the commits of `results` and the others that the report names, by id."""
    known = {commit.id: commit for commit in results.commits}
    named = {id_ for change in report.changes for id_ in (change.commit, change.merge) if id_}
    named |= {id_ for change in report.still_open for id_ in (change.commit, *change.range) if id_}
    repository = results.project.repository
    return known | {id_: find_commit(repository, id_) for id_ in named - known.keys()}


def _exceeded(judged: Judged) -> tuple[Exceeded, ...]:
    limit = judged.case.scenario.limits.get(judged.series.metric)
    return find_exceeded(judged.series, limit) if limit is not None else ()


def _blind_spots(judged: Judged) -> Iterator[tuple[str, str]]:
    """Yield the case and a remark where most of its memory is not traced, so that `rss_peak` is judged."""
    if judged.series.metric == "rss_peak" and judged.rule is not None:
        family = judged.series.key.family
        yield (
            judged.case.name,
            f"tracemalloc cannot see most of its memory, so rss_peak is judged as well ({family})",
        )


def _summary(judged: Judged) -> Summary:
    series = judged.series
    values = [point.value for point in series.points if point.value is not None]
    first, last = (values[0], values[-1]) if values else (None, None)
    flagged = sum(step.after - step.before for step in judged.findings)
    return Summary(
        case=series.key.case,
        metric=series.metric,
        family=series.key.family,
        unit=METRICS[series.metric].unit,
        first=first,
        last=last,
        residual=(last or 0) - (first or 0) - flagged if judged.rule else None,
        metric_class=series.metric_class,
        trend=thin([_cell(point) for point in series.points], TREND_CELLS),
    )


def _cell(point: Point) -> Cell:
    return "failed" if point.failure is not None else point.value


def trends(results: Results, *metrics: str) -> tuple[Trend, ...]:
    """Return every series of the given metrics that has a value, to be drawn."""
    order = {commit.id: index for index, commit in enumerate(results.commits)}
    judged = [one for one in judge(results) if not one.closed]  # a former part is on another scale
    drawn = [one for one in judged if one.series.metric in metrics and one.newest is not None]
    return tuple(
        Trend(
            case=one.series.key.case,
            metric=one.series.metric,
            unit=METRICS[one.series.metric].unit,
            family=one.series.key.family,
            limit=one.case.scenario.limits.get(one.series.metric),
            points=tuple(map(_trend_point, one.series.points)),
            changes=tuple(
                TrendChange(
                    index=order[change.range[1]],
                    before=change.before,
                    after=change.after,
                    verdict=change.verdict,
                    exact=change.commit is not None,
                )
                for change in describe(results, [one])
            ),
        )
        for one in drawn
    )


def _trend_point(point: Point) -> TrendPoint:
    return TrendPoint(
        commit=point.commit.short,
        subject=point.commit.subject,
        tags=point.commit.tags,
        value=point.value,
        failed=point.failure is not None,
        low=min(point.values) if point.spread else None,
        high=max(point.values) if point.spread else None,
    )
