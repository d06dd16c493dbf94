"""Which line of an earlier profile is which line of a later one.

In: the rows of both, and the `Edits` between them. Out: `Match` values that hold every row once. Lines are matched in
rounds, each with a coarser idea of identity than the one before, on what the earlier ones left over:

1. the same function and text in the same file, renamed or not; among equal lines those that git's diff maps,
2. a line that git maps to the other (its function was renamed),
3. lines that moved: function and text in another file, text in the same file, text anywhere,
4. lines that were edited: in one hunk of the diff by likeness or by position, in one function by likeness,
5. what is left over of one function on both sides, as a whole.

A line that still stands on the other side, but holds nothing there, did not move: it takes no part in round 3.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import product
from operator import itemgetter

from memharness.analyse.blame.edits import DiffPosition, DiffSide, Edits, Place, in_project
from memharness.model.measurements import ProfileLine
from memharness.model.values import Value

_SAME_LINE = 0.6  # share of text in common from which a line counts as edited rather than replaced
_MOST_PAIRS = 2500  # beyond that, comparing each with each takes too long: it was written anew as a whole


class Match(Value):
    """The rows of lines that are one line: one of both sides, or what is left of a function."""

    old: tuple[ProfileLine, ...]
    new: tuple[ProfileLine, ...]


class _Line(Value, eq=False):
    """A line of one side, with a row for each library that allocated on its behalf."""

    rows: tuple[ProfileLine, ...]
    weight: tuple[int, int]  # size and count of all rows
    place: Place
    path: str  # the one after, on both sides
    function: str
    source: str
    across: Place | None
    standing: bool  # on the other side, where it holds nothing
    position: DiffPosition | None  # in the diff


_Pair = tuple[_Line, _Line]
_Pairs = Iterator[_Pair]
_Round = Callable[[Sequence[_Line], Sequence[_Line]], _Pairs]
_Key = Callable[[_Line], Hashable]  # None: the line takes no part


def match_lines(before: Iterable[ProfileLine], after: Iterable[ProfileLine], edits: Edits) -> tuple[Match, ...]:
    """Match the rows of two profiles; what has no counterpart stands in a match with one side empty."""
    rows_before, rows_after = _by_place(before), _by_place(after)
    old = [
        _line(rows, edits.before, rows_after, path=edits.before.other_path(place[0]) or place[0])
        for place, rows in sorted(rows_before.items())
    ]
    new = [_line(rows, edits.after, rows_before, path=place[0]) for place, rows in sorted(rows_after.items())]
    found = []
    for round_ in _ROUNDS:
        pairs = list(round_(old, new))
        found += [Match(old=one.rows, new=other.rows) for one, other in pairs]
        old, new = _without(old, pairs), _without(new, pairs)
    return (*found, *_left_over(old, new))


def _left_over(old: Sequence[_Line], new: Sequence[_Line]) -> Iterator[Match]:
    """Yield what is left of each function: as one match where that is on both sides, else line by line."""
    for olds, news in _groups(old, new, lambda line: (line.path, line.function)):
        if olds and news:
            yield Match(old=_rows(olds), new=_rows(news))
        else:
            yield from (Match(old=line.rows, new=()) for line in olds)
            yield from (Match(old=(), new=line.rows) for line in news)


def _without(lines: Sequence[_Line], pairs: Iterable[_Pair]) -> list[_Line]:
    used = {id(line) for pair in pairs for line in pair}
    return [line for line in lines if id(line) not in used]


def _disjoint(pairs: Iterable[_Pair]) -> _Pairs:
    """Yield the pairs neither of whose lines is in an earlier one."""
    used: set[int] = set()
    for one, other in pairs:
        if not {id(one), id(other)} & used:
            used |= {id(one), id(other)}
            yield one, other


def _by_place(rows: Iterable[ProfileLine]) -> dict[Place, list[ProfileLine]]:
    found: dict[Place, list[ProfileLine]] = defaultdict(list)
    for row in rows:
        found[row.path, row.line].append(row)
    return found


def _line(rows: Sequence[ProfileLine], view: DiffSide, others: Container[Place], *, path: str) -> _Line:
    place = (rows[0].path, rows[0].line)
    across = view.across(place)
    return _Line(
        rows=tuple(rows),
        weight=(sum(row.size for row in rows), sum(row.count for row in rows)),
        place=place,
        path=path,
        function=rows[0].function,
        source=rows[0].source,
        across=across,
        standing=across is not None and across not in others,
        position=view.position(place),
    )


def _rows(lines: Iterable[_Line]) -> tuple[ProfileLine, ...]:
    return tuple(row for line in lines for row in line.rows)


def _groups(old: Iterable[_Line], new: Iterable[_Line], key: _Key) -> Iterator[tuple[list[_Line], list[_Line]]]:
    """Yield the lines of both sides that have a key in common, or one side of them."""
    groups: dict[Hashable, tuple[list[_Line], list[_Line]]] = defaultdict(lambda: ([], []))
    for side, lines in enumerate((old, new)):
        for line in lines:
            if (name := key(line)) is not None:
                groups[name][side].append(line)
    yield from groups.values()


# --- rounds 1 to 3: equal lines --------------------------------------------------------------------------


def _equal(key: _Key) -> _Round:
    """Return the round that matches the lines with equal keys."""
    return lambda old, new: (pair for group in _groups(old, new, key) for pair in _pair_up(*group))


def _pair_up(old: list[_Line], new: list[_Line]) -> _Pairs:
    """Pair lines that read alike: as git's diff maps them, the rest in order.

    Only a line that git maps to none of them can be one that moved here from elsewhere, or went elsewhere, and be taken
    for another by the diff, which sees but text: there an equal size tells more than the map.
    """
    if len(old) == len(new) == 1:
        yield old[0], new[0]
        return
    mapped = list(_by_map(old, new))
    by_map = {id(line) for pair in mapped for line in pair}
    steady = [pair for pair in mapped if _equally_large(pair)]
    equal = (
        (one, other)
        for one, other in filter(_equally_large, product(old, new))
        if not (id(one) in by_map and id(other) in by_map)
    )
    pairs = list(_disjoint((*steady, *equal, *mapped)))
    yield from pairs
    yield from zip(_without(old, pairs), _without(new, pairs), strict=False)


def _equally_large(pair: _Pair) -> bool:
    return pair[0].weight == pair[1].weight


def _by_map(old: Sequence[_Line], new: Sequence[_Line]) -> _Pairs:
    """Match a line with the one that git says it is."""
    place = {line.place: line for line in new}
    yield from ((line, place[line.across]) for line in old if line.across in place)


def _moved(key: _Key, *, far: bool) -> _Round:
    """Return the round for lines that moved; `far`: to another file, which only those of the project can."""

    def name(line: _Line) -> Hashable:
        out = line.standing or not line.source or (far and not in_project(line.place[0]))
        return None if out else key(line)

    return _equal(name)


# --- round 4: edited lines -------------------------------------------------------------------------------


def _likest(key: _Key) -> _Round:
    """Return the round that matches lines with equal keys that read much alike, the likest first."""

    def match(old: Sequence[_Line], new: Sequence[_Line]) -> _Pairs:
        for olds, news in _groups(old, new, key):
            if len(olds) * len(news) > _MOST_PAIRS:
                continue
            scores = sorted(((_likeness(*pair), pair) for pair in product(olds, news)), key=itemgetter(0), reverse=True)
            yield from _disjoint(pair for score, pair in scores if score >= _SAME_LINE)

    return match


def _likeness(one: _Line, other: _Line) -> float:
    matcher = SequenceMatcher(None, one.source, other.source, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _SAME_LINE else 0.0


def _alone(old: Sequence[_Line], new: Sequence[_Line]) -> _Pairs:
    """Match the only lines that are left of a hunk on either side."""
    for olds, news in _groups(old, new, _hunk):
        if len(olds) == len(news) == 1:
            yield olds[0], news[0]


def _hunk(line: _Line) -> Hashable:
    return line.position and (line.position.file, line.position.hunk)


def _facing(line: _Line) -> Hashable:
    return line.position if line.position and line.position.even else None


_ROUNDS: Sequence[_Round] = (
    _equal(lambda line: (line.path, line.function, line.source)),
    _by_map,
    _moved(lambda line: (line.function, line.source), far=True),
    _moved(lambda line: (line.path, line.source), far=False),
    _moved(lambda line: line.source, far=True),
    _likest(_hunk),
    _equal(_facing),
    _alone,
    _likest(lambda line: None if line.standing else (line.path, line.function)),
)
