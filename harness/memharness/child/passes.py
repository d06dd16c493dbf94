"""One case at one commit, measured: a fresh child process for each pass that its metrics need.

In: a case, a checkout, an environment and a work folder. Out: an `Observation` with the merged figures and profiles
of all passes, or with the first outcome that is no success. Further children may explain the figures; they change
none. Linux only: what keeps children in check and figures repeatable (pidfd, prlimit, subreaper, personality, /proc)
is the kernel's.
"""

import secrets
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from memharness.child.exchange import Broken, Delivered, Exchange, Seen
from memharness.child.interpreter import child_environment, probe_command
from memharness.child.sights import sight_of
from memharness.errors import MemharnessError
from memharness.model.environments import Environment
from memharness.model.history import Checkout
from memharness.model.measurements import (
    Failed,
    Measured,
    Observation,
    ObservedInputs,
    OutOfMemory,
    Profile,
    TimedOut,
    outcome_reason,
)
from memharness.model.metrics import METRICS, PASSES, PassName, Stage
from memharness.model.scenarios import Case
from memharness.model.values import Value
from memharness.processes.supervision import TOKEN, Ending, Limits, run_supervised

UNPROVEN = "its result can be reused for no other commit: "  # begins a note
UNCOUNTED = "the memory of child processes is not counted: "  # the same
Hold = Callable[[], AbstractContextManager[Callable[[], bool]]]
_DEEP = 25  # frames
_PEAKS = {"peak", "warm_peak"}
_INEXACT = 0.02  # of the peak
_RANDOMISED = "address randomisation could not be turned off: peaks may vary by some 20 kB"
_LINES = 20  # of the output
_LINE_CHARACTERS = 400
_NO_MEMORY = (
    "MemoryError",
    "Cannot allocate memory",
    "cannot map zero-fill pages",  # the loader's, before there is an interpreter
    "failed to map segment",
)


class Terms(Value):
    """How a case is measured. The passes that `metrics` need are run, and all that these yield is kept.

    `explain` adds deep profiles, and that of the peak where a peak is wanted, which take further passes; a note says
    why one is missing. `calls` None calibrates the growth pass within `growth_budget` of CPU time. Each pass, all its
    processes together, may take `timeout` of CPU time, `wall_seconds` by the clock, and `memory_limit`.
    """

    metrics: tuple[str, ...]
    growth_budget: float
    timeout: float
    wall_seconds: float
    explain: bool = False
    calls: int | None = None
    memory_limit: int | None = None


def observe(
    case: Case,
    checkout: Checkout,
    environment: Environment,
    workdir: Path,
    scenarios: Path,
    terms: Terms,
    *,
    cancel: threading.Event | None = None,
    before_pass: Callable[[Stage], None] | None = None,
    hold: Hold | None = None,
) -> Observation:
    """Measure `case` at `checkout`; `workdir` is emptied, `scenarios` is the copy of the scenario folder to use.

    `before_pass` is called with its name before each child starts, to put right what the one before did to the
    checkout. `hold` holds the environment for each, and tells afterwards whether what came of it counts; where it does
    not, the pass is run again.
    Raises Cancelled when `cancel` is set, MemharnessError where no child can start.
    """
    if sys.platform != "linux":
        raise MemharnessError("Measuring needs Linux", hint="Run it in a container, or on a CI runner with Linux.")
    children = _Children(case, checkout, environment, workdir, scenarios, terms, cancel, before_pass, hold)
    found = _Found()
    found.notes.extend(environment.notes)
    for name in PASSES:
        wanted = _wanted(terms, name)
        if not wanted:
            continue
        response, ending = children.run(name, {"metrics": wanted, "frames": 1})
        found.endings[name] = [ending]
        if isinstance(response, Delivered):
            found.delivered[name] = response
            found.see(name, response.seen, checkout, scenarios, environment)
        elif not found.delivered:
            return Observation(outcome=response)
        else:  # what the passes before it found stands, such as the peak of what can be called but once
            found.failed[name] = response
    if terms.explain and "first" in found.delivered:
        _explain(children, found, terms)
    return _merge(found)


class _Found:
    """What the passes of a case came to so far."""

    def __init__(self) -> None:
        self.delivered: dict[PassName, Delivered] = {}
        self.endings: dict[str, list[Ending]] = {}
        self.failed: dict[str, Failed | TimedOut | OutOfMemory] = {}
        self.profiles: dict[str, Profile] = {}  # of the explaining passes
        self.inputs: dict[PassName, ObservedInputs] = {}
        self.notes: list[str] = []

    def see(
        self, name: PassName, seen: Seen | None, checkout: Checkout, scenarios: Path, environment: Environment
    ) -> None:
        """Keep what a pass saw, or a note why nothing can be proven with it."""
        if seen is None:
            return
        observed = sight_of(seen, checkout, scenarios, environment.frozen)
        if isinstance(observed, ObservedInputs):
            self.inputs[name] = observed
        elif (note := f"{UNPROVEN}{observed}") not in self.notes:
            self.notes.append(note)


@dataclass(frozen=True, slots=True)
class _Children:
    """Starts one child after the other for the same case; the fields are what `observe` is given."""

    case: Case
    checkout: Checkout
    environment: Environment
    workdir: Path
    scenarios: Path
    terms: Terms
    cancel: threading.Event | None
    before_pass: Callable[[Stage], None] | None
    hold: Hold | None

    def run(
        self, name: Stage, fields: Mapping[str, object]
    ) -> tuple[Delivered | Failed | TimedOut | OutOfMemory, Ending]:
        """Run a child for the pass `name`; `fields` of the request say what to measure.

        What may be the machine's fault, a time-out or the loss of the supervisor, is tried once more.
        """
        outcome, ending = self._attempt(name, fields)
        if ending.cause in ("cpu", "wall", "lost"):
            outcome, ending = self._attempt(name, fields)
        return outcome, ending

    def _attempt(
        self, name: Stage, fields: Mapping[str, object]
    ) -> tuple[Delivered | Failed | TimedOut | OutOfMemory, Ending]:
        """Run children until one counts: what is found in an environment that another one changed does not."""
        while True:
            with self.hold() if self.hold else nullcontext(lambda: True) as counts:
                found = self._run(name, fields)
                if counts():
                    return found

    def _run(
        self, name: Stage, fields: Mapping[str, object]
    ) -> tuple[Delivered | Failed | TimedOut | OutOfMemory, Ending]:
        if self.before_pass is not None:
            self.before_pass(name)
        exchange = Exchange(self.workdir, secrets.token_hex(16))
        terms = self.terms
        how = {
            "calls": terms.calls,
            "growth_budget": terms.growth_budget,
            "timeout": terms.timeout,
            "wall_seconds": terms.wall_seconds,
            "event": None,
        }
        exchange.put(self.case, self.checkout, self.environment, self.scenarios, {**how, "pass": name, **fields})
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
        return _judge(exchange, ending, terms), ending


def _wanted(terms: Terms, name: PassName) -> list[str]:
    return [metric for metric in terms.metrics if METRICS[metric].measured_in == name]


def _explain(children: _Children, found: _Found, terms: Terms) -> None:
    """Add deep profiles and that of the peak. Where a child fails, a note takes the place of its profiles."""
    wanted = _wanted(terms, "first")
    deep, ending = children.run("deep", {"metrics": wanted, "frames": _DEEP})
    found.endings["deep"] = [ending]
    if isinstance(deep, Delivered):
        found.profiles.update(deep.profiles)
    else:
        found.notes.append(f"callers and types of the lines are not known: the pass for them {_ended(deep)}")
    if not _PEAKS.isdisjoint(terms.metrics):
        _explain_peak(children, found)


def _explain_peak(children: _Children, found: _Found) -> None:
    """Find the event of the peak in one child, take the traces there in another."""
    finder, ending = children.run("peak", {"metrics": [], "frames": 1})
    found.endings["peak"] = [ending]
    taker: Delivered | Failed | TimedOut | OutOfMemory | None = None
    if isinstance(finder, Delivered) and finder.event is not None:
        taker, ending = children.run("peak", {"metrics": [], "frames": _DEEP, "event": finder.event})
        found.endings["peak"].append(ending)
    for response in (finder, taker):
        if isinstance(response, Delivered):
            found.notes += response.notes
        elif response is not None:
            found.notes.append(f"peak: the lines that hold it are not known: the pass for them {_ended(response)}")
    if isinstance(taker, Delivered) and "peak" in taker.profiles:
        found.profiles["peak"] = profile = taker.profiles["peak"]
        held, peak = sum(line.size for line in profile.lines), found.delivered["first"].metrics.get("peak")
        if peak is not None and abs(held - peak) > _INEXACT * peak:
            found.notes.append(f"peak: its lines hold {held:,} bytes, not {peak:,}: finding them disturbs the call")


def _ended(outcome: Failed | TimedOut | OutOfMemory) -> str:
    phase, reason = outcome_reason(outcome)
    return f"ended in {phase}: {reason}"


def _judge(exchange: Exchange, ending: Ending, terms: Terms) -> Delivered | Failed | TimedOut | OutOfMemory:
    """Tell what became of a child: by how it was ended, what it delivered, and else how it died."""
    phase, output = exchange.phase(), _last_lines(ending.output)
    if ending.cause == "cpu":
        return TimedOut(during=phase, limit_seconds=terms.timeout, output=output)
    if ending.cause == "wall":
        limits = f"{terms.wall_seconds:g} s by the clock (the timeout of {terms.timeout:g} s counts CPU time)"
        return Failed(phase="timeout", reason=f"still in {phase} after {limits}", output=output)
    if ending.cause == "lost":
        return Failed(phase="crash", reason=f"its supervisor was killed while in {phase}", output=output)
    response = exchange.response(ending.pid)
    if isinstance(response, Delivered):
        return response
    if isinstance(response, Broken):
        memory, phase = response.kind == "memory", response.phase
    else:
        memory = any(text in output[-1] for text in _NO_MEMORY) if output else False
    if terms.memory_limit is not None and (memory or ending.cause == "memory"):
        return OutOfMemory(during=phase, limit_bytes=terms.memory_limit, output=output)
    if isinstance(response, Broken):
        return Failed(phase=phase, reason=response.reason, output=output, frames=response.frames)
    if ending.status < 0:
        reason = f"killed by {_signal_name(-ending.status)} while in {phase}"
    else:
        reason = f"exited with status {ending.status} in {phase} {response}"
    return Failed(phase="crash", reason=reason, exit_code=ending.status, output=output)


def _signal_name(number: int) -> str:
    """Return the name of a signal; those in between that the C library keeps for itself have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        below = number - signal.SIGRTMIN
        return f"SIGRTMIN+{below}" if 0 < below < signal.SIGRTMAX - signal.SIGRTMIN else f"signal {number}"


def _last_lines(output: str) -> tuple[str, ...]:
    """Return the last lines of an output, each cut to a length that can be stored."""
    return tuple(line[:_LINE_CHARACTERS] for line in output.splitlines()[-_LINES:])


def _uncounted(found: _Found) -> str | None:
    """Say which memory no figure holds: that of the child processes of a pass that had any.

    In "growth" the probe itself may fork, so what was seen there is not told.
    """
    for name in ("first", "rss", "growth"):
        response = found.delivered.get(name)
        if response is None:
            continue
        (ending,) = found.endings[name]
        others = ending.others if name != "growth" else 0
        number = max(response.processes, others)  # some are seen that are not heard, and more the other way round
        if not number:
            continue
        sized = others and ending.others_peak_bytes
        mebibytes = max(round(ending.others_peak_bytes / (1 << 20)), 1)
        largest = f"the largest that was seen held {mebibytes} MiB" if sized else "none was seen"
        return f"{UNCOUNTED}{number} {'was' if number == 1 else 'were'} started, {largest}"
    return None


def _merge(found: _Found) -> Observation:
    delivered = found.delivered.values()
    values = {name: value for response in delivered for name, value in response.metrics.items()}
    profiles = {kind: profile for response in delivered for kind, profile in response.profiles.items()} | found.profiles
    notes = [note for response in delivered for note in response.notes] + found.notes
    if not all(ending.fixed_addresses for endings in found.endings.values() for ending in endings):
        notes.append(_RANDOMISED)
    if (uncounted := _uncounted(found)) is not None:
        notes.append(uncounted)
    first, growth = found.delivered.get("first"), found.delivered.get("growth")
    outcome = Measured(
        metrics={name: values[name] for name in METRICS if name in values},
        calls=growth.calls if growth else None,
        gc_objects=first.gc_objects if first else None,
        types=first.types if first else (),
        profiles={kind: profile.id for kind, profile in profiles.items()},
        notes=tuple(notes),
        passes=tuple(sorted(found.endings.keys() - found.failed.keys())),
        inputs={name: observed.id for name, observed in found.inputs.items()},
        failed_passes=found.failed,
        suspected=tuple(name for response in delivered for name in response.suspected),
    )
    return Observation(
        outcome=outcome,
        profiles={profile.id: profile for profile in profiles.values()},
        inputs={observed.id: observed for observed in found.inputs.values()},
    )
