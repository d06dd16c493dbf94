"""What a panel of trends shows within its axes: lines, failures, changes and their labels.

In: trends, and axes of commits and values. Out: artists added to the axes, in the colours of a theme.
"""

from collections.abc import Iterable, Sequence
from math import isnan
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from memharness.model.findings import Trend
from memharness.pictures.captions import change_label
from memharness.pictures.look import FAILED, LEADER, VERDICTS, Theme, backing, change_style, family_style
from memharness.pictures.placing import Box, LabelPlaces, largest_first
from memharness.pictures.strokes import MARKED_POINTS, Stroke, first_in_column, joined

_BAND: Final = {"zorder": 2, "alpha": 0.25, "linewidth": 1.0}


def _line(ax: Axes, xs: Sequence[float], ys: Sequence[float], **style: Any) -> None:
    """Draw a line, or marks, through commits and values."""
    ax.add_artist(Line2D(xs, ys, transform=ax.transData, **style))


def _pixels(ax: Axes, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return where commits and values are."""
    return [(x, y) for x, y in ax.transData.transform(points).tolist()] if points else []


def draw_line(ax: Axes, theme: Theme, trend: Trend, strokes: Sequence[Stroke], family: int) -> None:
    """Draw the values and the spread of repeats; markers stand on all of few values, and on lone ones of many."""
    xs, ys, ends = joined(strokes)
    marked = [end for end, stroke in zip(ends, strokes, strict=True) if len(stroke.xs) == 1]
    if len(trend.points) <= MARKED_POINTS:
        marked = [index for index, y in enumerate(ys) if not isnan(y)]
    style = family_style(theme, family)
    _line(ax, xs, ys, markevery=marked, linewidth=1.3, zorder=3, **style)
    band = _band(strokes)
    if band is not None:
        ax.add_artist(PathPatch(band, transform=ax.transData, color=style["color"], **_BAND))


def _band(strokes: Sequence[Stroke]) -> Path | None:
    """Return the area between the least and the greatest repeats along all strokes; None where there is none."""
    corners: list[tuple[float, float]] = []
    codes: list[Any] = []
    for stroke in strokes:
        if stroke.band:
            around = [(x, low) for x, low, _ in stroke.band] + [(x, high) for x, _, high in reversed(stroke.band)]
            corners += [*around, around[0]]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(around) - 1), Path.CLOSEPOLY]
    return Path(corners, codes) if corners else None


def mark_failures(ax: Axes, theme: Theme, trend: Trend, columns: int) -> None:
    """Mark what could not be measured near the lower edge."""
    failed = [index for index, point in enumerate(trend.points) if point.failed]
    shown = first_in_column(failed, len(trend.points), columns)
    low, high = ax.get_ylim()
    if shown:
        _line(ax, shown, [low + 0.03 * (high - low)] * len(shown), color=theme.muted, **FAILED)


def mark_changes(ax: Axes, theme: Theme, panel: Sequence[Trend]) -> None:
    """Mark all changes, those of one verdict at once."""
    for verdict in VERDICTS:
        found = [change for trend in panel for change in trend.changes if change.verdict == verdict]
        if found:
            xs, ys = [change.index for change in found], [change.after for change in found]
            _line(ax, xs, ys, markersize=9, zorder=4, **change_style(theme, verdict))


def label_changes(
    ax: Axes,
    theme: Theme,
    panel: Sequence[Trend],
    strokes: Sequence[Stroke],
    frame: Box,
    taken: Iterable[Box],
    *,
    with_subjects: bool,
) -> int:
    """Label changes within a frame, the largest first, where labels hide no other label and no mark.

    Return how many changes have no label. The places that are `taken` are in pixels, as is the frame.
    """
    changes = largest_first(panel)
    marks = _pixels(ax, [(change.index, change.after) for _, change in changes])
    xs, ys, _ = joined(strokes)
    places = LabelPlaces(frame, marks, _pixels(ax, list(zip(xs, ys, strict=True))), taken)
    style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 2.5, "bbox": backing(theme)}
    left_out = 0
    for (trend, change), mark in zip(changes, marks, strict=True):
        text = change_label(trend, change, with_subject=with_subjects)
        label = ax.text(0, 0, text, transform=ax.transData, fontsize=7)
        extent = label.get_window_extent()
        box = places.place(mark, extent.width + 10, extent.height + 6)
        if box is None:
            label.remove()
            left_out += 1
        else:
            x, y = ax.transData.inverted().transform(box.middle).tolist()
            label.set(position=(x, y), **style)
            _line(ax, (change.index, x), (change.after, y), color=theme.muted, **LEADER)
    return left_out
