"""How the measuring goes: the newest runs, what fails and why, what was not measured for long, and in what."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from memharness.model.metrics import Phase
from memharness.site.catalogue import Catalogue
from memharness.site.columns import PLAIN, REUSED, SPECIAL
from memharness.site.shelves import Shelf
from memharness.site.timelines import failure_details
from memharness.site.values import EnvironmentUse, FailureAt, RunAt, Stale, StatusPage

_MOST_RUNS: Final = 30  # on each shelf


def status_of(catalogue: Catalogue) -> StatusPage:
    """Return what the page of the status shows."""
    runs = [run for shelf in catalogue.shelves for run in _runs(shelf)]
    order = {commit.id: at for at, commit in enumerate(catalogue.history)}
    return StatusPage(
        runs=tuple(sorted(runs, key=lambda run: -order[run.commit.id])),
        causes=_causes(catalogue),
        stale=tuple(stale for shelf in catalogue.shelves for stale in _stale(shelf)),
        environments=tuple(use for shelf in catalogue.shelves for use in _environments(shelf)),
    )


def _runs(shelf: Shelf) -> Iterator[RunAt]:
    numbers = list(shelf.names)
    for at in np.flatnonzero(shelf.rows >= 0)[: -_MOST_RUNS - 1 : -1].tolist():
        states = shelf.columns.states[shelf.rows[at]][numbers]
        failed = sum(number in shelf.names for number, _ in shelf.failures.get(at, ()))
        yield RunAt(
            commit=shelf.history[at],
            machine=shelf.machine,
            family=shelf.family,
            measured=int(((states == PLAIN) | (states == SPECIAL)).sum()) - shelf.broken.get(at, 0),
            reused=int((states == REUSED).sum()),
            failed=failed,
        )


def _causes(catalogue: Catalogue) -> tuple[tuple[Phase, str, int, FailureAt], ...]:
    """Return every reason of a failure with the number of failures and the newest of them, the most frequent first."""
    found: dict[tuple[Phase, str], tuple[int, FailureAt]] = {}
    for shelf in catalogue.shelves:
        for at, cells in sorted(shelf.failures.items()):
            for number, cell in cells:
                if number not in shelf.names:
                    continue
                for failure in failure_details(shelf.names[number], shelf.history[at], cell):
                    key = (failure.phase, failure.reason)
                    found[key] = (found.get(key, (0, failure))[0] + 1, failure)
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple((phase, reason, number, newest) for (phase, reason), (number, newest) in ordered)


def _stale(shelf: Shelf) -> Iterator[Stale]:
    """Yield the subjects that the newest commit measured here has nothing of."""
    measured = np.flatnonzero(shelf.rows >= 0)
    states = shelf.columns.states[shelf.rows[measured]]
    for number, name in shelf.names.items():
        newest = int(measured[np.flatnonzero(states[:, number])[-1]])
        if newest != measured[-1]:
            yield Stale(subject=name, measured=shelf.history[newest], age=int(measured[-1]) - newest)


def _environments(shelf: Shelf) -> Iterator[EnvironmentUse]:
    measured = np.flatnonzero(shelf.rows >= 0)
    used = shelf.columns.environments[shelf.rows[measured]]
    found = [(measured[(used == number).any(axis=1)].tolist(), id_) for number, id_ in enumerate(shelf.columns.facts)]
    for own, id_ in sorted(found):
        if own and id_ in shelf.environments:
            yield EnvironmentUse(
                machine=shelf.machine,
                facts=shelf.environments[id_],
                commits=len(own),
                first=shelf.history[own[0]],
                last=shelf.history[own[-1]],
            )
