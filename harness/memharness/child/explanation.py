"""Further passes that explain the figures of the first call: stacks and types, and the lines of the peak."""

from typing import Final

from memharness.child.children import Children
from memharness.child.merging import MergedPasses

_DEEP: Final = 25  # frames
_PEAKS: Final = {"peak", "warm_peak"}
_INEXACT: Final = 0.02  # of the peak


def explain(children: Children, merged: MergedPasses) -> None:
    """Run the first call again with deep traces, and twice more for its peak where a peak is to be explained."""
    deep = children.run("deep", children.terms.metrics_of("first"), frames=_DEEP)
    merged.explain("deep", deep, "callers and types of the lines are not known")
    if not _PEAKS.isdisjoint(children.terms.explain):
        _explain_peak(children, merged)


def _explain_peak(children: Children, merged: MergedPasses) -> None:
    """Find the event of the peak in one child, take the traces there in another."""
    event = None
    for frames in (1, _DEEP):
        result = children.run("peak", frames=frames, event=event)
        delivered = merged.explain("peak", result, "peak: the lines that hold it are not known")
        merged.notes += delivered.notes if delivered else ()
        event = delivered.event if delivered else None
        if event is None:
            break
    profile, peak = merged.profiles.get("peak"), merged.delivered["first"].metrics.get("peak")
    if profile is not None and peak is not None:
        held = sum(line.size for line in profile.lines)
        if abs(held - peak) > _INEXACT * peak:
            merged.notes.append(f"peak: its lines hold {held:,} bytes, not {peak:,}: finding them disturbs the call")
