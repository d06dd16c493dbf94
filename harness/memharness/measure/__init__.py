"""One case at one commit, measured: a fresh child process for each pass that its metrics need.

In: a case, a checkout, an environment and a work folder. Out: an `Observation` with the merged figures and profiles
of all passes, or with the first outcome that is no success. Linux only: what keeps children in check and figures
repeatable (pidfd, prlimit, subreaper, personality, /proc) is the kernel's.
"""

import secrets
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from memharness.errors import MemharnessError
from memharness.measure.child import Cancelled, Ending, Limits, run_child
from memharness.measure.exchange import Broken, Delivered, Exchange
from memharness.measure.interpreter import child_environment, compile_bytecode, probe_command
from memharness.model import (
    METRICS,
    Case,
    Checkout,
    Environment,
    Failed,
    Measured,
    Observation,
    OutOfMemory,
    PassName,
    TimedOut,
    Value,
)

__all__ = ["PROBE_METHOD", "Cancelled", "Terms", "compile_bytecode", "observe"]

PROBE_METHOD = 2  # memharness_probe.METHOD, which must not be imported; a test holds the two together
_PASSES: tuple[PassName, ...] = ("first", "growth", "rss")
_DEEP = 25  # frames
_RANDOMISED = "address randomisation could not be turned off: peaks may vary by some 20 kB"
_NO_MEMORY = ("MemoryError", "Cannot allocate memory")


class Terms(Value):
    """How a case is measured. The passes that `metrics` need are run, and all that these yield is kept.

    `explain` adds deep profiles, which take further passes; `calls` None calibrates the growth pass within
    `budget_seconds` of CPU time; each pass may take `timeout_seconds`, and no more memory than `memory_bytes`.
    """

    metrics: tuple[str, ...]
    budget_seconds: float
    timeout_seconds: float
    explain: bool = False
    calls: int | None = None
    memory_bytes: int | None = None


def observe(
    case: Case,
    checkout: Checkout,
    environment: Environment,
    workdir: Path,
    scenarios: Path,
    terms: Terms,
    *,
    cancel: threading.Event | None = None,
    before_pass: Callable[[], None] | None = None,
) -> Observation:
    """Measure `case` at `checkout`; `workdir` is emptied, `scenarios` is the copy of the scenario folder to use.

    `before_pass` is called before each child starts, to put right what the one before did to the checkout.
    Raises Cancelled when `cancel` is set, MemharnessError where no child can start.
    """
    if sys.platform != "linux":
        raise MemharnessError("Measuring needs Linux", hint="Run it in a container, or on a CI runner with Linux.")
    limits = Limits(timeout_seconds=terms.timeout_seconds, memory_bytes=terms.memory_bytes, cancel=cancel)
    command = probe_command(environment)
    delivered: dict[PassName, Delivered] = {}
    endings: dict[PassName, Ending] = {}
    failed: dict[str, Failed | TimedOut | OutOfMemory] = {}
    for name in _PASSES:
        if not _wanted(terms, name):
            continue
        if before_pass is not None:
            before_pass()
        exchange = Exchange(workdir, secrets.token_hex(16))
        exchange.put(case, checkout, environment, scenarios, _fields(terms, name))
        variables = child_environment(environment, workdir) | {"MEMHARNESS_TOKEN": exchange.token}
        ending = run_child([*command, str(exchange.request)], variables, workdir / "cwd", limits)
        response = _judge(exchange, ending, limits)
        endings[name] = ending
        if isinstance(response, Delivered):
            delivered[name] = response
        elif not delivered:
            return Observation(outcome=response)
        else:  # what the passes before it found stands, such as the peak of what can be called but once
            failed[name] = response
    return _merge(delivered, endings, failed)


def _wanted(terms: Terms, name: PassName) -> list[str]:
    return [metric for metric in terms.metrics if METRICS[metric].measured_in == name]


def _fields(terms: Terms, name: PassName) -> dict[str, object]:
    """Return the fields of a request that say what to measure in one pass, and how."""
    return {
        "pass": name,
        "metrics": _wanted(terms, name),
        "frames": _DEEP if terms.explain and name == "first" else 1,
        "calls": terms.calls,
        "budget_seconds": terms.budget_seconds,
        "timeout_seconds": terms.timeout_seconds,
    }


def _judge(exchange: Exchange, ending: Ending, limits: Limits) -> Delivered | Failed | TimedOut | OutOfMemory:
    """Tell what became of a child: by how it was ended, what it delivered, and else how it died."""
    phase, output = exchange.phase(), ending.output
    if ending.cause == "timeout":
        return TimedOut(during=phase, limit_seconds=limits.timeout_seconds, output=output)
    response = exchange.response(ending.pid)
    if isinstance(response, Delivered):
        return response
    if isinstance(response, Broken):
        memory, phase = response.kind == "memory", response.phase
    else:
        memory = any(text in output[-1] for text in _NO_MEMORY) if output else False
    if limits.memory_bytes is not None and (memory or ending.cause == "memory"):
        return OutOfMemory(during=phase, limit_bytes=limits.memory_bytes, output=output)
    if isinstance(response, Broken):
        return Failed(phase=phase, reason=response.reason, output=output, frames=response.frames)
    if ending.status < 0:
        reason = f"killed by {signal.Signals(-ending.status).name} while in {phase}"
    else:
        reason = f"exited with status {ending.status} in {phase} before delivering a result"
    return Failed(phase="crash", reason=reason, exit_code=ending.status, output=output)


def _merge(
    delivered: Mapping[PassName, Delivered],
    endings: Mapping[PassName, Ending],
    failed: Mapping[str, Failed | TimedOut | OutOfMemory],
) -> Observation:
    values = {name: value for response in delivered.values() for name, value in response.metrics.items()}
    profiles = {kind: profile for response in delivered.values() for kind, profile in response.profiles.items()}
    notes = [note for response in delivered.values() for note in response.notes]
    if not all(ending.fixed_addresses for ending in endings.values()):
        notes.append(_RANDOMISED)
    first, growth = delivered.get("first"), delivered.get("growth")
    outcome = Measured(
        metrics={name: values[name] for name in METRICS if name in values},
        calls=growth.calls if growth else None,
        gc_objects=first.gc_objects if first else None,
        types=first.types if first else (),
        profiles={kind: profile.id for kind, profile in profiles.items()},
        notes=tuple(notes),
        cpu_seconds={name: round(ending.cpu_seconds, 3) for name, ending in endings.items()},
        failed_passes=dict(failed),
        suspected=tuple(name for response in delivered.values() for name in response.suspected),
    )
    return Observation(outcome=outcome, profiles={profile.id: profile for profile in profiles.values()})
