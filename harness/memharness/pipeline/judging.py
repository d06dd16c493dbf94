"""From stored measurements to findings: series, steps, changes with their blame, and the report of a command.

Measures nothing and writes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from memharness.analyse.blame import Edits
from memharness.analyse.changes import Side, fold_warm_peaks, make_change
from memharness.analyse.series import Series, Subject, build_series
from memharness.analyse.steps import Step, find_steps, rule_for
from memharness.config import Config
from memharness.findings import Change, Counts, Failure, Report, Summary, Trend, TrendChange, TrendPoint
from memharness.history import changed_lines, count_between
from memharness.measure import PROBE_METHOD
from memharness.model import (
    METRICS,
    Case,
    Commit,
    EnvironmentFacts,
    Measured,
    Measurement,
    Outcome,
    Phase,
    Profile,
    outcome_reason,
)
from memharness.pipeline.project import EVERYTHING, Project, Selection, open_project

Steps = tuple[tuple[Series, tuple[Step, ...]], ...]


@dataclass(frozen=True)
class Results:
    """What is stored for some commits, by environment family and commit id."""

    project: Project
    commits: tuple[Commit, ...]
    measurements: Mapping[str, Mapping[str, Sequence[Measurement]]]
    environments: Mapping[str, EnvironmentFacts]
    measured: int = 0  # at so many of the commits something was measured just now

    def cases(self, family: str) -> tuple[Case, ...]:
        """Return the cases with at least one measurement in a family."""
        known = {(m.case, m.identity) for stored in self.measurements[family].values() for m in stored}
        return tuple(case for case in self.project.cases if (case.name, case.scenario.identity) in known)

    def of(self, family: str, commit_id: str, case: str, identity: str) -> tuple[Measurement, ...]:
        """Return the repeats of one case at one commit, the first one first."""
        found = (m for m in self.measurements[family].get(commit_id, ()) if m.case == case and m.identity == identity)
        return tuple(sorted((m for m in found if m.probe == PROBE_METHOD), key=lambda m: m.round))


def load_results(config: Config, selection: Selection = EVERYTHING) -> Results:
    """Load what is stored for the selected commits and cases in all environments; measures and writes nothing."""
    project = open_project(config, selection, read_only=True)
    return load_commits(project, project.commits(selection))


def load_commits(
    project: Project, commits: Sequence[Commit], *, families: Iterable[str] | None = None, measured: int = 0
) -> Results:
    """Load what is stored for these commits, in the given environment families or in all there are."""
    ids = [commit.id for commit in commits]
    measurements = {}
    environments: dict[str, EnvironmentFacts] = {}
    for family in project.store.families() if families is None else families:
        records = {record.commit.id: record.measurements for record in project.store.records(family, ids)}
        measurements[family] = records
        for facts_id in {m.environment for stored in records.values() for m in stored if m.environment}:
            facts = project.store.environment(family, facts_id)
            if facts is not None:
                environments[facts_id] = facts
    return Results(
        project=project,
        commits=tuple(commits),
        measurements=measurements,
        environments=environments,
        measured=measured,
    )


def find_steps_in(results: Results) -> Steps:
    """Return every series of `results` with its steps."""
    found = []
    for family in results.measurements:
        for case in results.cases(family):
            for series in build_series(
                _subject(results.project, case, family),
                results.commits,
                results.measurements[family],
                results.environments,
            ):
                rule = rule_for(series.metric, case.scenario.thresholds, results.project.config.thresholds)
                found.append((series, find_steps(series, rule) if rule else ()))
    return tuple(found)


def _subject(project: Project, case: Case, family: str) -> Subject:
    return Subject(
        case=case.name,
        identity=case.scenario.identity,
        probe=PROBE_METHOD,
        family=family,
        metrics=case.scenario.metrics or project.config.run.metrics,
    )


def find_changes(results: Results) -> tuple[Change, ...]:
    """Return the changes in `results`, each with the lines that hold it, in the order of the history."""
    return describe(results, find_steps_in(results))


def describe(results: Results, steps: Steps) -> tuple[Change, ...]:
    """Turn steps into changes: load the profiles of both sides and ask git which lines differ."""
    repository = results.project.repository
    edits_between = cache(
        lambda good, bad: Edits(
            added=changed_lines(repository, good, bad), removed=changed_lines(repository, bad, good)
        )
    )
    commits_between = cache(lambda good, bad: count_between(repository, good, bad))
    order = {commit.id: index for index, commit in enumerate(results.commits)}
    changes = []
    for series, step in ((series, step) for series, found in steps for step in found):
        pair = (series.points[step.good].commit.id, series.points[step.bad].commit.id)
        changes.append(
            make_change(
                series,
                step,
                _side(results, series, step.good),
                _side(results, series, step.bad),
                edits_between(*pair),
                between=1 if step.adjacent else commits_between(*pair),
            )
        )
    metrics = list(METRICS)
    return fold_warm_peaks(
        sorted(changes, key=lambda c: (order[c.range[1]], c.family, c.case, metrics.index(c.metric)))
    )


def _side(results: Results, series: Series, index: int) -> Side:
    """Load the profiles of one point: of the last repeat, which was traced deep if any was."""
    subject = series.subject
    repeats = results.of(subject.family, series.points[index].commit.id, subject.case, subject.identity)
    outcomes = [m.outcome for m in repeats if isinstance(m.outcome, Measured)]

    def profile(kind: str) -> Profile:
        ids = [outcome.profiles[kind] for outcome in outcomes if kind in outcome.profiles]
        return (results.project.store.profile(ids[-1]) if ids else None) or Profile()

    return Side(
        alive=profile("alive"),
        retained=profile("retained"),
        leak=profile("leak"),
        leak_calls=outcomes[-1].leak_calls if outcomes else 1,
    )


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
