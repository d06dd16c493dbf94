"""Tells which changes are explained by stored passes."""

from collections.abc import Iterable

from memharness.findings.results import Results
from memharness.model.findings import Change
from memharness.model.measurements import Measured
from memharness.model.metrics import explainable


def unexplained(results: Results, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes that a further pass would explain but that are not explained on both sides yet.

    A failed measurement is no candidate, nor is one of a former part of a series, which is not measured any more.
    """
    identities = {case.name: case.scenario.identity for case in results.project.cases}
    metrics = {case.name: explainable(results.project.metrics_of(case)) for case in results.project.cases}
    return tuple(
        change
        for change in changes
        if change.metric in metrics.get(change.case, ())
        and any(_lacks(results, change, commit, identities[change.case]) for commit in change.range)
    )


def _lacks(results: Results, change: Change, commit: str, identity: str) -> bool:
    """Tell whether a change was measured at a commit, but is not explained there."""
    repeats = results.repeats(change.family, commit, change.case, identity)
    outcomes = [one.outcome for one in repeats if isinstance(one.outcome, Measured)]
    return bool(outcomes) and not any(change.metric in outcome.explained for outcome in outcomes)
