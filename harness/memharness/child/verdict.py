"""How a child ended -> the outcome of its pass: what it delivered, or why it delivered nothing."""

import signal
from typing import Final

from memharness.child.exchange import Broken, Delivered, Exchange, NotApplicable, ProbePhase
from memharness.child.terms import Terms
from memharness.model.measurements import Failed, OutOfMemory, Skipped, TimedOut
from memharness.processes.supervision import Ending

_LINES: Final = 20  # of the output
_LINE_CHARACTERS: Final = 400
_NO_MEMORY: Final = (
    "MemoryError",
    "Cannot allocate memory",
    "cannot map zero-fill pages",  # the loader's, before there is an interpreter
    "failed to map segment",
)


def judge(exchange: Exchange, ending: Ending, terms: Terms) -> Delivered | Failed | TimedOut | OutOfMemory | Skipped:
    """Return the outcome of a child that ran under these terms."""
    phase, output = exchange.phase(), _last_lines(ending.output)
    if ending.cause == "cpu":
        return TimedOut(during=phase, limit_seconds=terms.timeout, output=output)
    if ending.cause == "wall":
        limits = f"{terms.wall_seconds:g} s by the clock (the timeout of {terms.timeout:g} s counts CPU time)"
        return Failed(phase="timeout", reason=f"still in {phase} after {limits}", output=output)
    if ending.cause == "lost":
        return Failed(phase="crash", reason=f"its supervisor was killed while in {phase}", output=output)
    match exchange.response(ending.pid):
        case Delivered() as response:
            return response
        case NotApplicable(reason=reason):
            return Skipped(reason=reason)
        case response:
            return _fault(response, phase, ending, terms)


def _fault(response: Broken | str, phase: ProbePhase, ending: Ending, terms: Terms) -> Failed | OutOfMemory:
    """Return how a child failed by itself: `response` is what it delivered of that, or what it left instead."""
    output = _last_lines(ending.output)
    if terms.memory_limit is not None and (ending.cause == "memory" or _lacked_memory(response, output)):
        during = response.phase if isinstance(response, Broken) else phase
        return OutOfMemory(during=during, limit_bytes=terms.memory_limit, output=output)
    if isinstance(response, Broken):
        return Failed(phase=response.phase, reason=response.reason, output=output, frames=response.frames)
    return Failed(phase="crash", reason=_crash(ending, phase, response), exit_code=ending.status, output=output)


def _crash(ending: Ending, phase: str, instead: str) -> str:
    """Return how a process ended that left no response; `instead` says what it left."""
    if ending.status < 0:
        return f"killed by {_signal_name(-ending.status)} while in {phase}"
    return f"exited with status {ending.status} in {phase} {instead}"


def _lacked_memory(response: Broken | str, output: tuple[str, ...]) -> bool:
    """Tell whether a child failed for want of memory: it says so itself, or the last line that it printed does."""
    if isinstance(response, Broken):
        return response.kind == "memory"
    return any(text in line for line in output[-1:] for text in _NO_MEMORY)


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
