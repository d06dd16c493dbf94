"""Finds what is missing: first measurements, repeats that confirm findings, measurements on merged branches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from memharness.analyse.steps import Step
from memharness.findings.branch_search import Unmeasured, follow_merge
from memharness.findings.describe import describe
from memharness.findings.judge import Judged, question_of
from memharness.findings.project import Project
from memharness.findings.results import Results, with_whole_history
from memharness.findings.series_parts import covered, join_of
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement, Outcome, Skipped
from memharness.model.metrics import METRICS, PASSES, PassName, explainable, passes_for
from memharness.model.scenarios import Case
from memharness.plan.tasks import (
    Completed,
    MeasurementKey,
    Repeat,
    Suite,
    Task,
    key_of,
    plan_range,
    plan_repeats,
)


def missing(
    results: Results,
    suites: Sequence[Suite],
    *,
    passes: tuple[PassName, ...] = PASSES,
    retry_failed: bool,
    continued: bool = False,
) -> tuple[Task, ...]:
    """Plan the first measurement, or some `passes` of it, of every case at every commit of `results` that lacks it.

    A case that wants no metric of these passes is left out. `continued`: where a scenario changed, the commits before
    the one that joins its series to the former one are left out as well.
    """
    metrics = {case.name: results.project.metrics_of(case) for case in results.project.cases}
    wanted = {case: passes_for(names).intersection(passes) for case, names in metrics.items()}
    completed = _completed(results, (commit.id for commit in results.commits), metrics, retry_failed=retry_failed)
    stored = {key for key, known in completed.items() if wanted.get(key.case, frozenset()) <= known.passes}
    if continued:
        stored |= _covered(results, suites)
    due = [replace(suite, cases=tuple(case for case in suite.cases if wanted[case.name])) for suite in suites]
    return plan_range(results.commits, due, stored, results.starts, passes=passes)


def _covered(results: Results, suites: Sequence[Suite]) -> set[MeasurementKey]:
    """Return the measurements that are not needed, as former parts of series have those commits."""
    return {
        key_of(commit, suite.spec, case)
        for suite in suites
        for case in suite.cases
        for commit in results.commits[: covered(results, suite.spec.family, case)]
    }


def joins(results: Results, suites: Sequence[Suite]) -> tuple[Task, ...]:
    """Plan what joins series to their former parts, where these end at commits that `results` do not hold."""
    whole = with_whole_history(results)
    if whole is results:
        return ()
    found: dict[tuple[int, int], list[Case]] = defaultdict(list)  # by position and suite
    for number, suite in enumerate(suites):
        for case in suite.cases:
            at = join_of(whole, suite.spec.family, case)
            if at is not None and whole.commits[at].id not in results.positions:
                found[at, number].append(case)
    return tuple(
        Task(commit=whole.commits[at], spec=suites[number].spec, cases=tuple(cases))
        for (at, number), cases in sorted(found.items())
    )


def unconfirmed(
    results: Results, judgements: Sequence[Judged], suites: Sequence[Suite], *, retry_failed: bool, ends: bool = False
) -> tuple[Task, ...]:
    """Plan the repeats that the `judgements` of `results` ask for, `ends` as in `needs_repeats`.

    What is flagged is explained, by the metric that is flagged and no other; not between `ends`, where a search begins.
    So is a fall whose lines are not those of the rise that it seemed to take back, once they are known.
    """
    falls = {
        (change.family, change.case, change.metric, change.range[0])
        for change in describe(results, [judged for judged in judgements if judged.taking_back])
    }
    wanted: dict[str, dict[tuple[str, str], Repeat]] = defaultdict(dict)
    for judged in judgements:
        key = (judged.series.key.family, judged.series.key.case)
        for commit, repeat in _repeats(judged, falls, ends=ends):
            known = wanted[commit].get(key)
            wanted[commit][key] = repeat.joined(known) if known else repeat
    metrics = {judged.case.name: judged.series.key.metrics for judged in judgements}
    completed = _completed(results, wanted, metrics, retry_failed=retry_failed)
    return plan_repeats(wanted, results.commits, suites, completed)


def _repeats(
    judged: Judged, falls: Collection[tuple[str, str, str, str]], *, ends: bool
) -> Iterator[tuple[str, Repeat]]:
    """Yield the repeats that one series asks for, by commit id; `falls` are told by family, case, metric and commit."""
    series, metric = judged.series, judged.series.metric
    explain = explainable(series.key.metrics) & {metric} if not ends else frozenset[str]()
    for index, times in judged.repeats(ends=ends).items():
        commit = series.points[index].commit.id
        flagged = index in judged.flagged or (series.key.family, series.key.case, metric, commit) in falls
        passes = frozenset({METRICS[metric].measured_in})
        yield commit, Repeat(times=times, passes=passes, explain=explain if flagged else frozenset())


def merged_steps(judgements: Sequence[Judged]) -> tuple[tuple[Judged, Step], ...]:
    """Return the steps that came with a merge."""
    return tuple(
        (judged, step)
        for judged in judgements
        for step in judged.steps
        if not judged.closed and step.adjacent and len(judged.series.points[step.bad].commit.parents) > 1
    )


def on_branches(
    project: Project,
    merges: Sequence[tuple[Judged, Step]],
    suites: Sequence[Suite],
    attempted: set[tuple[str, str, str]],
) -> tuple[Task, ...]:
    """Plan the next measurement of each search on a merged branch; add it to `attempted`, and none twice."""
    tasks = []
    for judged, step in merges:
        found = follow_merge(project, question_of(judged, step), judged.series.points[step.bad].commit)
        family = judged.series.key.family
        if isinstance(found, Unmeasured) and (found.commit.id, family, judged.case.name) not in attempted:
            attempted.add((found.commit.id, family, judged.case.name))
            spec = next(suite.spec for suite in suites if suite.spec.family == family)
            tasks.append(Task(commit=found.commit, spec=spec, cases=(judged.case,)))
    return tuple(tasks)


def _completed(
    results: Results, commit_ids: Iterable[str], metrics: Mapping[str, Collection[str]], *, retry_failed: bool
) -> dict[MeasurementKey, Completed]:
    """Return what need not be measured (again) at some commits; `metrics` are those wanted of each case."""
    project, ids = results.project, tuple(commit_ids)
    return {
        MeasurementKey(family=family, commit=commit, case=m.case, identity=m.identity, round=m.round): Completed(
            passes=_completed_passes(project, m, metrics.get(m.case, ()), retry_failed=retry_failed),
            explained=_explained(m.outcome, retry_failed=retry_failed),
        )
        for family, records in results.measurements.items()
        for commit in ids
        for m in records.get(commit, ())
        if m.probe == PROBE_METHOD and (project.config.run.reuse or not _is_reused(m))
    }


def _explained(outcome: Outcome, *, retry_failed: bool) -> frozenset[str]:
    """Return the metrics that need not be explained again; what failed would fail again, unless it is to be retried."""
    if isinstance(outcome, Measured) and (retry_failed or "first" not in outcome.failed_passes):
        return outcome.explained
    return frozenset() if retry_failed else frozenset(METRICS)


def unexplained(results: Results, suites: Sequence[Suite]) -> tuple[Task, ...]:
    """Plan what explains all figures of every case that is measured at the commits of `results`."""
    metrics = {case.name: results.project.metrics_of(case) for case in results.project.cases}
    wanted = {
        commit.id: {
            (family, case.name): Repeat(times=1, passes=frozenset(), explain=explainable(metrics[case.name]))
            for family in results.measurements
            for case in results.cases(family)
            if results.repeats(family, commit.id, case.name, case.scenario.identity)
        }
        for commit in results.commits
    }
    completed = _completed(results, wanted, metrics, retry_failed=False)
    return plan_repeats(wanted, results.commits, suites, completed)


def _is_reused(measurement: Measurement) -> bool:
    """Tell whether all of a result was measured at another commit."""
    return isinstance(measurement.outcome, Measured) and measurement.outcome.reused_from is not None


def _completed_passes(
    project: Project, measurement: Measurement, wanted: Collection[str], *, retry_failed: bool
) -> frozenset[PassName]:
    """Return the passes that need not be run again: they yielded all that is wanted, or failed, and no profile is lost.

    Where the machine cannot tell the resident size, that pass is not run again.
    """
    outcome = measurement.outcome
    if not isinstance(outcome, Measured):
        return frozenset() if retry_failed and not isinstance(outcome, Skipped) else frozenset(PASSES)
    lacking = {METRICS[name].measured_in for name in wanted if name not in outcome.metrics}
    failed = outcome.failed_passes.keys()
    tried = {"rss"}.intersection(outcome.passes) | (set() if retry_failed else failed)
    again = (lacking - tried) | project.store.lost_in(outcome) | (failed if retry_failed else set())
    return frozenset(PASSES) - again
