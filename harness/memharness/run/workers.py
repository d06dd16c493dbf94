"""Tasks in, stored results out: workers in leased slots, and delivery in the order of the history.

Results are stored commit by commit, so that a run that is killed leaves the whole of a beginning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Final, Protocol

from msgspec.structs import replace

from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.child.passes import UNCOUNTED, UNPROVEN
from memharness.environments import provider
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.execute.local import execute
from memharness.files.cache_folder import cache_folder
from memharness.files.removal import scratch
from memharness.findings.project import Project
from memharness.findings.results import Results
from memharness.model.environments import EnvironmentSpec
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Activity, Measured, Outcome, Reused
from memharness.model.scenarios import Case
from memharness.plan.tasks import Task
from memharness.run.build_failures import ROW, BuildFailures
from memharness.run.commit_inputs import InputReader
from memharness.run.reuse import Reuse
from memharness.run.suites import passes_of
from memharness.run.worker import Done, Worker
from memharness.store import Entry

_BLOCK: Final = 8  # neighbours that one slot measures: what one of them shows may hold for the next


class Listener(Protocol):
    """Is told how a run goes on, but for `working` by the thread that started it."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Take note of how much is to do from here on: a task is one commit in one environment."""

    def working(self, worker: int, activity: Activity | None) -> None:
        """Take note of what a worker does now, None: it is done with a task. Called by the worker's own thread."""

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Take note that a task is stored: what was measured, and how many results were reused."""


class Silent:
    """A listener that says nothing."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Say nothing."""

    def working(self, worker: int, activity: Activity | None) -> None:
        """Say nothing."""

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Say nothing."""


class Workers:
    """Executes tasks for one command. Slots are leased when they are needed, and kept in `slots` until its end."""

    def __init__(
        self,
        project: Project,
        scenarios: Path,
        listener: Listener,
        slots: ExitStack,
        *,
        retry_failed: bool,
        verify: float,
        keep_going: bool = True,
    ) -> None:
        self.newest: Commit | None = None  # of those that are looked at
        self.reused: set[str] = set()  # those with results by reference
        self.fresh: set[tuple[str, str, str]] = set()  # what was measured: family, commit id and case
        self.calls: dict[tuple[str, str, str], int] = {}  # of the growth pass, by family, case and identity
        self._project = project
        self._scenarios = scenarios
        self._listener = listener
        self._retry_failed = retry_failed
        asked = project.config.environment
        whose = project.repository.common_dir
        self._environments = provider(asked.install, cache_folder(), project=whose, keep=asked.keep)
        self.inputs = InputReader(project, self._environments)
        self._reuse = Reuse(project, self.inputs, scenarios, verify=verify) if project.config.run.reuse else None
        self._slots = slots
        self._leasing = Lock()
        self._leased: list[Slot] = []
        self._idle: list[Worker] = []
        self._rows = None if keep_going else BuildFailures()
        self._halt = False  # no worker begins another task
        self._finished: set[int] = set()  # tasks, by identity
        self._faults: list[str] = []
        self._verify = verify
        self._verified = self._taken = 0  # reusable results: measured all the same, and not measured
        self._unproven: dict[str, str] = {}  # by case, why its results are its own
        self._uncounted: dict[str, str] = {}  # by case, what of its memory is in no figure

    @property
    def touched(self) -> set[str]:
        """The commits at which something was measured."""
        return {commit for _, commit, _ in self.fresh}

    @property
    def notices(self) -> tuple[str, ...]:
        """What there is to say: why a case has no reuse, what its figures leave out, and what verifying came to."""
        said = [*(self._unproven.items() if self._reuse else ()), *self._uncounted.items()]
        notices = [f"{case}: {note}" for case, note in said]
        left = [str(path) for slot in self._leased for path in slot.set_aside]
        notices += [f"{path}: a workload left it, and it cannot be deleted: remove it by hand" for path in left]
        if self._verify and self._verified:
            notices.append(
                f"{self._verified} of {self._verified + self._taken} reusable results verified: none differs"
            )
        elif self._verify:
            notices.append(f"no result was verified: {self._taken} could be reused")
        return tuple(notices)

    def consider(self, results: Results, tasks: Sequence[Task]) -> None:
        """Take note of stored results that may hold for `tasks`."""
        if self._reuse is not None:
            self._reuse.take_stored(results, tasks)

    def reuse(self, tasks: Sequence[Task]) -> None:
        """Store what can be reused for `tasks`, and measure nothing."""
        if self._reuse is None:
            return
        proven = [(task, tuple(case for case in task.cases if self._reuse.find(task, case))) for task in tasks]
        found = [replace(task, cases=cases) for task, cases in proven if cases]
        self._listener.planned(len(found), purpose="reusing")
        for task in found:
            self._deliver(Done(task=task, facts=None, observed={}))

    def measure(self, tasks: Sequence[Task], *, purpose: str, more: bool = False) -> None:
        """Execute `tasks`: one after the other until every case has its number of calls, then on all slots.

        `more` tells that others will follow, so that it is worth a look whether they can be built.
        """
        self._finished.clear()
        self._listener.planned(len(tasks), purpose=purpose)
        left = tasks
        while left:
            if self._uncalibrated(left):
                self._execute(left[:1], workers=1)
            else:
                self._execute(left, workers=self._project.config.run.workers)
            left = [task for task in left if id(task) not in self._finished]
            if self._halt:
                self._halt = False
                if left or more:
                    self._try_newest(left)
                left = [task for task in left if id(task) not in self._finished]
                self._listener.planned(len(left), purpose=purpose)
        if self._faults:
            raise MemharnessError(
                f"what seemed proven came out otherwise: {'; '.join(self._faults)}",
                hint="What was measured is stored. Please report the scenario as a fault of memharness, "
                "and measure it with --no-reuse until that is mended. See `memharness help troubleshooting`.",
                exit_code=INCOMPLETE,
            )

    def _try_newest(self, left: Sequence[Task]) -> None:
        """Measure the newest commit before the others that are `left`.

        Raises MemharnessError where it fails to build like the commits in a row that were the reason for this.
        """
        assert self._rows is not None
        assert self._rows.suspect is not None
        assert self.newest is not None
        family, newest = self._rows.suspect, self.newest
        due = [task for task in left if task.spec.family == family and task.commit.id == newest.id]
        if due:
            self._listener.planned(1, purpose=f"{ROW} commits in a row fail to build alike; trying the newest")
            self._execute(due, workers=1)
            self._halt = False
        elif not self._rows.knows(family, newest.id):
            stored = self._project.store.measurements(family, newest.id)
            self._rows.note(family, newest, [one.outcome for one in stored])
        if error := self._rows.settle(newest):
            raise error

    def _execute(self, tasks: Sequence[Task], *, workers: int) -> None:
        repeats = any(task.round for task in tasks)  # which are few, and no neighbours
        while len(self._idle) < min(workers, len(tasks)):
            self._idle.append(self._new_worker(len(self._idle)))
        try:
            execute(tasks, self._worker, self._deliver, workers=workers, block=1 if repeats else _BLOCK)
        except MemharnessError as error:
            if self.touched:
                error.exit_code = INCOMPLETE
            raise

    def _new_worker(self, number: int) -> Worker:
        """Return another worker, with a slot of its own."""
        tell = partial(self._listener.working, number)
        return Worker(self._project, self._lease, self._environments, self.inputs, self._reuse, self._calls_of, tell)

    def _lease(self) -> Slot:
        """Lease another slot, until the end of the work; where the copy of the scenarios is gone, it is made anew."""
        with self._leasing:
            if not self._scenarios.is_dir():
                folder = self._slots.enter_context(scratch(cache_folder(), "scenarios-"))
                self._scenarios = folder / "scenarios"
                self._project.copy_scenarios(self._scenarios)
            leased = lease(self._project.repository, cache_folder(), scenarios=self._scenarios)
            self._leased.append(self._slots.enter_context(leased))
            return self._leased[-1]

    @contextmanager
    def _worker(self) -> Iterator[Callable[[Task, Event], Done | None]]:
        worker = self._idle.pop()
        try:
            yield lambda task, cancel: None if self._halt else worker.measure(task, cancel)
        finally:
            self._idle.append(worker)

    def _deliver(self, done: Done) -> None:
        """Store what was observed, or that it is what another commit showed, then tell the listener."""
        task, store = done.task, self._project.store
        entries: list[Entry] = []
        references: list[Reused] = []
        for case in task.cases:
            proven = self._proven(done, case)
            observation = done.observed.get(case.name)
            if self._reuse is not None and observation is not None:
                self._reuse.take(task, case, observation, proven=proven)
            if proven:
                references += proven
                chosen = observation is not None and self._reuse is not None and self._reuse.is_chosen(task, case)
                self._verified += chosen
                self._taken += not chosen
                continue
            assert observation is not None
            outcome = observation.outcome
            for note in outcome.notes if isinstance(outcome, Measured) else ():
                if note.startswith(UNPROVEN):
                    self._unproven[case.name] = note
                elif note.startswith(UNCOUNTED):
                    self._uncounted[case.name] = note
            if isinstance(outcome, Measured) and outcome.calls and not case.scenario.calls:
                key = (task.spec.family, case.name, case.scenario.identity)
                self.calls[key] = store.set_calls(*key, outcome.calls)
            entries.append((case.name, case.scenario.identity, PROBE_METHOD, task.round, observation))
        store.add(
            task.spec.family, task.commit, done.facts, entries, reused=references, replace_failed=self._retry_failed
        )
        if references:
            self.reused.add(task.commit.id)
        self.fresh.update((task.spec.family, task.commit.id, entry[0]) for entry in entries)
        outcomes = {entry[0]: entry[-1].outcome for entry in entries}
        self._finished.add(id(task))
        if self._rows is not None and not task.round:
            self._rows.note(task.spec.family, task.commit, [*outcomes.values()])
            self._halt = self._rows.suspect is not None
        self._listener.finished(task.commit, task.spec.family, outcomes, reused=len(references))

    def _proven(self, done: Done, case: Case) -> tuple[Reused, ...]:
        """Return the references to be stored for a case, none where its result is its own."""
        fault = done.faults.get(case.name)
        if fault is not None:
            self._faults.append(f"{case.name} at {done.task.commit.short}: {fault}")
            return ()
        return self._reuse.find(done.task, case) if self._reuse is not None else ()

    def _calls_of(self, spec: EnvironmentSpec, case: Case) -> int | None:
        """Return the number of calls of the growth pass; None where it is still to be calibrated."""
        return case.scenario.calls or self.calls.get((spec.family, case.name, case.scenario.identity))

    def _uncalibrated(self, tasks: Sequence[Task]) -> bool:
        return any(
            self._calls_of(task.spec, case) is None
            for task in tasks
            for case in task.cases
            if "growth" in (task.passes or passes_of(self._project, case))
        )
