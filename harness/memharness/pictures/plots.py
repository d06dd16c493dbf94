"""Trend plots: one panel below another, one for each case and metric, commits from left to right.

In: `Trend` values that are built elsewhere; out: one SVG, PNG or PDF file. Equal trends make equal files.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memharness.errors import MemharnessError
from memharness.model.findings import Trend
from memharness.pictures.canvas import check_format, check_pixels, fit, new_figure, save, settings
from memharness.pictures.look import VERDICTS, Look, Theme
from memharness.pictures.panels import FAILED, LIMIT, TAG, draw_panel, family_style, panel_title, tag_lines
from memharness.pictures.plot_labels import label_changes, left_out_text
from memharness.pictures.ticks import commit_ticks, shortened

MAX_PANELS: Final = 100
_WIDTH_INCHES: Final = 11.0
_PANEL_INCHES: Final = 2.9
_FOOT_INCHES: Final = 1.1  # for the commits and the legend below the last panel
_LEGEND_ROW_INCHES: Final = 0.17  # for each row of the legend beyond two
_LABELS_PER_INCH: Final = 2.6  # commits that are named on the axis
_COLUMNS_PER_INCH: Final = 120  # to which a line is reduced, or more with a higher resolution


def draw_trend(trends: Sequence[Trend], file: Path, look: Look | None = None) -> None:
    """Draw trends into a file whose suffix says the format; raise MemharnessError where that cannot be done.

    Trends of one case and metric over the same commits share a panel. A value that is missing breaks the line.
    """
    look = look or Look()
    check_format(file)
    panels = _panels(trends)
    check_pixels(file, _size(panels, look), look.dpi)
    with settings(look.colors):
        save(_draw(panels, look), file, look.dpi)


def _panels(trends: Sequence[Trend]) -> list[list[Trend]]:
    drawable = [trend for trend in trends if trend.points]
    if not drawable:
        raise MemharnessError(
            "there is nothing to draw: no commit is measured for this choice",
            hint="Run `memharness run` first, or choose other scenarios, metrics or commits.",
        )
    groups: dict[tuple[object, ...], list[Trend]] = {}  # in the caller's order
    for trend in drawable:
        key = trend.case, trend.metric, trend.unit, tuple(point.commit for point in trend.points)
        groups.setdefault(key, []).append(trend)
    panels = list(groups.values())
    if len(panels) > MAX_PANELS:
        raise MemharnessError(
            f"{len(panels)} panels are more than one picture can show (at most {MAX_PANELS})",
            hint="Choose fewer scenarios or metrics.",
        )
    return panels


def _size(panels: Sequence[Sequence[Trend]], look: Look) -> tuple[float, float]:
    """Return width and height of the whole picture in inches; a legend of many rows adds to it."""
    return look.width or _WIDTH_INCHES, (look.height or _PANEL_INCHES) * len(panels) + _FOOT_INCHES


def _draw(panels: Sequence[Sequence[Trend]], look: Look) -> Figure:
    size = width, height = _size(panels, look)
    labels, columns = round(width * _LABELS_PER_INCH), round(width * max(_COLUMNS_PER_INCH, look.dpi))
    figure = new_figure(size, 100)
    figure.set_layout_engine("constrained")
    grid = figure.add_gridspec(len(panels), 1)
    axes = [figure.add_subplot(grid[row]) for row in range(len(panels))]
    families = list(dict.fromkeys(trend.family for panel in panels for trend in panel))
    ticks = [commit_ticks(panel[0].points, labels) for panel in panels]
    for row, (panel, ax) in enumerate(zip(panels, axes, strict=True)):
        ax.set_title(" ", loc="left", fontweight="bold")  # keeps the room
        draw_panel(ax, panel, families, look.colors, labels=labels, columns=columns)
        ax.tick_params(labelbottom=ticks[row : row + 1] != ticks[row + 1 : row + 2])
    handles = list(_legend(panels, families, look.colors, labels))
    columns_of_legend = max(1, round(width / 2.7))
    more_rows = max(0, ceil(len(handles) / columns_of_legend) - 2)
    figure.set_figheight(height + more_rows * _LEGEND_ROW_INCHES)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns_of_legend, frameon=False)
    figure.draw_without_rendering()  # settles the layout: labels are placed by their size on the picture
    figure.set_layout_engine("none")
    for panel, ax in zip(panels, axes, strict=True):
        _draw_title(ax, panel[0], label_changes(ax, panel, look.colors, columns=columns))
    return figure


def _draw_title(ax: Axes, trend: Trend, left_out: int) -> None:
    """Write case and metric, cut to the room that is left beside the number of changes without a label."""
    room = float(ax.bbox.width)
    if left_out:
        note = ax.set_title(left_out_text(left_out), loc="right", fontsize=7)
        room -= note.get_window_extent().width
    title = ax.set_title("", loc="left", fontweight="bold")
    fit(title, panel_title(trend), 0.95 * room - 6)


def _legend(panels: Sequence[Sequence[Trend]], families: Sequence[str], theme: Theme, labels: int) -> Iterator[Line2D]:
    trends = [trend for panel in panels for trend in panel]
    points = [point for trend in trends for point in trend.points]
    for number, family in enumerate(families):
        color, marker = family_style(theme, number)
        label = shortened(family, 60) or "measured"
        yield Line2D([], [], color=color, marker=marker, markersize=3.5, label=label)
    if any(point.low is not None for point in points):
        yield Line2D([], [], color=theme.series[0], alpha=0.25, linewidth=6, label="spread of repeats")
    for verdict in dict.fromkeys(change.verdict for trend in trends for change in trend.changes):
        fill, shape = VERDICTS[verdict]
        mark = Line2D([], [], color=fill, marker=shape, linestyle="none", markersize=7, label=verdict)
        mark.set(markeredgecolor=theme.ink, markeredgewidth=0.6)
        yield mark
    if any(point.failed for point in points):
        yield Line2D([], [], color=theme.muted, label="could not be measured", **FAILED)
    if any(trend.limit is not None for trend in trends):
        yield Line2D([], [], label="limit", **LIMIT)
    if any(point.tags for point in points):
        every = all(
            len(tag_lines(panel, labels)) == sum(bool(point.tags) for point in panel[0].points) for panel in panels
        )
        yield Line2D([], [], color=theme.tag, label="tag" if every else "tag (not all are drawn)", **TAG)
