"""Measuring what is missing: plan -> slots, environments and children -> store.

A commit is checked out once for all cases that lack something there; its results are stored before the next
commit begins, so a killed run loses at most the commits then in work.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Event
from typing import Protocol

from memharness.config import Config
from memharness.environments import find_interpreter, provider
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.execute.local import execute
from memharness.history import is_ancestor, paths, read_blob, resolve
from memharness.layout import detect, project_name
from memharness.measure import PROBE_METHOD, Cancelled, compile_bytecode, observe
from memharness.model import (
    METRICS,
    Case,
    Checkout,
    Commit,
    Environment,
    EnvironmentFacts,
    EnvironmentSpec,
    Failed,
    Measured,
    Measurement,
    Observation,
    Outcome,
    Value,
)
from memharness.pipeline.judging import Results, Steps, find_steps_in, load_commits
from memharness.pipeline.project import EVERYTHING, Project, Selection, open_project
from memharness.plan import Key, Suite, Task, make_suites, plan_range, plan_repeats, split
from memharness.workspace import Slot, cache_folder, lease


class Listener(Protocol):
    """Is told how a run goes on."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Take note of how much is to do from here on: a task is one commit in one environment."""

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome]) -> None:
        """Take note that a task is measured and stored."""


class Done(Value):
    """What a worker hands over: the cases of a task that were observed, all of them unless it was cancelled."""

    task: Task
    facts: EnvironmentFacts | None
    observed: tuple[tuple[Case, Observation], ...]


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
    commits = project.commits(selection)
    with project.store.run_lock():
        work = _Run(project, commits, listener or Silent(), retry_failed=retry_failed)
        try:
            work.measure(work.missing(), purpose="measuring")
            work.measure(work.unconfirmed(), purpose="measuring once more")
        except MemharnessError as error:
            if work.touched:
                error.exit_code = INCOMPLETE
            raise
        return work.results()


class _Run:
    """One run over some commits; holds what the parts of it share."""

    def __init__(self, project: Project, commits: Sequence[Commit], listener: Listener, *, retry_failed: bool) -> None:
        self.project = project
        self.commits = commits
        self.listener = listener
        self.retry_failed = retry_failed
        self.suites = _suites(project)
        self.environments = provider(project.config.environment.install, cache_folder())
        self.names: dict[tuple[str | None, ...], str | None] = {}  # project's name by blobs of its packaging files
        self.touched: set[str] = set()  # commits at which something was measured
        self.calls = {
            (suite.spec.family, *key): calls
            for suite in self.suites
            for key, calls in project.store.calls(suite.spec.family).items()
        }

    def results(self) -> Results:
        families = [suite.spec.family for suite in self.suites]
        return load_commits(self.project, self.commits, families=families, measured=len(self.touched))

    def missing(self) -> tuple[Task, ...]:
        stored = self._keys(self.results())
        return plan_range(self.commits, self.suites, stored, self._starts())

    def unconfirmed(self) -> tuple[Task, ...]:
        """Plan repeats: at the neighbours of each step, and at both ends of each series to know its spread."""
        results = self.results()
        wanted = defaultdict(set)
        for commit, family, case in _to_repeat(find_steps_in(results)):
            wanted[commit].add((family, case))
        return plan_repeats(wanted, self.commits, self.suites, self._keys(results))

    def measure(self, tasks: Sequence[Task], *, purpose: str) -> None:
        """Execute `tasks`: one slot until every case has its number of calls, then all slots."""
        self.listener.planned(len(tasks), purpose=purpose)
        first = self._execute([tasks], until_calibrated=True) if self._uncalibrated(tasks) else 0
        self._execute(split(tasks[first:], self.project.config.run.workers))

    def _execute(self, parts: Sequence[Sequence[Task]], *, until_calibrated: bool = False) -> int:
        delivered = 0

        def work(part: Sequence[Task], cancel: Event) -> Iterator[Done]:
            with lease(self.project.repository, cache_folder(), scenarios=self.project.config.run.scenarios) as slot:
                for number, task in enumerate(part):
                    yield from _Worker(self, slot, task, cancel).work()
                    if cancel.is_set() or (until_calibrated and not self._uncalibrated(part[number + 1 :])):
                        return

        def deliver(done: Done) -> None:
            nonlocal delivered
            delivered += 1
            self._store(done)
            outcomes = [observation.outcome for _, observation in done.observed]
            self.listener.finished(done.task.commit, done.task.spec.family, outcomes)

        execute(parts, work, deliver)
        return delivered

    def _store(self, done: Done) -> None:
        task = done.task
        entries = [
            (case.name, case.scenario.identity, PROBE_METHOD, task.round, observation)
            for case, observation in done.observed
        ]
        store = self.project.store
        store.add(task.spec.family, task.commit, done.facts, entries, replace_failed=self.retry_failed)
        self.touched.add(task.commit.id)
        for case, observation in done.observed:
            if isinstance(observation.outcome, Measured) and observation.outcome.calls and not case.scenario.calls:
                store.set_calls(task.spec.family, case.name, case.scenario.identity, observation.outcome.calls)

    def calls_of(self, spec: EnvironmentSpec, case: Case) -> int | None:
        """Return the number of calls of the growth pass; None where it is still to be calibrated."""
        return case.scenario.calls or self.calls.get((spec.family, case.name, case.scenario.identity))

    def _uncalibrated(self, tasks: Sequence[Task]) -> bool:
        return any(
            self.calls_of(task.spec, case) is None
            for task in tasks
            for case in task.cases
            if "growth" in _passes(self.project, case)
        )

    def project_name(self, commit: Commit, files: Mapping[str, str]) -> str | None:
        """Return the name that the project gives itself at a commit; read again only where its files changed."""
        blobs = tuple(files.get(name) for name in ("pyproject.toml", "setup.cfg"))
        if blobs not in self.names:
            pyproject, setup_cfg = (
                read_blob(self.project.repository, commit.id, name) if blob else None
                for name, blob in zip(("pyproject.toml", "setup.cfg"), blobs, strict=True)
            )
            self.names[blobs] = project_name(pyproject, setup_cfg)
        return self.names[blobs]

    def _starts(self) -> dict[str, int]:
        """Map scenarios with a `since` to the index of the first commit that they apply to."""
        repository = self.project.repository
        starts = {}
        for scenario in {case.scenario.name: case.scenario for case in self.project.cases}.values():
            if scenario.since is None:
                continue
            try:
                start = resolve(repository, scenario.since)
            except MemharnessError as error:
                raise MemharnessError(f"{scenario.path}: since: {error.message}", hint=error.hint) from None
            starts[scenario.name] = next(
                (i for i, commit in enumerate(self.commits) if is_ancestor(repository, start, commit.id)),
                len(self.commits),
            )
        return starts

    def _keys(self, results: Results) -> set[Key]:
        """Return the keys of what need not be measured (again)."""
        wanted = {case.name: _metrics(self.project, case) for case in self.project.cases}
        return {
            Key(family=family, commit=commit, case=m.case, identity=m.identity, round=m.round)
            for family, records in results.measurements.items()
            for commit, stored in records.items()
            for m in stored
            if m.probe == PROBE_METHOD and self._complete(m, wanted.get(m.case, ()))
        }

    def _complete(self, measurement: Measurement, wanted: Collection[str]) -> bool:
        """Tell whether all wanted metrics were asked for and the profiles are there.

        A metric that was asked for and that the machine cannot measure is not asked for again.
        """
        outcome = measurement.outcome
        if self.retry_failed and (not isinstance(outcome, Measured) or outcome.failed_passes):
            return False
        if not isinstance(outcome, Measured):
            return True
        if not self.project.store.has_profiles(outcome):
            return False
        asked = {name for name, metric in METRICS.items() if metric.measured_in in outcome.cpu_seconds}
        optional = {"import"} - set(outcome.metrics)
        return set(wanted) <= asked - optional


def _to_repeat(steps: Steps) -> Iterator[tuple[str, str, str]]:
    for series, found in steps:
        measured = [index for index, point in enumerate(series.points) if point.values]
        wanted = {*measured[:1], *measured[-1:], *(i for step in found for i in (step.good, step.bad))}
        for index in wanted:
            yield series.points[index].commit.id, series.subject.family, series.subject.case


def _suites(project: Project) -> tuple[Suite, ...]:
    """Return what each interpreter measures; scenarios with dependencies of their own get their environment."""
    settings = project.config.environment
    groups: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    for case in project.cases:
        groups[tuple(sorted({*settings.dependencies, *case.scenario.dependencies}))].append(case)
    suites = make_suites(
        (
            EnvironmentSpec(
                interpreter=interpreter,
                install=settings.install,
                dependencies=dependencies,
                variables=settings.variables,
            ),
            cases,
        )
        for interpreter in map(find_interpreter, settings.python)
        for dependencies, cases in groups.items()
    )
    if not suites:
        raise MemharnessError(
            f"No scenario runs on Python {', '.join(settings.python)}: each has another `requires-python`",
            hint="Choose another interpreter with --python.",
        )
    return suites


def _metrics(project: Project, case: Case) -> tuple[str, ...]:
    return case.scenario.metrics or project.config.run.metrics


def _passes(project: Project, case: Case) -> set[str]:
    return {METRICS[name].measured_in for name in _metrics(project, case)}


class _Worker:
    """Measures one task in a slot."""

    def __init__(self, run: _Run, slot: Slot, task: Task, cancel: Event) -> None:
        self.run = run
        self.slot = slot
        self.task = task
        self.cancel = cancel

    def work(self) -> Iterator[Done]:
        """Yield what was observed; when cancelled, the cases that were finished, if any."""
        task, project = self.task, self.run.project
        files = paths(project.repository, task.commit.id)
        layout = detect(
            files,
            project_name=self.run.project_name(task.commit, files),
            configured=project.config.project.import_root,
        )
        checkout = self.slot.checkout(task.commit.id, import_root=layout.import_root, packages=layout.packages)
        environment = self.run.environments.prepare(task.spec, checkout, files)
        if isinstance(environment, Failed):
            failed = Observation(outcome=environment)
            yield Done(task=task, facts=None, observed=tuple((case, failed) for case in task.cases))
            return
        self.slot.place(environment.generated)
        compile_bytecode(environment.python, self.slot.pending(environment.cache_tag))
        self.slot.compiled(environment.cache_tag)
        observed = []
        for case in task.cases:
            try:
                observed.append((case, self._observe(case, checkout, environment)))
            except Cancelled:
                break
        if observed:
            yield Done(task=task, facts=environment.facts, observed=tuple(observed))

    def _observe(self, case: Case, checkout: Checkout, environment: Environment) -> Observation:
        run, scenario = self.run, case.scenario
        settings = run.project.config.run
        observation = observe(
            case,
            checkout,
            environment,
            self.slot.work,
            self.slot.scenarios,
            metrics=_metrics(run.project, case),
            frames=self.task.frames,
            calls=run.calls_of(self.task.spec, case),
            budget_seconds=settings.growth_budget,
            timeout_seconds=scenario.timeout_seconds or settings.timeout,
            memory_bytes=scenario.memory_bytes or settings.memory_limit,
            cancel=self.cancel,
        )
        if isinstance(observation.outcome, Measured) and observation.outcome.calls:
            key = (self.task.spec.family, case.name, scenario.identity)
            run.calls.setdefault(key, observation.outcome.calls)
        return observation
