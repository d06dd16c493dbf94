"""Stretches: the line differences of the parts of a drift without flagged steps, added up at the lines of its two ends.

What the flagged steps between them brought is left out so. A line may be edited from one stretch to the next; one that
is not found at the ends is listed where its stretch has it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from memharness.analyse.blame.edits import Place
from memharness.analyse.blame.lines import LineDifference, places_of
from memharness.analyse.blame.matching import Match
from memharness.model.measurements import ProfileLine

_Rows = Mapping[Place, Sequence[ProfileLine]]


def at_drift_ends(
    differences: Iterable[LineDifference], back: Iterable[Match], onward: Iterable[Match]
) -> tuple[LineDifference, ...]:
    """Return the differences of a stretch with the places that their lines have at the ends of the drift.

    `back` matches the lines at the beginning of the drift with those at the beginning of the stretch, `onward` those at
    the end of the stretch with those at the end of the drift.
    """
    first = {(row.path, row.line): match.old for match in back for row in match.new}
    last = {(row.path, row.line): match.new for match in onward for row in match.old}
    return tuple(_at_drift_ends(difference, first, last) for difference in differences)


def _at_drift_ends(difference: LineDifference, first: _Rows, last: _Rows) -> LineDifference:
    stat, library = difference.stat, difference.stat.library
    old = _rows(first, difference.old)
    new = _rows(last, difference.new or (() if difference.gone else ((stat.path, stat.line),)))
    now = [row for row in new if row.library == library]
    home = max(new or old, key=lambda row: (row.size, -row.line), default=stat)
    return replace(
        difference,
        stat=replace(home, library=library, size=0, count=0),
        now=sum(row.size for row in now),
        blocks=sum(row.count for row in now),
        gone=not new,
        old=places_of(old),
        new=places_of(new),
    )


def _rows(rows: _Rows, places: Iterable[Place]) -> tuple[ProfileLine, ...]:
    return tuple({row for place in places for row in rows.get(place, ())})


def add_up(differences: Iterable[LineDifference]) -> tuple[LineDifference, ...]:
    """Return one difference for each line and library of carried ones."""
    alike: dict[tuple[ProfileLine, bool], list[LineDifference]] = defaultdict(list)
    for difference in differences:
        alike[difference.stat, difference.gone].append(difference)
    return tuple(
        replace(
            own[0],
            size=sum(d.size for d in own),
            count=sum(d.count for d in own),
            old=tuple(sorted({place for d in own for place in d.old})),
            new=tuple(sorted({place for d in own for place in d.new})),
        )
        for own in alike.values()
    )
