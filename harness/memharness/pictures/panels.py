"""One panel of a trend plot: a case and a metric, one line per environment family, commits from left to right.

In: trends over the same commits, and axes to draw them into; labels of changes are placed by `plot_labels` afterwards.
"""

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from memharness.model.findings import Trend
from memharness.model.metrics import METRICS
from memharness.pictures.look import MARKERS, VERDICTS, Theme, backing
from memharness.pictures.strokes import Stroke, first_in_column, joined, strokes
from memharness.pictures.ticks import commit_ticks, limit_label, trend_limits, trend_ticks

MARKED_POINTS: Final = 120  # with more, a line is clearer without a marker on every point
TAG_LINES: Final = 60  # with more tags, only those that are named have a line
TAG: Final[dict[str, Any]] = {"linewidth": 0.6, "linestyle": (0, (4, 3))}
LIMIT: Final[dict[str, Any]] = {"color": "#D55E00", "linewidth": 1.0, "linestyle": (0, (6, 2, 1, 2))}
FAILED: Final[dict[str, Any]] = {"marker": "x", "linestyle": "none", "markersize": 5.0}
BAND: Final[dict[str, Any]] = {"alpha": 0.25, "linewidth": 1.0}


def draw_panel(
    ax: Axes, panel: Sequence[Trend], families: Sequence[str], theme: Theme, *, labels: int, columns: int
) -> None:
    """Draw all of a panel but its title and the labels of its changes.

    There is room for so many `labels` of commits; lines are reduced to what so many `columns` of pixels can show.
    """
    _draw_commits(ax, panel, theme, labels)
    _draw_values_axis(ax, panel, theme)
    for trend in panel:
        color, marker = family_style(theme, families.index(trend.family))
        _draw_line(ax, trend, color, marker, columns)
        _draw_failures(ax, trend, theme, columns)
    _draw_changes(ax, panel, theme)


def panel_title(trend: Trend) -> str:
    """Return case and metric, which may be foreign text."""
    return f"{trend.case}: {metric_title(trend.metric)}"


def metric_title(metric: str) -> str:
    """Return what a metric is, or its name where it is not known."""
    return METRICS[metric].title if metric in METRICS else metric


def family_style(theme: Theme, number: int) -> tuple[str, str]:
    """Return the colour and marker of the family with this number."""
    return theme.series[number % len(theme.series)], MARKERS[number % len(MARKERS)]


def tag_lines(panel: Sequence[Trend], labels: int) -> list[int]:
    """Return the positions of the tags that have a line: all of few, of many those that are named."""
    points = panel[0].points
    tagged = [index for index, point in enumerate(points) if point.tags]
    if len(tagged) <= TAG_LINES:
        return tagged
    return [index for index, _ in commit_ticks(points, labels) if points[index].tags]


def _draw_commits(ax: Axes, panel: Sequence[Trend], theme: Theme, labels: int) -> None:
    points = panel[0].points
    margin = 0.5 + len(points) / 100
    ax.set_xlim(-margin, len(points) - 1 + margin)
    ticks = commit_ticks(points, labels)
    ax.set_xticks(
        [index for index, _ in ticks],
        labels=[label for _, label in ticks],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    tagged = tag_lines(panel, labels)
    if tagged:
        ax.vlines(tagged, 0, 1, transform=ax.get_xaxis_transform(), color=theme.tag, zorder=1, **TAG)


def _draw_values_axis(ax: Axes, panel: Sequence[Trend], theme: Theme) -> None:
    bounds = trend_limits(panel)
    if bounds is None:
        ax.set_yticks([])
        return
    unit = panel[0].unit
    ticks = trend_ticks(panel, bounds)
    ax.set_ylim(bounds)
    ax.set_yticks([position for position, _ in ticks], labels=[label for _, label in ticks])
    ax.grid(axis="y", color=theme.grid, linewidth=0.6)
    ax.set_axisbelow(True)
    if unit != "bytes":
        ax.set_ylabel(unit)
    for limit in sorted({trend.limit for trend in panel if trend.limit is not None}):
        _draw_limit(ax, limit, unit, bounds, theme)


def _draw_limit(ax: Axes, limit: int, unit: str, bounds: tuple[float, float], theme: Theme) -> None:
    """Draw a limit as a line with its size above, and one that lies outside the axis as its size at that end."""
    text, at = limit_label(limit, unit, bounds)
    if at == limit:
        ax.axhline(limit, zorder=2, **LIMIT)
    hangs = at == bounds[1]
    ax.annotate(
        text,
        (1, at),
        xycoords=ax.get_yaxis_transform(),
        xytext=(-2, -2 if hangs else 2),
        textcoords="offset points",
        ha="right",
        va="top" if hangs else "bottom",
        fontsize=7,
        color=theme.ink,
        zorder=4.5,
        bbox=backing(theme),
    )


def _draw_line(ax: Axes, trend: Trend, color: str, marker: str, columns: int) -> None:
    """Draw the line, and the spread of repeats around it."""
    found = strokes(trend.points, columns)
    xs, ys, marked = drawn_line(trend, found)
    ax.plot(xs, ys, color=color, marker=marker, markevery=marked, markersize=3.5, linewidth=1.3, zorder=3)
    band = band_path(found)
    if band is not None:
        ax.add_patch(PathPatch(band, color=color, zorder=2, **BAND))


def drawn_line(trend: Trend, found: Sequence[Stroke]) -> tuple[list[float], list[float], list[int]]:
    """Return the strokes of a trend as one line, and which of its points are marked: all of few, else lone ones."""
    xs, ys, ends = joined(found)
    if len(trend.points) <= MARKED_POINTS:
        return xs, ys, [index for index, y in enumerate(ys) if not isnan(y)]
    return xs, ys, [end for end, stroke in zip(ends, found, strict=True) if len(stroke.xs) == 1]


def band_path(found: Sequence[Stroke]) -> Path | None:
    """Return the area between the least and the greatest repeats along all strokes; None where there is none."""
    corners: list[tuple[float, float]] = []
    codes: list[Any] = []
    for stroke in found:
        if stroke.band:
            around = [(x, low) for x, low, _ in stroke.band] + [(x, high) for x, _, high in reversed(stroke.band)]
            corners += [*around, around[0]]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(around) - 1), Path.CLOSEPOLY]
    return Path(corners, codes) if corners else None


def _draw_failures(ax: Axes, trend: Trend, theme: Theme, columns: int) -> None:
    failed = [index for index, point in enumerate(trend.points) if point.failed]
    if failed:
        shown = first_in_column(failed, len(trend.points), columns)
        ax.plot(shown, [0.03] * len(shown), transform=ax.get_xaxis_transform(), color=theme.muted, **FAILED)


def _draw_changes(ax: Axes, panel: Sequence[Trend], theme: Theme) -> None:
    """Mark all changes of one verdict at once."""
    for verdict, (color, shape) in VERDICTS.items():
        found = [change for trend in panel for change in trend.changes if change.verdict == verdict]
        if found:
            style = change_style(theme, color, shape)
            ax.plot([change.index for change in found], [change.after for change in found], **style)


def change_style(theme: Theme, color: str, shape: str) -> dict[str, Any]:
    """Return how the marks of changes are drawn; their edges show a pale one on any paper."""
    edge = {"markeredgecolor": theme.ink, "markeredgewidth": 0.6}
    return {"color": color, "marker": shape, "markersize": 9, "linestyle": "none", "zorder": 4, **edge}
