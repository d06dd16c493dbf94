"""One trend as one small SVG, for pages without scripts and for print: hundreds of them are drawn in a run.

In: a `Trend`; out: the bytes of a light SVG, equal for equal trends. Axes that fit themselves to their text would take
most of the time, so there are none: the layout is fixed, and lines and text lie on the bare figure.
"""

import io
from collections.abc import Sequence
from math import nan
from typing import Any, Final, NamedTuple

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, IdentityTransform

from memharness.model.findings import Trend
from memharness.pictures.canvas import settings
from memharness.pictures.look import THEMES, VERDICTS, backing
from memharness.pictures.panels import (
    BAND,
    FAILED,
    LIMIT,
    TAG,
    band_path,
    change_style,
    drawn_line,
    panel_title,
    tag_lines,
)
from memharness.pictures.placing import Box, Sheet
from memharness.pictures.plot_labels import change_text, label_style, largest_first, leader_style, left_out_text
from memharness.pictures.strokes import Stroke, first_in_column, joined, strokes
from memharness.pictures.ticks import commit_ticks, limit_label, shortened, trend_limits, trend_ticks
from memharness.wording.text import visible

_POINTS: Final = (720.0, 202.0)  # width and height; points are the units of an SVG, and its pixels here
_FRAME: Final = Box(62, 52, 712, 180)
_COLUMNS: Final = 870  # pixels of a screen that the frame is wide
_COMMITS: Final = 14  # that are named on the axis
_SIZES: Final = 4  # changes that are labelled, the largest
_LETTERS: Final = 80  # of the title, besides the commit
_THEME: Final = THEMES["light"]


class _Chart(NamedTuple):
    """A figure, the bounds of its axes, and the way from commits and values to points on it."""

    figure: Figure
    across: tuple[float, float]
    up: tuple[float, float]
    place: Affine2D

    def line(self, xs: Sequence[float], ys: Sequence[float], **style: Any) -> None:
        """Draw a line or marks through positions and values."""
        self.figure.add_artist(Line2D(xs, ys, **{"transform": self.place, **style}))

    def text(self, x: float, y: float, text: str, **style: Any) -> Text:
        """Write at a point of the picture."""
        return self.figure.text(x, y, text, transform=IdentityTransform(), **style)


def picture(trend: Trend) -> bytes:
    """Return a trend as SVG: its line, gaps, failures, limit, newest tags, and changes with the sizes of the largest.

    Text stays text. Without points there is nothing but the title.
    """
    title = shortened(panel_title(trend), _LETTERS)
    with settings(_THEME):
        figure = Figure(figsize=(_POINTS[0] / 72, _POINTS[1] / 72), dpi=72)
        canvas = FigureCanvasSVG(figure)
        if trend.points:
            title = f"{title}, up to {visible(trend.points[-1].commit)}"
            _draw(_chart(figure, trend), trend)
        figure.text(_FRAME.left, 190, title, transform=IdentityTransform(), fontsize=9, fontweight="bold")
        content = io.BytesIO()
        metadata = {"Date": None, "Creator": None, "Title": title}
        canvas.print_svg(content, metadata=metadata)  # type: ignore[no-untyped-call]  # has no annotations
    return content.getvalue()


def _chart(figure: Figure, trend: Trend) -> _Chart:
    count = len(trend.points)
    across = (-0.5 - count / 100, count - 0.5 + count / 100)
    up = trend_limits([trend]) or (0.0, 1.0)
    width, height = _FRAME.right - _FRAME.left, _FRAME.top - _FRAME.bottom
    place = Affine2D().translate(-across[0], -up[0]).scale(width / (across[1] - across[0]), height / (up[1] - up[0]))
    return _Chart(figure, across, up, place.translate(_FRAME.left, _FRAME.bottom))


def _draw(chart: _Chart, trend: Trend) -> None:
    found = strokes(trend.points, _COLUMNS)
    _draw_commits(chart, trend)
    labels: list[Box] = []
    if found or trend.changes:
        labels = _draw_values(chart, trend)
    _draw_line(chart, trend, found)
    failed = first_in_column([i for i, point in enumerate(trend.points) if point.failed], len(trend.points), _COLUMNS)
    if failed:
        bottom = chart.up[0] + 0.03 * (chart.up[1] - chart.up[0])
        chart.line(failed, [bottom] * len(failed), color=_THEME.muted, **FAILED)
    _draw_changes(chart, trend, found, labels)


def _draw_commits(chart: _Chart, trend: Trend) -> None:
    """Draw the lower edge with the names of commits, and the lines of tags."""
    low, high = chart.up
    chart.line(chart.across, (low, low), color=_THEME.ink, linewidth=0.8)
    ticks = commit_ticks(trend.points, _COMMITS)
    chart.line(
        [index for index, _ in ticks], [low] * len(ticks), color=_THEME.ink, marker=3, markersize=3.5, linestyle="none"
    )
    for index, label in ticks:
        x, y = chart.place.transform((index, low))
        chart.text(x, y - 6, label, rotation=40, rotation_mode="anchor", ha="right", va="top")
    tags = tag_lines([trend], _COMMITS)
    if tags:
        chart.line(*_apart([((index, low), (index, high)) for index in tags]), color=_THEME.tag, zorder=1.1, **TAG)


def _draw_values(chart: _Chart, trend: Trend) -> list[Box]:
    """Draw the axis of values and the limit; return where the label of the limit is."""
    left, right = chart.across
    ticks = trend_ticks([trend], chart.up)
    levels = [((left, position), (right, position)) for position, _ in ticks]
    chart.line(*_apart(levels), color=_THEME.grid, linewidth=0.6, zorder=1)
    for position, label in ticks:
        y = chart.place.transform((0, position))[1]
        chart.text(_FRAME.left - 5, y, label, ha="right", va="center")
    if trend.unit != "bytes":
        middle = _FRAME.middle[1]
        chart.text(10, middle, trend.unit, rotation=90, ha="center", va="center")
    if trend.limit is None:
        return []
    text, at = limit_label(trend.limit, trend.unit, chart.up)
    if at == trend.limit:
        chart.line(chart.across, (at, at), **LIMIT)
    y = chart.place.transform((0, at))[1]
    hangs = at == chart.up[1]
    at_edge = {"ha": "right", "va": "top" if hangs else "bottom", "fontsize": 7, "bbox": backing(_THEME)}
    drawn = chart.text(_FRAME.right, y - 2 if hangs else y + 2, text, **at_edge)
    return [Box(*drawn.get_window_extent().extents)]


def _draw_line(chart: _Chart, trend: Trend, found: Sequence[Stroke]) -> None:
    color = _THEME.series[0]
    xs, ys, marked = drawn_line(trend, found)
    style = {"color": color, "linewidth": 1.3, "marker": "o", "markersize": 3.5, "zorder": 3}
    chart.line(xs, ys, markevery=marked, **style)
    band = band_path(found)
    if band is not None:
        chart.figure.add_artist(PathPatch(band, transform=chart.place, color=color, zorder=2, **BAND))


def _draw_changes(chart: _Chart, trend: Trend, found: Sequence[Stroke], taken: Sequence[Box]) -> None:
    """Mark all changes, and label the largest where there is room."""
    if not trend.changes:
        return
    for verdict, (color, shape) in VERDICTS.items():
        own = [change for change in trend.changes if change.verdict == verdict]
        if own:
            chart.line(
                [change.index for change in own], [change.after for change in own], **change_style(_THEME, color, shape)
            )
    changes = [change for _, change in largest_first([trend])]
    marks = chart.place.transform([(change.index, change.after) for change in changes]).tolist()
    xs, ys, _ = joined(found)
    line = chart.place.transform(list(zip(xs, ys, strict=True))).tolist() if xs else []
    sheet = Sheet(_FRAME._replace(bottom=_FRAME.bottom + 12), marks, line, taken)
    leaders = []
    for change, mark in zip(changes[:_SIZES], marks, strict=False):
        label = chart.text(mark[0], mark[1], change_text(trend, change, with_subject=False), **label_style(_THEME))
        extent = label.get_window_extent()
        box = sheet.place(mark, extent.width + 8, extent.height + 4)
        if box is None:
            label.remove()
        else:
            label.set_position(box.middle)
            leaders.append((mark, box.middle))
    if leaders:
        xs, ys = _apart(leaders)
        chart.line(xs, ys, transform=IdentityTransform(), **leader_style(_THEME))
    if len(leaders) < len(changes):
        chart.text(_FRAME.right, 190, left_out_text(len(changes) - len(leaders)), ha="right", fontsize=7)


def _apart(lines: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> tuple[list[float], list[float]]:
    """Return straight lines as one that breaks between them."""
    ends = [end for one, other in lines for end in (one, other, (nan, nan))]
    return [x for x, _ in ends], [y for _, y in ends]
