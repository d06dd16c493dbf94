"""One trend as one small SVG, for pages without scripts and for print; a site has hundreds of them.

In: a `Trend`; out: the bytes of a light SVG, equal for equal trends. It is written without matplotlib, which takes half
a second to import and 15 ms for each. The layout is fixed; places are in pixels from the upper left corner.
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
_LETTER: Final = 0.58 * _LABEL  # about the width of one, as only who shows the picture knows the font
_THEME: Final = THEMES["light"]
_LIMIT_COLOR, _ = VERDICTS["regressed"]
_CROSS: Final = "m-2.5 -2.5l5 5m0 -5l-5 5"
_SHAPES: Final = {  # of marks
    "^": "m0 -4.5l4.5 9h-9z",
    "v": "m0 4.5l-4.5 -9h9z",
    "s": "m-4.5 -4.5h9v9h-9z",
    "d": "m0 -6.4l3.8 6.4l-3.8 6.4l-3.8 -6.4z",
    ">": "m4.5 0l-9 -4.5v9z",
}
_STYLE: Final = f"""
text {{ font: 8px 'DejaVu Sans', Verdana, Arial, sans-serif; fill: {_THEME.ink} }}
text.title {{ font-size: 9px; font-weight: bold }}
text.label, text.note {{ font-size: {_LABEL:g}px }}
text.label, text.unit {{ text-anchor: middle }}
text.commit, text.value, text.note {{ text-anchor: end }}
path {{ fill: none; stroke-linejoin: round }}
.paper {{ fill: {_THEME.paper} }}
.backing {{ fill: {_THEME.paper}; opacity: 0.85 }}
.grid {{ stroke: {_THEME.grid}; stroke-width: 0.6 }}
.tags {{ stroke: {_THEME.tag}; stroke-width: 0.6; stroke-dasharray: 2.4 1.8 }}
.axis {{ stroke: {_THEME.ink}; stroke-width: 0.8 }}
.limit {{ stroke: {_LIMIT_COLOR}; stroke-dasharray: 6 2 1 2 }}
.band {{ fill: {_THEME.series[0]}; stroke: {_THEME.series[0]}; opacity: 0.25 }}
.failed {{ stroke: {_THEME.muted} }}
.leaders {{ stroke: {_THEME.muted}; stroke-width: 0.6 }}
.line {{ stroke: {_THEME.series[0]}; stroke-width: 1.3 }}
.dots {{ stroke: {_THEME.series[0]}; stroke-width: 4.5; stroke-linecap: round }}
.mark {{ stroke: {_THEME.ink}; stroke-width: 0.6 }}
"""

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
    size = f'width="{_WIDTH}pt" height="{_HEIGHT}pt"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {_HEIGHT}">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<path class="paper" d="M0 0h{_WIDTH}v{_HEIGHT}h-{_WIDTH}z"/>',
            *(_parts(trend) if trend.points else ()),
            _text("title", _FRAME.x0, 12, title),
            "</svg>\n",
        ]
    ).encode()


def _parts(trend: Trend) -> Iterator[str]:
    """Yield all but the title, from back to front."""
    scale = _Scale(*commit_limits(trend.points), *(trend_limits([trend]) or (0.0, 1.0)))
    found = strokes(trend.points, _COLUMNS)
    valued = bool(found or trend.changes)
    if valued:
        yield from _values(trend, scale)
    yield from _commits(trend, scale)
    failed = [index for index, point in enumerate(trend.points) if point.failed]
    level = scale.low + 0.03 * (scale.high - scale.low)
    shown = first_in_column(failed, len(trend.points), _COLUMNS)
    yield from _marks("failed", [scale.at(index, level) for index in shown], _CROSS)
    limit, taken = _limit(trend, scale) if valued and trend.limit is not None else ([], [])
    yield from limit
    yield from _band(scale, found)
    yield from _labels(trend, scale, found, taken)
    yield from _line(trend, scale, found)
    for verdict, (color, shape) in VERDICTS.items():
        places = [scale.at(change.index, change.after) for change in trend.changes if change.verdict == verdict]
        yield from _marks("mark", places, _SHAPES[shape], f' style="fill: {color}"')


def _values(trend: Trend, scale: _Scale) -> Iterator[str]:
    """Yield the axis of values."""
    ticks = [(scale.at(0, position)[1], label) for position, label in trend_ticks([trend], (scale.low, scale.high))]
    yield from _marks("grid", [(_FRAME.x0, y) for y, _ in ticks], f"H{_FRAME.x1}")
    yield from (_text("value", _FRAME.x0 - 5, y + 2.9, label) for y, label in ticks)
    if trend.unit != "bytes":
        yield _text("unit", 13, (_FRAME.y0 + _FRAME.y1) / 2, trend.unit, turned=-90)


def _commits(trend: Trend, scale: _Scale) -> Iterator[str]:
    """Yield the lower edge with the names of commits, and the lines of tags."""
    tags = [scale.at(index, scale.low) for index in tag_lines(trend.points, _COMMITS)]
    yield from _marks("tags", tags, f"V{_FRAME.y0}")
    ticks = [(scale.at(index, scale.low), label) for index, label in commit_ticks(trend.points, _COMMITS)]
    yield from _marks("axis", [(_FRAME.x0, _FRAME.y1)], f"H{_FRAME.x1}")
    yield from _marks("axis", [place for place, _ in ticks], "v3.5")
    yield from (_text("commit", x + 3.7, y + 10.7, label, turned=-40) for (x, y), label in ticks)


def _limit(trend: Trend, scale: _Scale) -> tuple[list[str], list[Box]]:
    """Return the limit as a line with its size above, and where that is written."""
    assert trend.limit is not None
    text, at = limit_label(trend.limit, trend.unit, (scale.low, scale.high))
    _, y = scale.at(0, at)
    line = _marks("limit", [(_FRAME.x0, y)] if at == trend.limit else [], f"H{_FRAME.x1}")
    low = y + 2 + _LABEL if at == scale.high else y - 2  # the lower edge of the letters
    box = Box(_FRAME.x1 - len(text) * _LETTER, low - _LABEL, _FRAME.x1, low)
    return [*line, _backing(box), _text("note", _FRAME.x1, low - 1.5, text)], [box]


def _labels(trend: Trend, scale: _Scale, found: Sequence[Stroke], taken: Sequence[Box]) -> Iterator[str]:
    """Yield the sizes of the largest changes, where they hide no other label and no mark, with lines from the marks."""
    changes = largest_first([trend])
    marks = [scale.at(change.index, change.after) for _, change in changes]
    xs, ys, _ = joined(found)
    places = LabelPlaces(_LABELLED, marks, [*map(scale.at, xs, ys)], taken)
    shown = []
    for (_, change), mark in zip(changes[:_SIZES], marks, strict=False):
        text = change_label(trend, change, with_subject=False)
        box = places.place(mark, len(text) * _LETTER + 8, _LABEL + 4)
        if box is not None:
            shown.append((text, mark, box.middle))
    if shown:
        yield _path("leaders", "".join(f"M{_pair(mark)}L{_pair(middle)}" for _, mark, middle in shown))
    for text, _, (x, y) in shown:
        half = len(text) * _LETTER / 2
        yield _backing(Box(x - half, y - _LABEL / 2, x + half, y + _LABEL / 2))
        yield _text("label", x, y + 2.5, text)
    if len(shown) < len(changes):
        yield _text("note", _FRAME.x1, 12, left_out_text(len(changes) - len(shown)))


def _band(scale: _Scale, found: Sequence[Stroke]) -> Iterator[str]:
    """Yield the area between the least and the greatest repeats."""
    for band in (stroke.band for stroke in found if stroke.band):
        below, above = [(x, low) for x, low, _ in band], [(x, high) for x, _, high in reversed(band)]
        yield _path("band", f"{_through([scale.at(*corner) for corner in below + above])}z")


def _line(trend: Trend, scale: _Scale, found: Sequence[Stroke]) -> Iterator[str]:
    """Yield the values; dots stand on all of few, and on lone ones of many."""
    lines = [[*map(scale.at, stroke.xs, stroke.ys)] for stroke in found]
    if lines:
        yield _path("line", "".join(map(_through, lines)))
    few = len(trend.points) <= MARKED_POINTS
    yield from _marks("dots", [point for line in lines if few or len(line) == 1 for point in line], "h0")


# --- SVG -------------------------------------------------------------------------------------------------------


def _pair(point: _Point) -> str:
    return f"{point[0]:.2f} {point[1]:.2f}"


def _through(points: Sequence[_Point]) -> str:
    """Return the path through some points."""
    return f"M{'L'.join(map(_pair, points))}"


def _marks(kind: str, places: Sequence[_Point], shape: str, style: str = "") -> Iterator[str]:
    """Yield one path with a shape at each place; nothing where there are none."""
    if places:
        yield _path(kind, "".join(f"M{_pair(place)}{shape}" for place in places), style)


def _path(kind: str, data: str, style: str = "") -> str:
    return f'<path class="{kind}" d="{data}"{style}/>'


def _backing(box: Box) -> str:
    """Return the paper behind letters, so that no line runs through them."""
    x, y, right, bottom = box.grown(1.4)
    return f'<path class="backing" d="M{_pair((x, y))}H{right:.2f}V{bottom:.2f}H{x:.2f}z"/>'


def _text(kind: str, x: float, y: float, text: str, *, turned: float = 0) -> str:
    """Return text, the end, middle or beginning of whose base line is at a place."""
    turn = f' transform="rotate({turned:g} {_pair((x, y))})"' if turned else ""
    return f'<text class="{kind}" x="{x:.2f}" y="{y:.2f}"{turn}>{escape(text)}</text>'
