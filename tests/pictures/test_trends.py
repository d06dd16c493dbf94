"""Trend plots, read back from the files."""

import math
import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text
from msgspec.structs import replace

from drawings import MIB, STEP, SVG, coordinates, lines, marks, texts, trend
from memharness.errors import MemharnessError
from memharness.model.findings import Trend, Verdict
from memharness.pictures import trends as module
from memharness.pictures.canvas import settings
from memharness.pictures.look import Look


def draw(folder: Path, *trends: Trend, look: Look | None = None) -> ET.Element:
    file = folder / "trend.svg"
    module.draw_trends(trends, file, look)
    return ET.fromstring(file.read_text(encoding="utf-8"))


def axes_of(*trends: Trend, look: Look | None = None) -> Axes:
    """The axes of a picture with one panel, laid out."""
    look = look or Look()
    with settings(look.colors):
        (ax,) = module._draw([trends], look).axes
    return ax


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> ET.Element:
    return draw(tmp_path_factory.mktemp("step"), STEP)


def test_a_picture_says_all_that_is_known(step: ET.Element) -> None:
    assert set(texts(step)) == {
        "v1.0",
        "v1.1, lts",
        *(f"{index:010x}" for index in range(1, 7)),
        *("1 MiB", "2 MiB", "3 MiB"),
        "waste: peak of the first call",
        "+2 MiB at 0000000004",
        "Keep two copies",
        *("cpython-3.11.7-auto", "regressed", "could not be measured", "tag"),
    }


def test_gaps_break_the_line_and_failures_alone_have_a_mark(step: ET.Element) -> None:
    drawn = lines(step, "#0072b2")
    assert len(drawn) == 2  # the series and its place in the legend
    assert [len(stroke) for stroke in coordinates(max(drawn, key=len))] == [2, 2, 1]
    assert marks(step, "stroke: #555555") == 2 + 1  # and one in the legend


@pytest.mark.parametrize(("theme", "paper", "line"), [("light", "#ffffff", "#0072b2"), ("dark", "#14171c", "#56b4e9")])
def test_a_theme_has_its_paper_and_lines(tmp_path: Path, theme: str, paper: str, line: str) -> None:
    root = draw(tmp_path, trend([5]), look=Look(theme=theme))
    assert f"fill: {paper}" in next(root.iter(f"{SVG}path")).get("style", "")
    assert len(lines(root, line)) == 2


def test_of_failures_too_many_to_show_each_column_has_one(tmp_path: Path) -> None:
    root = draw(tmp_path, trend([None] * 5000, failed=tuple(range(5000))))
    assert marks(root, "stroke: #555555") == 11 * 120 + 1
    assert [text for text in texts(root) if text.endswith(" B")] == []  # no values to name


def test_every_verdict_has_a_mark_of_its_own_and_changes_have_their_direction(tmp_path: Path) -> None:
    plain = trend([5, 9, 5, 9, 5, 9, 5], steps=(1, 2, 3, 4, 5, 6), subject="")
    assert [change.verdict for change in plain.changes[:2]] == ["regressed", "improved"]
    verdicts = get_args(Verdict)
    changes = [replace(change, verdict=verdict) for change, verdict in zip(plain.changes, verdicts, strict=True)]
    root = draw(tmp_path, replace(plain, changes=tuple(changes)))
    shown = texts(root)
    assert [text for text in shown if text in verdicts] == list(verdicts)
    assert {f"{'-' if at % 2 == 0 else '+'}4 B at 000000000{at}" for at in range(1, 7)} <= set(shown)
    for color, number in Counter(MARKS.values()).items():  # each change and its place in the legend
        assert marks(root, f"fill: {color}") == 2 * number


MARKS: dict[Verdict, str] = {
    "regressed": "#d55e00",
    "improved": "#009e73",
    "moved": "#999999",
    "accepted": "#999999",
    "transient": "#f0e442",
    "drifting": "#d55e00",
}


def test_families_share_a_panel_and_metrics_do_not(tmp_path: Path) -> None:
    root = draw(
        tmp_path,
        trend([5, 5]),
        trend([7, 7], family="cpython-3.12.1-auto"),
        trend([3, 3], metric="gc_objects", unit="objects"),
    )
    shown = texts(root)
    titles = [text for text in shown if text.startswith("waste: ")]
    assert titles == ["waste: peak of the first call", "waste: tracked objects gained"]
    assert [text for text in shown if text.startswith("cpython")] == ["cpython-3.11.7-auto", "cpython-3.12.1-auto"]
    assert "objects" in shown
    assert shown.count("0000000001") == 1  # commits are named once, below the last panel


def test_foreign_text_hides_nothing_and_is_no_formula(tmp_path: Path) -> None:
    shown = texts(
        draw(tmp_path, trend([1, 9], case="a\x1b[1m", tags={0: ("$x^2$",)}, steps=(1,), subject="\u202eevil $y$"))
    )
    assert {r"a\x1b[1m: peak of the first call", "$x^2$", r"\u202eevil $y$"} <= set(shown)


def test_characters_without_a_glyph_are_drawn_all_the_same(tmp_path: Path) -> None:
    module.draw_trends([trend([1, 9], case="\U00012000", tags={0: ("\u65e5",)})], tmp_path / "trend.png")
    assert (tmp_path / "trend.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("number", [3, 40, 1000])
def test_labels_of_changes_stay_apart_and_inside(number: int) -> None:
    steps = tuple(range(1, number, max(2, number // 30)))
    values: list[int | None] = [MIB + 9000 * sum(step <= index for step in steps) for index in range(number)]
    ax = axes_of(trend(values, steps=steps, limit=MIB))
    boxes = [label.get_window_extent() for label in ax.texts]
    labels = [label.get_text() for label in ax.texts if not label.get_text().startswith("limit")]
    unlabelled = re.match(r"\d+", ax.get_title(loc="right"))
    assert len(boxes) == len(labels) + 1
    assert len(labels) + int(unlabelled[0] if unlabelled else 0) == len(steps)
    assert len(labels) >= 0.7 * len(steps)
    assert {label.count("\n") for label in labels} == {1 if len(steps) <= 8 else 0}
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert all(ax.bbox.x0 - 2 <= box.x0 and box.x1 <= ax.bbox.x1 + 2 for box in boxes)


def test_the_label_of_a_change_does_not_cover_that_of_the_limit() -> None:
    limit, change = axes_of(trend([MIB, MIB, 2 * MIB], steps=(2,), limit=2 * MIB)).texts
    assert not limit.get_window_extent().overlaps(change.get_window_extent())


@pytest.mark.parametrize(("width", "number"), [(3.0, 60), (11.0, 200)])
def test_a_title_leaves_room_for_the_number_of_changes_without_a_label(width: float, number: int) -> None:
    values: list[int | None] = [MIB + index % 7 * 99999 for index in range(number)]
    ax = axes_of(trend(values, case="W" * 200, steps=tuple(range(1, number))), look=Look(width=width))
    titles = [title for title in ax.get_children() if isinstance(title, Text) and title.get_text()]
    left, right = (next(t for t in titles if part in t.get_text()) for part in ("WW…", "not labelled"))
    assert left.get_window_extent().x1 < right.get_window_extent().x0 - 4


@pytest.mark.parametrize(("number", "width"), [(9, 3.0), (40, 11.0), (300, 6.0), (5000, 40.0)])
def test_names_of_commits_do_not_overlap(number: int, width: float) -> None:
    tags = dict.fromkeys(range(0, number, 2), ("a-long-name-of-a-release",))
    ax = axes_of(trend([5] * number, tags=tags), look=Look(width=width))
    names = [label for label in ax.get_xticklabels() if label.get_text()]
    ends = [ax.transData.transform((label.get_position()[0], 0))[0] for label in names]
    apart = [(right - left) * math.sin(math.radians(40)) for left, right in pairwise(ends)]
    assert len(names) >= 4
    assert min(apart) > 1.2 * 100 * 8 / 72  # of the height of a letter, in pixels


def test_a_lone_value_of_a_long_history_is_visible(tmp_path: Path) -> None:
    values: list[int | None] = [5] * 500
    values[100] = values[102] = None
    root = draw(tmp_path, trend(values))
    assert [len(stroke) for stroke in coordinates(max(lines(root, "#0072b2"), key=len))] == [100, 1, 397]
    assert marks(root, "fill: #0072b2") == 1 + 1  # and one in the legend


def test_a_long_history_keeps_its_spike_in_few_points(tmp_path: Path) -> None:
    values: list[int | None] = [MIB] * 5000
    values[2345] = 2 * MIB
    (stroke,) = coordinates(max(lines(draw(tmp_path, trend(values)), "#0072b2"), key=len))
    heights = [round(y, 3) for _, y in stroke]
    assert len(stroke) < 12
    assert heights.count(min(heights)) == 1
    assert len(set(heights)) == 2


def test_the_spread_of_repeats_is_an_area_around_the_line(tmp_path: Path) -> None:
    plain = trend([10 * MIB, 10 * MIB, None, 10 * MIB], spread={1: (9 * MIB, 12 * MIB), 3: (8 * MIB, 10 * MIB)})
    root = draw(tmp_path, plain)
    bands = [path.get("d", "") for path in root.iter(f"{SVG}path") if "opacity: 0.25" in path.get("style", "")]
    around = [d for d in bands if "z" in d]
    (line,) = [d for d in lines(root, "#0072b2") if d.count("M") == 2]
    (left, right), (lone,) = coordinates(line)
    first, second = ({(round(x, 3), round(y, 3)) for x, y in part} for part in coordinates(around[0]))
    mib = next(iter({y for _, y in second} - {round(lone[1], 3)})) - lone[1]  # downwards, 2 MiB
    assert "spread of repeats" in texts(root)
    assert first == {
        (round(left[0], 3), round(left[1], 3)),
        (round(right[0], 3), round(right[1] + mib / 2, 3)),
        (round(right[0], 3), round(right[1] - mib, 3)),
    }
    assert second == {(round(lone[0], 3), round(lone[1], 3)), (round(lone[0], 3), round(lone[1] + mib, 3))}


@pytest.mark.parametrize(
    ("limit", "label", "drawn"),
    [(3 * MIB, "limit 3 MiB", 1), (90 * MIB, "limit 90 MiB, above ↑", 0), (0, "limit 0 B, below ↓", 0)],
)
def test_a_limit_has_a_line_and_its_size(tmp_path: Path, limit: int, label: str, drawn: int) -> None:
    values: list[int | None] = [40 * MIB, 41 * MIB] if limit == 0 else [MIB, 2 * MIB]
    root = draw(tmp_path, trend(values, limit=limit))
    assert [text for text in texts(root) if text.startswith("limit")] == [label, "limit"]
    dashed = [path for path in root.iter(f"{SVG}path") if "stroke: #d55e00" in path.get("style", "")]
    assert len(dashed) == drawn + 1  # and one in the legend


def test_of_many_tags_those_that_are_named_have_lines(tmp_path: Path) -> None:
    few, many = (trend([5] * 400, tags={i: (f"v{i}",) for i in range(0, 400, apart)}) for apart in (40, 2))
    assert "tag" in texts(draw(tmp_path, few))
    root = draw(tmp_path, many)
    named = [text for text in texts(root) if re.fullmatch(r"v\d+", text)]
    dashed = [path for path in root.iter(f"{SVG}path") if "stroke: #999999" in path.get("style", "")]
    assert "tag (not all are drawn)" in texts(root)
    assert 20 < len(named) < 30
    assert len(dashed) == len(named) + 1  # and one in the legend


@pytest.mark.parametrize(
    ("look", "size"),
    [(Look(), (1320, 480)), (Look(width=5, height=2, dpi=100), (500, 310)), (Look(dpi=60), (660, 240))],
)
def test_a_png_is_as_large_as_was_asked_for(tmp_path: Path, look: Look, size: tuple[int, int]) -> None:
    module.draw_trends([STEP], tmp_path / "trend.png", look)
    header = (tmp_path / "trend.png").read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == size


def test_a_legend_of_many_rows_does_not_make_panels_lower() -> None:
    trends = [trend([5, 9], family=f"python {number}") for number in range(9)]
    few, many = (axes_of(*trends[:most], look=Look(width=3)).bbox.height for most in (2, 9))
    assert many == pytest.approx(few, abs=10)


def test_a_picture_of_too_many_pixels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match=r"^24,000 x 12,660 pixels are more than one picture can have$"):
        module.draw_trends([STEP], tmp_path / "trend.png", Look(width=40, height=20, dpi=600))


@pytest.mark.parametrize(("name", "shown"), [("trend.gif", ".gif"), ("trend", "(no suffix)")])
def test_an_unknown_format_is_an_error_that_lists_the_known(tmp_path: Path, name: str, shown: str) -> None:
    with pytest.raises(MemharnessError) as raised:
        module.draw_trends([STEP], tmp_path / name)
    assert (raised.value.message, raised.value.hint) == (
        f"cannot draw {tmp_path / name}: the format {shown} is not known",
        "Name a file that ends in one of .svg, .png, .pdf.",
    )


@pytest.mark.parametrize("trends", [[], [trend([])]])
def test_nothing_to_draw_is_an_error(tmp_path: Path, trends: list[Trend]) -> None:
    with pytest.raises(MemharnessError, match="there is nothing to draw"):
        module.draw_trends(trends, tmp_path / "trend.svg")
    assert not (tmp_path / "trend.svg").exists()


def test_more_panels_than_a_picture_can_show_are_an_error(tmp_path: Path) -> None:
    trends = [trend([1], case=f"case {number}") for number in range(101)]
    with pytest.raises(MemharnessError, match=r"101 panels are more than one picture can show \(at most 100\)"):
        module.draw_trends(trends, tmp_path / "trend.svg")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match=r"cannot write .*none/trend.svg: No such file or directory"):
        module.draw_trends([STEP], tmp_path / "none" / "trend.svg")
