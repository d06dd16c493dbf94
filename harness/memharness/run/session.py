"""Measures what is missing, and again what the findings rest on.

A commit is checked out once for all cases that lack something there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
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
from memharness.model.metrics import PASSES, PassName
from memharness.plan.order import Blocks, along_history, from_the_ends
from memharness.plan.tasks import Task, in_parts
from memharness.run.budget import Budget
from memharness.run.discovery import list_suites
from memharness.run.listener import Listener, Silent
from memharness.run.missing import joins, merged_steps, missing, on_branches, unconfirmed, unexplained
from memharness.run.suites import patch_release_notes, suites_of
from memharness.run.workers import Workers
from memharness.wording.text import number_text

_ROUNDS: Final = 4  # repeats may show that a series is noisier than it looked, which takes more of them


def run(
    config: Config,
    selection: Selection = EVERYTHING,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
    keep_going: bool = False,
    budget: float | None = None,
) -> Results:
    """Measure what is missing at the selected commits, then again what the findings rest on.

    `verify` is the share of the results that could be reused to measure all the same, to see whether they agree.
    After `budget` seconds nothing more begins; a notice says what is left.
    Where three commits and the newest fail to build alike, it ends there unless it is to `keep_going`.
    Returns all that is stored then. Raises MemharnessError; where some work was stored already, its exit code is
    INCOMPLETE.
    """
    with open_session(
        config,
        selection,
        listener=listener,
        retry_failed=retry_failed,
        verify=verify,
        keep_going=keep_going,
        budget=budget,
    ) as session:
        commits = session.select_commits(selection)
        results = session.load_stored(commits)
        try:
            return session.confirm(session.measure_missing(results, continued=True, in_order=selection.new))
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(_extent(session, session.load_stored(commits)))
            raise


def _extent(session: "Session", results: Results) -> str:
    """Say of how many commits something is stored, how many lack repeats, and how to have that judged."""
    stored = {commit for records in results.measurements.values() for commit in records}
    of_all = f"{len(stored):,} of {number_text(len(results.commits), 'commit')} measured"
    if len(stored) == len(results.commits) and (again := {task.commit.id for task in session.repeats(results)}):
        of_all += f", {len(again):,} of them to be measured once more"
    return f"{of_all}; `memharness check` with the same range judges what is stored"


def explain_stored(config: Config, selection: Selection, *, listener: Listener | None = None) -> None:
    """Measure what explains all that is stored for the selected commits, where it is not explained yet.

    Raises MemharnessError like `run`.
    """
    with open_session(config, selection, listener=listener) as session:
        results = session.load_stored(session.select_commits(selection))
        session.measure(results, unexplained(results, session.suites), purpose="explaining")


@contextmanager
def open_session(
    config: Config,
    selection: Selection,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
    keep_going: bool = True,
    budget: float | None = None,
) -> Iterator["Session"]:
    """Open a project for measuring; hold its results folder and, once something is measured, slots.

    What the system refuses meanwhile is raised as MemharnessError.
    """
    try:
        list_suites(config, selection, listener or Silent())
        project = open_project(config, selection)
        with project.store.run_lock(), scratch(cache_folder(), "scenarios-") as folder, ExitStack() as slots:
            scenarios = folder / "scenarios"
            project.copy_scenarios(scenarios)  # so that an edit meanwhile does not reach the run
            workers = Workers(
                project,
                scenarios,
                listener or Silent(),
                slots,
                retry_failed=retry_failed,
                verify=verify,
                keep_going=keep_going,
                budget=Budget(budget),
            )
            yield Session(project, workers, retry_failed=retry_failed)
    except (OSError, MemoryError) as error:
        refused = as_refusal(error)
        if refused is None:
            raise
        raise refused from error


class Session:
    """The work of one command that measures. Each step takes results and returns them with what it added."""

    def __init__(self, project: Project, workers: Workers, *, retry_failed: bool) -> None:
        self.project = project
        self.suites = suites_of(project)
        self.workers = workers
        self._retry_failed = retry_failed
        self._notices: tuple[str, ...] = ()

    def select_commits(self, selection: Selection) -> tuple[Commit, ...]:
        """Return the selected commits; the results say why they are few, and where another series begins."""
        commits, notices = self.project.choose_commits(selection)
        self._notices += (*notices, *patch_release_notes(self.project, self.suites, commits[-1].id))
        return commits

    def load_stored(self, commits: Sequence[Commit]) -> Results:
        """Load what is stored for `commits` in the environments of this project."""
        families = [suite.spec.family for suite in self.suites]
        return self._with_account(load_commits(self.project, commits, families=families))

    def plan(
        self, results: Results, passes: tuple[PassName, ...] = PASSES, *, continued: bool = False
    ) -> tuple[Task, ...]:
        """Plan what `results` lack, and let the workers learn what they hold."""
        tasks = missing(results, self.suites, passes=passes, retry_failed=self._retry_failed, continued=continued)
        self.workers.learn(results, tasks)
        return in_parts(tasks)

    def measure(self, results: Results, tasks: Sequence[Task], *, purpose: str, more: bool = False) -> Results:
        """Measure `tasks`, each by itself, and add what is stored of them; `more` as in `Workers.measure`."""
        return self._measure_blocks(results, tuple((task,) for task in tasks), purpose=purpose, more=more)

    def measure_missing(
        self,
        results: Results,
        passes: tuple[PassName, ...] = PASSES,
        *,
        continued: bool = False,
        in_order: bool = False,
    ) -> Results:
        """Measure every case once, or some `passes` of it, at each commit that lacks it.

        `continued`: the series of a scenario that changed is joined to the former one. `in_order`: oldest first, so
        that no commit is measured before those that it follows.
        """
        tasks = self.plan(results, passes, continued=continued)
        if not tasks:
            return results
        joining, workers = joins(results, self.suites) if continued else (), self.project.config.run.workers
        if in_order:
            blocks = along_history(tasks, workers=workers)
        else:
            blocks = from_the_ends(tasks, results.commits, workers=workers)
        return self._measure_joined(results, joining, blocks)

    def join_series(self, results: Results) -> Results:
        """Join the series of scenarios that changed to the former ones, where these end before `results`."""
        return self._measure_joined(results, joins(results, self.suites), ())

    def reuse(self, results: Results) -> Results:
        """Store what can be reused for what `results` lack, and measure nothing."""
        return self._with_account(results.reloaded(self.workers.reuse(self.plan(results))))

    def repeats(
        self, results: Results, judging: Callable[[Results], Sequence[Judged]] = judge, *, ends: bool = False
    ) -> tuple[Task, ...]:
        """Plan the repeats that the findings in `results` lack, `ends` as in `confirm`."""
        return unconfirmed(results, judging(results), self.suites, retry_failed=self._retry_failed, ends=ends)

    def confirm(
        self, results: Results, judging: Callable[[Results], Sequence[Judged]] = judge, *, ends: bool = False
    ) -> Results:
        """Measure again what the findings in `results` rest on, and the branches of merges.

        `ends`: the first and the last commit are measured again in any case, to know the spread.
        """
        for _ in range(_ROUNDS):
            tasks = self.repeats(results, judging, ends=ends)
            if not tasks:
                break
            results = self.measure(results, tasks, purpose="measuring once more")
            if self.workers.budget.left:
                return results
        attempted: set[tuple[str, str, str]] = set()
        merges = merged_steps(judging(results))
        while tasks := on_branches(self.project, merges, self.suites, attempted):
            self.measure(results, tasks, purpose="searching merged branches")  # of commits that are not in `results`
        return results

    def _measure_blocks(self, results: Results, blocks: Blocks, *, purpose: str, more: bool = False) -> Results:
        changed = self.workers.measure(blocks, results.commits[-1], purpose=purpose, more=more)
        return self._with_account(results.reloaded(changed))

    def _measure_joined(self, results: Results, joining: Sequence[Task], blocks: Blocks) -> Results:
        """Measure what joins series, then `blocks`; the results say where series were continued from."""
        results = self._measure_blocks(results, (*((task,) for task in joining), *blocks), purpose="measuring")
        if joining:
            self._notices += tuple(continuations(with_whole_history(results)))
            results = self._with_account(results)
        return results

    def _with_account(self, results: Results) -> Results:
        """Return `results` with what was measured and reused so far, and the notices on it."""
        recorder, notices = self.workers.recorder, (*self._notices, *self.workers.notices())
        return replace(
            results,
            notices=notices,
            fresh=frozenset(recorder.fresh),
            reused=frozenset(recorder.reused),
            unfinished=self.workers.budget.lacks(results.commits[-1]),
        )
