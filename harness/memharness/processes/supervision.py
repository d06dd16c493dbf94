"""Runs commands under supervision: started under constant conditions, watched, and ended with all that they started.

In: a command, its whole environment, its folder and `Limits`. Out: an `Ending`. Each thread at work has a supervisor, a
process that stays; its contract is the docstring of `supervisor.py`. It ends what runs in it when this process ends,
even by SIGKILL. Linux only.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.processes.leftovers import end_marked

TOKEN: Final = "MEMHARNESS_TOKEN"  # noqa: S105  (the name of a variable)
_SCRIPT: Final = Path(__file__).with_name("supervisor.py")
_TICK_MS: Final = 200  # between looks at whether the caller wants it to end, or something stopped it
_GRACE_SECONDS: Final = 30.0  # for a supervisor to answer after the wall limit
_DEPARTING: Final = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)  # what the whole of a job may get at once
_DEPARTURE_SECONDS: Final = 0.5

Cause = Literal["exit", "cpu", "wall", "memory", "lost"]


class Cancelled(Exception):  # noqa: N818  (no fault: the caller asked for it)
    """The caller's event was set; the command is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a command and its descendants may use together, None: all there is; an event that ends them at once.

    `wall_seconds` should be given: it is what ends a command that sleeps. `own_bytes` is for the command's process
    alone.
    """

    wall_seconds: float | None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    own_bytes: int | None = None
    cancel: threading.Event | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended: by itself, by a limit, or "lost" with its supervisor, which something killed.

    `status` is negative for a signal; `output` is the end of stdout and stderr, as they came.
    """

    cause: Cause
    pid: int = 0
    status: int = 0
    cpu_seconds: float = 0.0  # of all its processes, as far as they were waited for or seen
    output: str = ""
    fixed_addresses: bool = False
    others: int = 0  # processes seen beside the command itself; short-lived ones may be missed
    others_peak_bytes: int = 0  # highest resident size of one of them


def run_supervised(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    limits: Limits,
    fixed_addresses: bool = False,
    input: str = "",  # noqa: A002  (as subprocess calls it)
) -> Ending:
    """Run `command` in `folder` to its end, or to that of `limits`; nothing that it started is left then.

    `environment` is all that it gets, beside a random MEMHARNESS_TOKEN where it holds none. Signals are handled by
    default, and stdin holds `input`. Safe to be called from several threads. Raises Cancelled where the event of
    `limits` was set, MemharnessError where the command cannot be started.
    """
    variables = {TOKEN: secrets.token_hex(16), **environment}
    request = {
        "command": list(command),
        "environment": variables,
        "folder": str(folder),
        **{name: getattr(limits, name) for name in ("cpu_seconds", "wall_seconds", "memory_bytes", "own_bytes")},
        "input": input,
        "fixed_addresses": fixed_addresses,
    }
    with _supervisor() as supervisor:
        answer = supervisor.run(request, limits)
    if answer is None:
        end_marked({f"{TOKEN}={variables[TOKEN]}".encode()})
        return Ending(cause="lost")
    if "error" in answer:
        raise MemharnessError(
            f"{command[0]} cannot be started: {answer['error']}",
            hint="Check that it still exists.",
            exit_code=INCOMPLETE,
        )
    if answer["cause"] == "cancel" or (answer["status"] in _DEPARTING and _departing(limits)):
        raise Cancelled
    return msgspec.convert(answer, Ending)


def _departing(limits: Limits) -> bool:
    """Tell whether the signal that ended a command was meant for this process too, as when a whole job is ended."""
    return limits.cancel is not None and limits.cancel.wait(_DEPARTURE_SECONDS)


class _Supervisor:
    """A running supervisor. Raises MemharnessError where it does not start."""

    def __init__(self) -> None:
        self.usable = True
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
                cwd="/",
                bufsize=0,
                start_new_session=True,  # an interrupt from the keyboard is not meant for it
            )
        except OSError as error:
            raise MemharnessError(
                f"{sys.executable} cannot be started: {error.strerror}", hint="Is it gone?", exit_code=INCOMPLETE
            ) from None
        if self._receive(time.monotonic() + _GRACE_SECONDS, None) is None:
            self.end()
            raise MemharnessError(
                f"The supervisor does not start with {sys.executable}",
                hint="Check that the machine has memory and processes left, then run again.",
                exit_code=INCOMPLETE,
            )

    def run(self, request: dict[str, Any], limits: Limits) -> dict[str, Any] | None:
        """Have a command run and return the answer; None where the supervisor did not live to give one."""
        wall = limits.wall_seconds
        deadline = None if wall is None else time.monotonic() + wall + _GRACE_SECONDS
        self._write(json.dumps(request).encode() + b"\n")
        received = self._receive(deadline, limits.cancel)
        if received is None:
            return None
        answer: dict[str, Any] = json.loads(received)
        self.usable = answer.get("clean", True)
        return {**answer, "cause": "cancel"} if limits.cancel is not None and limits.cancel.is_set() else answer

    def _receive(self, deadline: float | None, cancel: threading.Event | None) -> bytes | None:
        """Wait for a line; None where the supervisor ended or has missed the deadline, so that it is of no more use."""
        answer = b""
        asked = False
        while not answer.endswith(b"\n"):
            data = self._read()
            if data == b"" or (deadline is not None and time.monotonic() > deadline):
                self.usable = False
                return None
            answer += data or b""
            if not asked and cancel is not None and cancel.is_set():
                asked = True
                deadline = time.monotonic() + _GRACE_SECONDS
                self._write(b"\n")
        return answer

    def end(self) -> None:
        """End it and all that runs in it, and wait until it has."""
        assert self._process.stdin is not None
        with self._process:  # which closes the pipes
            self._process.stdin.close()
            try:
                self._process.wait(_GRACE_SECONDS if self.usable else 0)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone, as reading will tell
            while data:
                data = data[os.write(self._process.stdin.fileno(), data) :]

    def _read(self) -> bytes | None:
        """Wait a moment for more of an answer: None where there is none yet, b"" where there can be none."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if poll.poll(_TICK_MS):
            return os.read(descriptor, 1 << 16)
        self._process.send_signal(signal.SIGCONT)  # a command may have stopped it
        return None


_idle: list[_Supervisor] = []
_taking: Final = threading.Lock()


@contextlib.contextmanager
def _supervisor() -> Iterator[_Supervisor]:
    """Yield an idle supervisor, or a new one: starting it takes more CPU time than many a command."""
    with _taking:
        supervisor = _idle.pop() if _idle else None
    supervisor = supervisor or _Supervisor()
    try:
        yield supervisor
    except BaseException:
        supervisor.end()
        raise
    if supervisor.usable:
        with _taking:
            _idle.append(supervisor)
    else:
        supervisor.end()


@atexit.register
def _end_all() -> None:
    while _idle:
        _idle.pop().end()
