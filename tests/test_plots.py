"""Trend plots, read back from the files."""

import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from matplotlib.text import Annotation, Text
from msgspec.structs import replace

from memharness.errors import MemharnessError
from memharness.findings import Trend, TrendChange, TrendPoint, Verdict
from memharness.present import plots

SVG = "{http://www.w3.org/2000/svg}"


def trend(
    values: list[int | None],
    *,
    case: str = "waste",
    metric: str = "peak",
    unit: str = "bytes",
    failed: tuple[int, ...] = (),
    tags: dict[int, tuple[str, ...]] | None = None,
    steps: tuple[int, ...] = (),
    subject: str = "Keep two copies",
    family: str = "cpython-3.11.7-auto",
) -> Trend:
    known = [0 if value is None else value for value in values]
    return Trend(
        case=case,
        metric=metric,
        unit=unit,
        family=family,
        points=tuple(
            TrendPoint(
                commit=f"{index:010x}",
                subject=subject,
                tags=(tags or {}).get(index, ()),
                value=value,
                failed=index in failed,
            )
            for index, value in enumerate(values)
        ),
        changes=tuple(
            TrendChange(
                index=index,
                before=known[index - 1],
                after=known[index],
                verdict="regressed" if known[index] > known[index - 1] else "improved",
            )
            for index in steps
        ),
    )


MIB = 1 << 20
STEP = trend(
    [MIB, MIB, None, MIB, 3 * MIB, None, None, 3 * MIB],
    failed=(2, 5),
    tags={0: ("v1.0",), 7: ("v1.1", "lts")},
    steps=(4,),
)


def draw(folder: Path, *trends: Trend) -> ET.Element:
    file = folder / "trend.svg"
    plots.draw_trend(trends, file)
    return ET.fromstring(file.read_text(encoding="utf-8"))


def texts(root: ET.Element) -> list[str]:
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]


def lines(root: ET.Element, color: str) -> list[str]:
    """The path data of all lines of a colour, without the legend's short ones."""
    found = [path for path in root.iter(f"{SVG}path") if f"stroke: {color}" in path.get("style", "")]
    return [path.get("d", "") for path in found if "stroke-linecap: square" in path.get("style", "")]


def test_a_plot_says_all_that_is_known(tmp_path: Path) -> None:
    assert set(texts(draw(tmp_path, STEP))) == {
        "v1.0",
        "v1.1, lts",
        *(f"{index:010x}" for index in range(1, 7)),
        *("1 MiB", "2 MiB", "3 MiB"),
        "waste: peak of the first call",
        "+2 MiB at 0000000004",
        "Keep two copies",
        *("cpython-3.11.7-auto", "regressed", "could not be measured", "tag"),
    }


def test_a_gap_breaks_the_line(tmp_path: Path) -> None:
    drawn = lines(draw(tmp_path, STEP), "#0072b2")
    assert len(drawn) == 2  # the series and its place in the legend
    moves = [max(drawn, key=len).count("M"), max(drawn, key=len).count("L")]
    assert moves == [3, 2]  # 2 points, gap, 2 points, gap, 1 point


def test_each_failure_has_a_mark_and_a_mere_gap_has_none(tmp_path: Path) -> None:
    root = draw(tmp_path, STEP)
    crosses = [use for use in root.iter(f"{SVG}use") if "stroke: #555555" in use.get("style", "")]
    assert len(crosses) == 2 + 1  # and one in the legend


@pytest.mark.parametrize(("values", "verdict", "size"), [([9, 5], "improved", "-4 B"), ([5, 9], "regressed", "+4 B")])
def test_a_change_is_marked_with_its_direction(
    tmp_path: Path, values: list[int | None], verdict: str, size: str
) -> None:
    shown = texts(draw(tmp_path, trend(values, steps=(1,), subject="")))
    assert [text for text in shown if text in ("improved", "regressed")] == [verdict]
    assert f"{size} at 0000000001" in shown


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_has_a_mark_of_its_own(tmp_path: Path, verdict: Verdict) -> None:
    plain = trend([5, 9], steps=(1,), subject="")
    change = replace(plain.changes[0], verdict=verdict)
    root = draw(tmp_path, replace(plain, changes=(change,)))
    marks = [use for use in root.iter(f"{SVG}use") if f"fill: {MARKS[verdict]}" in use.get("style", "")]
    assert (verdict in texts(root), len(marks)) == (True, 2)  # the change and its place in the legend


MARKS: dict[Verdict, str] = {
    "regressed": "#d55e00",
    "improved": "#009e73",
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
    plots.draw_trend([trend([1, 9], case="\U00012000", tags={0: ("\u65e5",)})], tmp_path / "trend.png")
    assert (tmp_path / "trend.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("name", "magic"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_equal_trends_make_equal_files_whatever_the_users_settings(tmp_path: Path, name: str, magic: bytes) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsvg.fonttype: path\naxes.facecolor: red\n")
    code = """
import os, sys
from pathlib import Path
from test_plots import STEP
from memharness.present.plots import draw_trend
draw_trend([STEP], Path(sys.argv[1]))
assert "matplotlib.pyplot" not in sys.modules
"""
    for folder, settings in (("one", {}), ("two", {"MATPLOTLIBRC": str(tmp_path), "TZ": "Asia/Tokyo"})):
        (tmp_path / folder).mkdir()
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), **settings}
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / folder / name)],
            check=True,
            env={**environment, "SOURCE_DATE_EPOCH": "0"} if settings else environment,
        )
    content = (tmp_path / "one" / name).read_bytes()
    assert content.startswith(magic)
    assert content == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("number", [3, 40, 1000])
def test_labels_of_changes_stay_apart_and_inside(number: int) -> None:
    steps = tuple(range(1, number, max(2, number // 30)))
    values: list[int | None] = [MIB + 9000 * sum(step <= index for step in steps) for index in range(number)]
    with plots._settings():
        figure = plots._draw([[trend(values, steps=steps)]])
        (ax,) = figure.axes
        labels = [text for text in ax.texts if isinstance(text, Annotation)]
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(label) for label in labels]  # without the line to its mark
    unlabelled = re.match(r"\d+", ax.get_title(loc="right"))
    assert len(labels) + int(unlabelled[0] if unlabelled else 0) == len(steps)
    assert len(labels) >= 0.7 * len(steps)
    assert {label.get_text().count("\n") for label in labels} == {1 if len(steps) <= 8 else 0}
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert all(ax.bbox.x0 - 2 <= box.x0 and box.x1 <= ax.bbox.x1 + 2 for box in boxes)


def test_a_lone_value_of_a_long_history_is_visible() -> None:
    values: list[int | None] = [5] * 500
    values[100] = values[102] = None
    points = trend(values).points
    assert plots._isolated(points) == [101]
    assert plots._isolated(points[101:102]) == [0]
    assert plots._isolated(points[:100]) == []


def test_a_case_that_always_failed_has_no_values_to_name(tmp_path: Path) -> None:
    shown = texts(draw(tmp_path, trend([None, None], failed=(0, 1))))
    assert [text for text in shown if text.endswith(" B")] == []


@pytest.mark.parametrize(("name", "shown"), [("trend.gif", ".gif"), ("trend", "(no suffix)")])
def test_an_unknown_format_is_an_error_that_lists_the_known(tmp_path: Path, name: str, shown: str) -> None:
    with pytest.raises(MemharnessError) as raised:
        plots.draw_trend([STEP], tmp_path / name)
    assert (raised.value.message, raised.value.hint) == (
        f"cannot draw {tmp_path / name}: the format {shown} is not known",
        "Name a file that ends in one of .svg, .png, .pdf.",
    )


@pytest.mark.parametrize("trends", [[], [trend([])]])
def test_nothing_to_draw_is_an_error(tmp_path: Path, trends: list[Trend]) -> None:
    with pytest.raises(MemharnessError, match="there is nothing to draw"):
        plots.draw_trend(trends, tmp_path / "trend.svg")
    assert not (tmp_path / "trend.svg").exists()


def test_more_panels_than_a_picture_can_show_are_an_error(tmp_path: Path) -> None:
    trends = [trend([1], case=f"case {number}") for number in range(101)]
    with pytest.raises(MemharnessError, match=r"101 panels are more than one picture can show \(at most 100\)"):
        plots.draw_trend(trends, tmp_path / "trend.svg")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match=r"cannot write .*none/trend.svg: No such file or directory"):
        plots.draw_trend([STEP], tmp_path / "none" / "trend.svg")
