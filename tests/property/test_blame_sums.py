"""Rule: the line differences sum to the difference of the profiles, and blame plus elsewhere to the total."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memharness.analyse.blame.edits import Edits
from memharness.analyse.blame.lines import blame, line_differences, subtract
from memharness.analyse.blame.matching import match_lines
from memharness.analyse.blame.stretches import add_up, at_drift_ends
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Profile, ProfileLine

names = st.sampled_from(["a", "b", "c"])


def coherent(rows: list[ProfileLine]) -> list[ProfileLine]:
    """Give all rows of one line the function and text of its first one."""
    first = {(row.path, row.line): row for row in reversed(rows)}
    texts = [first[row.path, row.line] for row in rows]
    return [replace(row, function=text.function, source=text.source) for row, text in zip(rows, texts, strict=True)]


lines = st.lists(
    st.builds(
        ProfileLine,
        path=names,
        line=st.integers(1, 6),
        function=names,
        source=st.sampled_from(["a", "b", "rows = [0] * 10", "rows = [0] * 20", ""]),
        size=st.integers(0, 1000),
        count=st.integers(0, 9),
        library=st.sampled_from(["", "", "json", "re"]),
    ),
    max_size=12,
    unique_by=lambda s: (s.path, s.line, s.library),
).map(coherent)


@st.composite
def hunks(draw: st.DrawFn) -> tuple[Hunk, ...]:
    """Draw hunks of one file in order, each with lines removed or added or both, and one untouched line between."""
    found = []
    before, after = 1, 1  # the next lines
    for _ in range(draw(st.integers(0, 3))):
        kept = draw(st.integers(1, 2))
        removed, added = draw(st.sampled_from([(0, 1), (0, 2), (1, 0), (2, 0), (1, 1), (1, 2), (2, 2)]))
        before, after = before + kept, after + kept
        found.append(Hunk(before=before - (not removed), removed=removed, after=after - (not added), added=added))
        before, after = before + removed, after + added
    return tuple(found)


@st.composite
def edits(draw: st.DrawFn) -> Edits:
    """Draw what happened to each of the files: nothing, an edit, a new name; each path on either side once."""
    targets = draw(st.permutations(["a", "b", "c"]))
    return Edits(
        FileEdit(before=before, after=after, hunks=draw(hunks()))
        for before, after in zip("abc", targets, strict=True)
        if draw(st.booleans()) or before != after
    )


@given(lines, lines, edits(), st.booleans())
def test_differences_sum_to_the_difference(
    before: list[ProfileLine], after: list[ProfileLine], between: Edits, shared: bool
) -> None:
    differences = line_differences(before, after, between, shared=shared)
    assert sum(d.size for d in differences) == sum(s.size for s in after) - sum(s.size for s in before)
    assert sum(d.count for d in differences) == sum(s.count for s in after) - sum(s.count for s in before)


@given(lines, lines, lines, edits(), edits(), edits())
def test_carried_differences_keep_their_sum(
    first: list[ProfileLine], middle: list[ProfileLine], last: list[ProfileLine], one: Edits, other: Edits, whole: Edits
) -> None:
    differences = [
        *at_drift_ends(
            line_differences(first, middle, one), match_lines(first, first, Edits()), match_lines(middle, last, other)
        ),
        *at_drift_ends(
            line_differences(middle, last, other), match_lines(first, middle, one), match_lines(last, last, whole)
        ),
    ]
    found = add_up(differences)
    assert sum(d.size for d in found) == sum(s.size for s in last) - sum(s.size for s in first)
    assert sum(d.count for d in found) == sum(s.count for s in last) - sum(s.count for s in first)
    places = {(row.path, row.line) for row in last}
    assert all(place in places for d in found for place in d.new)


@given(lines, lines, edits(), st.integers(1, 3))
def test_the_lines_that_moved_most_are_named_and_the_rest_is_elsewhere(
    before: list[ProfileLine], after: list[ProfileLine], between: Edits, most: int
) -> None:
    differences = line_differences(before, after, between)
    total = sum(s.size for s in after) - sum(s.size for s in before)
    blamed, elsewhere = blame(total, differences, between, Profile(), Profile(), most=most)
    rest = Counter((d.stat.function, d.stat.source, d.stat.library, d.size) for d in differences)
    rest.subtract((line.function, line.source, line.library, line.bytes) for line in blamed)
    assert min(rest.values(), default=0) >= 0
    left = [size for (*_, size), count in rest.items() for _ in range(count)]
    assert elsewhere == sum(left)
    for sign in (1, -1) if total >= 0 else (-1, 1):  # first those that moved with the total
        named = [abs(line.bytes) for line in blamed if line.bytes * sign > 0]
        unnamed = [abs(size) for size in left if size * sign > 0]
        assert named == sorted(named, reverse=True)
        nearly_all = sign * total >= 0 and sum(named[:-1]) >= 0.95 * abs(total)
        assert len(named) <= most or not nearly_all
        assert all(abs(line.bytes) * 1000 >= abs(total) for line in blamed[1:])
        assert len(named) >= most or all(size * 1000 < abs(total) for size in unnamed)
        assert named or not unnamed or sign * total < 0
        assert max(unnamed, default=0) <= min(named, default=abs(total))
        assert [line.bytes * sign > 0 for line in blamed[: len(named)]] == [True] * len(named)
        blamed = blamed[len(named) :]


@given(lines, lines, edits())
def test_what_is_left_of_a_line_is_never_counted_twice(
    before: list[ProfileLine], after: list[ProfileLine], between: Edits
) -> None:
    """Every row that is there afterwards is shown once: what lines hold now is no more than what there is."""
    differences = line_differences(before, after, between)
    assert sum(d.now for d in differences) <= sum(s.size for s in after)


@given(lines)
def test_a_profile_differs_from_itself_nowhere(before: list[ProfileLine]) -> None:
    assert line_differences(before, reversed(before), Edits()) == ()


@given(lines, lines)
def test_subtracting_a_part_leaves_the_rest(whole: list[ProfileLine], part: list[ProfileLine]) -> None:
    rest = subtract(Profile(lines=tuple(whole)), Profile(lines=tuple(part)))
    assert sum(s.size for s in rest) == sum(s.size for s in whole) - sum(s.size for s in part)
