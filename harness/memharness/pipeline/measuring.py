"""Measuring what is missing: plan -> slots, environments and children -> store.

A commit is checked out once for all cases that lack something there. Results are stored commit by commit and in the
order of the history, so that a run that is killed leaves the whole of a beginning.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from msgspec.structs import replace

from memharness.config import Config
from memharness.environments import provider
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.execute.local import execute
from memharness.measure import PROBE_METHOD
from memharness.model import Case, Commit, EnvironmentSpec, Measured, Outcome, PassName, Reused
from memharness.pipeline.grounds import Grounds
from memharness.pipeline.judging import Judged, judge
from memharness.pipeline.missing import known_calls, merged_steps, missing, on_branches, unconfirmed
from memharness.pipeline.project import EVERYTHING, Project, Selection, open_project
from memharness.pipeline.results import Results, load_commits
from memharness.pipeline.reusing import Reuse
from memharness.pipeline.suites import passes_of, suites_of
from memharness.pipeline.worker import Done, Worker
from memharness.plan import Task
from memharness.scenarios import load_scenarios
from memharness.store import Entry
from memharness.workspace import cache_folder, lease

_BLOCK: Final = 8  # neighbours that one slot measures: what one of them shows may hold for the next
_ROUNDS: Final = 4  # repeats may show that a series is noisier than it looked, which takes more of them


class Listener(Protocol):
    """Is told how a run goes on."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Take note of how much is to do from here on: a task is one commit in one environment."""

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome], *, reused: int) -> None:
        """Take note that a task is stored: what was measured, and how many results were reused."""


class Silent:
    """A listener that says nothing."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Say nothing."""

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome], *, reused: int) -> None:
        """Say nothing."""


def run(
    config: Config,
    selection: Selection = EVERYTHING,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
) -> Results:
    """Measure what is missing at the selected commits, then again what the findings rest on.

    `verify` is the share of the results that could be reused to measure all the same, to see whether they agree.
    Returns all that is stored then. Raises MemharnessError; where some work was stored already, its exit code is
    INCOMPLETE.
    """
    with begin(config, selection, listener=listener, retry_failed=retry_failed, verify=verify) as work:
        return work.complete(work.project.commits(selection))


@contextmanager
def begin(
    config: Config,
    selection: Selection,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
) -> Iterator["Measuring"]:
    """Open a project to measure in it, holding its results and, once something is to be measured, slots."""
    project = open_project(config, selection)
    with project.store.run_lock(), _snapshot(project) as scenarios, ExitStack() as slots:
        yield Measuring(project, scenarios, listener or Silent(), slots, retry_failed=retry_failed, verify=verify)


class Measuring:
    """The work of one command that measures; holds what its parts share."""

    def __init__(
        self,
        project: Project,
        scenarios: Path,
        listener: Listener,
        slots: ExitStack,
        *,
        retry_failed: bool,
        verify: float,
    ) -> None:
        self.project = project
        self.suites = suites_of(project)
        self.touched: set[str] = set()  # commits at which something was measured
        self.reused: set[str] = set()  # those with results by reference
        self._scenarios = scenarios
        self._listener = listener
        self._retry_failed = retry_failed
        self._calls: dict[tuple[str, str, str], int] = {}
        self._environments = provider(project.config.environment.install, cache_folder())
        self.grounds = Grounds(project, self._environments)
        self._reuse = Reuse(project, self.grounds, scenarios, verify=verify) if project.config.run.reuse else None
        self._slots = slots
        self._idle: list[Worker] = []
        self._faults: list[str] = []

    def results(self, commits: Sequence[Commit]) -> Results:
        """Load what is stored for `commits` in the environments of this project."""
        families = [suite.spec.family for suite in self.suites]
        ids = {commit.id for commit in commits}
        measured, reused = len(self.touched & ids), len((self.reused - self.touched) & ids)
        return load_commits(self.project, commits, families=families, measured=measured, reused=reused)

    def complete(self, commits: Sequence[Commit], judging: Callable[[Results], Sequence[Judged]] = judge) -> Results:
        """Measure what is missing at `commits`, then what the findings rest on."""
        self.first(commits)
        return self.confirm(commits, judging)

    def confirm(self, commits: Sequence[Commit], judging: Callable[[Results], Sequence[Judged]] = judge) -> Results:
        """Measure again what the findings at `commits` rest on, and the branches of merges."""
        results = self.results(commits)
        for _ in range(_ROUNDS):
            tasks = unconfirmed(results, judging(results), self.suites, retry_failed=self._retry_failed)
            if not tasks:
                break
            self.measure(tasks, purpose="measuring once more")
            results = self.results(commits)
        attempted: set[tuple[str, str, str]] = set()
        merges = merged_steps(judging(results))
        while tasks := on_branches(self.project, merges, self.suites, attempted):
            self.measure(tasks, purpose="searching merged branches")
        return results

    def first(self, commits: Sequence[Commit], passes: tuple[PassName, ...] = ()) -> Results:
        """Measure every case once, or some `passes` of it, at each of `commits` that lacks it."""
        results = self.results(commits)
        tasks = self.lacking(results, passes)
        self.measure(tasks, purpose="measuring")
        return self.results(commits) if tasks else results

    def lacking(self, results: Results, passes: tuple[PassName, ...] = ()) -> tuple[Task, ...]:
        """Plan what `results` lack; what is stored beside it may be reused for it."""
        self._calls |= known_calls(results, self.suites)
        tasks = missing(results, self.suites, passes=passes, retry_failed=self._retry_failed)
        if self._reuse is not None:
            self._reuse.take_stored(results, tasks)
        return tasks

    def reuse(self, tasks: Sequence[Task]) -> None:
        """Store what can be reused for `tasks`, and measure nothing."""
        for task in tasks:
            proven = tuple(case for case in task.cases if self._reuse is not None and self._reuse.find(task, case))
            if proven:
                self._deliver(Done(task=replace(task, cases=proven), facts=None, observed={}))

    def measure(self, tasks: Sequence[Task], *, purpose: str) -> None:
        """Execute `tasks`: one after the other until every case has its number of calls, then on all slots."""
        self._listener.planned(len(tasks), purpose=purpose)
        while self._uncalibrated(tasks):
            self._execute(tasks[:1], workers=1)
            tasks = tasks[1:]
        self._execute(tasks, workers=self.project.config.run.workers)
        if self._faults:
            raise MemharnessError(
                f"{len(self._faults)} results that seemed proven came out otherwise: {self._faults[0]}",
                hint="What was measured is stored. Please report this, and measure with --no-reuse until it is mended.",
                exit_code=INCOMPLETE,
            )

    def _execute(self, tasks: Sequence[Task], *, workers: int) -> None:
        repeats = any(task.round for task in tasks)  # which are few, and no neighbours
        while len(self._idle) < min(workers, len(tasks)):
            self._idle.append(self._new_worker())
        try:
            execute(tasks, self._worker, self._deliver, workers=workers, block=1 if repeats else _BLOCK)
        except MemharnessError as error:
            if self.touched:
                error.exit_code = INCOMPLETE
            raise

    def _new_worker(self) -> Worker:
        """Lease another slot, until the end of the work."""
        leased = lease(self.project.repository, cache_folder(), scenarios=self._scenarios)
        slot = self._slots.enter_context(leased)
        return Worker(self.project, slot, self._environments, self.grounds, self._reuse, self.calls_of)

    @contextmanager
    def _worker(self) -> Iterator[Callable[[Task, Event], Done | None]]:
        worker = self._idle.pop()
        try:
            yield worker.measure
        finally:
            self._idle.append(worker)

    def _deliver(self, done: Done) -> None:
        """Store what was observed, or that it is what another commit showed, then tell the listener."""
        task, store = done.task, self.project.store
        entries: list[Entry] = []
        references: list[Reused] = []
        for case in task.cases:
            proven = self._proven(done, case)
            if proven:
                references += proven
                continue
            observation = done.observed[case.name]
            outcome = observation.outcome
            if isinstance(outcome, Measured) and outcome.calls and not case.scenario.calls:
                key = (task.spec.family, case.name, case.scenario.identity)
                self._calls[key] = store.set_calls(*key, outcome.calls)
            entries.append((case.name, case.scenario.identity, PROBE_METHOD, task.round, observation))
            if self._reuse is not None:
                self._reuse.take(task, case, observation)
        store.add(
            task.spec.family, task.commit, done.facts, entries, reused=references, replace_failed=self._retry_failed
        )
        if entries:
            self.touched.add(task.commit.id)
        if references:
            self.reused.add(task.commit.id)
        outcomes = [entry[-1].outcome for entry in entries]
        self._listener.finished(task.commit, task.spec.family, outcomes, reused=len(references))

    def _proven(self, done: Done, case: Case) -> tuple[Reused, ...]:
        """Return the references to be stored for a case, none where its result is its own."""
        fault = done.faults.get(case.name)
        if fault is not None:
            self._faults.append(f"{case.name} at {done.task.commit.short}: {fault}")
            return ()
        return self._reuse.find(done.task, case) if self._reuse is not None else ()

    def calls_of(self, spec: EnvironmentSpec, case: Case) -> int | None:
        """Return the number of calls of the growth pass; None where it is still to be calibrated."""
        return case.scenario.calls or self._calls.get((spec.family, case.name, case.scenario.identity))

    def _uncalibrated(self, tasks: Sequence[Task]) -> bool:
        return any(
            self.calls_of(task.spec, case) is None
            for task in tasks
            for case in task.cases
            if "growth" in (task.passes or passes_of(self.project, case))
        )


@contextmanager
def _snapshot(project: Project) -> Iterator[Path]:
    """Copy the scenario folder as it was parsed, so that an edit meanwhile does not reach the run."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scenarios-", dir=cache_folder()) as folder:
        copy = Path(folder, "scenarios")
        shutil.copytree(project.config.run.scenarios, copy, ignore=shutil.ignore_patterns("__pycache__"))
        copied = {scenario.name: scenario.identity for scenario in load_scenarios(copy)}
        for case in project.cases:
            if copied.get(case.scenario.name) != case.scenario.identity:
                raise MemharnessError(
                    f"{case.scenario.path} was changed while the run began", hint="Run the same command again."
                )
        yield copy
