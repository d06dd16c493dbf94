"""The error of a failing workload as data for the response."""

from __future__ import annotations

from memharness_probe.instances import bare_name, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.locator import Locator

_REASON_CHARACTERS = 300
_LOOKED_AT = 10_000  # characters of a longer message
_SKIPS = {"unittest.case.SkipTest", "asv_runner.benchmarks.mark.SkipNotImplemented"}
_FRAMES = 50  # innermost; a recursion without end has a thousand alike


class Skip(Exception):  # noqa: N818  (nothing failed)
    """Raised by drivers: the workload is not to be measured here; the argument says why."""


def describe(error: BaseException, locator: Locator, own: str) -> dict[str, Any]:
    """Return the fields of the response for `error`, without frames of the probe, below `own`, and of its wrappers.

    Drops the frames' variables first: after a MemoryError they may hold all the memory there is.
    """
    kind = "memory" if issubclass(type(error), MemoryError) else "exception"
    places = _places(error)
    shown = [place for place in places if not place[0].startswith((own, "<frozen importlib", "<os."))]
    frames = [locator.frame(*place) for place in shown[-_FRAMES:]]
    return {"kind": kind, "reason": reason(error), "frames": frames}


def _places(error: BaseException) -> list[tuple[str, int]]:
    places = []
    step = BaseException.__dict__["__traceback__"].__get__(error)
    while step is not None:
        places.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        try:  # noqa: SIM105  (contextlib would be an import)
            step.tb_frame.clear()
        except RuntimeError:  # still running: the probe's own
            pass
        step = step.tb_next
    if issubclass(type(error), SyntaxError):
        path, line = [SyntaxError.__dict__[name].__get__(error) for name in ("filename", "lineno")]
        if type(path) is str and type(line) is int and line:
            places.append((path, line))
    return places


def skip_reason(error: BaseException) -> str | None:
    """Return why the workload is not to be measured, where it raised `Skip` or one of `_SKIPS`; else None."""
    names = [type_name(kind) for kind in type.mro(type(error))]
    if _SKIPS.isdisjoint(names) and not issubclass(type(error), Skip):
        return None
    return one_line(str.__str__(str(error))[:_LOOKED_AT]) or "no reason given"


def reason(error: BaseException) -> str:
    """Return type and message in one line."""
    name = bare_name(type(error)).rpartition(".")[2]
    try:
        text = str.__str__(str(error))[:_LOOKED_AT]
    except BaseException:  # noqa: BLE001  (user code)
        text = "(no message: its __str__ failed)"
    return one_line(f"{name}: {text}" if text else name)


def one_line(text: str) -> str:
    """Return the beginning of a text in one line."""
    return " ".join(text.split())[:_REASON_CHARACTERS]
