"""What is stored already, and what is missing: first measurements, then the repeats that confirm them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from memharness.errors import MemharnessError
from memharness.history import is_ancestor, resolve
from memharness.measure import PROBE_METHOD
from memharness.model import METRICS, Commit, Measured, Measurement
from memharness.pipeline.judging import Steps, find_steps_in
from memharness.pipeline.project import Project
from memharness.pipeline.results import Results
from memharness.pipeline.suites import metrics_of
from memharness.plan import Key, Suite, Task, plan_range, plan_repeats


def missing(results: Results, suites: Sequence[Suite], *, retry_failed: bool) -> tuple[Task, ...]:
    """Plan the first measurement of every case at every commit of `results` that lacks it."""
    stored = _complete_keys(results, retry_failed=retry_failed)
    return plan_range(results.commits, suites, stored, _starts(results.project, results.commits))


def unconfirmed(results: Results, suites: Sequence[Suite], *, retry_failed: bool) -> tuple[Task, ...]:
    """Plan repeats: at the neighbours of each step, and at both ends of each series to know its spread."""
    wanted = defaultdict(set)
    for commit, family, case in _to_repeat(find_steps_in(results)):
        wanted[commit].add((family, case))
    return plan_repeats(wanted, results.commits, suites, _complete_keys(results, retry_failed=retry_failed))


def known_calls(results: Results, suites: Sequence[Suite]) -> dict[tuple[str, str, str], int]:
    """Return the calibrated number of calls by family, case and identity.

    It is constant along a series: where its own file is lost, the measurements still tell it.
    """
    measured = {
        (family, m.case, m.identity): m.outcome.calls
        for family, records in results.measurements.items()
        for stored in records.values()
        for m in stored
        if isinstance(m.outcome, Measured) and m.outcome.calls
    }
    families = {suite.spec.family for suite in suites}
    stored_calls = {
        (family, *key): calls for family in families for key, calls in results.project.store.calls(family).items()
    }
    return measured | stored_calls


def _complete_keys(results: Results, *, retry_failed: bool) -> set[Key]:
    """Return the keys of what need not be measured (again)."""
    project = results.project
    wanted = {case.name: metrics_of(project, case) for case in project.cases}
    return {
        Key(family=family, commit=commit, case=m.case, identity=m.identity, round=m.round)
        for family, records in results.measurements.items()
        for commit, stored in records.items()
        for m in stored
        if m.probe == PROBE_METHOD and _is_complete(project, m, wanted.get(m.case, ()), retry_failed=retry_failed)
    }


def _is_complete(project: Project, measurement: Measurement, wanted: Collection[str], *, retry_failed: bool) -> bool:
    """Tell whether all that is wanted was found or failed, and the profiles are there.

    A machine that cannot tell the resident size is not asked for it again.
    """
    outcome = measurement.outcome
    if not isinstance(outcome, Measured):
        return not retry_failed
    if outcome.failed_passes and retry_failed:
        return False
    settled = {*outcome.failed_passes, *({"rss"} & outcome.cpu_seconds.keys())}
    found = all(name in outcome.metrics or METRICS[name].measured_in in settled for name in wanted)
    return found and project.store.has_profiles(outcome)


def _starts(project: Project, commits: Sequence[Commit]) -> dict[str, int]:
    """Map scenarios with a `since` to the index of the first commit that they apply to."""
    starts = {}
    for scenario in {case.scenario.name: case.scenario for case in project.cases}.values():
        if scenario.since is None:
            continue
        try:
            start = resolve(project.repository, scenario.since)
        except MemharnessError as error:
            raise MemharnessError(f"{scenario.path}: since: {error.message}", hint=error.hint) from None
        later = (i for i, commit in enumerate(commits) if is_ancestor(project.repository, start, commit.id))
        starts[scenario.name] = next(later, len(commits))
    return starts


def _to_repeat(steps: Steps) -> Iterator[tuple[str, str, str]]:
    for series, found in steps:
        measured = [index for index, point in enumerate(series.points) if point.values]
        wanted = {*measured[:1], *measured[-1:], *(i for step in found for i in (step.good, step.bad))}
        for index in wanted:
            yield series.points[index].commit.id, series.subject.family, series.subject.case
