"""From stored measurements to findings: series, steps, and changes with their blame.

Measures nothing and writes nothing.
"""

from functools import cache

from memharness.analyse.blame import Edits
from memharness.analyse.changes import Side, fold_warm_peaks, make_change
from memharness.analyse.series import Series, Subject, build_series
from memharness.analyse.steps import Step, find_steps, rule_for
from memharness.findings import Change
from memharness.history import changed_lines, count_between
from memharness.measure import PROBE_METHOD
from memharness.model import METRICS, Case, Measured, Profile
from memharness.pipeline.project import Project
from memharness.pipeline.results import Results

Steps = tuple[tuple[Series, tuple[Step, ...]], ...]


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
