"""One task in a slot: checkout, environment, byte code, then every case in its children, but for what can be reused."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

from msgspec.structs import asdict

from memharness.checkout.slot import Slot
from memharness.child.interpreter import compile_bytecode
from memharness.child.passes import Hold, Terms, observe
from memharness.environments import Provider, hold
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.findings.project import Project
from memharness.model.environments import Environment, EnvironmentFacts, EnvironmentSpec
from memharness.model.history import Checkout
from memharness.model.measurements import Activity, Failed, Measured, Observation, Reused
from memharness.model.metrics import METRICS, PASSES, Stage
from memharness.model.scenarios import Case
from memharness.model.values import Value
from memharness.plan.reuse import ReusableResults
from memharness.plan.tasks import Task
from memharness.processes.supervision import Cancelled
from memharness.run.commit_inputs import InputReader
from memharness.run.infrastructure import (
    InfrastructureError,
    check_machine,
    failure_text,
    is_alike,
    is_disturbed,
    lost_request,
)
from memharness.run.missing_files import with_missing
from memharness.run.reuse import Reuse
from memharness.run.suites import metrics_of

_PATIENCE: Final = 10  # times the time-out, which counts CPU seconds: for workloads that wait, and for busy machines


class Done(Value):
    """What a worker hands over: what was observed of the cases of a task; those left out were proven to be reusable.

    `faults` tell by case why what was observed does not agree with what was proven.
    """

    task: Task
    facts: EnvironmentFacts | None
    observed: dict[str, Observation]  # by the case's name
    faults: dict[str, str] = {}


class Worker:
    """Measures tasks in one slot, one after the other."""

    def __init__(
        self,
        project: Project,
        lease: Callable[[], Slot],
        environments: Provider,
        inputs: InputReader,
        reuse: Reuse | None,
        calls_of: Callable[[EnvironmentSpec, Case], int | None],
        tell: Callable[[Activity | None], None],
    ) -> None:
        self._project = project
        self._lease = lease
        self._slot = lease()
        self._environment: Environment | None = None  # of the task at hand
        self._environments = environments
        self._inputs = inputs
        self._reuse = reuse
        self._own = ReusableResults()  # measured here, and perhaps not known to all yet
        self._calls_of = calls_of
        self._tell = tell
        self._fresh = False  # no child has run since the checkout

    def measure(self, task: Task, cancel: Event) -> Done | None:
        """Return what was observed; None where `cancel` ended it.

        What failed while something of memharness' own was gone or changed is measured again. Where it fails alike once
        more, the workload itself did that.
        """
        doubts: dict[str, str] = {}  # what cases came to in such a way; "" for what was raised
        try:
            while True:
                try:
                    with ExitStack() as held:
                        return self._measure(task, cancel, doubts, held)
                except InfrastructureError as fault:
                    if fault.subject in doubts:
                        raise _removed_again(task, fault) from None
                    doubts[fault.subject] = fault.came_to
                    self._restore()
                except (OSError, MemharnessError) as error:
                    if not is_disturbed(self._slot, self._environment):
                        raise
                    if "" in doubts:
                        raise _removed_again(task, InfrastructureError("the checkout", str(error))) from error
                    doubts[""] = str(error)
                    self._slot = self._lease()
        except Cancelled:
            return None
        finally:
            self._tell(None)

    def _measure(self, task: Task, cancel: Event, doubts: Mapping[str, str], held: ExitStack) -> Done:
        proven = {case.name: self._reuse.find(task, case, self._own) if self._reuse else () for case in task.cases}
        cases = [case for case in task.cases if not proven[case.name] or self._is_chosen(task, case)]
        if not cases:
            return Done(task=task, facts=None, observed={})
        self._tell(Activity(commit=task.commit, family=task.spec.family, stage="environment"))
        self._environment = None
        if not self._slot.is_held():
            self._slot = self._lease()
        inputs = self._inputs.at(task.commit.id)
        checkout = self._slot.checkout(task.commit.id, **asdict(inputs.layout))
        prepared = self._environments.prepare(task.spec, checkout, inputs.tree.files, cancel)
        environment = held.enter_context(prepared)
        if isinstance(environment, Failed):
            failed = with_missing(Observation(outcome=environment), inputs.missing, built=True)
            self._examine(task.spec, "the environment", failed, doubts)
            return Done(task=task, facts=None, observed={case.name: failed for case in cases})
        self._environment = environment
        checkout = self._slot.place(
            environment.generated, packages=environment.packages, import_root=environment.import_root
        )
        self._fresh = True
        observed, faults = {}, {}
        for case in cases:
            look = partial(self._observe, task, case, checkout, environment, cancel)
            built = bool(environment.generated or environment.origin)
            observation = with_missing(look(), inputs.missing, built=built)
            observed[case.name] = observation
            self._examine(task.spec, case.name, observation, doubts)
            if proven[case.name] and (fault := self._verify(task, case, proven[case.name], observation, look)):
                faults[case.name] = fault
            if self._reuse is not None:
                self._reuse.take(task, case, observation, into=self._own)
        return Done(task=task, facts=environment.facts, observed=observed, faults=faults)

    def _restore(self) -> None:
        """Put back what is gone from the slot, or take another where somebody else could take this one."""
        if self._slot.is_held():
            with suppress(OSError, MemharnessError):
                self._slot.tidy()
                return
        self._slot = self._lease()

    def _examine(
        self, spec: EnvironmentSpec, subject: str, observation: Observation, doubts: Mapping[str, str]
    ) -> None:
        """Raise InfrastructureError where a failure may be memharness' own doing, unless it came to the same before."""
        came_to = failure_text(observation)
        if not came_to:
            return
        lost = self._environment is not None and lost_request(self._slot)
        filled = check_machine(spec, self._slot)
        again = subject in doubts and is_alike(doubts[subject], came_to)
        if (lost or filled or is_disturbed(self._slot, self._environment)) and not again:
            raise InfrastructureError(subject, came_to)

    def _is_chosen(self, task: Task, case: Case) -> bool:
        return self._reuse is not None and self._reuse.is_chosen(task, case)

    def _verify(
        self,
        task: Task,
        case: Case,
        proven: tuple[Reused, ...],
        observation: Observation,
        look: Callable[[], Observation],
    ) -> str:
        """Return why a result is not the one that was proven: "" where it is, or where it differs from time to time."""
        assert self._reuse is not None
        if not isinstance(observation.outcome, Measured):
            return "it failed"
        found = self._reuse.differences(task, case, proven, observation.outcome)
        if not found:
            return ""
        again = look().outcome
        if not isinstance(again, Measured):
            return "it failed at the second attempt"
        steady = [name for name in found if again.metrics.get(name) == observation.outcome.metrics.get(name)]
        return "; ".join(f"{name} is {found[name]}" for name in steady)

    def _prepare_pass(self, task: Task, case: Case, environment: Environment, name: Stage) -> None:
        """Take away what the child before left in the tree, then compile what has no byte code."""
        self._tell(Activity(commit=task.commit, family=task.spec.family, stage=name, case=case.name))
        if not self._fresh:
            self._slot.tidy()
        self._fresh = False
        compile_bytecode(environment.python, self._slot.pending(environment.cache_tag))
        self._slot.compiled(environment.cache_tag)

    def _observe(
        self, task: Task, case: Case, checkout: Checkout, environment: Environment, cancel: Event
    ) -> Observation:
        settings, scenario = self._project.config.run, case.scenario
        timeout = scenario.timeout or settings.timeout
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
                growth_budget=settings.growth_budget,
                timeout=timeout,
                wall_seconds=_PATIENCE * timeout,
                memory_limit=scenario.memory_limit or settings.memory_limit,
            ),
            cancel=cancel,
            before_pass=partial(self._prepare_pass, task, case, environment),
            hold=self._holder(task, checkout, environment, cancel),
        )

    def _holder(self, task: Task, checkout: Checkout, environment: Environment, cancel: Event) -> Hold | None:
        """Return what holds the environment for a child; None where none was built."""
        if environment.folder is None:
            return None
        rebuild = partial(self._rebuild, task, checkout, environment, cancel)
        return partial(hold, Path(environment.folder), rebuild, cancel)

    def _rebuild(self, task: Task, checkout: Checkout, environment: Environment, cancel: Event) -> None:
        """Build an environment again that a child spoilt."""
        self._slot.tidy()
        files = self._inputs.at(task.commit.id).tree.files
        with self._environments.prepare(task.spec, checkout, files, cancel) as again:
            if isinstance(again, Failed) or again.facts != environment.facts:
                why = again.reason if isinstance(again, Failed) else "it would hold other versions now"
                raise MemharnessError(
                    f"the environment of {task.commit.short} was changed by what ran there and cannot be built anew: "
                    f"{why}",
                    hint="What was measured is stored; run the same command again.",
                    exit_code=INCOMPLETE,
                )
            self._slot.place(again.generated)


def _removed_again(task: Task, fault: InfrastructureError) -> MemharnessError:
    return MemharnessError(
        f"{fault.subject} at {task.commit.short}: what it needs was removed or changed twice while it was measured "
        f"({fault.came_to})",
        hint=f"See what cleans or changes {cache_folder()}, or set MEMHARNESS_CACHE to another folder, then run again.",
        exit_code=INCOMPLETE,
    )


def _metrics(project: Project, case: Case, task: Task) -> tuple[str, ...]:
    """Return the metrics of a case that the passes of `task` measure."""
    passes = task.passes or PASSES
    return tuple(name for name in metrics_of(project, case) if METRICS[name].measured_in in passes)
