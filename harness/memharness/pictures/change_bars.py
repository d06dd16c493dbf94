"""What one commit changed: two bars for each change, before and after, above the lines that hold the difference.

In: a commit and the changes at it; out: one SVG, PNG or PDF file, small enough for a comment on a pull request.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from memharness.model.findings import Change
from memharness.model.history import Commit
from memharness.pictures.canvas import check_format, check_pixels, fit, new_figure, save, settings
from memharness.pictures.captions import DifferencePart, difference_parts, metric_title, note_text, size_text
from memharness.pictures.look import VERDICTS, Look, Theme
from memharness.wording.text import number_text, value_text

_MOST_CHANGES: Final = 4
_WIDTH: Final = 20 / 3  # 800 pixels at the usual resolution; all of these are inches
_MARGIN: Final = 0.12
_HEAD: Final = 0.36  # the commit
_TITLE: Final = 0.22
_NOTE: Final = 0.19
_BAR: Final = 0.24
_LINE: Final = 0.18
_GAP: Final = 0.16  # between changes
_BARS: Final = 0.75  # where bars begin
_VALUE: Final = 0.95  # room for the value beside the longest bar
_PLACES: Final = 1.02  # where lines are named; their sizes end a little before that


class _Page(NamedTuple):
    """A figure whose coordinates are inches from its lower left corner."""

    figure: Figure
    theme: Theme

    @property
    def width(self) -> float:
        """In inches."""
        return float(self.figure.get_figwidth())

    def text(
        self, x: float, y: float, content: str, room: float = inf, *, keep_end: bool = False, **style: Any
    ) -> Text:
        """Write text, made visible and cut to so many inches of room."""
        drawn = self.figure.text(x, y, "", transform=self.figure.dpi_scale_trans, va="center", **style)
        fit(drawn, content, 0.98 * room * self.figure.dpi, keep_end=keep_end)
        return drawn

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Draw a bar from its lower left corner."""
        place = self.figure.dpi_scale_trans
        self.figure.add_artist(Rectangle((x, y), width, height, transform=place, color=color, linewidth=0))


def draw_change_bars(commit: Commit, changes: Sequence[Change], file: Path, look: Look | None = None) -> None:
    """Draw the changes at a commit with the largest shares, and the number of the others.

    Raises MemharnessError where the file cannot be written.
    """
    look = look or Look()
    check_format(file)
    shown = largest_share_first(changes)[:_MOST_CHANGES]
    heights = [_height(change, look) for change in shown]
    more = len(changes) - len(shown)
    size = look.width or _WIDTH, _HEAD + sum(heights) + (_LINE if more else 0) + _MARGIN
    check_pixels(file, size, look.dpi)
    with settings(look.colors):
        figure = new_figure(size, look.dpi)  # text is measured as it is drawn: hinting depends on it
        page = _Page(figure, look.colors)
        top = size[1] - _HEAD
        _draw_head(page, commit, top)
        families = len({change.family for change in changes}) > 1
        for change, height in zip(shown, heights, strict=True):
            _draw_change(page, change, top, height, with_family=families)
            top -= height
        if more:
            text = f"{number_text(more, 'more change')} at this commit"
            page.text(_MARGIN, _MARGIN + _LINE / 2, text, fontsize=8, color=look.colors.muted)
        save(figure, file, look.dpi)


def largest_share_first(changes: Sequence[Change]) -> list[Change]:
    """Return changes by their share of the value before, by bytes where it is equal; changes from 0 come first."""

    def share(change: Change) -> tuple[bool, Fraction, int]:
        size = abs(change.after - change.before)
        return change.before == 0, Fraction(size, abs(change.before) or 1), size

    return sorted(changes, key=share, reverse=True)


def _height(change: Change, look: Look) -> float:
    """Return the height of a change in inches: as asked for, but at least what its text needs."""
    needed = _TITLE + _NOTE + 2 * _BAR + _LINE * len(difference_parts(change)) + _GAP
    return max(needed, look.height or 0)


def _draw_head(page: _Page, commit: Commit, bottom: float) -> None:
    y = bottom + _HEAD / 2
    head = page.text(_MARGIN, y, commit.short, fontsize=10, fontweight="bold")
    x = head.get_window_extent().x1 / page.figure.dpi + 0.12
    page.text(x, y, commit.subject, page.width - x - _MARGIN, fontsize=10)


def _draw_change(page: _Page, change: Change, top: float, height: float, *, with_family: bool) -> None:
    """Draw title, note, bars and lines of one change, from top to bottom; bars take the height that is left."""
    parts = difference_parts(change)
    bar = (height - _TITLE - _NOTE - _LINE * len(parts) - _GAP) / 2
    right = page.width - _MARGIN
    y = top - _TITLE / 2
    size = page.text(right, y, size_text(change), fontsize=9, fontweight="bold", ha="right")
    room = size.get_window_extent().x0 / page.figure.dpi - _MARGIN - 0.15
    page.text(_MARGIN, y, f"{change.case}: {metric_title(change.metric)}", room, fontsize=9, fontweight="bold")
    y = top - _TITLE - _NOTE / 2
    note = note_text(change, with_family=with_family)
    page.text(_MARGIN, y, note, right - _MARGIN, fontsize=7.5, color=page.theme.muted)
    y = top - _TITLE - _NOTE
    _draw_bars(page, change, y, bar)
    y -= 2 * bar + _LINE / 2
    for part in parts:
        _draw_part(page, part, y)
        y -= _LINE


def _draw_bars(page: _Page, change: Change, top: float, height: float) -> None:
    """Draw both bars from a common zero."""
    ends = change.before, change.after
    low, high = min(0, *ends), max(0, *ends)
    inch = (page.width - _MARGIN - _BARS - _VALUE) / max(high - low, 1)
    zero = _BARS - low * inch
    colors = page.theme.tag, VERDICTS[change.verdict][0]
    for row, (name, value, color) in enumerate(zip(("before", "after"), ends, colors, strict=True)):
        bottom = top - (row + 1) * height
        middle = bottom + height / 2
        page.text(_BARS - 0.08, middle, name, ha="right")
        page.bar(zero + min(value, 0) * inch, bottom + 0.15 * height, abs(value) * inch, 0.7 * height, color)
        page.text(zero + max(value, 0) * inch + 0.06, middle, value_text(value, change.unit))


def _draw_part(page: _Page, part: DifferencePart, y: float) -> None:
    page.text(_PLACES - 0.12, y, part.size, ha="right")
    room = page.width - _MARGIN - _PLACES
    place = page.text(_PLACES, y, part.place, room * 0.65, keep_end=True)
    if part.function:
        x = place.get_window_extent().x1 / page.figure.dpi + 0.12
        page.text(x, y, part.function, page.width - _MARGIN - x, color=page.theme.muted)
