"""What to look at first: the change of a finding, the lines of a change, the edited caller of a line. Pure."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from memharness.model.findings import BlamedLine, Change
from memharness.model.measurements import Frame

ENOUGH: Final = 0.9  # share of a difference that tells where it comes from
_MOST_CAUSES: Final = 3
_LEADING: Final = ("growth", "retained", "peak", "result")  # what stays for good comes first


def leading_change(changes: Sequence[Change]) -> Change:
    """Return the change of a finding to look at first: what every call leaks, then what stays, then the peak.

    A certain change goes before a suspected one; of one metric it is the change that moved most.
    """
    return min(
        changes,
        key=lambda change: (
            change.confidence == "suspected",
            _rank(change.metric),
            -abs(change.after - change.before),
        ),
    )


def _rank(metric: str) -> int:
    return _LEADING.index(metric) if metric in _LEADING else len(_LEADING)


def leading_line(change: Change) -> BlamedLine | None:
    """Return the line of a change to look at first; None where no line moved with it."""
    causes = main_causes(change)
    return causes[0][0] if causes else None


def main_causes(change: Change) -> list[list[BlamedLine]]:
    """Return the lines that hold most of a difference, the changed ones first; those of one changed caller together."""
    causes: dict[tuple[str, int, bool], list[BlamedLine]] = {}
    for line in moved_along(change):
        lead = lead_of(line)
        causes.setdefault((lead.path, lead.line, line.status == "gone"), []).append(line)
    ordered = sorted(causes.values(), key=lambda lines: -abs(sum_of(lines)))
    held = accumulate((abs(sum_of(lines)) for lines in ordered), initial=0)
    enough = ENOUGH * abs(change.after - change.before)
    main = [lines for lines, before in zip(ordered[:_MOST_CAUSES], held, strict=False) if before < enough]
    if not any(map(is_edited, main)):
        main += [lines for lines in ordered[len(main) :] if is_edited(lines)][:1]
    return sorted(main, key=lambda lines: (not is_edited(lines), not is_changed(lines)))


def moved_along(change: Change) -> list[BlamedLine]:
    """Return the blamed lines that moved in the direction of a change, which stand first."""
    return [line for line in change.blame if line.bytes * (change.after - change.before) > 0]


def sum_of(lines: Sequence[BlamedLine]) -> int:
    """Return the bytes of some lines."""
    return sum(line.bytes for line in lines)


def lead_of(line: BlamedLine) -> BlamedLine | Frame:
    """Return what to look at first: a changed line itself, else its changed caller where one is known."""
    return line if line.changed_here or line.cause is None else line.cause


def is_changed(lines: Sequence[BlamedLine]) -> bool:
    """Tell whether the commit changed some lines or what calls them."""
    return any(line.changed_here or line.cause for line in lines)


def is_edited(lines: Sequence[BlamedLine]) -> bool:
    """Tell whether the commit edited some lines themselves, or the very line that calls them."""
    return any(line.changed_here or (line.cause and line.caller_changed) for line in lines)
