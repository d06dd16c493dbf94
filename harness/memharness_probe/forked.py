"""A forked copy of this process in which code of the workload may run: silent, limited, and ended in time.

Signals are blocked until the copy is gone. Accesses should not be recorded meanwhile.
"""

from __future__ import annotations

import os
from _signal import (  # type: ignore[import-not-found]
    SIG_BLOCK,
    SIG_SETMASK,
    SIGCHLD,
    pthread_sigmask,
    sigtimedwait,
    valid_signals,
)
from gc import disable as disable_collection
from os import (
    P_ALL,
    P_PID,
    WEXITED,
    WNOHANG,
    WNOWAIT,
    close,
    dup2,
    fork,
    getpid,
    killpg,
    listdir,
    pipe,
    read,
    set_blocking,
    setpgid,
    waitid,
    waitpid,
    write,
)
from os import _exit as leave
from os import open as open_file
from resource import RLIM_INFINITY, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_DATA, getpagesize, getrlimit, setrlimit
from sys import addaudithook
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Work = Callable[[Callable[[bytes], None]], None]

_open = open
_FIRST = 2
_OUTWARD = ("open", "os.", "shutil.", "signal.", "socket.", "sqlite3.", "subprocess.", "tempfile.")  # audit events
_PAUSE = 0.002
_KILL = 9


def ask(
    work: Work, lines: int, seconds: float, each: float, *, memory: int | None = None, apart: bool = False
) -> tuple[bytes, bool]:
    """Let `work` write so many lines in a copy; return them, and whether time was up before the last.

    The copy may take `seconds`, each line `each`, and `memory` bytes beside what it was forked with. A copy that is
    `apart` can use no files, processes or network, so that finalizers do no harm.
    Raises what keeps this process from being forked.
    """
    mask = pthread_sigmask(SIG_BLOCK, valid_signals())
    try:
        reading, writing = pipe()
        own = getpid()
        try:
            try:
                child = fork()
            finally:  # an exception reaches both, where it was raised after the fork
                if getpid() != own:
                    _run(work, writing, int(seconds) + 1, memory, apart=apart)
                close(writing)
            try:
                return _receive(child, reading, lines, seconds, each)
            finally:
                _end(child)
        finally:
            close(reading)
    finally:
        pthread_sigmask(SIG_SETMASK, mask)


def _receive(child: int, reading: int, lines: int, seconds: float, each: float) -> tuple[bytes, bool]:
    """Read so many lines, as far as they come in time and the child lives; tell whether time was up.

    Its end does not show in the pipe, which a process that it started may hold open.
    """
    set_blocking(reading, False)
    received = b""
    deadline = monotonic() + seconds
    until = min(monotonic() + each, deadline)
    while received.count(b"\n") < lines:
        ended = _has_ended(child)
        data = _available(reading)
        received += data
        if b"\n" in data:
            until = min(monotonic() + each, deadline)
        elif ended and not data:
            return received, False
        elif monotonic() >= until:
            return received, True
        elif not data:
            sleep(_PAUSE)
    return received, False


def _available(reading: int) -> bytes:
    try:
        return read(reading, 1 << 16)
    except BlockingIOError:
        return b""


def _has_ended(child: int) -> bool:
    try:
        return waitid(P_PID, child, WEXITED | WNOHANG | WNOWAIT) is not None
    except ChildProcessError:  # SIGCHLD is ignored
        return True


def _end(child: int) -> None:
    """Kill the child with what it started, and drop the SIGCHLD of its end unless others ended too."""
    for function, argument in ((setpgid, child), (killpg, _KILL), (waitpid, 0)):
        try:  # noqa: SIM105  (contextlib would have to be imported)
            function(child, argument)
        except OSError:  # it did so itself; nothing is left of it; it was waited for
            pass
    try:
        others = waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT) is not None
    except ChildProcessError:
        others = False
    if not others:
        sigtimedwait({SIGCHLD}, 0)


def _run(work: Work, writing: int, seconds: int, memory: int | None, *, apart: bool) -> NoReturn:
    """Be the copy. A process that `work` forks, and that comes back, does not write."""
    try:
        setpgid(0, 0)
        own = getpid()

        def tell(data: bytes) -> None:
            while data and getpid() == own:
                data = data[write(writing, data) :]

        _limit(seconds, memory)
        disable_collection()
        if apart:
            _close_all(writing)
            addaudithook(_refuse)
        work(tell)
    finally:
        leave(0)


def _close_all(spared: int) -> None:
    """Close all descriptors but the first three, which lead nowhere, and one more."""
    for name in listdir("/proc/self/fd"):
        if int(name) > _FIRST and int(name) != spared:
            try:  # noqa: SIM105  (contextlib would have to be imported)
                close(int(name))
            except OSError:  # that of the folder listed
                pass


def _refuse(event: str, _args: Any) -> None:
    if event.startswith(_OUTWARD):
        raise PermissionError


def _limit(seconds: int, memory: int | None) -> None:
    """Silence this process and limit it: also its CPU time, so that it cannot outlive its parent for long."""
    nowhere = open_file("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        dup2(nowhere, descriptor)
    limits = [(RLIMIT_CPU, seconds), (RLIMIT_CORE, 0)]
    if memory is not None:
        with _open("/proc/self/statm", "rb") as file:
            limits.append((RLIMIT_DATA, int(file.read().split()[5]) * getpagesize() + memory))
    for kind, wanted in limits:
        hard = getrlimit(kind)[1]
        limit = wanted if hard == RLIM_INFINITY else min(wanted, hard)
        setrlimit(kind, (limit, limit))
