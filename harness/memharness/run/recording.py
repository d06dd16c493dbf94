"""Stores what workers observed, task by task in the order of the history, and counts it.

A run that is killed leaves the results of the first tasks, complete.
"""

from collections.abc import Iterator
from typing import Final

from memharness.child.merging import UNCOUNTED, UNPROVEN
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings.results import Results
from memharness.model.environments import EnvironmentSpec
from memharness.model.measurements import PROBE_METHOD, Measured, Outcome, Reused
from memharness.model.scenarios import Case
from memharness.plan.tasks import Task
from memharness.run.reuse import Reuse
from memharness.run.worker import Done
from memharness.store import CaseObservation, Store
from memharness.wording.text import on_cases

_NOTES: Final = (UNPROVEN, UNCOUNTED)  # what notes on a case begin with that are worth saying once


class Recorder:
    """Stores results for one command, by the thread that started it; any thread may call `calls_of`."""

    def __init__(self, store: Store, reuse: Reuse, *, retry_failed: bool, verify: bool) -> None:
        self.tasks: list[Task] = []  # all that were recorded
        self.fresh: set[tuple[str, str, str]] = set()  # what was measured: family, commit id and case
        self.reused: set[str] = set()  # ids of commits with results by reference
        self._store = store
        self._reuse = reuse
        self._retry_failed = retry_failed
        self._verify = verify
        self._calls: dict[tuple[str, str, str], int] = {}  # of the growth pass, by family, case and identity
        self._notes: dict[tuple[str, str], str] = {}  # the last of each kind, by kind and case
        self._faults: list[str] = []
        self._verified = self._taken_over = 0  # reusable results: measured all the same, and not measured

    def learn_calls(self, results: Results) -> None:
        """Learn the calibrated numbers of calls, which are constant along a series.

        Where the file of such a number is lost, the measurements still have it.
        """
        for family, records in results.measurements.items():
            for measurement in (m for stored in records.values() for m in stored):
                if isinstance(measurement.outcome, Measured) and measurement.outcome.calls:
                    self._calls[family, measurement.case, measurement.identity] = measurement.outcome.calls
            self._calls |= {(family, *key): calls for key, calls in self._store.calls(family).items()}

    def calls_of(self, spec: EnvironmentSpec, case: Case) -> int | None:
        """Return the number of calls of the growth pass; None where it is still to be calibrated."""
        return case.scenario.calls or self._calls.get((spec.family, case.name, case.scenario.identity))

    def record(self, done: Done) -> dict[str, Outcome]:
        """Store results and references to those of other commits; return what was measured, by case."""
        task = done.task
        references = {case.name: self._references(done, case) for case in task.cases}
        entries = [self._entry(done, case) for case in task.cases if not references[case.name]]
        reused = [reference for own in references.values() for reference in own]
        self._store.add(
            task.spec.family, task.commit, done.facts, entries, reused=reused, replace_failed=self._retry_failed
        )
        if reused:
            self.reused.add(task.commit.id)
        outcomes = {case: observation.outcome for case, *_, observation in entries}
        self.fresh.update((task.spec.family, task.commit.id, case) for case in outcomes)
        self.tasks.append(task)
        return outcomes

    def check(self) -> None:
        """Raise MemharnessError where a result differs from the one that was to be reused."""
        if self._faults:
            raise MemharnessError(
                f"what seemed proven came out otherwise: {'; '.join(self._faults)}",
                hint="What was measured is stored. Please report the scenario as a fault of memharness, "
                "and measure it with --no-reuse until that is mended. See `memharness help troubleshooting`.",
                exit_code=INCOMPLETE,
            )

    def notices(self) -> Iterator[str]:
        """Yield why a case has no reuse, what its figures leave out, and what verifying came to."""
        yield from on_cases((case, note) for (_, case), note in self._notes.items())
        if self._verify and self._verified:
            yield f"{self._verified} of {self._verified + self._taken_over} reusable results verified: none differs"
        elif self._verify:
            yield f"no result was verified: {self._taken_over} could be reused"

    def _references(self, done: Done, case: Case) -> tuple[Reused, ...]:
        """Return the references to store for a case, none where its own result is stored."""
        task, observation = done.task, done.observed.get(case.name)
        fault = done.faults.get(case.name)
        proven = self._reuse.find(task, case) if fault is None else ()
        if fault is not None:
            self._faults.append(f"{case.name} at {task.commit.short}: {fault}")
        if observation is not None:
            self._reuse.add(task, case, observation, proven=proven)
        if proven:
            chosen = observation is not None and self._reuse.is_chosen(task, case)
            self._verified += chosen
            self._taken_over += not chosen
        return proven

    def _entry(self, done: Done, case: Case) -> CaseObservation:
        """Return what to store for a case; note its number of calls and remarks for later."""
        observation, task = done.observed[case.name], done.task
        outcome, identity = observation.outcome, case.scenario.identity
        if isinstance(outcome, Measured):
            for kind, note in ((kind, note) for note in outcome.notes for kind in _NOTES if note.startswith(kind)):
                self._notes[kind, case.name] = note
            if outcome.calls and not case.scenario.calls:
                key = (task.spec.family, case.name, identity)
                of_commit = not task.commit.working_tree
                self._calls[key] = self._store.set_calls(*key, outcome.calls) if of_commit else outcome.calls
        return case.name, identity, PROBE_METHOD, task.round, observation
