from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawings import trend
from memharness.model.findings import TrendPoint
from memharness.pictures.ticks import (
    commit_ticks,
    limit_label,
    trend_limits,
    trend_ticks,
    value_limits,
    value_ticks,
)

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


@pytest.mark.parametrize(
    ("values", "unit", "labels"),
    [
        ([2222976, 4445896], "bytes", ["2 MiB", "3 MiB", "4 MiB"]),
        ([1 << 20, 2 << 20], "bytes", ["1.0 MiB", "1.5 MiB", "2.0 MiB"]),
        ([0, 4000], "bytes", ["0 B", "1 KiB", "2 KiB", "3 KiB", "4 KiB"]),
        ([0, 130], "bytes per call", ["0 B", "50 B", "100 B", "150 B"]),
        ([0, 0], "bytes per call", ["0 B", "2 B", "4 B", "6 B"]),
        ([51200, 51300], "objects", ["50,000", "51,000", "52,000", "53,000"]),
        ([-9, 9], "objects", ["-10", "0", "10"]),
    ],
)
def test_values_are_labelled_in_readable_units(values: list[int], unit: str, labels: list[str]) -> None:
    low, high = value_limits(values)
    shown = [label for _, label in value_ticks(low if min(values) < 0 else max(low, 0), high, unit)]
    assert shown == labels


@given(st.lists(st.integers(0, 1 << 44), min_size=1, max_size=5))
def test_a_label_says_exactly_where_its_tick_is(values: list[int]) -> None:
    low, high = value_limits(values)
    ticks = value_ticks(low, high, "bytes")
    assert 2 <= len(ticks) <= 8
    for position, label in ticks:
        number, unit = label.replace(",", "").split(" ")
        assert float(Fraction(number) * UNITS[unit]) == position
        assert low <= position <= high
    assert len({label for _, label in ticks}) == len(ticks)


@given(st.lists(st.integers(-(1 << 40), 1 << 40), min_size=1, max_size=5))
def test_all_values_are_inside_and_small_noise_stays_small(values: list[int]) -> None:
    low, high = value_limits(values)
    assert low < min(values) <= max(values) < high
    assert (high - low) * 20 >= max(map(abs, values))


def test_the_axis_of_a_trend_reaches_to_repeats_changes_and_a_limit_that_is_near() -> None:
    plain = trend([1000, None, 1400])
    assert trend_limits([plain]) == value_limits([1000, 1400])
    assert trend_limits([trend([1000, None, 1400], spread={0: (700, 1000), 2: (1400, 1500)})]) == value_limits(
        [700, 1500]
    )
    assert trend_limits([plain, trend([900, 1900], steps=(1,))]) == value_limits([900, 1900])
    assert trend_limits([trend([1000, None, 1400], limit=1900)]) == value_limits([1000, 1900])
    assert trend_limits([trend([1000, None, 1400], limit=9000)]) == value_limits([1000, 1400])
    assert trend_limits([trend([None])]) is None


def test_nothing_below_0_is_labelled_unless_a_value_is_there() -> None:
    for values, least in (([0, 130], "0 B"), ([-90, 130], "-100 B")):
        drawn = [trend(list[int | None](values), unit="bytes per call")]
        limits = trend_limits(drawn)
        assert limits
        assert trend_ticks(drawn, limits)[0][1] == least


@pytest.mark.parametrize(
    ("limit", "label"),
    [(1024, ("limit 1 KiB", 1024)), (9999, ("limit 9.76 KiB, above ↑", 1300)), (9, ("limit 9 B, below ↓", 200))],
)
def test_a_limit_outside_the_axis_is_named_near_its_end(limit: int, label: tuple[str, float]) -> None:
    assert limit_label(limit, "bytes", (100, 1300)) == label


def points(number: int, tags: dict[int, tuple[str, ...]]) -> list[TrendPoint]:
    return [TrendPoint(commit=f"{index:010x}", tags=tags.get(index, ())) for index in range(number)]


def test_a_few_commits_are_all_labelled() -> None:
    assert commit_ticks(points(3, {0: ("v1.0",)}), 28) == [(0, "v1.0"), (1, "0000000001"), (2, "0000000002")]


def test_tags_go_before_ids_and_new_tags_before_old() -> None:
    tags = {0: ("v1.0",), 90: ("v1.1", "lts"), 91: ("v1.2",)}
    assert commit_ticks(points(100, tags), 5) == [(0, "v1.0"), (40, "0000000028"), (91, "v1.2")]


@given(st.integers(1, 1200), st.sets(st.integers(0, 1200)), st.integers(2, 30))
def test_labels_never_crowd(number: int, tagged: set[int], room: int) -> None:
    ticks = commit_ticks(points(number, dict.fromkeys(tagged, ("v",))), room)
    indexes = [index for index, _ in ticks]
    assert indexes
    gaps = [right - left for left, right in pairwise(indexes)]
    assert all(gap * room >= number for gap in gaps)
    assert all(0 <= index < number for index in indexes)
