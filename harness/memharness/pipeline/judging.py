"""From stored measurements to findings: series, steps, and changes with their blame.

Measures nothing and writes nothing.
"""

from collections.abc import Callable
from functools import cache

from memharness.analyse.changes import Side, fold_warm_peaks, make_change
from memharness.analyse.edits import Edits
from memharness.analyse.series import Series, Subject, build_series
from memharness.analyse.steps import Step, find_steps, rule_for
from memharness.findings import Change
from memharness.history import count_between, file_edits, read_blob
from memharness.measure import PROBE_METHOD
from memharness.model import METRICS, Case, Measured, Profile
from memharness.pipeline.project import Project
from memharness.pipeline.results import Results
from memharness.repository import Repository

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
    edits_between = _edits_between(repository)
    commits_between = cache(lambda good, bad: count_between(repository, good, bad))
    order = {commit.id: index for index, commit in enumerate(results.commits)}
    changes = []
    for series, step in ((series, step) for series, found in steps for step in found):
        pair = (series.points[step.good].commit.id, series.points[step.bad].commit.id)
        sides = _sides(results, series, step)
        edits = edits_between(*pair, sides[0].paths | sides[1].paths)
        between = 1 if step.adjacent else commits_between(*pair)
        changes.append(make_change(series, step, *sides, edits, between=between))
    metrics = list(METRICS)
    return fold_warm_peaks(
        sorted(changes, key=lambda c: (order[c.range[1]], c.family, c.case, metrics.index(c.metric)))
    )


def _edits_between(repository: Repository) -> Callable[[str, str, frozenset[str]], Edits]:
    """Return what tells the edits between two commits; of the Python files among `paths` it reads the sources."""
    files_between = cache(lambda good, bad: file_edits(repository, good, bad))
    source = cache(lambda commit, path: read_blob(repository, commit, path).decode(errors="replace"))

    def edits(good: str, bad: str, paths: frozenset[str]) -> Edits:
        files = files_between(good, bad)
        wanted = [f for f in files if {f.before, f.after} & paths]
        names = [
            {name: source(commit, name) for name in found if name is not None and name.endswith(".py")}
            for commit, found in ((good, [f.before for f in wanted]), (bad, [f.after for f in wanted]))
        ]
        return Edits(files, before=names[0], after=names[1])

    return edits


def _sides(results: Results, series: Series, step: Step) -> tuple[Side, Side]:
    """Load the profiles of both sides: deep ones only where both have them, as libraries are folded there."""
    before, after = (_side(results, series, index, deep=True) for index in (step.good, step.bad))
    if before.deep == after.deep:
        return before, after
    return _side(results, series, step.good, deep=False), _side(results, series, step.bad, deep=False)


def _side(results: Results, series: Series, index: int, *, deep: bool) -> Side:
    """Load the profiles of one point: of the last repeat that was traced deep or not, else of the last."""
    subject = series.subject
    repeats = results.of(subject.family, series.points[index].commit.id, subject.case, subject.identity)
    outcomes = [m.outcome for m in repeats if isinstance(m.outcome, Measured)]

    def profile(kind: str) -> Profile:
        ids = dict.fromkeys(o.profiles[kind] for o in reversed(outcomes) if kind in o.profiles)
        found = [profile for id_ in ids if (profile := results.project.store.profile(id_))]
        return max(found, key=lambda p: bool(p.stacks) == deep, default=Profile())

    return Side(
        alive=profile("alive"),
        retained=profile("retained"),
        peak=profile("peak"),
        imports=profile("import"),
        leak=profile("leak"),
        leak_calls=outcomes[-1].leak_calls if outcomes else 1,
        types=outcomes[-1].types if outcomes else (),
    )
