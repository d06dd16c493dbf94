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
from memharness.model import Case, Commit, EnvironmentSpec, Measured, Outcome
from memharness.pipeline.missing import known_calls, missing, unconfirmed
from memharness.pipeline.project import EVERYTHING, Project, Selection, open_project
from memharness.pipeline.results import Results, load_commits
from memharness.pipeline.suites import passes_of, suites_of
from memharness.pipeline.worker import Done, Worker
from memharness.plan import Task
from memharness.scenarios import load_scenarios
from memharness.workspace import cache_folder, lease


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
    """Measure what is missing at the selected commits, then the neighbours of every change once more.

    Returns all that is stored then. Raises MemharnessError; where some work was stored already, its exit code is
    INCOMPLETE.
    """
    project = open_project(config, selection)
    with project.store.run_lock(), _snapshot(project) as scenarios:
        work = _Run(project, project.commits(selection), scenarios, listener or Silent(), retry_failed=retry_failed)
        try:
            results = work.results()
            for plan, purpose in ((missing, "measuring"), (unconfirmed, "measuring once more")):
                tasks = plan(results, work.suites, retry_failed=retry_failed)
                work.measure(tasks, purpose=purpose)
                results = work.results() if tasks else results
        except MemharnessError as error:
            if work.touched:
                error.exit_code = INCOMPLETE
            raise
        return results


class _Run:
    """One run over some commits; holds what the parts of it share."""

    def __init__(
        self,
        project: Project,
        commits: Sequence[Commit],
        scenarios: Path,
        listener: Listener,
        *,
        retry_failed: bool,
    ) -> None:
        self.project = project
        self.commits = commits
        self.scenarios = scenarios
        self.listener = listener
        self.retry_failed = retry_failed
        self.suites = suites_of(project)
        self.touched: set[str] = set()  # commits at which something was measured
        self.calls = known_calls(self.results(), self.suites)

    def results(self) -> Results:
        families = [suite.spec.family for suite in self.suites]
        return load_commits(self.project, self.commits, families=families, measured=len(self.touched))

    def measure(self, tasks: Sequence[Task], *, purpose: str) -> None:
        """Execute `tasks`: one after the other until every case has its number of calls, then on all slots."""
        self.listener.planned(len(tasks), purpose=purpose)
        while self._uncalibrated(tasks):
            self._execute(tasks[:1], workers=1)
            tasks = tasks[1:]
        self._execute(tasks, workers=self.project.config.run.workers)

    def _execute(self, tasks: Sequence[Task], *, workers: int) -> None:
        environments = provider(self.project.config.environment.install, cache_folder())

        @contextmanager
        def worker() -> Iterator[Callable[[Task, Event], Done | None]]:
            with lease(self.project.repository, cache_folder(), scenarios=self.scenarios) as slot:
                yield Worker(self.project, slot, environments, self.calls_of).measure

        execute(tasks, worker, self._deliver, workers=workers)

    def _deliver(self, done: Done) -> None:
        """Store what was observed, then tell the listener."""
        task, store = done.task, self.project.store
        for case, observation in done.observed:
            if isinstance(observation.outcome, Measured) and observation.outcome.calls and not case.scenario.calls:
                key = (task.spec.family, case.name, case.scenario.identity)
                self.calls[key] = store.set_calls(*key, observation.outcome.calls)
        entries = [
            (case.name, case.scenario.identity, PROBE_METHOD, task.round, observation)
            for case, observation in done.observed
        ]
        store.add(task.spec.family, task.commit, done.facts, entries, replace_failed=self.retry_failed)
        self.touched.add(task.commit.id)
        outcomes = [observation.outcome for _, observation in done.observed]
        self.listener.finished(task.commit, task.spec.family, outcomes)

    def calls_of(self, spec: EnvironmentSpec, case: Case) -> int | None:
        """Return the number of calls of the growth pass; None where it is still to be calibrated."""
        return case.scenario.calls or self.calls.get((spec.family, case.name, case.scenario.identity))

    def _uncalibrated(self, tasks: Sequence[Task]) -> bool:
        return any(
            self.calls_of(task.spec, case) is None
            for task in tasks
            for case in task.cases
            if "growth" in passes_of(self.project, case)
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
