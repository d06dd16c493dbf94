"""Session what is missing, and again what the findings rest on.

A commit is checked out once for all cases that lack something there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from memharness.config.configuration import Config
from memharness.errors import as_refusal
from memharness.files.cache_folder import cache_folder
from memharness.files.removal import scratch
from memharness.findings.judge import Judged, judge
from memharness.findings.project import EVERYTHING, Project, Selection, open_project
from memharness.findings.results import Results, load_commits, with_whole_history
from memharness.findings.series_parts import continuations
from memharness.model.history import Commit
from memharness.model.metrics import PassName
from memharness.plan.tasks import Task
from memharness.run.missing import bridges, known_calls, merged_steps, missing, on_branches, unconfirmed
from memharness.run.suites import suites_of
from memharness.run.workers import Listener, Silent, Workers

_ROUNDS: Final = 4  # repeats may show that a series is noisier than it looked, which takes more of them


def run(
    config: Config,
    selection: Selection = EVERYTHING,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
    keep_going: bool = False,
) -> Results:
    """Measure what is missing at the selected commits, then again what the findings rest on.

    `verify` is the share of the results that could be reused to measure all the same, to see whether they agree.
    Where three commits in a row fail to build alike, and the newest too, it ends there unless it shall `keep_going`.
    Returns all that is stored then. Raises MemharnessError; where some work was stored already, its exit code is
    INCOMPLETE.
    """
    with begin(
        config, selection, listener=listener, retry_failed=retry_failed, verify=verify, keep_going=keep_going
    ) as work:
        return work.complete(work.commits(selection), continued=True)


@contextmanager
def begin(
    config: Config,
    selection: Selection,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
    keep_going: bool = True,
) -> Iterator["Session"]:
    """Open a project to measure in it, holding its results and, once something is to be measured, slots.

    What the system refuses meanwhile is raised as MemharnessError.
    """
    project = open_project(config, selection)
    try:
        with project.store.run_lock(), _snapshot(project) as scenarios, ExitStack() as slots:
            workers = Workers(
                project,
                scenarios,
                listener or Silent(),
                slots,
                retry_failed=retry_failed,
                verify=verify,
                keep_going=keep_going,
            )
            yield Session(project, workers, retry_failed=retry_failed)
    except (OSError, MemoryError) as error:
        refused = as_refusal(error)
        if refused is None:
            raise
        raise refused from error


class Session:
    """The work of one command that measures; holds what its parts share."""

    def __init__(self, project: Project, workers: Workers, *, retry_failed: bool) -> None:
        self.project = project
        self.suites = suites_of(project)
        self.workers = workers
        self._retry_failed = retry_failed
        self._shortfall: tuple[str, ...] = ()
        self._continued: tuple[str, ...] = ()

    def commits(self, selection: Selection) -> tuple[Commit, ...]:
        """Return the selected commits; where they are fewer than were asked for, the results say why."""
        commits = self.project.commits(selection)
        self._shortfall = self.project.shortfall(selection, commits)
        return commits

    def results(self, commits: Sequence[Commit]) -> Results:
        """Load what is stored for `commits` in the environments of this project."""
        families = [suite.spec.family for suite in self.suites]
        ids = {commit.id for commit in commits}
        touched = self.workers.touched
        measured, reused = len(touched & ids), len((self.workers.reused - touched) & ids)
        found = load_commits(self.project, commits, families=families, measured=measured, reused=reused)
        notices = (*self._shortfall, *self._continued, *self.workers.notices)
        return replace(found, notices=notices, fresh=frozenset(self.workers.fresh))

    def complete(
        self,
        commits: Sequence[Commit],
        judging: Callable[[Results], Sequence[Judged]] = judge,
        *,
        continued: bool = False,
    ) -> Results:
        """Measure what is missing at `commits`, then what the findings rest on.

        `continued`: the series of a scenario that changed is joined to the former one.
        """
        return self.confirm(self.first(commits, continued=continued), judging)

    def confirm(self, results: Results, judging: Callable[[Results], Sequence[Judged]] = judge) -> Results:
        """Measure again what the findings in `results` rest on, and the branches of merges."""
        for _ in range(_ROUNDS):
            tasks = unconfirmed(results, judging(results), self.suites, retry_failed=self._retry_failed)
            if not tasks:
                break
            self.workers.measure(tasks, purpose="measuring once more")
            results = self.results(results.commits)
        attempted: set[tuple[str, str, str]] = set()
        merges = merged_steps(judging(results))
        while tasks := on_branches(self.project, merges, self.suites, attempted):
            self.workers.measure(tasks, purpose="searching merged branches")
        return results

    def first(
        self, commits: Sequence[Commit], passes: tuple[PassName, ...] = (), *, continued: bool = False
    ) -> Results:
        """Measure every case once, or some `passes` of it, at each of `commits` that lacks it."""
        results = self.results(commits)
        self.workers.newest = self.workers.newest or commits[-1]
        tasks = self.lacking(results, passes, continued=continued)
        if not tasks:
            return results
        bridging = bridges(results, self.suites) if continued else ()
        self.workers.measure((*bridging, *tasks), purpose="measuring")
        self._tell(bridging, commits[-1])
        return self.results(commits)

    def bridge(self, results: Results) -> None:
        """Join the series of scenarios that changed to the former ones, where these end before `results`."""
        bridging = bridges(results, self.suites)
        self.workers.measure(bridging, purpose="measuring")
        self._tell(bridging, results.commits[-1])

    def _tell(self, bridging: Sequence[Task], newest: Commit) -> None:
        """Say where series were continued from, in the results from now on."""
        if bridging:
            self._continued = tuple(continuations(with_whole_history(self.results([newest]))))

    def lacking(
        self, results: Results, passes: tuple[PassName, ...] = (), *, continued: bool = False
    ) -> tuple[Task, ...]:
        """Plan what `results` lack; what is stored beside it may be reused for it."""
        self.workers.calls |= known_calls(results, self.suites)
        tasks = missing(results, self.suites, passes=passes, retry_failed=self._retry_failed, continued=continued)
        self.workers.consider(results, tasks)
        return tasks


@contextmanager
def _snapshot(project: Project) -> Iterator[Path]:
    """Copy the scenario folder as it was parsed, so that an edit meanwhile does not reach the run."""
    with scratch(cache_folder(), "scenarios-") as folder:
        copy = folder / "scenarios"
        project.copy_scenarios(copy)
        yield copy
