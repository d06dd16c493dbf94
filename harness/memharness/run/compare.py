"""Compares any two revisions: measures what is missing, then judges them as neighbours."""

from collections.abc import Iterator

from msgspec.structs import replace

from memharness.analyse.environments import environment_differences
from memharness.config.configuration import Config
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings.project import Selection
from memharness.findings.report import make_report, with_ends
from memharness.findings.results import Results
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import EnvironmentDifference, Report, Summary
from memharness.model.history import WORKTREE, Commit
from memharness.model.values import Value
from memharness.plan.tasks import Suite
from memharness.run.listener import Listener
from memharness.run.session import Session, open_session


class Comparison(Value):
    """Two commits and how they differ; `fresh` is what was measured for it, as in `Results`."""

    before: Commit
    after: Commit
    report: Report
    fresh: frozenset[tuple[str, str, str]] = frozenset()


def compare(
    config: Config,
    before: str,
    after: str,
    selection: Selection,
    *,
    same_env: bool = False,
    listener: Listener | None = None,
    retry_failed: bool = False,
) -> Comparison:
    """Measure what is missing at two revisions, each with its explanation, and report how they differ.

    WORKTREE is the working tree as a revision, of which nothing is stored among the results.
    `same_env` measures both with the versions of dependencies that the later one has: what differs then is the
    project's own. Raises MemharnessError, also where both revisions are one commit.
    """
    selection = replace(selection, working_tree=WORKTREE in (before, after))
    with open_session(config, selection, listener=listener, retry_failed=retry_failed) as session:
        pair = [session.project.find_commit(revision) for revision in (before, after)]
        if pair[0].id == pair[1].id:
            raise _nothing_to_compare(before, after)
        if same_env:
            session.suites = tuple(_pinned(session, pair[1]))
        results = session.confirm(session.measure_missing(session.load_stored(pair)))
        report = make_report(results)
        note = (f"both were measured with the dependencies of {pair[1].short}",) if same_env else ()
        report = replace(
            report,
            series=tuple(map(_side_by_side, report.series)),
            environments=tuple(_differences(results)),
            notices=(*report.notices, *note),
        )
    return Comparison(before=pair[0], after=pair[1], report=report, fresh=results.fresh)


def _nothing_to_compare(before: str, after: str) -> MemharnessError:
    if WORKTREE in (before, after) and before != after:
        return MemharnessError(
            f"nothing is edited: {before} and {after} have the same files",
            hint="Edit something first, or name another revision.",
        )
    return MemharnessError(f"{before} and {after} are the same commit", hint="Name two different revisions.")


def _side_by_side(row: Summary) -> Summary:
    """Return a series of two commits with the value of each, None where one has none."""
    first, last = (cell if isinstance(cell, int) else None for cell in row.trend)
    return with_ends(row, first, last)


def _pinned(session: Session, commit: Commit) -> Iterator[Suite]:
    """Yield the suites with all dependencies pinned to what the environment of `commit` holds."""
    results = session.measure_missing(session.load_stored([commit]), ("first",))
    if not all(_facts(results, suite.spec.family, commit) for suite in session.suites):
        results = session.measure_missing(results)  # no case there wants that pass
    for suite in session.suites:
        facts = _facts(results, suite.spec.family, commit)
        if facts is None:
            raise MemharnessError(
                f"the environment of {commit.short} cannot be made ({suite.spec.family})",
                hint=f"See `memharness show {commit.short}`, or compare without --same-env.",
                exit_code=INCOMPLETE,
            )
        pins = tuple(f"{name}=={version}" for name, version in sorted(facts.packages.items()))
        yield replace(suite, spec=replace(suite.spec, dependencies=pins, pinned=True))


def _facts(results: Results, family: str, commit: Commit) -> EnvironmentFacts | None:
    stored = results.measurements[family].get(commit.id, ())
    return next((results.environments[m.environment] for m in stored if m.environment), None)


def _differences(results: Results) -> Iterator[EnvironmentDifference]:
    """Yield how the environments of the two commits differ, by family and name."""
    for family in results.measurements:
        before, after = (_facts(results, family, commit) for commit in results.commits)
        if before is None or after is None:
            continue
        yield from environment_differences(before, after)
