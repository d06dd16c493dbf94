"""One trend as one small SVG, for pages without scripts and for print; a site has hundreds of them.

In: a `Trend`; out: the bytes of a light SVG, equal for equal trends. Axes that fit themselves to their text would take
most of the time, so there are none: the layout is fixed, and lines and text lie on the bare figure.
"""

import io
from collections.abc import Sequence
from math import nan
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, IdentityTransform

from memharness.model.findings import Trend
from memharness.pictures.canvas import settings
from memharness.pictures.captions import left_out_text, shortened, trend_title
from memharness.pictures.chart import Chart, draw_line, label_changes, mark_changes, mark_failures
from memharness.pictures.look import LEADER, LIMIT, TAG, THEMES, backing
from memharness.pictures.placing import Box
from memharness.pictures.strokes import strokes
from memharness.pictures.ticks import commit_limits, commit_ticks, limit_label, tag_lines, trend_limits, trend_ticks
from memharness.wording.text import visible

_POINTS: Final = (720.0, 202.0)  # width and height; points are the units of an SVG, and its pixels here
_FRAME: Final = Box(62, 52, 712, 180)
_LABELLED: Final = _FRAME._replace(bottom=_FRAME.bottom + 12)  # above the marks of failures
_COLUMNS: Final = 870  # pixels of a screen that the frame is wide
_COMMITS: Final = 14  # that are named on the axis
_SIZES: Final = 4  # changes that are labelled, the largest
_LETTERS: Final = 80  # of the title, besides the commit
_THEME: Final = THEMES["light"]


def draw_small_trend(trend: Trend) -> bytes:
    """Return a trend as SVG: its line, gaps, failures, limit, newest tags, and changes with the sizes of the largest.

    Text stays text. Without points there is nothing but the title.
    """
    title = shortened(trend_title(trend), _LETTERS)
    with settings(_THEME):
        figure = Figure(figsize=(_POINTS[0] / 72, _POINTS[1] / 72), dpi=72)
        canvas = FigureCanvasSVG(figure)
        if trend.points:
            title = f"{title}, up to {visible(trend.points[-1].commit)}"
            _draw(figure, trend)
        _write(figure, _FRAME.left, 190, title, fontsize=9, fontweight="bold")
        content = io.BytesIO()
        metadata = {"Date": None, "Creator": None, "Title": title}
        canvas.print_svg(content, metadata=metadata)  # type: ignore[no-untyped-call]  # has no annotations
    return content.getvalue()


def _draw(figure: Figure, trend: Trend) -> None:
    left, right = commit_limits(trend.points)
    low, high = trend_limits([trend]) or (0.0, 1.0)
    width, height = _FRAME.right - _FRAME.left, _FRAME.top - _FRAME.bottom
    place = Affine2D().translate(-left, -low).scale(width / (right - left), height / (high - low))
    chart = Chart(figure, place.translate(_FRAME.left, _FRAME.bottom), (low, high), _THEME)
    found = strokes(trend.points, _COLUMNS)
    _draw_commits(chart, trend)
    taken = _draw_values(chart, trend) if found or trend.changes else []
    draw_line(chart, trend, found, family=0)
    mark_failures(chart, trend, _COLUMNS)
    mark_changes(chart, [trend])
    leaders, left_out = label_changes(
        chart, [trend], found, _LABELLED, taken, margin=(8, 4), most=_SIZES, with_subjects=False
    )
    if leaders:
        chart.line(*_apart(leaders), color=_THEME.muted, **LEADER)
    if left_out:
        _write(chart.surface, _FRAME.right, 190, left_out_text(left_out), ha="right", fontsize=7)


def _draw_commits(chart: Chart, trend: Trend) -> None:
    """Draw the lower edge with the names of commits, and the lines of tags."""
    low, high = chart.ends
    chart.line(commit_limits(trend.points), (low, low), color=_THEME.ink, linewidth=0.8)
    ticks = commit_ticks(trend.points, _COMMITS)
    indexes = [index for index, _ in ticks]
    chart.line(indexes, [low] * len(ticks), color=_THEME.ink, marker=3, markersize=3.5, linestyle="none")
    for (x, y), (_, label) in zip(chart.pixels([(index, low) for index in indexes]), ticks, strict=True):
        _write(chart.surface, x, y - 6, label, rotation=40, rotation_mode="anchor", ha="right", va="top")
    tags = [((index, low), (index, high)) for index in tag_lines(trend.points, _COMMITS)]
    if tags:
        chart.line(*_apart(tags), color=_THEME.tag, zorder=1.1, **TAG)


def _draw_values(chart: Chart, trend: Trend) -> list[Box]:
    """Draw the axis of values and the limit; return where the label of the limit is."""
    left, right = commit_limits(trend.points)
    ticks = trend_ticks([trend], chart.ends)
    levels = [((left, position), (right, position)) for position, _ in ticks]
    chart.line(*_apart(levels), color=_THEME.grid, linewidth=0.6, zorder=1)
    for (_, y), (_, label) in zip(chart.pixels([(0, position) for position, _ in ticks]), ticks, strict=True):
        _write(chart.surface, _FRAME.left - 5, y, label, ha="right", va="center")
    if trend.unit != "bytes":
        _write(chart.surface, 10, _FRAME.middle[1], trend.unit, rotation=90, ha="center", va="center")
    if trend.limit is None:
        return []
    text, at = limit_label(trend.limit, trend.unit, chart.ends)
    if at == trend.limit:
        chart.line((left, right), (at, at), **LIMIT)
    [(_, y)] = chart.pixels([(0, at)])
    va, above = ("top", -2) if at == chart.ends[1] else ("bottom", 2)
    drawn = _write(chart.surface, _FRAME.right, y + above, text, ha="right", va=va, fontsize=7, bbox=backing(_THEME))
    return [Box(*drawn.get_window_extent().extents)]


def _write(surface: Axes | Figure, x: float, y: float, text: str, **style: Any) -> Text:
    """Write at a point of the picture."""
    return surface.text(x, y, text, transform=IdentityTransform(), **style)


def _apart(lines: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> tuple[list[float], list[float]]:
    """Return straight lines as one that breaks between them."""
    ends = [end for one, other in lines for end in (one, other, (nan, nan))]
    return [x for x, _ in ends], [y for _, y in ends]
