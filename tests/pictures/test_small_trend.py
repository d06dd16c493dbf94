"""Pictures for pages, read back from their bytes."""

from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from drawings import MIB, STEP, SVG, coordinates, texts, trend
from memharness.model.findings import Trend
from memharness.pictures import small_trend as pictures
from memharness.pictures.small_trend import draw_small_trend
from memharness.pictures.ticks import trend_limits


def draw(drawn: Trend) -> ET.Element:
    return ET.fromstring(draw_small_trend(drawn))


def paths(root: ET.Element, kind: str) -> list[str]:
    """The data of all paths of a kind."""
    return [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("class") == kind]


def marks(root: ET.Element, kind: str) -> int:
    """How many marks there are of a kind, each a stroke of its path."""
    return sum(path.count("M") for path in paths(root, kind))


def decoded(drawn: Trend) -> list[list[tuple[int, int]]]:
    """The strokes of a picture's line, as positions and values."""
    frame, count, limits = pictures._FRAME, len(drawn.points), trend_limits([drawn])
    assert limits
    low, high = limits
    wide = (frame.x1 - frame.x0) / (count + count / 50)
    tall = (frame.y1 - frame.y0) / (high - low)
    (path,) = paths(draw(drawn), "line")
    known = {point.value for point in drawn.points if point.value is not None}

    def value(y: float) -> int:
        found = (frame.y1 - y) / tall + low
        nearest = min(known, key=lambda value: abs(value - found))
        assert abs(nearest - found) * tall < 0.01
        return nearest

    return [
        [(round((x - frame.x0) / wide - 0.5 - count / 100), value(y)) for x, y in stroke]
        for stroke in coordinates(path)
    ]


def test_a_picture_says_all_that_is_known() -> None:
    assert set(texts(draw(replace(STEP, limit=4 * MIB)))) == {
        "waste: peak of the first call, up to 0000000007",
        *("v1.0", "v1.1, lts"),
        *(f"{index:010x}" for index in range(1, 7)),
        *("1 MiB", "2 MiB", "3 MiB", "4 MiB"),
        "+2 MiB at 0000000004",
        "limit 4 MiB",
    }


def test_the_line_holds_every_value_and_no_gap_is_bridged() -> None:
    assert decoded(STEP) == [[(0, MIB), (1, MIB)], [(3, MIB), (4, 3 * MIB)], [(7, 3 * MIB)]]


def test_a_long_history_keeps_a_spike_and_a_gap_of_one_commit() -> None:
    values: list[int | None] = [MIB] * 5000
    values[2345], values[4000] = 2 * MIB, None
    assert decoded(trend(values)) == [
        [(0, MIB), (2344, MIB), (2345, 2 * MIB), (2346, MIB), (3999, MIB)],
        [(4001, MIB), (4999, MIB)],
    ]


def test_each_failure_has_a_cross_and_each_change_a_mark() -> None:
    root = draw(STEP)
    assert (marks(root, "failed"), marks(root, "mark")) == (2, 1)


def test_of_failures_too_many_to_show_each_column_has_a_cross() -> None:
    assert marks(draw(trend([None] * 5000, failed=tuple(range(5000)))), "failed") == pictures._COLUMNS


def test_the_spread_of_repeats_is_an_area() -> None:
    spread = {1: (9 * MIB, 12 * MIB)}
    plain = trend([10 * MIB, 10 * MIB])
    root = draw(trend([10 * MIB, 10 * MIB], spread=spread))
    (band,) = paths(root, "band")
    (corners,) = coordinates(band)
    (line,) = coordinates(paths(root, "line")[0])
    x, y = line[1]
    below, above = (corner[1] for corner in corners if corner[0] == x)
    assert (above - y) / (y - below) == pytest.approx(-2 / -1, abs=0.01)
    assert paths(draw(plain), "band") == []


def test_the_four_largest_changes_are_labelled_and_the_others_counted() -> None:
    sizes = [0, 100, 700, 750, 1050, 1850, 2350]
    shown = texts(draw(trend([MIB + (size << 10) for size in sizes], steps=tuple(range(1, 7)), subject="Fill it")))
    assert [text for text in shown if " at " in text] == [
        "+800 KiB at 0000000005",
        "+600 KiB at 0000000002",
        "+500 KiB at 0000000006",
        "+300 KiB at 0000000004",
    ]
    assert "2 changes not labelled" in shown


def test_the_newest_tags_that_fit_are_named() -> None:
    shown = texts(draw(trend([5] * 1000, tags={index: (f"v{index}",) for index in range(1000)})))
    named = [int(text[1:]) for text in shown if text.startswith("v")]
    assert named == list(range(63, 1000, 72))


@pytest.mark.parametrize(
    ("drawn", "shown"),
    [
        (trend([]), ["waste: peak of the first call"]),
        (trend([None], failed=(0,)), ["0000000000", "waste: peak of the first call, up to 0000000000"]),
    ],
)
def test_without_values_a_picture_has_its_title_all_the_same(drawn: Trend, shown: list[str]) -> None:
    assert texts(draw(drawn)) == shown


def test_another_unit_than_bytes_is_named() -> None:
    shown = texts(draw(trend([50_000, 51_000], metric="gc_objects", unit="objects", steps=(1,))))
    assert {"objects", "50,000", "51,000", "+1,000 at 0000000001"} <= set(shown)


def test_foreign_text_hides_nothing_and_is_no_formula_and_no_markup() -> None:
    hostile = trend([1, 9], case="a\x1b[1m</text><script>", tags={0: ("$x^2$\u202e",)}, steps=(1,), metric="\x07&")
    root = draw(hostile)
    assert {r"a\x1b[1m</text><script>: \x07&, up to 0000000001", r"$x^2$\u202e"} <= set(texts(root))
    assert not list(root.iter(f"{SVG}script"))
    assert not {"\x1b", "\x07", "\u202e"} & set(draw_small_trend(hostile).decode())
