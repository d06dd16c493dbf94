from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memharness.model.findings import TrendPoint
from memharness.pictures.strokes import Stroke, first_in_column, joined, strokes

VALUES = st.lists(st.none() | st.integers(0, 3) | st.integers(0, 1 << 40), min_size=1, max_size=200)


def points(values: list[int | None]) -> list[TrendPoint]:
    return [TrendPoint(commit=f"{index:x}", value=value) for index, value in enumerate(values)]


def test_few_points_are_all_kept() -> None:
    assert strokes(points([5, 5, 5, None, 7]), 5) == [Stroke([0, 1, 2], [5, 5, 5], []), Stroke([4], [7], [])]


def test_a_level_stretch_needs_its_ends_only() -> None:
    values: list[int | None] = [5] * 400
    values[200] = 9
    assert strokes(points(values), 40) == [Stroke([0, 199, 200, 201, 399], [5, 5, 9, 5, 5], [])]


@given(VALUES, st.integers(1, 60))
def test_the_line_meets_the_extremes_of_every_column_and_bridges_no_gap(values: list[int | None], columns: int) -> None:
    drawn: dict[int, set[float]] = {}
    for stroke in strokes(points(values), columns):
        assert [values[x] for x in stroke.xs] == stroke.ys
        drawn.update({x: {y} for x, y in zip(stroke.xs, stroke.ys, strict=True)})
        for (left, right), (low, high) in zip(pairwise(stroke.xs), pairwise(stroke.ys), strict=True):
            assert None not in values[left:right]
            drawn.update({x: {low} for x in range(left + 1, right) if low == high})
    for column in range(columns):
        own = [i for i in range(len(values)) if i * columns // len(values) == column and values[i] is not None]
        if own and columns < len(values):
            known = [value for i in own if (value := values[i]) is not None]
            met = set().union(*(drawn.get(i, set()) for i in own))
            assert {min(known), max(known)} <= met


@given(VALUES, st.integers(1, 60))
def test_no_column_has_more_than_four_points_of_a_stroke_or_two_lone_ones(
    values: list[int | None], columns: int
) -> None:
    found = strokes(points(values), columns)
    if columns < len(values):
        for stroke in found:
            placed = [x * columns // len(values) for x in stroke.xs]
            assert all(placed.count(column) <= 4 for column in placed)
        lone = [stroke.xs[0] * columns // len(values) for stroke in found if len(stroke.xs) == 1]
        assert all(lone.count(column) <= 2 for column in lone)


def test_the_band_of_a_column_holds_all_its_repeats() -> None:
    measured = [
        TrendPoint(commit="a", value=5),
        TrendPoint(commit="b", value=5, low=4, high=7),
        TrendPoint(commit="c", value=6),
        TrendPoint(commit="d", value=6, low=1, high=6),
    ]
    assert [stroke.band for stroke in strokes(measured, 4)] == [[(0, 5, 5), (1, 4, 7), (2, 6, 6), (3, 1, 6)]]
    assert [stroke.band for stroke in strokes(measured, 2)] == [[(0.5, 4, 7), (2.5, 1, 6)]]


def test_of_many_marks_in_a_column_the_first_is_kept() -> None:
    assert first_in_column([0, 1, 4, 5, 9], 10, 5) == [0, 4, 9]
    assert first_in_column([0, 1, 4, 5, 9], 10, 10) == [0, 1, 4, 5, 9]


def test_strokes_are_joined_with_breaks_between_them() -> None:
    xs, ys, ends = joined([Stroke([0, 1], [5, 6], []), Stroke([4], [7], [])])
    assert (str(xs), str(ys), ends) == ("[0, 1, nan, 4]", "[5, 6, nan, 7]", [1, 3])
