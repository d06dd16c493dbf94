"""The `repr` of objects, called in forked processes with limits of their own.

A `repr` may raise, hang, allocate without end, exit, crash, print or start processes. It then costs only its own text:
the process is ended with what it started, and another one goes on with the next object.
"""

from __future__ import annotations

from os import listdir
from time import monotonic

from memharness_probe import forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SECONDS = 2.0  # for all together
_SECONDS_EACH = 0.5
_MEMORY = 64 << 20  # that a process may take beside what it was forked with
_CHARACTERS = 120
_LOOKED_AT = 1000  # of a longer text, before anything is escaped
_HEXADECIMAL = "0123456789abcdefABCDEF"
_SLOW = "<repr took too long>"
_ENDED = "<repr ended the process>"


def make(things: list[Any]) -> tuple[list[str], list[str]]:
    """Return one line of text per object, and notes; no texts where this process cannot be forked safely."""
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
    """Return the texts that one child made; where it ended early, add the reason as the text of the next object."""

    def work(tell: Callable[[bytes], None]) -> None:
        for thing in things:
            tell(_text(thing).encode("utf-8", "replace") + b"\n")

    received, slow = forked.ask(work, len(things), deadline - monotonic(), _SECONDS_EACH, memory=_MEMORY)
    texts = received.decode("utf-8", "replace").split("\n")[:-1][: len(things)]
    return texts if len(texts) == len(things) else [*texts, _SLOW if slow else _ENDED]


def _text(thing: Any) -> str:
    """Return the beginning of the repr in one line, without addresses, which vary, and with control signs escaped."""
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
