"""Blame: which lines hold the difference between two profiles, with moved lines cancelled.

Lines that `matching` pairs become differences, which add up to the whole. Each line that is named is marked as changed
by the commit, or comes with the nearest caller that is, or with the changed constant that it depends on.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

from msgspec.structs import replace

from memharness.analyse.blame.bindings import changed_binding
from memharness.analyse.blame.callers import nearest_change
from memharness.analyse.blame.edits import Edits, Place
from memharness.analyse.blame.matching import Match, match_lines
from memharness.model.findings import BlamedLine, LineStatus
from memharness.model.measurements import Frame, LineInstances, Profile, ProfileLine, TypeCount
from memharness.model.values import Value

_MOST_TYPES = 3
_MOST_LINES = 50
_NEARLY_ALL = 0.95
_LEAST_SHARE = 1000  # beside a greater line, one that holds less than a thousandth of the total is not worth a name


class LineDifference(Value):
    """What one line contributes: the differences in bytes and blocks, and what it holds after (`now`, `blocks`).

    `stat` is the line as it is after, or was before if it is `gone`; `old` and `new` are its places on both sides.
    """

    stat: ProfileLine
    now: int
    size: int
    count: int
    gone: bool = False
    old: tuple[Place, ...] = ()
    new: tuple[Place, ...] = ()
    blocks: int = 0


def line_differences(
    before: Iterable[ProfileLine], after: Iterable[ProfileLine], edits: Edits, *, shared: bool = False
) -> tuple[LineDifference, ...]:
    """Return the lines whose size or count differs, the greatest growth first. Sizes sum to after - before.

    `shared`: a library costs once, at whichever line happens to need it first, as with imports. Only what it costs
    more or less in all is a difference then.
    """
    matches = [match for match in match_lines(before, after, edits) if _held(match.old) != _held(match.new)]
    parts = [_parts(match) for match in matches]
    if shared:
        _cancel(parts)
    differences = (d for match, own in zip(matches, parts, strict=True) for d in _joined(match, own))
    changed = (d for d in differences if d.size or d.count)
    return tuple(sorted(changed, key=lambda d: (-d.size, -d.count, d.stat.path, d.stat.line, d.stat.library)))


def _held(rows: Iterable[ProfileLine]) -> list[tuple[str, int, int]]:
    """Return what makes a difference of two sides of a line; most lines of two profiles hold the same."""
    return sorted((row.library, row.size, row.count) for row in rows)


_Parts = dict[str, LineDifference]  # of one line by library


def _parts(match: Match) -> _Parts:
    """Return one difference for each library that allocates for a line."""
    home = max(match.new, key=lambda s: (s.size, -s.line), default=None)
    libraries = {stat.library: None for stat in (*match.old, *match.new)}
    return {
        library: _difference(
            [stat for stat in match.old if stat.library == library],
            [stat for stat in match.new if stat.library == library],
            home,
        )
        for library in libraries
    }


def _cancel(lines: Sequence[_Parts]) -> None:
    """Leave of each library only its net difference over all lines, at those lines that gained least with it.

    What went from one line to another is taken to be what gained most. The project's own code is no library.
    """
    for library in set().union(*lines) - {""}:
        own = [parts for parts in lines if library in parts]
        size, count = (sum(getattr(parts[library], name) for parts in own) for name in ("size", "count"))
        sign = 1 if size >= 0 else -1
        for parts in sorted(own, key=lambda parts: parts[library].size * sign):
            parts[library] = _share(parts[library], size, count, sign)
            size, count = size - parts[library].size, count - parts[library].count


def _share(part: LineDifference, size: int, count: int, sign: int) -> LineDifference:
    """Return a line's share of what is left of a net difference: its own, but not more, and none against its `sign`."""
    if 0 <= part.size * sign <= size * sign:
        return part
    return replace(part, size=size, count=count) if part.size * sign > 0 else replace(part, size=0, count=0)


def _joined(match: Match, parts: _Parts) -> Sequence[LineDifference]:
    """Return the differences of a line, a single one where some libraries hold more and others less.

    A library that took the place of another is no growth of its own.
    """
    sizes = [part.size for part in parts.values()]
    if min(sizes) >= 0 or max(sizes) <= 0:
        return tuple(parts.values())
    whole = replace(
        _difference(match.old, match.new, None), size=sum(sizes), count=sum(part.count for part in parts.values())
    )
    lead = max(parts, key=lambda library: parts[library].size if whole.size >= 0 else -parts[library].size)
    return (replace(whole, stat=replace(whole.stat, library=lead)),)


def _difference(old: Sequence[ProfileLine], new: Sequence[ProfileLine], home: ProfileLine | None) -> LineDifference:
    """Set the rows against each other; what has no row after is shown at `home`, unless the whole line is gone."""
    stat = max(new or old, key=lambda s: (s.size, -s.line))
    if home is not None and not new:
        stat = replace(home, library=stat.library, size=0, count=0)
    (size, count), (now, blocks) = _total(old), _total(new)
    return LineDifference(
        stat=stat,
        now=now,
        size=now - size,
        count=blocks - count,
        gone=not new and home is None,
        old=places_of(old),
        new=places_of(new),
        blocks=blocks,
    )


def _total(rows: Sequence[ProfileLine]) -> tuple[int, int]:
    return sum(row.size for row in rows), sum(row.count for row in rows)


def places_of(rows: Iterable[ProfileLine]) -> tuple[Place, ...]:
    """Return where some rows are, each place once, in order."""
    return tuple(sorted({(row.path, row.line) for row in rows}))


def subtract(whole: Profile, part: Profile) -> tuple[ProfileLine, ...]:
    """Return the lines of `whole` less those of `part`, both of one commit (`alive` less `retained`: `result`)."""
    parts = {(s.path, s.line, s.library): s for s in part.lines}
    rows = []
    for stat in whole.lines:
        other = parts.pop((stat.path, stat.line, stat.library), None)
        rows.append(_less(stat, other.size, other.count) if other else stat)
    rows += [_less(stat, 2 * stat.size, 2 * stat.count) for stat in parts.values()]
    return tuple(row for row in rows if row.size or row.count)


def _less(stat: ProfileLine, size: int, count: int) -> ProfileLine:
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
    """Return the lines that moved with `total`, then those that moved against it, and the bytes elsewhere.

    Of each the `most` that moved most, the greatest first, and as many more as it takes to name nearly all of `total`.
    Next to nothing, beside a greater line, counts as elsewhere.
    The sizes of the returned lines and the bytes elsewhere sum to `total`. `before` and `after` are the profiles whose
    stacks and types tell where the lines are called from and what they allocate.
    """
    sign = 1 if total >= 0 else -1
    along = sorted((d for d in differences if d.size * sign > 0), key=lambda d: -d.size * sign)
    along = along[: _needed(along, total, most)]
    against = sorted((d for d in differences if d.size * sign < 0), key=lambda d: d.size * sign)[:most]
    named = along[:1] + [d for d in (*along[1:], *against) if abs(d.size) * _LEAST_SHARE >= abs(total)]
    lines = tuple(_blamed(d, edits, before, after) for d in named)
    return lines, total - sum(line.bytes for line in lines)


def _needed(along: Sequence[LineDifference], total: int, most: int) -> int:
    """Return how many of the greatest lines to name: `most`, or more to have nearly all of `total`."""
    sizes = accumulate(abs(difference.size) for difference in along)
    enough = sum(size < _NEARLY_ALL * abs(total) for size in sizes) + 1
    return min(max(enough, most), _MOST_LINES)


def _blamed(difference: LineDifference, edits: Edits, before: Profile, after: Profile) -> BlamedLine:
    stat = _present(difference, edits)
    gone = difference.gone and stat is difference.stat
    changed = (edits.before if gone else edits.after).touched((stat.path, stat.line))
    cause = None if changed else _cause(difference, edits, before, after)
    return BlamedLine(
        path=stat.path,
        line=stat.line,
        function=stat.function,
        source=stat.source,
        size=difference.now,
        bytes=difference.size,
        count=difference.count,
        changed_here=changed,
        status="gone" if gone else _status(difference),
        library=stat.library,
        caller=cause.frame if cause else None,
        caller_changed=cause is not None and cause.edited,
        caller_gone=cause is not None and cause.gone,
        types=moved_types(
            _instances(before.types, difference.old),
            _instances(after.types, difference.new),
            growing=difference.size > 0,
            most=_MOST_TYPES,
        ),
        blocks=difference.blocks,
    )


def _present(difference: LineDifference, edits: Edits) -> ProfileLine:
    """Return the line with the number that it has now, as far as it is still there."""
    stat = difference.stat
    place = edits.before.across((stat.path, stat.line)) if difference.gone else None
    return stat if place is None else replace(stat, path=place[0], line=place[1])


class _Cause(Value):
    """A changed caller or constant. `edited`: its very line, not only its function; `gone`: it is not there after."""

    frame: Frame
    edited: bool
    gone: bool


def _cause(difference: LineDifference, edits: Edits, before: Profile, after: Profile) -> _Cause | None:
    """Return the nearest changed caller of a line, or the changed constant behind it, on the side that holds more.

    Its number is that of the commit after, where it is still there.
    """
    if difference.size > 0:
        profile, other, view, places = after, before, edits.after, difference.new
    else:
        profile, other, view, places = before, after, edits.before, difference.old
    found = nearest_change(profile, other, view, places) or changed_binding(view, places)
    if found is None or (found.path, found.line) in places:
        return None
    place = found.path, found.line
    now = place if view is edits.after else view.across(place)
    frame = found if now is None else replace(found, path=now[0], line=now[1])
    return _Cause(frame=frame, edited=view.touched(place), gone=now is None)


def _status(difference: LineDifference) -> LineStatus:
    if difference.now == difference.size:
        return "new"
    return "grown" if difference.size > 0 else "shrunk"


def _instances(types: Iterable[LineInstances], places: Sequence[Place]) -> Counter[str]:
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
