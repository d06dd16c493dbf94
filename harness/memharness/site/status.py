"""How the measuring goes: the newest runs, what fails and why, what was not measured for long, and in what."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from memharness.findings.report import reasons
from memharness.model.metrics import Phase
from memharness.site.case_history import FamilyResults
from memharness.site.contents import SiteContents
from memharness.site.timelines import failure_details
from memharness.site.values import EnvironmentUse, FailureAt, RunAt, Stale, StatusPage

_MOST_RUNS: Final = 30  # on each stored


def status_of(contents: SiteContents) -> StatusPage:
    """Return what the page of the status shows."""
    runs = [run for stored in contents.families for run in _runs(stored)]
    order = {commit.id: at for at, commit in enumerate(contents.history)}
    return StatusPage(
        runs=tuple(sorted(runs, key=lambda run: -order[run.commit.id])),
        causes=_causes(contents),
        stale=tuple(stale for stored in contents.current for stale in _stale(stored)),
        environments=tuple(use for stored in contents.families for use in _environments(stored)),
    )


def _runs(stored: FamilyResults) -> Iterator[RunAt]:
    for at in [*reversed(stored.rows)][:_MOST_RUNS]:
        measured, reused = stored.counts(at)
        yield RunAt(
            commit=stored.history[at],
            machine=stored.machine,
            family=stored.family,
            measured=measured,
            reused=reused,
            failed=sum(any(reasons(cell[0].outcome)) for _, cell in stored.incomplete.get(at, ())),
        )


def _causes(contents: SiteContents) -> tuple[tuple[Phase, str, int, FailureAt], ...]:
    """Return every reason of a failure with the number of failures and the newest of them, the most frequent first.

    In families that are measured no more nobody can mend them.
    """
    found: dict[tuple[Phase, str], tuple[int, FailureAt]] = {}
    for stored in contents.current:
        for at, cells in sorted(stored.incomplete.items()):
            for number, cell in cells:
                for failure in failure_details(stored.names[number], stored.history[at], cell):
                    key = (failure.phase, failure.reason)
                    found[key] = (found.get(key, (0, failure))[0] + 1, failure)
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple((phase, reason, number, newest) for (phase, reason), (number, newest) in ordered)


def _stale(stored: FamilyResults) -> Iterator[Stale]:
    """Yield the cases that the newest commit measured here has nothing of."""
    positions = stored.columns.positions
    for number, name in stored.names.items():
        newest = int(positions[np.flatnonzero(stored.columns.states[:, number])[-1]])
        if newest != positions[-1]:
            yield Stale(subject=name, measured=stored.history[newest], age=int(positions[-1]) - newest)


def _environments(stored: FamilyResults) -> Iterator[EnvironmentUse]:
    columns = stored.columns
    used = [columns.positions[(columns.environments == number).any(axis=1)] for number in range(len(columns.facts))]
    found = [(own.tolist(), id_) for own, id_ in zip(used, columns.facts, strict=True)]
    for own, id_ in sorted(found):
        if own and id_ in stored.environments:
            yield EnvironmentUse(
                machine=stored.machine,
                facts=stored.environments[id_],
                commits=len(own),
                first=stored.history[own[0]],
                last=stored.history[own[-1]],
            )
