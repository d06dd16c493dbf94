"""Further passes that explain the figures of the first call: stacks and types, and the lines of the peak."""

from dataclasses import replace
from typing import Final

import msgspec

from memharness.child.children import Children, PassResult
from memharness.child.exchange import Delivered, Event
from memharness.child.merging import MergedPasses
from memharness.model.measurements import Failed
from memharness.model.metrics import Stage

_FRAMES: Final = 25
_PEAKS: Final = frozenset({"peak", "warm_peak"})
_TIMES: Final = 30  # the CPU time of the first call that explaining it may take: 3 to 9 are usual
_LITTLE: Final = 0.001  # of the peak
_INEXACT: Final = 0.02  # of the peak
_NO_PEAK: Final = "peak: the lines that hold it are not known"
_NO_CALLERS: Final = "callers and types of the lines are not known"


def explain(children: Children, merged: MergedPasses) -> None:
    """Find the moment of the peak where that is to be explained, then run the first call again with deep traces.

    Up to Python 3.11 what is alive after the call takes a run of its own.
    """
    explain = children.terms.explain
    children = _with_time(children, merged.endings["first"][0].cpu_seconds)
    event = None if _PEAKS.isdisjoint(explain) else _peak_event(children, merged)
    if event is not None:
        _run_deep(children, merged, "peak", event)
        _check_peak(merged)
    if explain - _PEAKS and "deep" not in merged.endings:
        _run_deep(children, merged, "deep")


def _with_time(children: Children, cpu_seconds: float) -> Children:
    """Give each child the time that it may need: the workload's own time-out says nothing about an explanation."""
    terms = children.terms
    seconds = max(terms.timeout, _TIMES * cpu_seconds)
    wall_seconds = terms.wall_seconds * seconds / terms.timeout
    return replace(children, terms=msgspec.structs.replace(terms, timeout=seconds, wall_seconds=wall_seconds))


def _peak_event(children: Children, merged: MergedPasses) -> Event | None:
    """Return the event of the peak: the last call before it, and where more than a little comes later, the line."""
    event = _find(children, merged, None)
    if event is not None and event.rest > _LITTLE * (merged.delivered["first"].metrics.get("peak") or 0):
        event = _find(children, merged, event)
    return event


def _find(children: Children, merged: MergedPasses, event: Event | None) -> Event | None:
    delivered = merged.explain("peak", children.run("peak", event=event, again=False), _NO_PEAK)
    if delivered is None:
        return None
    merged.notes += delivered.notes
    return delivered.event


def _run_deep(children: Children, merged: MergedPasses, stage: Stage, event: Event | None = None) -> None:
    """Run the deep pass; with one frame, which still gives the lines, where it runs out of time or memory."""
    others = children.terms.explain - _PEAKS
    metrics = children.terms.metrics_of("first") if others else ("peak",)
    result = children.run("deep", metrics, frames=_FRAMES, event=event, again=False)
    if _ran_out(result):
        merged.explain(stage, result, _NO_CALLERS)
        result = children.run("deep", metrics, event=event, again=False)
    delivered = merged.explain(stage, result, _NO_PEAK if event else _NO_CALLERS)
    if delivered is not None:
        known = {*merged.delivered["first"].notes, *merged.notes}
        merged.notes += [note for note in delivered.notes if note not in known]
        if others and "retained" in delivered.profiles:
            merged.endings.setdefault("deep", [result.ending])


def _ran_out(result: PassResult) -> bool:
    """Tell whether a child ended for want of time or memory."""
    return not isinstance(result.outcome, Delivered | Failed) or result.ending.cause == "wall"


def _check_peak(merged: MergedPasses) -> None:
    """Note where the lines of the peak do not add up to it."""
    profile, peak = merged.profiles.get("peak"), merged.delivered["first"].metrics.get("peak")
    if profile is not None and peak is not None:
        held = sum(line.size for line in profile.lines)
        if abs(held - peak) > _INEXACT * peak:
            merged.notes.append(f"peak: its lines hold {held:,} bytes, not {peak:,}: finding them disturbs the call")
