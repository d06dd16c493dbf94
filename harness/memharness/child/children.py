"""The child processes of one case: each runs one pass, and is run again where its failure may not be the case's."""

import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec

from memharness.child.exchange import Delivered, Event, Exchange
from memharness.child.interpreter import child_environment, probe_command
from memharness.child.observed_inputs import observed_inputs
from memharness.child.opened_files import OpenedFiles
from memharness.child.setup_cache import SetupCache, keep
from memharness.child.terms import Terms
from memharness.child.verdict import judge
from memharness.model.environments import Environment
from memharness.model.history import Checkout
from memharness.model.measurements import Failed, ObservedInputs, OutOfMemory, Skipped, TimedOut
from memharness.model.metrics import Stage
from memharness.model.scenarios import Case
from memharness.model.values import Value
from memharness.processes.supervision import TOKEN, Ending, Limits, run_supervised

Hold = Callable[[], AbstractContextManager[Callable[[], bool]]]


class PassResult(Value):
    """The result of the child that ran a pass.

    `inputs`: what the pass observed; or why nobody can know, in words; None where it is not recorded.
    """

    outcome: Delivered | Failed | TimedOut | OutOfMemory | Skipped
    ending: Ending
    inputs: ObservedInputs | str | None = None


@dataclass(frozen=True, slots=True)
class Children:
    """Starts one child after the other for the same case; for the fields see `observe`."""

    case: Case
    checkout: Checkout
    environment: Environment
    workdir: Path
    scenarios: Path
    terms: Terms
    cancel: threading.Event | None
    before_pass: Callable[[Stage], None] | None
    hold: Hold | None
    opened: OpenedFiles | None
    cache: SetupCache | None = None

    def make_setup_cache(self, folder: Path) -> SetupCache | Failed | TimedOut | OutOfMemory | Skipped:
        """Have the driver prepare what the case shares with others, and keep it as `folder`; return why it cannot."""
        result = self.run("setup_cache")
        if not isinstance(result.outcome, Delivered):
            return result.outcome
        return SetupCache(keep(self.workdir / "cwd", folder), result.inputs)

    def run(
        self,
        name: Stage,
        metrics: Sequence[str] = (),
        *,
        frames: int = 1,
        event: Event | None = None,
        again: bool = True,
    ) -> PassResult:
        """Run a pass: again after the loss of its supervisor, and where asked for after a time-out.

        Both may be the machine's fault.
        """
        request = {
            "pass": name,
            "metrics": metrics,
            "frames": frames,
            "event": event and msgspec.to_builtins(event),
        }
        result = self._run_undisturbed(name, request)
        if result.ending.cause == "lost" or (again and result.ending.cause in ("cpu", "wall")):
            result = self._run_undisturbed(name, request)
        return result

    def _run_undisturbed(self, name: Stage, request: dict[str, object]) -> PassResult:
        """Run a pass until nobody changed the environment meanwhile."""
        while True:
            with self.hold() if self.hold else nullcontext(lambda: True) as counts:
                result = self._run_once(name, request)
                if counts():
                    return result

    def _run_once(self, name: Stage, request: dict[str, object]) -> PassResult:
        if self.before_pass is not None:
            self.before_pass(name)
        terms = self.terms
        limits = {
            "calls": terms.calls,
            "growth_budget": terms.growth_budget,
            "timeout": terms.timeout,
            "wall_seconds": terms.wall_seconds,
        }
        exchange = Exchange(self.workdir, secrets.token_hex(16))
        exchange.put(self.case, self.checkout, self.environment, self.scenarios, request | limits)
        if self.cache is not None:
            self.cache.copy(self.workdir / "cwd")
        if self.opened is not None:
            self.opened.begin()
        ending = run_supervised(
            [*probe_command(self.environment), str(exchange.request)],
            environment=child_environment(self.environment, self.workdir) | {TOKEN: exchange.token},
            folder=self.workdir / "cwd",
            limits=Limits(
                wall_seconds=terms.wall_seconds,
                cpu_seconds=terms.timeout,
                memory_bytes=terms.memory_limit,
                cancel=self.cancel,
            ),
            fixed_addresses=True,
        )
        outcome = judge(exchange, ending, terms)
        return PassResult(outcome=outcome, ending=ending, inputs=self._inputs(outcome))

    def _inputs(self, outcome: object) -> ObservedInputs | str | None:
        """Return what a pass observed. To be called before the next child, which may change the scenario folder."""
        if not isinstance(outcome, Delivered) or outcome.accesses is None:
            return None
        opened = None if self.opened is None else self.opened.opened()
        inputs = observed_inputs(outcome.accesses, self.checkout, self.scenarios, self.environment.frozen, opened)
        return inputs if self.cache is None else self.cache.with_inputs(inputs)
