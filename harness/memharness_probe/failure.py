"""What a failing workload comes to: data for the response, not an exception."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.lines import Locator

_REASON_CHARACTERS = 300
_FRAMES = 50  # innermost; a recursion without end has a thousand alike


def describe(error: BaseException, phase: str, locator: Locator, own: str) -> dict[str, Any]:
    """Return the response for `error`; files below `own` are the probe's and not shown, nor are its wrappers.

    The frames' variables are dropped first: after a MemoryError they hold what there is no room beside.
    """
    kind = "memory" if isinstance(error, MemoryError) else "exception"
    places = _places(error)
    shown = [place for place in places if not place[0].startswith((own, "<frozen importlib", "<os."))]
    frames = [locator.frame(*place) for place in shown[-_FRAMES:]]
    return {"status": "failed", "phase": phase, "kind": kind, "reason": reason(error), "frames": frames}


def _places(error: BaseException) -> list[tuple[str, int]]:
    places = []
    step = error.__traceback__
    while step is not None:
        places.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        try:  # noqa: SIM105  (contextlib would be an import)
            step.tb_frame.clear()
        except RuntimeError:  # still running: the probe's own
            pass
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        places.append((error.filename, error.lineno))
    return places


def reason(error: BaseException) -> str:
    """Return type and message in one line."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  (user code)
        text = "(no message: its __str__ failed)"
    return " ".join((f"{name}: {text}" if text else name).split())[:_REASON_CHARACTERS]
