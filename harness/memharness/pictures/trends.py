"""Pictures of trends: a panel for each case and metric, a line for each environment family, commits left to right.

In: trends; out: one SVG, PNG or PDF file. Equal trends make equal files.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memharness.errors import MemharnessError
from memharness.model.findings import Trend, TrendPoint
from memharness.pictures.canvas import check_format, check_pixels, fit, new_figure, save, settings
from memharness.pictures.captions import left_out_text, shortened, trend_title
from memharness.pictures.chart import draw_line, label_changes, mark_changes, mark_failures
from memharness.pictures.look import FAILED, LIMIT, TAG, Look, Theme, backing, change_style, family_style
from memharness.pictures.placing import Box
from memharness.pictures.strokes import Stroke, strokes
from memharness.pictures.ticks import commit_limits, commit_ticks, limit_label, tag_lines, trend_limits, trend_ticks

MAX_PANELS: Final = 100
_WIDTH_INCHES: Final = 11.0
_PANEL_INCHES: Final = 2.9
_FOOT_INCHES: Final = 1.1  # for the commits and the legend below the last panel
_LEGEND_ROW_INCHES: Final = 0.17  # for each row of the legend beyond two
_NAMES_PER_INCH: Final = 2.6  # commits that are named on the axis
_COLUMNS_PER_INCH: Final = 120  # to which a line is reduced, or more with a higher resolution
_SUBJECTS: Final = 8  # with more changes in a panel, their labels are kept short


def draw_trends(trends: Sequence[Trend], file: Path, look: Look | None = None) -> None:
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
            hint="Choose cases with -k, or fewer metrics; `memharness publish` draws every trend.",
        )
    return panels


def _size(panels: Sequence[Sequence[Trend]], look: Look) -> tuple[float, float]:
    """Return width and height of the whole picture in inches; a legend of many rows adds to it."""
    return look.width or _WIDTH_INCHES, (look.height or _PANEL_INCHES) * len(panels) + _FOOT_INCHES


def _draw(panels: Sequence[Sequence[Trend]], look: Look) -> Figure:
    size = width, height = _size(panels, look)
    named, columns = round(width * _NAMES_PER_INCH), round(width * max(_COLUMNS_PER_INCH, look.dpi))
    figure = new_figure(size, 100)
    figure.set_layout_engine("constrained")
    families = list(dict.fromkeys(trend.family for panel in panels for trend in panel))
    axes: list[Axes] = figure.subplots(len(panels), squeeze=False).ravel().tolist()
    drawn = [_draw_panel(*pair, families, look.colors, named, columns) for pair in zip(axes, panels, strict=True)]
    ticks = [commit_ticks(panel[0].points, named) for panel in panels]
    for ax, own, below in zip(axes, ticks, [*ticks[1:], None], strict=True):
        ax.tick_params(labelbottom=own != below)  # panels of the same commits name them once
    handles = list(_legend(panels, families, look.colors, named))
    columns_of_legend = max(1, round(width / 2.7))
    more_rows = max(0, ceil(len(handles) / columns_of_legend) - 2)
    figure.set_figheight(height + more_rows * _LEGEND_ROW_INCHES)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns_of_legend, frameon=False)
    figure.draw_without_rendering()  # settles the layout: labels are placed by their size on the picture
    figure.set_layout_engine("none")
    for ax, panel, lines in zip(axes, panels, drawn, strict=True):
        _draw_title(ax, panel[0], _label_changes(ax, panel, lines, look.colors))
    return figure


def _draw_panel(
    ax: Axes, panel: Sequence[Trend], families: Sequence[str], theme: Theme, named: int, columns: int
) -> list[Stroke]:
    """Draw all of a panel but its title and the labels of its changes; return the strokes of its lines.

    So many commits are `named` at most; lines are reduced to what so many `columns` of pixels can show.
    """
    ax.set_title(" ", loc="left", fontweight="bold")  # keeps the room
    _draw_commits(ax, panel[0].points, theme, named)
    _draw_values(ax, panel, theme)
    drawn = []
    for trend in panel:
        drawn.append(strokes(trend.points, columns))
        draw_line(ax, theme, trend, drawn[-1], families.index(trend.family))
        mark_failures(ax, theme, trend, columns)
    mark_changes(ax, theme, panel)
    return [stroke for found in drawn for stroke in found]


def _draw_commits(ax: Axes, points: Sequence[TrendPoint], theme: Theme, named: int) -> None:
    ax.set_xlim(commit_limits(points))
    positions, labels = zip(*commit_ticks(points, named), strict=True)
    ax.set_xticks(positions, labels=labels, rotation=40, ha="right", rotation_mode="anchor")
    tagged = tag_lines(points, named)
    if tagged:
        ax.vlines(tagged, 0, 1, transform=ax.get_xaxis_transform(), color=theme.tag, zorder=1, **TAG)


def _draw_values(ax: Axes, panel: Sequence[Trend], theme: Theme) -> None:
    """Draw the axis of values, and limits."""
    ends = trend_limits(panel)
    if ends is None:
        ax.set_yticks([])
        ax.set_ylim(0, 1)
        return
    unit = panel[0].unit
    ticks = trend_ticks(panel, ends)
    ax.set_ylim(ends)
    ax.set_yticks([position for position, _ in ticks], labels=[label for _, label in ticks])
    ax.grid(axis="y", color=theme.grid, linewidth=0.6)
    ax.set_axisbelow(True)
    if unit != "bytes":
        ax.set_ylabel(unit)
    for limit in sorted({trend.limit for trend in panel if trend.limit is not None}):
        _draw_limit(ax, limit, *limit_label(limit, unit, ends), theme)


def _draw_limit(ax: Axes, limit: int, text: str, at: float, theme: Theme) -> None:
    """Draw a limit as a line with its size above, and one that lies outside the axis as its size at that end."""
    if at == limit:
        ax.axhline(limit, zorder=2, **LIMIT)
    va, above = ("top", -2) if at == ax.get_ylim()[1] else ("bottom", 2)
    style: dict[str, Any] = {"ha": "right", "va": va, "fontsize": 7, "color": theme.ink, "bbox": backing(theme)}
    place = ax.get_yaxis_transform()
    ax.annotate(text, (1, at), xycoords=place, xytext=(-2, above), textcoords="offset points", zorder=4.5, **style)


def _label_changes(ax: Axes, panel: Sequence[Trend], lines: Sequence[Stroke], theme: Theme) -> int:
    """Label the changes of a panel whose layout is settled; return how many found no room."""
    frame, *limits = (
        Box(*extents) for extents in (ax.bbox.extents, *(t.get_window_extent().extents for t in ax.texts))
    )
    few = sum(len(trend.changes) for trend in panel) <= _SUBJECTS
    above_failures = frame._replace(y0=frame.y0 + 14)
    return label_changes(ax, theme, panel, lines, above_failures, limits, with_subjects=few)


def _draw_title(ax: Axes, trend: Trend, left_out: int) -> None:
    """Write case and metric, cut to the room that is left beside the number of changes without a label."""
    room = float(ax.bbox.width)
    if left_out:
        note = ax.set_title(left_out_text(left_out), loc="right", fontsize=7)
        room -= note.get_window_extent().width
    title = ax.set_title("", loc="left", fontweight="bold")
    fit(title, trend_title(trend), 0.95 * room - 6)


def _legend(panels: Sequence[Sequence[Trend]], families: Sequence[str], theme: Theme, named: int) -> Iterator[Line2D]:
    """Yield a key for each family, and for each of the other marks that occur."""
    trends = [trend for panel in panels for trend in panel]
    points = [point for trend in trends for point in trend.points]
    yield from _line_keys(families, points, theme)
    yield from _change_keys(trends, theme)
    if any(point.failed for point in points):
        yield _key("could not be measured", color=theme.muted, **FAILED)
    if any(trend.limit is not None for trend in trends):
        yield _key("limit", **LIMIT)
    yield from _tag_key([panel[0].points for panel in panels], theme, named)


def _line_keys(families: Sequence[str], points: Sequence[TrendPoint], theme: Theme) -> Iterator[Line2D]:
    for number, family in enumerate(families):
        yield _key(shortened(family, 60) or "measured", **family_style(theme, number))
    if any(point.low is not None for point in points):
        yield _key("spread of repeats", color=theme.series[0], alpha=0.25, linewidth=6)


def _change_keys(trends: Sequence[Trend], theme: Theme) -> Iterator[Line2D]:
    for verdict in dict.fromkeys(change.verdict for trend in trends for change in trend.changes):
        yield _key(verdict, markersize=7, **change_style(theme, verdict))


def _tag_key(histories: Sequence[Sequence[TrendPoint]], theme: Theme, named: int) -> Iterator[Line2D]:
    tags = sum(bool(point.tags) for points in histories for point in points)
    lines = sum(len(tag_lines(points, named)) for points in histories)
    if tags:
        yield _key("tag" if lines == tags else "tag (not all are drawn)", color=theme.tag, **TAG)


def _key(label: str, **style: Any) -> Line2D:
    return Line2D([], [], label=label, **style)
