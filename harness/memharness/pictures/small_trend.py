"""One trend as one small SVG, for pages without scripts and for print; a site has hundreds of them.

In: a `Trend`; out: the bytes of a light SVG, equal for equal trends. It is written without matplotlib, which takes half
a second to import and 15 ms for each. Coordinates are pixels from the upper left corner.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from markupsafe import escape

from memharness.model.findings import Trend
from memharness.pictures.captions import change_label, left_out_text, shortened, trend_title
from memharness.pictures.look import THEMES, VERDICTS
from memharness.pictures.placing import Box, LabelPlaces, largest_first
from memharness.pictures.strokes import MARKED_POINTS, Stroke, first_in_column, joined, strokes
from memharness.pictures.ticks import commit_limits, commit_ticks, limit_label, tag_lines, trend_limits, trend_ticks
from memharness.wording.text import visible

_WIDTH, _HEIGHT = 720, 202
_FRAME: Final = Box(62, 22, 712, 150)
_LABELLED: Final = _FRAME._replace(y1=_FRAME.y1 - 12)  # above the marks of failures
_COLUMNS: Final = 870  # pixels of a screen that the frame is wide
_COMMITS: Final = 14  # that are named on the axis
_SIZES: Final = 4  # changes that are labelled, the largest
_LETTERS: Final = 80  # of the title, besides the commit
_LABEL: Final = 7.0  # height of the letters of a label
_LETTER: Final = 0.58 * _LABEL  # about the width of one: only the program that shows the picture knows the font
_THEME: Final = THEMES["light"]
_CROSS: Final = "m-2.5 -2.5l5 5m0 -5l-5 5"
_SHAPES: Final = {  # of marks
    "^": "m0 -4.5l4.5 9h-9z",
    "v": "m0 4.5l-4.5 -9h9z",
    "s": "m-4.5 -4.5h9v9h-9z",
    "d": "m0 -6.4l3.8 6.4l-3.8 6.4l-3.8 -6.4z",
    ">": "m4.5 0l-9 -4.5v9z",
}
_HEAD: Final = f"""<?xml version="1.0" encoding="utf-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}pt" height="{_HEIGHT}pt" viewBox="0 0 {_WIDTH} {_HEIGHT}">
<style>
svg {{ background: {_THEME.paper} }}
text {{ font: 8px 'DejaVu Sans', Verdana, Arial, sans-serif; fill: {_THEME.ink} }}
text.title {{ font-size: 9px; font-weight: bold }}
text.label, text.note {{ font-size: {_LABEL:g}px; paint-order: stroke; stroke: {_THEME.paper}; stroke-width: 4 }}
text.label, text.unit {{ text-anchor: middle }}
text.commit, text.value, text.note {{ text-anchor: end }}
path, text {{ stroke-linejoin: round }}
.grid {{ stroke: {_THEME.grid}; stroke-width: 0.6 }}
.tags {{ stroke: {_THEME.tag}; stroke-width: 0.6; stroke-dasharray: 2.4 1.8 }}
.axis {{ stroke: {_THEME.ink}; stroke-width: 0.8 }}
.limit {{ stroke: {VERDICTS["regressed"][0]}; stroke-dasharray: 6 2 1 2 }}
.band {{ fill: {_THEME.series[0]}; stroke: {_THEME.series[0]}; opacity: 0.25 }}
.failed {{ stroke: {_THEME.muted} }}
.leaders {{ stroke: {_THEME.muted}; stroke-width: 0.6 }}
.line {{ stroke: {_THEME.series[0]}; stroke-width: 1.3 }}
.dots {{ stroke: {_THEME.series[0]}; stroke-width: 4.5; stroke-linecap: round }}
.mark {{ stroke: {_THEME.ink}; stroke-width: 0.6 }}
</style>"""

_Point = tuple[float, float]


class _Scale(NamedTuple):
    """The bounds of both axes: positions of commits, and values."""

    left: float
    right: float
    low: float
    high: float

    def at(self, position: float, value: float) -> _Point:
        """Return where a commit and a value are."""
        across, up = (position - self.left) / (self.right - self.left), (value - self.low) / (self.high - self.low)
        return _FRAME.x0 + across * (_FRAME.x1 - _FRAME.x0), _FRAME.y1 - up * (_FRAME.y1 - _FRAME.y0)


def draw_small_trend(trend: Trend) -> bytes:
    """Return a trend as SVG: its line, gaps, failures, limit, newest tags, and changes with the sizes of the largest.

    Text stays text. Without points there is nothing but the title.
    """
    title = shortened(trend_title(trend), _LETTERS)
    if trend.points:
        title = f"{title}, up to {visible(trend.points[-1].commit)}"
    parts = _parts(trend) if trend.points else ()
    heading = _text("title", _FRAME.x0, 12, title)
    return "\n".join([_HEAD, f"<title>{escape(title)}</title>", *parts, heading, "</svg>\n"]).encode()


def _parts(trend: Trend) -> Iterator[str]:
    """Yield all but the title, from back to front."""
    bounds = trend_limits([trend])
    scale = _Scale(*commit_limits(trend.points), *(bounds or (0.0, 1.0)))
    found = strokes(trend.points, _COLUMNS)
    if bounds:
        yield from _values(trend, scale)
    yield from _commits(trend, scale)
    limit, taken = _limit(trend, scale) if bounds else ([], [])
    yield from limit
    yield from _band(scale, found)
    yield from _labels(trend, scale, found, taken)
    yield from _line(trend, scale, found)
    yield from _changes(trend, scale)


def _values(trend: Trend, scale: _Scale) -> Iterator[str]:
    """Yield the axis of values."""
    ticks = [(scale.at(0, value)[1], label) for value, label in trend_ticks([trend], (scale.low, scale.high))]
    yield _marks("grid", [(_FRAME.x0, y) for y, _ in ticks], f"H{_FRAME.x1}")
    yield from (_text("value", _FRAME.x0 - 5, y + 2.9, label) for y, label in ticks)
    if trend.unit != "bytes":
        yield _text("unit", 13, _FRAME.middle[1], trend.unit, turn=-90)


def _commits(trend: Trend, scale: _Scale) -> Iterator[str]:
    """Yield the lower edge with the names of commits, the lines of tags, and the crosses of failures."""
    tags = [scale.at(index, scale.low) for index in tag_lines(trend.points, _COMMITS)]
    yield _marks("tags", tags, f"V{_FRAME.y0}")
    ticks = [(scale.at(index, scale.low), label) for index, label in commit_ticks(trend.points, _COMMITS)]
    yield _marks("axis", [(_FRAME.x0, _FRAME.y1)], f"H{_FRAME.x1}")
    yield _marks("axis", [place for place, _ in ticks], "v3.5")
    yield from (_text("commit", x + 3.7, y + 10.7, label, turn=-40) for (x, y), label in ticks)
    failed = [index for index, point in enumerate(trend.points) if point.failed]
    shown = first_in_column(failed, len(trend.points), _COLUMNS)
    yield _marks("failed", [(scale.at(index, 0)[0], _FRAME.y1 - 4) for index in shown], _CROSS)


def _limit(trend: Trend, scale: _Scale) -> tuple[list[str], list[Box]]:
    """Return the limit as a line with its size above, and where that is written."""
    if trend.limit is None:
        return [], []
    text, at = limit_label(trend.limit, trend.unit, (scale.low, scale.high))
    _, y = scale.at(0, at)
    line = [(_FRAME.x0, y)] if at == trend.limit else []
    box = Box(_FRAME.x1 - len(text) * _LETTER, y - 2 - _LABEL, _FRAME.x1, y - 2)
    return [_marks("limit", line, f"H{_FRAME.x1}"), _text("note", _FRAME.x1, y - 3.5, text)], [box]


def _band(scale: _Scale, found: Sequence[Stroke]) -> Iterator[str]:
    """Yield the area between the least and the greatest repeats."""
    for band in (stroke.band for stroke in found if stroke.band):
        below, above = [(x, low) for x, low, _ in band], [(x, high) for x, _, high in reversed(band)]
        yield _path("band", f"{_through([scale.at(*corner) for corner in below + above])}z")


def _labels(trend: Trend, scale: _Scale, found: Sequence[Stroke], taken: Sequence[Box]) -> Iterator[str]:
    """Yield the sizes of the largest changes, where they hide no other label and no mark, with lines from the marks."""
    changes = [change for _, change in largest_first([trend])]
    marks = [scale.at(change.index, change.after) for change in changes]
    xs, ys, _ = joined(found)
    places = LabelPlaces(_LABELLED, marks, [*map(scale.at, xs, ys)], taken)
    texts = [change_label(trend, change, with_subject=False) for change in changes[:_SIZES]]
    boxes = [places.place(mark, len(text) * _LETTER + 8, _LABEL + 4) for mark, text in zip(marks, texts, strict=False)]
    shown = [(text, mark, box.middle) for text, mark, box in zip(texts, marks, boxes, strict=False) if box]
    yield _path("leaders", "".join(_through(ends) for _, *ends in shown))
    yield from (_text("label", x, y + 2.5, text) for text, _, (x, y) in shown)
    if len(shown) < len(changes):
        yield _text("note", _FRAME.x1, 10, left_out_text(len(changes) - len(shown)))


def _line(trend: Trend, scale: _Scale, found: Sequence[Stroke]) -> Iterator[str]:
    """Yield the values; dots stand on all of few, and on lone ones of many."""
    lines = [[*map(scale.at, stroke.xs, stroke.ys)] for stroke in found]
    yield _path("line", "".join(map(_through, lines)))
    few = len(trend.points) <= MARKED_POINTS
    yield _marks("dots", [point for line in lines if few or len(line) == 1 for point in line], "h0")


def _changes(trend: Trend, scale: _Scale) -> Iterator[str]:
    """Yield a mark for each change, in the colour and shape of its verdict."""
    for change in trend.changes:
        color, shape = VERDICTS[change.verdict]
        yield _marks("mark", [scale.at(change.index, change.after)], _SHAPES[shape], color)


# --- SVG -------------------------------------------------------------------------------------------------------


def _through(points: Sequence[_Point]) -> str:
    """Return the path through some points."""
    return f"M{'L'.join(f'{x:.2f} {y:.2f}' for x, y in points)}"


def _marks(kind: str, places: Sequence[_Point], shape: str, fill: str = "none") -> str:
    """Return one path with a shape at each place."""
    return _path(kind, "".join(f"{_through([place])}{shape}" for place in places), fill)


def _path(kind: str, data: str, fill: str = "none") -> str:
    return f'<path class="{kind}" fill="{fill}" d="{data}"/>'


def _text(kind: str, x: float, y: float, text: str, *, turn: float = 0) -> str:
    """Return text, the end, middle or beginning of whose base line is at a place, turned by some degrees."""
    return f'<text class="{kind}" transform="translate({x:.2f} {y:.2f}) rotate({turn})">{escape(text)}</text>'
