"""Runs tasks on workers in leased slots and has their results recorded in the order of the history."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event, Lock
from typing import Final

from msgspec.structs import replace

from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.child.opened_files import OpenedFiles
from memharness.environments import provider
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.execute.local import execute
from memharness.files.cache_folder import cache_folder
from memharness.files.removal import scratch
from memharness.findings.project import Project
from memharness.findings.results import RecordKey, Results
from memharness.model.history import Commit
from memharness.model.measurements import Forecast
from memharness.model.metrics import passes_for
from memharness.plan.forecast import duration_key, seconds_of
from memharness.plan.order import Blocks
from memharness.plan.tasks import Task
from memharness.run.budget import Budget
from memharness.run.build_failures import ROW, BuildFailures, FailureRow
from memharness.run.commit_inputs import InputReader
from memharness.run.durations import Durations
from memharness.run.listener import Listener
from memharness.run.recording import Recorder
from memharness.run.reuse import Reuse
from memharness.run.worker import Discovered, Done, Worker

_FEW: Final = 3  # commits


class Workers:
    """Executes tasks for one command. Slots are leased when they are needed, and held in `slots` until its end."""

    def __init__(
        self,
        project: Project,
        scenarios: Path,
        listener: Listener,
        slots: ExitStack,
        *,
        retry_failed: bool,
        verify: float,
        keep_going: bool,
        budget: Budget,
    ) -> None:
        self._project = project
        self._scenarios = scenarios
        self._listener = listener
        self._slots = slots
        self._keep_going = keep_going
        self.budget = budget
        asked, repository = project.config.environment, project.repository
        self._environments = provider(asked.install, cache_folder(), project=repository.common_dir, keep=asked.keep)
        self.inputs = InputReader(project, self._environments)
        self._reuse = Reuse(project, self.inputs, scenarios, verify=verify)
        self.recorder = Recorder(project.store, self._reuse, retry_failed=retry_failed, verify=verify > 0)
        self._builds = BuildFailures()
        self._leasing = Lock()
        self._leased: list[Slot] = []
        self._idle: list[Worker] = []
        self._passes = {case.name: passes_for(project.metrics_of(case)) for case in project.cases}
        self._durations = Durations(cache_folder() / "durations" / f"{repository.id}.json")
        self._unknown: Sequence[Task] = []  # tasks that nobody knows the cost of yet
        slots.callback(self._durations.save)

    def forecast(self, tasks: Sequence[Task], *, at_least: bool = False) -> bool:
        """Tell the listener what first measurements will cost; return False where that is not known yet.

        Of few commits it is not worth a word.
        """
        config, commits = self._project.config, len({task.commit.id for task in tasks})
        if commits < _FEW:
            return True
        seconds = seconds_of(tasks, self._passes, self._durations.known, workers=config.run.workers)
        if seconds is None:
            return False
        self._listener.expected(
            Forecast(
                cases=len({(task.spec.family, case.name) for task in tasks for case in task.cases}),
                commits=commits,
                seconds=seconds,
                cores=min(config.run.workers, os.cpu_count() or 1),
                at_least=at_least,
                reuse=config.run.reuse,
                builds=config.environment.install in ("auto", "wheel"),
            )
        )
        return True

    def notices(self) -> Iterator[str]:
        """Yield remarks on the work so far."""
        for path in (path for slot in self._leased for path in slot.set_aside):
            yield f"{path}: a workload left it, and it cannot be deleted: remove it by hand"
        yield from self.recorder.notices()
        if notice := self.budget.notice():
            yield notice

    def learn(self, results: Results, tasks: Sequence[Task]) -> None:
        """Learn from stored `results` what `tasks` need: numbers of calls, and results that may be reused."""
        self.recorder.learn_calls(results)
        self._reuse.add_stored(results, tasks)

    def reuse(self, tasks: Sequence[Task]) -> set[RecordKey]:
        """Store what can be reused for `tasks`, and measure nothing; return the records that changed."""
        proven = [(task, tuple(case for case in task.cases if self._reuse.find(task, case))) for task in tasks]
        found = [replace(task, cases=cases) for task, cases in proven if cases]
        if self._project.config.run.reuse:
            self._listener.planned(len(found), purpose="reusing")
        for task in found:
            self._deliver(Done(task=task, facts=None, observed={}))
        return _records(found)

    def measure(self, blocks: Blocks, newest: Commit, *, purpose: str, more: bool = False) -> set[RecordKey]:
        """Execute the tasks of `blocks`: one by one until every case has its number of calls, then on all slots.

        `newest` is the newest commit of the range. `more`: other tasks will follow, so it is worth checking whether
        they can be built. Return the records that changed.
        """
        begin, left = len(self.recorder.tasks), blocks
        self._listener.planned(_count(blocks), purpose=purpose)
        if not more:
            self._unknown = [task for task in chain.from_iterable(blocks) if not task.round]
            self._forecast()
        while left:
            self._execute_next(left)
            left = self._left(blocks, begin)
            if left and not self.budget.allows(left[-1][-1]):
                self.budget.leave(chain.from_iterable(left))
                break
            if (row := self._builds.take_row()) is not None:
                if left or more:
                    self._try_newest(row, left, newest)
                left = self._left(blocks, begin)
                self._listener.planned(_count(left), purpose=purpose)
        self.recorder.check()
        return _records(self.recorder.tasks[begin:])

    def _execute_next(self, blocks: Blocks) -> None:
        """Execute the first task where a number of calls is to be calibrated, else all."""
        if self._is_uncalibrated(blocks):
            self._execute((blocks[0][:1],), workers=1)
        else:
            self._execute(blocks, workers=self._project.config.run.workers)

    def _left(self, blocks: Blocks, begin: int) -> Blocks:
        """Return which tasks of `blocks` are not recorded, among those from number `begin` on."""
        recorded = {id(task) for task in self.recorder.tasks[begin:]}
        left = (tuple(task for task in block if id(task) not in recorded) for block in blocks)
        return tuple(filter(None, left))

    def discover(self, task: Task) -> Discovered:
        """Have the drivers of the cases of a task list what their suites hold."""
        found: list[Discovered] = []

        @contextmanager
        def discovering() -> Iterator[Callable[[Task, Event], Discovered | None]]:
            yield self._new_worker(0).discover

        execute(((task,),), discovering, found.append, workers=1)
        return found[0]

    def _try_newest(self, row: FailureRow, left: Blocks, newest: Commit) -> None:
        """Measure the newest commit before the others that are `left`.

        Raises MemharnessError where it fails to build like those in the row that was the reason for this.
        """
        tasks = chain.from_iterable(left)
        due = tuple(task for task in tasks if task.spec.family == row.family and task.commit.id == newest.id)
        if due:
            self._listener.planned(1, purpose=f"{ROW} commits fail to build alike; trying the newest")
            self._execute((due,), workers=1)
        elif not self._builds.knows(row.family, newest):
            stored = self._project.store.measurements(row.family, newest.id)
            self._builds.add(row.family, newest, [one.outcome for one in stored])
        self._builds.check(row, newest)

    def _is_uncalibrated(self, blocks: Blocks) -> bool:
        """Tell whether a case is to be called repeatedly whose number of calls is not known yet."""
        return any(
            self.recorder.calls_of(task.spec, case) is None
            for task in chain.from_iterable(blocks)
            for case in task.cases
            if "growth" in task.passes and "growth" in self._project.metrics_of(case)
        )

    def _execute(self, blocks: Blocks, *, workers: int) -> None:
        while len(self._idle) < min(workers, len(blocks)):
            self._idle.append(self._new_worker(len(self._idle)))
        try:
            execute(blocks, self._worker, self._deliver, workers=workers)
        except MemharnessError as error:
            if self.recorder.fresh:
                error.exit_code = INCOMPLETE
            raise

    @contextmanager
    def _worker(self) -> Iterator[Callable[[Task, Event], Done | None]]:
        """Yield the function of an idle worker; it gives up tasks that may not begin."""
        worker = self._idle.pop()
        try:
            yield lambda task, cancel: worker.measure(task, cancel) if self._may_begin(task) else None
        finally:
            self._idle.append(worker)

    def _may_begin(self, task: Task) -> bool:
        """Tell whether there is time for a task, and no row of build failures is to be looked into."""
        return self._builds.row is None and self.budget.allows(task)

    def _new_worker(self, number: int) -> Worker:
        """Return another worker, with a slot of its own."""
        report, calls_of = partial(self._listener.working, number), self.recorder.calls_of
        opened = OpenedFiles()
        self._slots.callback(opened.close)
        return Worker(
            self._project, self._lease, self._environments, self.inputs, self._reuse, calls_of, report, opened
        )

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

    def _deliver(self, done: Done) -> None:
        """Record a task, then tell the listener."""
        task, outcomes = done.task, self.recorder.record(done)
        if not task.round:
            for case in task.cases:
                if case.name in done.seconds:
                    key = duration_key(task.spec.family, case, self._passes[case.name].intersection(task.passes))
                    self._durations.add(key, done.seconds[case.name])
        if not self._keep_going and not task.round:
            self._builds.add(task.spec.family, task.commit, [*outcomes.values()])
        reused = len(task.cases) - len(outcomes)
        self._listener.finished(task.commit, task.spec.family, outcomes, reused=reused)
        self._unknown = [other for other in self._unknown if other is not task]
        self._forecast()

    def _forecast(self) -> None:
        """Forecast once what those tasks will cost of which nobody knew it."""
        if self._unknown and self.forecast(self._unknown):
            self._unknown = []


def _records(tasks: Iterable[Task]) -> set[RecordKey]:
    return {(task.spec.family, task.commit.id) for task in tasks}


def _count(blocks: Blocks) -> int:
    return sum(map(len, blocks))
