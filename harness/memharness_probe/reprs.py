"""The `repr` of objects, made where it can do no harm: in a forked process with limits of its own.

A `repr` may raise, hang, allocate without end, exit, crash, print or start processes. What it does costs its own
text at most: the process is ended with what it started, and another one goes on with the next object.
"""

from __future__ import annotations

import os
from gc import disable as disable_collection
from os import _exit as leave
from os import fork, killpg, listdir, pipe, read, setpgid, waitid
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_SECONDS = 2.0  # for all together
_SECONDS_EACH = 0.5
_PAUSE = 0.002
_MEMORY = 64 << 20  # that a process may take beside what it was forked with
_CHARACTERS = 120
_LOOKED_AT = 1000  # of a longer text, before anything is escaped
_HEXADECIMAL = "0123456789abcdefABCDEF"
_SLOW = "<repr took too long>"
_ENDED = "<repr ended the process>"
_KILL = 9


def make(things: list[Any]) -> tuple[list[str], list[str]]:
    """Return one line of text per object, and notes; no text at all where this process cannot be forked safely."""
    texts: list[str] = []
    if not things:
        return texts, []
    try:
        threads = len(listdir("/proc/self/task"))
        if threads > 1:
            return [], [f"growth: no objects that stay alive are shown, because {threads - 1} other threads still run"]
        deadline = monotonic() + _SECONDS
        while len(texts) < len(things):
            texts += _from_child(things[len(texts) :], deadline) if monotonic() < deadline else [_SLOW]
    except BaseException as error:  # noqa: BLE001  (a handler of the workload's for signals may raise anything)
        return [], [f"growth: no objects that stay alive are shown: {type(error).__name__} while forking"]
    return texts, []


def _from_child(things: list[Any], deadline: float) -> list[str]:
    """Return the texts that one child made, and why there is none for the next object if it did not get to the end."""
    reading, writing = pipe()
    child = fork()
    if not child:
        _run(things, writing)
    try:
        os.close(writing)
        received, slow = _receive(child, reading, len(things), deadline)
    finally:
        _end(child)
        os.close(reading)
    texts = received.decode("utf-8", "replace").split("\n")[:-1][: len(things)]
    return texts if len(texts) == len(things) else [*texts, _SLOW if slow else _ENDED]


def _receive(child: int, reading: int, number: int, deadline: float) -> tuple[bytes, bool]:
    """Read so many lines, as far as they come in time and the child lives; tell whether time was up.

    Its end does not show in the pipe, which a process that it started may hold open.
    """
    os.set_blocking(reading, False)
    received, lines = b"", 0
    until = min(monotonic() + _SECONDS_EACH, deadline)
    while lines < number:
        ended = _has_ended(child)
        data = _available(reading)
        received += data
        if data.count(b"\n"):
            lines += data.count(b"\n")
            until = min(monotonic() + _SECONDS_EACH, deadline)
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
        return waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # a handler of the workload's has waited for it
        return True


def _end(child: int) -> None:
    for function, argument in ((setpgid, child), (killpg, _KILL), (os.waitpid, 0)):
        try:  # noqa: SIM105  (contextlib would have to be imported)
            function(child, argument)
        except OSError:  # it did so itself; nothing is left of it; it was waited for
            pass


def _run(things: list[Any], writing: int) -> NoReturn:
    """Be the child."""
    try:
        setpgid(0, 0)
        own = os.getpid()
        _limit()
        disable_collection()
        for thing in things:
            text = _text(thing)
            if os.getpid() != own:
                break  # forked by the repr
            os.write(writing, text.encode("utf-8", "replace") + b"\n")
    finally:
        leave(0)


def _limit() -> None:
    """Silence this process and limit it; its processor time lest it outlive its parent."""
    import resource

    nowhere = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[5]) * resource.getpagesize()
    seconds = int(_SECONDS)
    for kind, wanted in (
        (resource.RLIMIT_DATA, used + _MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (limit, limit))


def _text(thing: Any) -> str:
    """Return the beginning of the repr in one line: addresses left out, which vary, what cannot be printed escaped."""
    if type(thing) in (str, bytes, bytearray):
        thing = thing[:_LOOKED_AT]
    try:
        text = "".join(repr(thing)[:_LOOKED_AT])
    except BaseException as error:  # noqa: BLE001  (that of the workload's may raise anything)
        return f"<repr raised {type(error).__name__}>"
    first, *others = text.split(" at 0x")
    text = first + "".join([" at 0x..." + other.lstrip(_HEXADECIMAL) for other in others])
    shown = "".join([sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text])
    return shown if len(shown) <= _CHARACTERS else shown[: _CHARACTERS - 3] + "..."
