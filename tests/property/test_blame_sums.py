"""Rule: the line differences sum to the difference of the profiles, and blame plus elsewhere to the total."""

from hypothesis import given
from hypothesis import strategies as st

from memharness.analyse.blame import Edits, blame, line_differences, subtract
from memharness.model import LineStat, Profile

names = st.sampled_from(["a", "b", "c"])
lines = st.lists(
    st.builds(
        LineStat,
        path=names,
        line=st.integers(1, 6),
        function=names,
        source=names,
        size=st.integers(0, 1000),
        count=st.integers(0, 9),
    ),
    max_size=12,
    unique_by=lambda s: (s.path, s.line),
)


@given(lines, lines)
def test_differences_sum_to_the_difference(before: list[LineStat], after: list[LineStat]) -> None:
    differences = line_differences(before, after)
    total = sum(s.size for s in after) - sum(s.size for s in before)
    assert sum(d.size for d in differences) == total
    assert sum(d.count for d in differences) == sum(s.count for s in after) - sum(s.count for s in before)


@given(lines, lines)
def test_elsewhere_is_what_the_lines_that_are_not_listed_hold(before: list[LineStat], after: list[LineStat]) -> None:
    differences = line_differences(before, after)
    total = sum(s.size for s in after) - sum(s.size for s in before)
    blamed, elsewhere = blame(total, differences, Edits(), most=3)
    listed = [(line.path, line.line, line.bytes) for line in blamed]
    assert elsewhere == sum(d.size for d in differences if (d.stat.path, d.stat.line, d.size) not in listed)
    assert all(line.bytes > 0 if total >= 0 else line.bytes < 0 for line in blamed)


@given(lines)
def test_a_profile_differs_from_itself_nowhere(before: list[LineStat]) -> None:
    assert line_differences(before, reversed(before)) == ()


@given(lines, lines)
def test_subtracting_a_part_leaves_the_rest(whole: list[LineStat], part: list[LineStat]) -> None:
    rest = subtract(Profile(lines=tuple(whole)), Profile(lines=tuple(part)))
    assert sum(s.size for s in rest) == sum(s.size for s in whole) - sum(s.size for s in part)
