"""Findings put together for the commands: a report of everything, and trends to be drawn."""

from collections.abc import Iterable, Iterator

from memharness.analyse.series import Series
from memharness.analyse.steps import Step
from memharness.findings import Counts, Failure, Report, Summary, Trend, TrendChange, TrendPoint
from memharness.model import METRICS, Measured, Outcome, Phase, outcome_reason
from memharness.pipeline.judging import describe, find_steps_in
from memharness.pipeline.results import Results


def failures(results: Results) -> tuple[Failure, ...]:
    """Return what could not be measured, in the order of the history."""
    return tuple(
        Failure(commit=commit.id, case=case.name, family=family, phase=phase, reason=reason)
        for commit in results.commits
        for family in results.measurements
        for case in results.cases(family)
        for m in results.of(family, commit.id, case.name, case.scenario.identity)[:1]
        for phase, reason in _reasons(m.outcome)
    )


def _reasons(outcome: Outcome) -> Iterator[tuple[Phase, str]]:
    if not isinstance(outcome, Measured):
        yield outcome_reason(outcome)
        return
    for name, failed in outcome.failed_passes.items():
        phase, reason = outcome_reason(failed)
        yield phase, f"{reason} (in the {name} pass; the other metrics are measured)"


def make_report(results: Results) -> Report:
    """Judge `results` as a whole."""
    steps = find_steps_in(results)
    failed = failures(results)
    stored = {
        commit.id
        for commit in results.commits
        for family in results.measurements
        for case in results.cases(family)
        if results.of(family, commit.id, case.name, case.scenario.identity)
    }
    return Report(
        counts=Counts(
            commits=len(results.commits),
            measured=results.measured,
            cached=len(stored) - results.measured,
            failed=len({failure.commit for failure in failed}),
        ),
        changes=describe(results, steps),
        failures=failed,
        series=tuple(_summary(series, found) for series, found in steps),
        notices=tuple(results.project.store.notices),
    )


def _summary(series: Series, steps: Iterable[Step]) -> Summary:
    values = [point.value for point in series.points if point.value is not None]
    first, last = (values[0], values[-1]) if values else (None, None)
    flagged = sum(step.after - step.before for step in steps)
    return Summary(
        case=series.subject.case,
        metric=series.metric,
        family=series.subject.family,
        unit=METRICS[series.metric].unit,
        first=first,
        last=last,
        residual=(last or 0) - (first or 0) - flagged,
    )


def trends(results: Results, metric: str) -> tuple[Trend, ...]:
    """Return every series of one metric that has a value, as it is drawn."""
    return tuple(
        Trend(
            case=series.subject.case,
            metric=metric,
            unit=METRICS[metric].unit,
            family=series.subject.family,
            points=tuple(
                TrendPoint(
                    commit=point.commit.short,
                    subject=point.commit.subject,
                    tags=point.commit.tags,
                    value=point.value,
                    failed=point.failure is not None,
                )
                for point in series.points
            ),
            changes=tuple(
                TrendChange(
                    index=step.bad,
                    before=step.before,
                    after=step.after,
                    verdict="regressed" if step.after > step.before else "improved",
                    exact=step.adjacent,
                )
                for step in steps
            ),
        )
        for series, steps in find_steps_in(results)
        if series.metric == metric and any(point.values for point in series.points)
    )
