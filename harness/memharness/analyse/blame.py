"""Blame: which lines hold the difference between two profiles, with moved lines cancelled.

Lines of the two sides are matched in rounds, each with a coarser idea of identity than the one before, and only
what a round left over reaches the next one: function and text in the same file, function and text in another
file (renamed), text in the same file (function renamed), text anywhere, and at last a similar text in the same
function (the line itself was edited). A line that only moved contributes nothing. The parts and the remainder add
up exactly.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from difflib import SequenceMatcher
from functools import partial
from operator import itemgetter

from msgspec.structs import replace

from memharness.findings import BlamedLine
from memharness.model import LineStat, Profile, Stack, Value

_IDENTITIES: Sequence[Callable[[LineStat], Hashable]] = (
    lambda s: (s.path, s.function, s.source),
    lambda s: (s.function, s.source),
    lambda s: (s.path, s.source),
    lambda s: s.source,
)

_SAME_LINE = 0.6  # share of text in common from which a line counts as edited rather than replaced


class Edits(Value):
    """What a commit edited: line numbers by path, `added` ones as they stand after and `removed` ones as before."""

    added: dict[str, set[int]] = {}
    removed: dict[str, set[int]] = {}


class LineDifference(Value):
    """What one line contributes: differences of size in bytes and of blocks; `now` is what it holds after.

    `stat` is the line where it stands after, or where it stood before where it is `gone`.
    """

    stat: LineStat
    now: int
    size: int
    count: int
    gone: bool = False


def line_differences(before: Iterable[LineStat], after: Iterable[LineStat]) -> tuple[LineDifference, ...]:
    """Return the lines whose size or count differs, the greatest growth first. Sizes sum to after - before."""
    old, new = list(before), list(after)
    differences: list[LineDifference] = []
    for identity in _IDENTITIES:
        matched, old, new = _match(old, new, identity)
        differences += matched
    differences += _edited(old, new)
    changed = (d for d in differences if d.size or d.count)
    return tuple(sorted(changed, key=lambda d: (-d.size, -d.count, d.stat.path, d.stat.line)))


def _match(
    old: list[LineStat], new: list[LineStat], identity: Callable[[LineStat], Hashable]
) -> tuple[list[LineDifference], list[LineStat], list[LineStat]]:
    """Match what is on both sides; return the differences and what is left of the old and of the new side."""
    groups: dict[Hashable, tuple[list[LineStat], list[LineStat]]] = defaultdict(lambda: ([], []))
    for stat in old:
        groups[identity(stat)][0].append(stat)
    for stat in new:
        groups[identity(stat)][1].append(stat)
    differences = []
    left_old: list[LineStat] = []
    left_new: list[LineStat] = []
    for olds, news in groups.values():
        if olds and news:
            differences.append(
                LineDifference(
                    stat=max(news, key=lambda s: (s.size, -s.line)),
                    now=sum(s.size for s in news),
                    size=sum(s.size for s in news) - sum(s.size for s in olds),
                    count=sum(s.count for s in news) - sum(s.count for s in olds),
                )
            )
        else:
            left_old += olds
            left_new += news
    return differences, left_old, left_new


def _edited(old: Iterable[LineStat], new: Iterable[LineStat]) -> list[LineDifference]:
    """Set each gone line against the new line of its function that reads most like it, if any does."""
    added = {stat: LineDifference(stat=stat, now=stat.size, size=stat.size, count=stat.count) for stat in new}
    removed = []
    for gone in old:
        near = [stat for stat in added if (stat.path, stat.function) == (gone.path, gone.function)]
        alike = max(near, key=partial(_likeness, gone), default=None)
        if alike is not None and _likeness(gone, alike) >= _SAME_LINE:
            known = added[alike]
            added[alike] = replace(known, size=known.size - gone.size, count=known.count - gone.count)
        else:
            removed.append(LineDifference(stat=gone, now=0, size=-gone.size, count=-gone.count, gone=True))
    return [*added.values(), *removed]


def _likeness(one: LineStat, other: LineStat) -> float:
    return SequenceMatcher(None, one.source, other.source, autojunk=False).ratio()


def subtract(whole: Profile, part: Profile) -> tuple[LineStat, ...]:
    """Return the lines of `whole` less those of `part`, both of one commit (`alive` less `retained`: `result`)."""
    parts = {(s.path, s.line): s for s in part.lines}
    rows = []
    for stat in whole.lines:
        other = parts.pop((stat.path, stat.line), None)
        rows.append(_less(stat, other.size, other.count) if other else stat)
    rows += [_less(stat, 2 * stat.size, 2 * stat.count) for stat in parts.values()]
    return tuple(row for row in rows if row.size or row.count)


def _less(stat: LineStat, size: int, count: int) -> LineStat:
    return replace(stat, size=stat.size - size, count=stat.count - count)


def blame(
    total: int,
    differences: Sequence[LineDifference],
    edits: Edits,
    *,
    most: int = 10,
) -> tuple[tuple[BlamedLine, ...], int]:
    """Return the lines that moved in the direction of `total`, greatest first, and the bytes elsewhere.

    The sizes of the returned lines and the bytes elsewhere sum to `total`.
    """
    sign = 1 if total >= 0 else -1
    along = sorted((d for d in differences if d.size * sign > 0), key=lambda d: -d.size * sign)[:most]
    lines = tuple(
        BlamedLine(
            path=d.stat.path,
            line=d.stat.line,
            function=d.stat.function,
            source=d.stat.source,
            size=d.now,
            bytes=d.size,
            count=d.count,
            changed_here=d.stat.line in (edits.removed if d.gone else edits.added).get(d.stat.path, ()),
        )
        for d in along
    )
    return lines, total - sum(line.bytes for line in lines)


def biggest_offender(before: Profile, after: Profile, *, growing: bool = True) -> Stack | None:
    """Return the call stack that gained most between two deep profiles; None where none gained.

    Where memory fell it is the one that lost most, with its old size.
    """
    if not growing:
        before, after = after, before
    old: dict[Hashable, int] = defaultdict(int)
    for stack in before.stacks:
        old[_stack_identity(stack)] += stack.size
    differences = ((stack.size - old[_stack_identity(stack)], stack) for stack in after.stacks)
    gained = [(size, stack) for size, stack in differences if size > 0]
    return max(gained, key=itemgetter(0))[1] if gained else None


def _stack_identity(stack: Stack) -> Hashable:
    return tuple((frame.path, frame.function, frame.source) for frame in stack.frames)
