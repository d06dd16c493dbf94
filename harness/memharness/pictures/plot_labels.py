"""Labels of flagged changes, placed where they hide neither each other nor, if possible, the line."""

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.text import Text

from memharness.model.findings import Trend, TrendChange
from memharness.pictures.look import Theme, backing
from memharness.pictures.placing import Box, Sheet
from memharness.pictures.strokes import joined, strokes
from memharness.pictures.ticks import shortened
from memharness.wording.text import difference_text, number_text, visible

_SUBJECT_CHARACTERS: Final = 44
_SUBJECTS: Final = 8  # with more changes in a panel, their labels are kept short


def change_text(trend: Trend, change: TrendChange, *, with_subject: bool) -> str:
    """Return "+1.06 MiB at 1a2b3c4d5e" ("up to" where it is only known to lie before), the subject below if wanted."""
    difference = change.after - change.before
    size = difference_text(difference) if trend.unit.startswith("bytes") else f"{difference:+,}"
    point = trend.points[change.index]
    head = f"{size} {'at' if change.exact else 'up to'} {visible(point.commit)}"
    return f"{head}\n{shortened(point.subject, _SUBJECT_CHARACTERS)}" if with_subject and point.subject else head


def largest_first(panel: Sequence[Trend]) -> list[tuple[Trend, TrendChange]]:
    """Return the changes of a panel by size."""
    changes = [(trend, change) for trend in panel for change in trend.changes]
    return sorted(changes, key=lambda pair: -abs(pair[1].after - pair[1].before))


def left_out_text(number: int) -> str:
    """Say how many changes have no label."""
    return f"{number_text(number, 'change')} not labelled"


def label_style(theme: Theme) -> dict[str, Any]:
    """Return how a label is drawn."""
    return {"ha": "center", "va": "center", "fontsize": 7, "zorder": 2.5, "bbox": backing(theme)}


def leader_style(theme: Theme) -> dict[str, Any]:
    """Return how the line from a label to its mark is drawn: below all labels and all marks."""
    return {"color": theme.muted, "linewidth": 0.6, "zorder": 2.4}


def label_changes(ax: Axes, panel: Sequence[Trend], theme: Theme, *, columns: int) -> int:
    """Label the changes of a panel whose layout is settled, the largest first; return how many found no room."""
    changes = largest_first(panel)
    if not changes:
        return 0
    pixels = ax.transData
    xs, ys, _ = joined([stroke for trend in panel for stroke in strokes(trend.points, columns)])
    line = pixels.transform(list(zip(xs, ys, strict=True))).tolist() if xs else []
    marks = pixels.transform([(change.index, change.after) for _, change in changes]).tolist()
    limits = [Box(*text.get_window_extent().extents) for text in ax.texts]
    sheet = Sheet(_frame(ax), marks, line, limits)
    left_out = 0
    for (trend, change), mark in zip(changes, marks, strict=True):
        text = change_text(trend, change, with_subject=len(changes) <= _SUBJECTS)
        box = sheet.place(mark, *_text_size(ax, text))
        if box is None:
            left_out += 1
        else:
            _draw_label(ax, text, mark, box, theme)
    return left_out


def _draw_label(ax: Axes, text: str, mark: tuple[float, float], box: Box, theme: Theme) -> None:
    (x, y), (middle, half) = ax.transData.inverted().transform([mark, box.middle]).tolist()
    ax.plot([x, middle], [y, half], **leader_style(theme))
    ax.text(middle, half, text, **label_style(theme))


def _frame(ax: Axes) -> Box:
    left, bottom, right, top = ax.bbox.extents
    return Box(left, bottom + 14, right, top)  # above the marks of failures


def _text_size(ax: Axes, text: str) -> tuple[float, float]:
    """Return width and height in pixels, with a small margin."""
    drawn: Text = ax.text(0, 0, text, fontsize=7)
    extent = drawn.get_window_extent()
    drawn.remove()
    return extent.width + 10, extent.height + 6
