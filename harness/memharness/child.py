"""One supervised process: start it under constant conditions, watch it, end it with all that it started.

It runs in a session of its own. Its output comes through a pipe of which only the end is kept: a workload that prints
gigabytes fills no disk, and an orphan that holds the pipe open holds up nobody, since the wait is on a pidfd.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from memharness.errors import MemharnessError
from memharness.orphans import adopt_orphans, end_orphans

_ADDR_NO_RANDOMIZE: Final = 0x0040000  # personality(2)
_ASK: Final = 0xFFFFFFFF
_TICK_MS: Final = 50
_PIPE_BYTES: Final = 1 << 16
_KEPT_BYTES: Final = 1 << 16
_LINES: Final = 20
_LINE_CHARACTERS: Final = 400

Cause = Literal["exit", "timeout", "memory"]


class Cancelled(Exception):  # noqa: N818  (no fault: the caller asked for it)
    """The caller's event was set; the child is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a child may use: wall time, memory (None: all there is), and an event that ends it at once."""

    timeout_seconds: float
    memory_bytes: int | None = None
    cancel: threading.Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a child ended: by itself or by a limit; `status` is negative for a signal, `output` its last lines."""

    cause: Cause
    pid: int
    status: int
    cpu_seconds: float  # with the descendants that it waited for
    output: tuple[str, ...]
    fixed_addresses: bool


def run_child(command: Sequence[str], environment: Mapping[str, str], folder: Path, limits: Limits) -> Ending:
    """Run `command` in `folder` to its end, or to that of `limits`; nothing that it started is left then.

    `environment` must hold a random MEMHARNESS_TOKEN, by which orphans in sessions of their own are known.
    Raises Cancelled, MemharnessError where it cannot be started.
    """
    adopt_orphans()
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe:  # noqa: PTH123  (a descriptor has no path)
        try:
            with _fixed_addresses() as fixed:
                child = _start(command, environment, folder, writing)
        finally:
            os.close(writing)
        tail = _Tail(pipe.fileno())
        try:
            _cap(child.pid, limits.memory_bytes)
            cause = _watch(child.pid, tail, limits)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)  # before it is waited for: its id is still its own
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            end_orphans(child.pid, environment["MEMHARNESS_TOKEN"])
        tail.drain()
    return Ending(
        cause=cause,
        pid=child.pid,
        status=child.returncode,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        output=tail.lines(),
        fixed_addresses=fixed,
    )


@contextlib.contextmanager
def _fixed_addresses() -> Iterator[bool]:
    """Turn address randomisation off for what this thread starts; yield False where that is refused."""
    libc = ctypes.CDLL(None)
    libc.personality.argtypes = [ctypes.c_ulong]
    before = libc.personality(_ASK)
    fixed = before != -1 and libc.personality(before | _ADDR_NO_RANDOMIZE) != -1
    try:
        yield fixed
    finally:
        if fixed:
            libc.personality(before)


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, output: int
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise MemharnessError(
            f"{command[0]} cannot be started: {error.strerror}", hint="Check that the interpreter still exists."
        ) from None


def _cap(pid: int, memory_bytes: int | None) -> None:
    """Limit private memory: RLIMIT_DATA, as the address space holds much that nobody uses (stacks of threads)."""
    if memory_bytes is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def _watch(pid: int, tail: "_Tail", limits: Limits) -> Cause:
    """Wait until the child ended, or return the limit that it reached."""
    deadline = time.monotonic() + limits.timeout_seconds
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(tail.descriptor, select.POLLIN)
        while True:
            ready = {source for source, _ in poll.poll(_TICK_MS)}
            if tail.descriptor in ready and not tail.read():
                poll.unregister(tail.descriptor)
            if descriptor in ready:
                return "exit"
            if limits.cancel is not None and limits.cancel.is_set():
                raise Cancelled
            if time.monotonic() >= deadline:
                return "timeout"
            if limits.memory_bytes is not None and resident_bytes(pid) > limits.memory_bytes:
                return "memory"
    finally:
        os.close(descriptor)


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds, 0 where there is none."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


class _Tail:
    """The end of what comes through a pipe."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._kept = b""

    def read(self) -> bool:
        """Take what is there; False at the end of the output."""
        data = os.read(self.descriptor, _PIPE_BYTES)
        self._kept = (self._kept + data)[-_KEPT_BYTES:]
        return bool(data)

    def drain(self) -> None:
        """Take what the pipe still holds, without waiting for more."""
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):  # a process that could not be ended may write on
                if not self.read():
                    return

    def lines(self) -> tuple[str, ...]:
        """Return the last lines, each cut to a length that can be stored."""
        lines = self._kept.decode("utf-8", "replace").splitlines()
        return tuple(line[:_LINE_CHARACTERS] for line in lines[-_LINES:])
