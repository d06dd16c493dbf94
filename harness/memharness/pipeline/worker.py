"""One task in a slot: checkout, environment, byte code, then every case in its children."""

from collections.abc import Callable
from functools import partial
from threading import Event

from memharness.environments import Provider
from memharness.history import paths
from memharness.layout import detect
from memharness.measure import Cancelled, Terms, compile_bytecode, observe
from memharness.model import (
    METRICS,
    PASSES,
    Case,
    Checkout,
    Environment,
    EnvironmentFacts,
    EnvironmentSpec,
    Failed,
    Observation,
    Value,
)
from memharness.pipeline.project import PACKAGING, Project, name_at
from memharness.pipeline.suites import metrics_of
from memharness.plan import Task
from memharness.workspace import Slot


class Done(Value):
    """What a worker hands over: what was observed of each case of a task."""

    task: Task
    facts: EnvironmentFacts | None
    observed: tuple[tuple[Case, Observation], ...]


class Worker:
    """Measures tasks in one slot, one after the other."""

    def __init__(
        self,
        project: Project,
        slot: Slot,
        environments: Provider,
        calls_of: Callable[[EnvironmentSpec, Case], int | None],
    ) -> None:
        self._project = project
        self._slot = slot
        self._environments = environments
        self._calls_of = calls_of
        self._fresh = False  # no child has run since the checkout
        self._names: dict[tuple[str | None, ...], str | None] = {}  # the project's name by blobs of PACKAGING files

    def measure(self, task: Task, cancel: Event) -> Done | None:
        """Return what was observed; None where `cancel` ended it."""
        files = paths(self._project.repository, task.commit.id)
        blobs = tuple(files.get(name) for name in PACKAGING)
        if blobs not in self._names:
            self._names[blobs] = name_at(self._project.repository, task.commit.id, files)
        layout = detect(files, project_name=self._names[blobs], configured=self._project.config.project.import_root)
        checkout = self._slot.checkout(task.commit.id, import_root=layout.import_root, packages=layout.packages)
        environment = self._environments.prepare(task.spec, checkout, files)
        if isinstance(environment, Failed):
            failed = Observation(outcome=environment)
            return Done(task=task, facts=None, observed=tuple((case, failed) for case in task.cases))
        self._slot.place(environment.generated)
        self._fresh = True
        try:
            observed = tuple((case, self._observe(task, case, checkout, environment, cancel)) for case in task.cases)
        except Cancelled:
            return None
        return Done(task=task, facts=environment.facts, observed=observed)

    def _prepare_pass(self, environment: Environment) -> None:
        """Take away what the child before left in the tree, then compile what has no byte code."""
        if not self._fresh:
            self._slot.tidy()
        self._fresh = False
        compile_bytecode(environment.python, self._slot.pending(environment.cache_tag))
        self._slot.compiled(environment.cache_tag)

    def _observe(
        self, task: Task, case: Case, checkout: Checkout, environment: Environment, cancel: Event
    ) -> Observation:
        settings, scenario = self._project.config.run, case.scenario
        return observe(
            case,
            checkout,
            environment,
            self._slot.work,
            self._slot.scenarios,
            Terms(
                metrics=_metrics(self._project, case, task),
                explain=task.explain,
                calls=self._calls_of(task.spec, case),
                budget_seconds=settings.growth_budget,
                timeout_seconds=scenario.timeout_seconds or settings.timeout,
                memory_bytes=scenario.memory_bytes or settings.memory_limit,
            ),
            cancel=cancel,
            before_pass=partial(self._prepare_pass, environment),
        )


def _metrics(project: Project, case: Case, task: Task) -> tuple[str, ...]:
    """Return the metrics of a case that the passes of `task` measure."""
    passes = task.passes or PASSES
    return tuple(name for name in metrics_of(project, case) if METRICS[name].measured_in in passes)
