"""What one commit changed as a picture, read back from the file."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from matplotlib.figure import Figure
from msgspec.structs import replace

from drawings import DOUBLED, SVG, blamed_line, change, coordinates, texts
from memharness.errors import MemharnessError
from memharness.model.findings import Change
from memharness.pictures import change_bars
from memharness.pictures.change_bars import draw_change_bars, largest_share_first
from memharness.pictures.look import Look
from values import commit

AT = commit(7)


def draw(folder: Path, *changes: Change, look: Look | None = None, subject: str = "Keep two") -> ET.Element:
    file = folder / "changes.svg"
    draw_change_bars(replace(AT, subject=subject), changes, file, look)
    return ET.fromstring(file.read_text(encoding="utf-8"))


def bars(root: ET.Element, *colors: str) -> list[tuple[float, float]]:
    """Both ends of the bars of these colours, from left to right in points."""
    drawn = [path for path in root.iter(f"{SVG}path") if any(f"fill: {c}" in path.get("style", "") for c in colors)]
    across = [[x for x, _ in coordinates(path.get("d", ""))[0]] for path in drawn]
    return [(min(xs), max(xs)) for xs in across]


def test_a_change_has_two_bars_and_the_lines_that_hold_it(tmp_path: Path) -> None:
    root = draw(tmp_path, DOUBLED)
    assert texts(root) == [
        AT.short,
        "Keep two",
        *("+2 MiB, +100.0%", "waste: peak of the first call"),
        "regressed (confirmed)",
        *("before", "2 MiB", "after", "4 MiB"),
        *("+1.00 MiB", "box.py:4", "fill"),
        *("+1023.98 KiB", "box.py:9", "<listcomp>"),
        *("+10 B", "elsewhere"),
    ]
    (zero, before), (start, after) = bars(root, "#999999", "#d55e00")
    assert start == zero
    assert after - zero == pytest.approx(2 * (before - zero))


def test_the_relatively_largest_changes_are_drawn_and_the_others_counted(tmp_path: Path) -> None:
    changes = [change(100, 100 + more, case=f"by {more}") for more in (5, 90, 20, 70, 1)]
    root = draw(tmp_path, *changes, change(0, 2, case="from nothing"))
    assert [text.split(":")[0] for text in texts(root) if text.endswith("first call")] == [
        "from nothing",
        "by 90",
        "by 70",
        "by 20",
    ]
    assert texts(root)[-1] == "2 more changes at this commit"


def test_a_picture_is_small_enough_for_a_comment(tmp_path: Path) -> None:
    draw_change_bars(AT, [DOUBLED] * 9, tmp_path / "changes.png")
    header = (tmp_path / "changes.png").read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (800, 842)


@pytest.mark.parametrize(("look", "height"), [(Look(height=3), 3 + 0.36 + 0.12), (Look(height=1), 2.07)])
def test_a_change_is_as_high_as_was_asked_for_and_never_too_low(tmp_path: Path, look: Look, height: float) -> None:
    root = draw(tmp_path, DOUBLED, look=look)
    assert float(root.get("height", "").removesuffix("pt")) == pytest.approx(height * 72, abs=2)


def test_long_names_are_cut_and_the_line_number_never_is(tmp_path: Path) -> None:
    path, function = "W" * 300 + "/core.py", "f" * 300
    root = draw(
        tmp_path, change(100, 200, blamed_line(4, 100, path=path, function=function), case="c" * 300), subject="s" * 300
    )
    long = [text for text in texts(root) if "…" in text]
    assert [text[:1] + text[-1:] for text in long] == ["s…", "c…", "…4", "f…"]
    assert long[2].endswith("WW/core.py:4")


@pytest.mark.parametrize("look", [Look(), Look(width=3), Look(dpi=37)])
def test_no_text_leaves_the_picture(tmp_path: Path, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    edges: list[float] = []

    def measure(figure: Figure, file: Path, dpi: int) -> None:
        assert (file.name, dpi, figure.dpi) == ("changes.png", look.dpi, look.dpi)
        edges.extend(text.get_window_extent().x1 / figure.dpi for text in figure.texts)

    monkeypatch.setattr(change_bars, "save", measure)
    wide = change(100, 200, blamed_line(4, 100, path="W" * 99, function="M" * 99), case="W" * 99)
    draw_change_bars(replace(AT, subject="m" * 300), [wide, DOUBLED], tmp_path / "changes.png", look)
    assert len(edges) == 27
    assert max(edges) < (look.width or 20 / 3) - 0.1


def test_foreign_text_hides_nothing_and_is_no_formula(tmp_path: Path) -> None:
    hostile = change(100, 200, blamed_line(4, 100, path="$a$\u202e.py", function="\x1b[1m<b>"), case="c\n")
    root = draw(tmp_path, hostile, subject="\x1b]0;$x^2$")
    assert {
        r"\x1b]0;$x^2$",
        r"c\n: peak of the first call",
        r"$a$\u202e.py:4",
        r"\x1b[1m<b>",
    } <= set(texts(root))


def test_a_fall_below_nothing_is_drawn_from_a_common_zero(tmp_path: Path) -> None:
    before, after = bars(draw(tmp_path, change(300, -100, unit="objects")), "#999999", "#009e73")
    assert after[1] == before[0]
    assert before[1] - before[0] == pytest.approx(3 * (after[1] - after[0]))


def test_an_unknown_format_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match=r"the format \.bmp is not known"):
        draw_change_bars(AT, [DOUBLED], tmp_path / "changes.bmp")


def test_what_was_there_before_decides_the_order() -> None:
    changes = [change(10, 5), change(100, 160), change(0, 1), change(0, 7), change(10, 12)]
    assert [(c.before, c.after) for c in largest_share_first(changes)] == [
        (0, 7),
        (0, 1),
        (100, 160),
        (10, 5),
        (10, 12),
    ]
