"""Measuring what is missing: plan -> slots, environments and children -> store.

A commit is checked out once for all cases that lack something there. Results are stored commit by commit and in the
order of the history, so that a run that is killed leaves the whole of a beginning.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Protocol

from memharness.config import Config
from memharness.environments import provider
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.execute.local import execute
from memharness.measure import PROBE_METHOD
from memharness.model import Case, Commit, EnvironmentSpec, Measured, Outcome, PassName
from memharness.pipeline.judging import Judged, judge
from memharness.pipeline.missing import known_calls, merged_steps, missing, on_branches, unconfirmed
from memharness.pipeline.project import EVERYTHING, Project, Selection, open_project
from memharness.pipeline.results import Results, load_commits
from memharness.pipeline.suites import passes_of, suites_of
from memharness.pipeline.worker import Done, Worker
from memharness.plan import Task
from memharness.scenarios import load_scenarios
from memharness.workspace import cache_folder, lease

_ROUNDS = 4  # repeats may show that a series is noisier than it looked, which takes more of them


class Listener(Protocol):
    """Is told how a run goes on."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Take note of how much is to do from here on: a task is one commit in one environment."""

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome]) -> None:
        """Take note that a task is measured and stored."""


class Silent:
    """A listener that says nothing."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Say nothing."""

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome]) -> None:
        """Say nothing."""


def run(
    config: Config,
    selection: Selection = EVERYTHING,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
) -> Results:
    """Measure what is missing at the selected commits, then again what the findings rest on.

    Returns all that is stored then. Raises MemharnessError; where some work was stored already, its exit code is
    INCOMPLETE.
    """
    with begin(config, selection, listener=listener, retry_failed=retry_failed) as work:
        return work.complete(work.project.commits(selection))


@contextmanager
def begin(
    config: Config,
    selection: Selection,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
) -> Iterator["Measuring"]:
    """Open a project to measure in it, holding its results."""
    project = open_project(config, selection)
    with project.store.run_lock(), _snapshot(project) as scenarios:
        yield Measuring(project, scenarios, listener or Silent(), retry_failed=retry_failed)


class Measuring:
    """The work of one command that measures; holds what its parts share."""

    def __init__(self, project: Project, scenarios: Path, listener: Listener, *, retry_failed: bool) -> None:
        self.project = project
        self.suites = suites_of(project)
        self.touched: set[str] = set()  # commits at which something was measured
        self._scenarios = scenarios
        self._listener = listener
        self._retry_failed = retry_failed
        self._calls: dict[tuple[str, str, str], int] = {}

    def results(self, commits: Sequence[Commit]) -> Results:
        """Load what is stored for `commits` in the environments of this project."""
        families = [suite.spec.family for suite in self.suites]
        measured = len(self.touched & {commit.id for commit in commits})
        return load_commits(self.project, commits, families=families, measured=measured)

    def complete(self, commits: Sequence[Commit], judging: Callable[[Results], Sequence[Judged]] = judge) -> Results:
        """Measure what is missing at `commits`, again what the findings rest on, and the branches of merges."""
        results = self.first(commits)
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
        self._calls |= known_calls(results, self.suites)
        tasks = missing(results, self.suites, passes=passes, retry_failed=self._retry_failed)
        self.measure(tasks, purpose="measuring")
        return self.results(commits) if tasks else results

    def measure(self, tasks: Sequence[Task], *, purpose: str) -> None:
        """Execute `tasks`: one after the other until every case has its number of calls, then on all slots."""
        self._listener.planned(len(tasks), purpose=purpose)
        while self._uncalibrated(tasks):
            self._execute(tasks[:1], workers=1)
            tasks = tasks[1:]
        self._execute(tasks, workers=self.project.config.run.workers)

    def _execute(self, tasks: Sequence[Task], *, workers: int) -> None:
        environments = provider(self.project.config.environment.install, cache_folder())

        @contextmanager
        def worker() -> Iterator[Callable[[Task, Event], Done | None]]:
            with lease(self.project.repository, cache_folder(), scenarios=self._scenarios) as slot:
                yield Worker(self.project, slot, environments, self.calls_of).measure

        try:
            execute(tasks, worker, self._deliver, workers=workers)
        except MemharnessError as error:
            if self.touched:
                error.exit_code = INCOMPLETE
            raise

    def _deliver(self, done: Done) -> None:
        """Store what was observed, then tell the listener."""
        task, store = done.task, self.project.store
        for case, observation in done.observed:
            if isinstance(observation.outcome, Measured) and observation.outcome.calls and not case.scenario.calls:
                key = (task.spec.family, case.name, case.scenario.identity)
                self._calls[key] = store.set_calls(*key, observation.outcome.calls)
        entries = [
            (case.name, case.scenario.identity, PROBE_METHOD, task.round, observation)
            for case, observation in done.observed
        ]
        store.add(task.spec.family, task.commit, done.facts, entries, replace_failed=self._retry_failed)
        self.touched.add(task.commit.id)
        outcomes = [observation.outcome for _, observation in done.observed]
        self._listener.finished(task.commit, task.spec.family, outcomes)

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
