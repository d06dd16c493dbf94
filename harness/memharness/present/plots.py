"""Trend plots: one panel per case and metric, one line per environment family, commits from left to right.

In: `Trend` values that are built elsewhere; out: one SVG, PNG or PDF file. Figures are made without pyplot, so no state
is shared and no window opens, and without the user's matplotlib settings or dates, so equal trends make equal files.
"""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memharness.errors import MemharnessError
from memharness.findings import Trend, TrendPoint, Verdict
from memharness.model import METRICS
from memharness.present.plot_labels import label_changes
from memharness.present.ticks import commit_ticks, shortened, value_limits, value_ticks

FORMATS: Final[Mapping[str, dict[str, None]]] = {  # suffix -> the dates to leave out
    ".svg": {"Date": None},
    ".png": {},
    ".pdf": {"CreationDate": None},
}
MAX_PANELS: Final = 100

# Colours that the colour-blind can tell apart: Okabe and Ito, https://jfly.uni-koeln.de/color/
_COLORS: Final = ("#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#000000")
_MARKERS: Final = ("o", "s", "D", "P", "p", "*", "h")  # as many as make 35 families differ
_VERDICTS: Final[Mapping[Verdict, tuple[str, str]]] = {
    "regressed": ("#D55E00", "^"),
    "improved": ("#009E73", "v"),
    "accepted": ("#999999", "s"),
    "transient": ("#F0E442", "d"),
    "drifting": ("#D55E00", ">"),
}
_FAILED: Final[dict[str, Any]] = {"color": "#555555", "marker": "x", "linestyle": "none", "markersize": 5.0}
_WIDTH_INCHES: Final = 11.0
_PANEL_INCHES: Final = 2.9
_COMMIT_LABELS: Final = 28
_MARKED_POINTS: Final = 120  # with more, a line is clearer without a marker on every point


def draw_trend(trends: Sequence[Trend], file: Path) -> None:
    """Draw trends into a file whose suffix says the format; raise MemharnessError where that cannot be done.

    Trends of one case and metric over the same commits share a panel. A value that is missing breaks the line.
    """
    suffix = file.suffix.lower()
    if suffix not in FORMATS:
        raise MemharnessError(
            f"cannot draw {file}: the format {file.suffix or '(no suffix)'} is not known",
            hint=f"Name a file that ends in one of {', '.join(FORMATS)}.",
        )
    panels = _panels(trends)
    content = io.BytesIO()
    with _settings():
        figure = _draw(panels)
        figure.savefig(content, format=suffix[1:], dpi=120, metadata=FORMATS[suffix])
    try:
        file.write_bytes(content.getvalue())
    except OSError as error:
        raise MemharnessError(
            f"cannot write {file}: {error.strerror}", hint="Name a file in a folder that exists and is writable."
        ) from error


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


@contextmanager
def _settings() -> Iterator[None]:
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rc("svg", hashsalt="memharness", fonttype="none")  # text stays text: searchable, read aloud
        mpl.rc("text", parse_math=False)  # a dollar sign in a tag is a dollar sign
        mpl.rc("font", size=8)
        mpl.rc("axes", titlesize=9)
        mpl.rc("axes.spines", top=False, right=False)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")  # a box is shown in its place
        yield


def _draw(panels: Sequence[Sequence[Trend]]) -> Figure:
    figure = Figure(figsize=(_WIDTH_INCHES, _PANEL_INCHES * len(panels) + 1.1), layout="constrained")
    grid = figure.add_gridspec(len(panels), 1)
    axes = [figure.add_subplot(grid[row]) for row in range(len(panels))]
    families = list(dict.fromkeys(trend.family for panel in panels for trend in panel))
    for panel, ax, following in zip(panels, axes, [*panels[1:], None], strict=True):
        _draw_panel(ax, panel, families)
        repeated = following is not None and _commit_ticks(following) == _commit_ticks(panel)
        ax.tick_params(labelbottom=not repeated)
    figure.legend(handles=_legend(panels, families), loc="outside lower center", ncols=4, frameon=False)
    figure.draw_without_rendering()  # settles the layout: labels are placed by their size on the picture
    figure.set_layout_engine("none")
    for panel, ax in zip(panels, axes, strict=True):
        label_changes(ax, panel)
    return figure


def _draw_panel(ax: Axes, panel: Sequence[Trend], families: Sequence[str]) -> None:
    first = panel[0]
    metric = METRICS[first.metric].title if first.metric in METRICS else first.metric
    ax.set_title(shortened(f"{first.case}: {metric}", 130), loc="left", fontweight="bold")
    if first.unit != "bytes":
        ax.set_ylabel(first.unit)
    _draw_commits(ax, panel)
    _draw_values_axis(ax, panel)
    for trend in panel:
        color, marker = _style(families.index(trend.family))
        _draw_line(ax, trend.points, color, marker)
        for change in trend.changes:
            fill, shape = _VERDICTS[change.verdict]
            ax.plot([change.index], [change.after], color=fill, marker=shape, markersize=9, mec="white", zorder=4)


def _style(number: int) -> tuple[str, str]:
    """Return the colour and marker of the family with this number."""
    return _COLORS[number % len(_COLORS)], _MARKERS[number % len(_MARKERS)]


def _draw_commits(ax: Axes, panel: Sequence[Trend]) -> None:
    points = panel[0].points
    margin = 0.5 + len(points) / 100
    ax.set_xlim(-margin, len(points) - 1 + margin)
    ticks = _commit_ticks(panel)
    ax.set_xticks(
        [index for index, _ in ticks],
        labels=[label for _, label in ticks],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    for index, point in enumerate(points):
        if point.tags:
            ax.axvline(index, color="#999999", linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)


def _commit_ticks(panel: Sequence[Trend]) -> list[tuple[int, str]]:
    return commit_ticks(panel[0].points, _COMMIT_LABELS)


def _draw_values_axis(ax: Axes, panel: Sequence[Trend]) -> None:
    values = [point.value for trend in panel for point in trend.points if point.value is not None]
    values += [change.after for trend in panel for change in trend.changes]
    if not values:
        ax.set_yticks([])
        return
    low, high = value_limits(values)
    ticks = value_ticks(low if min(values) < 0 else max(low, 0), high, panel[0].unit)
    ax.set_ylim(low, high)
    ax.set_yticks([position for position, _ in ticks], labels=[label for _, label in ticks])
    ax.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)


def _draw_line(ax: Axes, points: Sequence[TrendPoint], color: str, marker: str) -> None:
    values = [float("nan") if point.value is None else float(point.value) for point in points]
    marked = list(range(len(points))) if len(points) <= _MARKED_POINTS else _isolated(points)
    ax.plot(
        range(len(points)),
        values,
        color=color,
        marker=marker,
        markevery=marked,
        markersize=3.5,
        linewidth=1.3,
        zorder=3,
    )
    failed = [index for index, point in enumerate(points) if point.failed]
    if failed:
        ax.plot(failed, [0.03] * len(failed), transform=ax.get_xaxis_transform(), **_FAILED)


def _isolated(points: Sequence[TrendPoint]) -> list[int]:
    """Return the positions of values between two gaps, which a line alone would not show."""
    known = [False, *(point.value is not None for point in points), False]
    return [
        index
        for index, (before, after) in enumerate(zip(known, known[2:], strict=False))
        if known[index + 1] and not before and not after
    ]


def _legend(panels: Sequence[Sequence[Trend]], families: Sequence[str]) -> list[Line2D]:
    trends = [trend for panel in panels for trend in panel]
    handles = []
    for number, family in enumerate(families):
        color, marker = _style(number)
        label = shortened(family, 60) or "measured"
        handles.append(Line2D([], [], color=color, marker=marker, markersize=3.5, label=label))
    for verdict in dict.fromkeys(change.verdict for trend in trends for change in trend.changes):
        fill, shape = _VERDICTS[verdict]
        handles.append(Line2D([], [], color=fill, marker=shape, linestyle="none", markersize=7, label=verdict))
    if any(point.failed for trend in trends for point in trend.points):
        handles.append(Line2D([], [], label="could not be measured", **_FAILED))
    if any(point.tags for trend in trends for point in trend.points):
        handles.append(Line2D([], [], color="#999999", linewidth=0.6, linestyle=(0, (4, 3)), label="tag"))
    return handles
