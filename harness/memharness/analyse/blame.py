"""Blame: which lines hold the difference between two profiles, with moved lines cancelled.

What `identity` matched becomes differences; the parts and the remainder add up exactly. Each line that is named is
marked as changed by the commit, or comes with the nearest caller that is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from memharness.analyse.callers import nearest_change
from memharness.analyse.edits import Edits, Place
from memharness.analyse.identity import match_lines
from memharness.findings import BlamedLine
from memharness.model import LineStat, LineType, Profile, TypeCount, Value

_MOST_TYPES = 3


class LineDifference(Value):
    """What one line contributes: differences of size in bytes and of blocks; `now` is what it holds after.

    `stat` is the line where it stands after, or where it stood before where it is `gone`; `old` and `new` are the
    places on the two sides that it stands for.
    """

    stat: LineStat
    now: int
    size: int
    count: int
    gone: bool = False
    old: tuple[Place, ...] = ()
    new: tuple[Place, ...] = ()


def line_differences(before: Iterable[LineStat], after: Iterable[LineStat], edits: Edits) -> tuple[LineDifference, ...]:
    """Return the lines whose size or count differs, the greatest growth first. Sizes sum to after - before."""
    differences = [d for match in match_lines(before, after, edits) for d in _differences(match.old, match.new)]
    changed = (d for d in differences if d.size or d.count)
    return tuple(sorted(changed, key=lambda d: (-d.size, -d.count, d.stat.path, d.stat.line, d.stat.library)))


def _differences(old: Sequence[LineStat], new: Sequence[LineStat]) -> list[LineDifference]:
    """Return one difference for each library that allocates for a line.

    Where some hold more and others less it is a single one: a library that took the place of another is no growth
    of its own.
    """
    rows: dict[str, tuple[list[LineStat], list[LineStat]]] = defaultdict(lambda: ([], []))
    for side, stats in enumerate((old, new)):
        for stat in stats:
            rows[stat.library][side].append(stat)
    home = max(new, key=lambda s: (s.size, -s.line), default=None)
    parts = [_difference(olds, news, home) for olds, news in rows.values()]
    if min(part.size for part in parts) >= 0 or max(part.size for part in parts) <= 0:
        return parts
    whole = _difference(old, new, home)
    lead = max(parts, key=lambda part: part.size if whole.size >= 0 else -part.size)
    return [replace(whole, stat=replace(whole.stat, library=lead.stat.library))]


def _difference(old: Sequence[LineStat], new: Sequence[LineStat], home: LineStat | None) -> LineDifference:
    """Set the rows against each other; what has no row after is shown at `home`, unless the whole line is gone."""
    stat = max(new or old, key=lambda s: (s.size, -s.line))
    if home is not None and not new:
        stat = replace(home, library=stat.library, size=0, count=0)
    now = sum(s.size for s in new)
    return LineDifference(
        stat=stat,
        now=now,
        size=now - sum(s.size for s in old),
        count=sum(s.count for s in new) - sum(s.count for s in old),
        gone=home is None,
        old=tuple(sorted({(s.path, s.line) for s in old})),
        new=tuple(sorted({(s.path, s.line) for s in new})),
    )


def subtract(whole: Profile, part: Profile) -> tuple[LineStat, ...]:
    """Return the lines of `whole` less those of `part`, both of one commit (`alive` less `retained`: `result`)."""
    parts = {(s.path, s.line, s.library): s for s in part.lines}
    rows = []
    for stat in whole.lines:
        other = parts.pop((stat.path, stat.line, stat.library), None)
        rows.append(_less(stat, other.size, other.count) if other else stat)
    rows += [_less(stat, 2 * stat.size, 2 * stat.count) for stat in parts.values()]
    return tuple(row for row in rows if row.size or row.count)


def _less(stat: LineStat, size: int, count: int) -> LineStat:
    return replace(stat, size=stat.size - size, count=stat.count - count)


def blame(
    total: int,
    differences: Sequence[LineDifference],
    edits: Edits,
    before: Profile,
    after: Profile,
    *,
    most: int = 10,
) -> tuple[tuple[BlamedLine, ...], int]:
    """Return the lines that moved in the direction of `total`, greatest first, and the bytes elsewhere.

    The sizes of the returned lines and the bytes elsewhere sum to `total`. `before` and `after` are the profiles whose
    stacks and types tell where the lines are called from and what they allocate.
    """
    sign = 1 if total >= 0 else -1
    along = sorted((d for d in differences if d.size * sign > 0), key=lambda d: -d.size * sign)[:most]
    lines = tuple(_blamed(d, edits, before, after) for d in along)
    return lines, total - sum(line.bytes for line in lines)


def _blamed(difference: LineDifference, edits: Edits, before: Profile, after: Profile) -> BlamedLine:
    stat = difference.stat
    view = edits.before if difference.gone else edits.after
    changed = view.touched((stat.path, stat.line))
    caller = None
    if not changed and difference.size > 0:
        caller = nearest_change(after, before, edits.after, difference.new)
    elif not changed:
        caller = nearest_change(before, after, edits.before, difference.old)
    if caller is not None and (caller.path, caller.line) == (stat.path, stat.line):
        caller = None
    return BlamedLine(
        path=stat.path,
        line=stat.line,
        function=stat.function,
        source=stat.source,
        size=difference.now,
        bytes=difference.size,
        count=difference.count,
        changed_here=changed,
        library=stat.library,
        caller=caller,
        types=moved_types(
            _instances(before.types, difference.old),
            _instances(after.types, difference.new),
            growing=difference.size > 0,
            most=_MOST_TYPES,
        ),
    )


def _instances(types: Iterable[LineType], places: Sequence[Place]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in types:
        if (row.path, row.line) in places:
            counts[row.name] += row.count
    return counts


def moved_types(before: Counter[str], after: Counter[str], *, growing: bool, most: int) -> tuple[TypeCount, ...]:
    """Return the types with more instances after than before (fewer unless `growing`), the greatest move first."""
    sign = 1 if growing else -1
    moved = [(sign * (after[name] - before[name]), name) for name in before | after]
    ordered = sorted((-size, name) for size, name in moved if size > 0)
    return tuple(TypeCount(name=name, before=before[name], after=after[name]) for _, name in ordered[:most])
