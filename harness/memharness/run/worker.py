"""One task in a slot: checkout, environment, byte code, then every case in its children, except what can be reused."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final, NamedTuple

from msgspec.structs import asdict

from memharness.checkout.slot import Slot
from memharness.child.children import Children, Hold
from memharness.child.exchange import Delivered
from memharness.child.interpreter import compile_bytecode
from memharness.child.opened_files import OpenedFiles
from memharness.child.passes import observe
from memharness.child.setup_cache import SetupCache
from memharness.child.terms import Terms
from memharness.environments import CheckedOutFiles, Provider, guarded
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.findings.project import Project
from memharness.model.environments import Environment, EnvironmentFacts, EnvironmentSpec
from memharness.model.history import Checkout
from memharness.model.listings import Listed
from memharness.model.measurements import Activity, Failed, Measured, Observation, Outcome, Reused
from memharness.model.metrics import METRICS, Stage
from memharness.model.scenarios import Case
from memharness.model.values import Value, digest
from memharness.plan.reuse import ReusableResults
from memharness.plan.tasks import Task
from memharness.processes.supervision import Cancelled
from memharness.run.commit_inputs import CommitInputs, InputReader
from memharness.run.infrastructure import (
    InfrastructureError,
    check_machine,
    failure_text,
    is_alike,
    is_disturbed,
    lost_request,
)
from memharness.run.missing_files import with_missing_files
from memharness.run.reuse import Reuse

_DISCOVERY_SECONDS: Final = 600.0  # of CPU time: it imports a whole suite
_PATIENCE: Final = 10  # times the time-out, which counts CPU seconds: for workloads that wait, and for busy machines


class Done(Value):
    """What a worker hands over: what it observed of the cases of a task, except those that were proven reusable.

    `faults` says by case how what was observed differs from what was proven; `seconds` are those that each case took.
    """

    task: Task
    facts: EnvironmentFacts | None
    observed: dict[str, Observation]  # by the case's name
    faults: dict[str, str] = {}
    seconds: dict[str, float] = {}


class Discovered(Value):
    """What the drivers of the cases of a task listed, by the case's name, or why one could not."""

    task: Task
    listed: dict[str, Listed | Outcome]


class _Job(NamedTuple):
    """A task whose commit is checked out and whose environment is built."""

    task: Task
    inputs: CommitInputs
    checkout: Checkout
    environment: Environment
    cancel: Event

    @property
    def is_built(self) -> bool:
        """Tell whether something was built of the commit."""
        return bool(self.environment.generated or self.environment.origin)


class Worker:
    """Measures tasks in one slot, one after the other."""

    def __init__(
        self,
        project: Project,
        lease: Callable[[], Slot],
        environments: Provider,
        inputs: InputReader,
        reuse: Reuse,
        calls_of: Callable[[EnvironmentSpec, Case], int | None],
        report: Callable[[Activity | None], None],
        opened: OpenedFiles,
    ) -> None:
        self._project = project
        self._lease = lease
        self._slot = lease()
        self._environment: Environment | None = None  # of the present task
        self._environments = environments
        self._inputs = inputs
        self._reuse = reuse
        self._own = ReusableResults()  # measured here, and perhaps not known to all yet
        self._calls_of = calls_of
        self._report = report
        self._opened = opened
        self._is_tidy = False  # no child has run since the checkout
        self._caches: dict[object, SetupCache | Outcome] = {}  # that suites prepared
        self._caches_of: tuple[Path, str, str] | None = None  # slot, commit and family of these

    def measure(self, task: Task, cancel: Event) -> Done | None:
        """Return what was observed; None where `cancel` ended it.

        What fails while something that it needs is gone or changed is measured again. Where it fails alike once more,
        the workload itself did that.
        """
        earlier: dict[str, str] = {}  # failures of such a kind, by what failed; "" for the checkout
        try:
            while True:
                try:
                    with ExitStack() as environment:
                        done = self._measure(task, cancel, earlier, environment)
                    self._report(None)
                    return done
                except InfrastructureError as error:
                    if error.subject in earlier:
                        raise _disturbed_again(task, error.subject, error.failure) from None
                    earlier[error.subject] = error.failure
                    self._restore()
                except (OSError, MemharnessError) as error:
                    if not is_disturbed(self._slot, self._environment):
                        raise
                    if "" in earlier:
                        raise _disturbed_again(task, "the checkout", str(error)) from error
                    earlier[""] = str(error)
                    self._slot = self._lease()
        except Cancelled:
            return None

    def discover(self, task: Task, cancel: Event) -> Discovered | None:
        """Have the drivers of the cases list what their suites hold; None where `cancel` ended it."""
        try:
            with ExitStack() as held:
                job = self._prepare(task, cancel, held)
                listed = {
                    case.name: self._list(job, case) if isinstance(job, _Job) else job.outcome for case in task.cases
                }
        except Cancelled:
            return None
        self._report(None)
        return Discovered(task=task, listed=listed)

    def _list(self, job: _Job, case: Case) -> Listed | Outcome:
        terms = Terms(
            metrics=(),
            growth_budget=0.0,
            timeout=_DISCOVERY_SECONDS,
            wall_seconds=_PATIENCE * _DISCOVERY_SECONDS,
            memory_limit=self._project.config.run.memory_limit,
        )
        outcome = self._children(job, case, terms).run("discover").outcome
        if not isinstance(outcome, Delivered):
            return outcome
        return outcome.listed or Failed(phase="crash", reason="it delivered nothing")

    def _children(self, job: _Job, case: Case, terms: Terms) -> Children:
        """Return what starts children that measure nothing."""
        return Children(
            case,
            job.checkout,
            job.environment,
            self._slot.work,
            self._slot.scenarios,
            terms,
            job.cancel,
            partial(self._prepare_pass, job, case),
            self._holder(job),
            self._opened,
        )

    def _setup_cache(self, job: _Job, case: Case, terms: Terms) -> SetupCache | Outcome | None:
        """Return what the suite prepares for some cases, made once for a commit in an environment, or why it cannot."""
        key = case.scenario.target.get("setup_cache")
        if key is None:
            return None
        place = (self._slot.work, job.task.commit.id, job.task.spec.family)
        if self._caches_of != place:
            self._caches_of, self._caches = place, {}
        if key not in self._caches:
            folder = self._slot.work.with_name("caches") / digest(key, 16)
            self._caches[key] = self._children(job, case, terms).make_setup_cache(folder)
        return self._caches[key]

    def _measure(self, task: Task, cancel: Event, earlier: Mapping[str, str], held: ExitStack) -> Done:
        proven = {case.name: self._reuse.find(task, case, self._own) for case in task.cases}
        cases = [case for case in task.cases if not proven[case.name] or self._reuse.is_chosen(task, case)]
        if not cases:
            return Done(task=task, facts=None, observed={})
        job = self._prepare(task, cancel, held)
        if not isinstance(job, _Job):
            self._examine(task.spec, "the environment", job, earlier)
            return Done(task=task, facts=None, observed={case.name: job for case in cases})
        done = Done(task=task, facts=job.environment.facts, observed={}, faults={}, seconds={})
        for case in cases:
            began = time.monotonic()
            done.observed[case.name] = observation = self._observe(job, case)
            done.seconds[case.name] = time.monotonic() - began
            self._examine(task.spec, case.name, observation, earlier)
            if fault := self._verify(job, case, proven[case.name], observation):
                done.faults[case.name] = fault
            self._reuse.add(task, case, observation, into=self._own)
        return done

    def _prepare(self, task: Task, cancel: Event, held: ExitStack) -> _Job | Observation:
        """Check out the commit and have its environment `held`; return the failure where it cannot be built."""
        self._report(Activity(commit=task.commit, family=task.spec.family, stage="environment"))
        self._environment = None
        if not self._slot.is_leased():
            self._slot = self._lease()
        inputs = self._inputs.at(task.commit.id)
        checkout = self._slot.checkout(task.commit.id, **asdict(inputs.layout))
        prepared = self._environments.prepare(task.spec, CheckedOutFiles.of(checkout, inputs.tree.files), cancel)
        environment = held.enter_context(prepared)
        if isinstance(environment, Failed):
            return with_missing_files(Observation(outcome=environment), inputs.missing, is_built=True)
        self._environment = environment
        checkout = self._slot.link_generated(
            environment.generated, packages=environment.packages, import_root=environment.import_root
        )
        self._is_tidy = True
        below = (f"{checkout.tree}/{folder}".rstrip("/") for folder in inputs.tree.folders)
        self._opened.folders = (*below, *self._slot.scenario_folders)
        return _Job(task=task, inputs=inputs, checkout=checkout, environment=environment, cancel=cancel)

    def _observe(self, job: _Job, case: Case) -> Observation:
        """Measure one case in its children."""
        settings, scenario, passes = self._project.config.run, case.scenario, job.task.passes
        timeout = scenario.timeout or settings.timeout
        terms = Terms(
            metrics=tuple(n for n in self._project.metrics_of(case) if METRICS[n].measured_in in passes),
            explain=job.task.explain,
            calls=self._calls_of(job.task.spec, case),
            growth_budget=settings.growth_budget,
            timeout=timeout,
            wall_seconds=_PATIENCE * timeout,
            memory_limit=scenario.memory_limit or settings.memory_limit,
        )
        cache = self._setup_cache(job, case, terms)
        if cache is not None and not isinstance(cache, SetupCache):
            return Observation(outcome=cache)
        observation = observe(
            case,
            job.checkout,
            job.environment,
            self._slot.work,
            self._slot.scenarios,
            terms,
            cancel=job.cancel,
            before_pass=partial(self._prepare_pass, job, case),
            hold=self._holder(job),
            opened=self._opened,
            cache=cache,
        )
        return with_missing_files(observation, job.inputs.missing, is_built=job.is_built)

    def _prepare_pass(self, job: _Job, case: Case, name: Stage) -> None:
        """Remove what the child before left in the tree, then compile what has no byte code."""
        self._report(Activity(commit=job.task.commit, family=job.task.spec.family, stage=name, case=case.name))
        if not self._is_tidy:
            self._slot.restore()
        self._is_tidy = False
        tag = job.environment.cache_tag
        compile_bytecode(job.environment.python, self._slot.uncompiled(tag))
        self._slot.mark_compiled(tag)

    def _holder(self, job: _Job) -> Hold | None:
        """Return what holds the environment for a child; None where none was built."""
        if job.environment.folder is None:
            return None
        return partial(guarded, Path(job.environment.folder), partial(self._rebuild, job), job.cancel)

    def _rebuild(self, job: _Job) -> None:
        """Rebuild an environment that a child changed."""
        self._slot.restore()
        files = CheckedOutFiles.of(job.checkout, job.inputs.tree.files)
        with self._environments.prepare(job.task.spec, files, job.cancel) as again:
            if isinstance(again, Failed) or again.facts != job.environment.facts:
                why = again.reason if isinstance(again, Failed) else "it would hold other versions now"
                raise MemharnessError(
                    f"the environment of {job.task.commit.short} was changed by what ran there and cannot be built "
                    f"anew: {why}",
                    hint="What was measured is stored; run the same command again.",
                    exit_code=INCOMPLETE,
                )
            self._slot.link_generated(again.generated)

    def _restore(self) -> None:
        """Put back what is gone from the slot, or take another where somebody else could take this one."""
        if self._slot.is_leased():
            with suppress(OSError, MemharnessError):
                self._slot.restore()
                return
        self._slot = self._lease()

    def _examine(
        self, spec: EnvironmentSpec, subject: str, observation: Observation, earlier: Mapping[str, str]
    ) -> None:
        """Raise InfrastructureError where a failure may not be the commit's, unless it failed alike `earlier`."""
        failure = failure_text(observation)
        if not failure:
            return
        lost = self._environment is not None and lost_request(self._slot)
        filled = check_machine(spec, self._slot)
        again = subject in earlier and is_alike(earlier[subject], failure)
        if (lost or filled or is_disturbed(self._slot, self._environment)) and not again:
            raise InfrastructureError(subject, failure)

    def _verify(self, job: _Job, case: Case, proven: tuple[Reused, ...], observation: Observation) -> str:
        """Return how a result differs from a proven one; "" where it does not, or varies between attempts."""
        if not proven:
            return ""
        if not isinstance(observation.outcome, Measured):
            return "it failed"
        found = self._reuse.differences(job.task, case, proven, observation.outcome)
        if not found:
            return ""
        again = self._observe(job, case).outcome
        if not isinstance(again, Measured):
            return "it failed at the second attempt"
        steady = [name for name in found if again.metrics.get(name) == observation.outcome.metrics.get(name)]
        return "; ".join(f"{name} is {found[name]}" for name in steady)


def _disturbed_again(task: Task, subject: str, failure: str) -> MemharnessError:
    return MemharnessError(
        f"{subject} at {task.commit.short}: what it needs was removed or changed twice while it was measured "
        f"({failure})",
        hint=f"See what cleans or changes {cache_folder()}, or set MEMHARNESS_CACHE to another folder, then run again.",
        exit_code=INCOMPLETE,
    )
