from memharness.analyse.blame.edits import Edits
from memharness.analyse.blame.lines import LineDifference, line_differences
from memharness.analyse.blame.matching import match_lines
from memharness.analyse.blame.stretches import add_up, at_drift_ends
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import ProfileLine
from values import stat

NONE = Edits()
Part = tuple[list[ProfileLine], list[ProfileLine], Edits, Edits]  # lines on both sides, edits up to it and from it on


def edited(*hunks: tuple[int, int, int, int], before: str = "a.py", after: str = "a.py") -> Edits:
    found = tuple(Hunk(before=b, removed=r, after=a, added=n) for b, r, a, n in hunks)
    return Edits([FileEdit(before=before, after=after, hunks=found)])


def added_up(first: list[ProfileLine], last: list[ProfileLine], *parts: Part) -> tuple[LineDifference, ...]:
    """Return the differences over `parts`, in which nothing is edited, of a drift from `first` to `last`."""
    found: list[LineDifference] = []
    for before, after, back, onward in parts:
        differences = line_differences(before, after, NONE)
        found += at_drift_ends(differences, match_lines(first, before, back), match_lines(after, last, onward))
    return add_up(found)


def empty(line: int, *, path: str = "a.py", source: str = "") -> ProfileLine:
    return stat(line, 0, path=path, source=source, count=0)


def test_a_line_that_was_edited_and_moved_between_two_stretches_is_one() -> None:
    first = [stat(4, 100, source="rows = make(100)")]
    last = [stat(6, 135, path="b.py", source="rows = make(130)")]
    between = edited((4, 1, 6, 1), after="b.py")
    found = added_up(
        first,
        last,
        (first, [stat(4, 110, source="rows = make(100)", count=2)], NONE, between),
        ([stat(6, 130, path="b.py", source="rows = make(130)")], last, between, NONE),
    )
    home = empty(6, path="b.py", source="rows = make(130)")
    (difference,) = found
    assert difference == LineDifference(
        stat=home, now=135, size=15, count=1, old=(("a.py", 4),), new=(("b.py", 6),), blocks=1
    )


def test_a_line_that_a_step_brought_has_no_place_at_the_beginning() -> None:
    brought, last = [stat(9, 5000)], [stat(9, 5040)]
    (found,) = added_up([], last, (brought, last, edited((8, 0, 9, 1)), NONE))
    assert found == LineDifference(stat=empty(9), now=5040, size=40, count=0, new=(("a.py", 9),), blocks=1)


def test_a_line_that_a_step_took_away_is_shown_where_it_stood_at_the_beginning() -> None:
    (found,) = added_up([stat(4, 100)], [], ([stat(4, 100)], [stat(4, 120)], NONE, edited((4, 1, 3, 0))))
    assert found == LineDifference(stat=empty(4), now=0, size=20, count=0, gone=True, old=(("a.py", 4),))


def test_a_line_that_came_and_went_stands_alone_where_its_stretch_has_it() -> None:
    (found,) = added_up([], [], ([stat(4, 100)], [stat(4, 90)], NONE, edited((4, 1, 3, 0))))
    assert found == LineDifference(stat=empty(4), now=0, size=-10, count=0, gone=True)


def test_a_line_that_is_gone_is_never_taken_for_the_one_in_its_place() -> None:
    """It went in the stretch; at the end of that, and of the drift, another stands at its number."""
    first = [stat(4, 100), stat(5, 70, function="g", source="else")]
    last = [stat(4, 70, function="g", source="else")]
    (found,) = added_up(first, last, (first, last, NONE, NONE))
    assert found == LineDifference(stat=empty(4), now=0, size=-100, count=-1, gone=True, old=(("a.py", 4),))


def test_a_library_that_a_line_uses_no_more_is_shown_where_the_line_stands() -> None:
    json = ProfileLine(path="a.py", line=3, function="f", source="line 3", size=100, count=1, library="json")
    last = [stat(5, 10, source="line 3")]
    (found,) = added_up([stat(3, 10), json], last, ([stat(3, 10), json], [stat(3, 10)], NONE, edited((0, 0, 1, 2))))
    home = ProfileLine(path="a.py", line=5, function="f", source="line 3", size=0, count=0, library="json")
    assert found == LineDifference(stat=home, now=0, size=-100, count=-1, old=(("a.py", 3),), new=(("a.py", 5),))
