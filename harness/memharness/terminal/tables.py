"""Text and tables on consoles of any width and encoding: lines break at words, and digits are never cut."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from memharness.model.findings import Cell
from memharness.terminal.sparkline import sparkline

_ROOM: Final = 36  # with fewer columns left for it, text goes below its figures
_LEAST_TREND: Final = 8  # columns; with less room for them trends are left out
_WORDS: Final = 16  # columns that trends leave to the text beside them, at least
_SIGNS: Final = str.maketrans("▁▂▃▄▅▆▇█✗▲▼⇄✓↺↗↘→…━─", "_.-:=+*#x^v=+~/\\>~=-")  # for encodings that lack them
_COMMAND: Final = "::"  # at the start of a line it is a command to some CI runners


class Row(NamedTuple):
    """Figures as text, one for each heading, what they are the figures of, and the course of their series."""

    cells: tuple[str, ...]
    text: Text
    trend: Sequence[Cell] = ()


class _Columns(NamedTuple):
    """Where the parts of a row stand, in columns of the console."""

    indent: int
    figures: Sequence[int]  # the width of each
    names: bool  # the first figures are names, aligned to the left
    trend: int  # width; 0 without trends
    room: int  # for the text
    beside: bool  # all text stands beside the figures, else only what fits there

    def align(self, cells: Sequence[str], trend: str) -> str:
        """Return figures, and the trend of their series, in their columns."""
        aligned = [cell.rjust(width) for cell, width in zip(cells, self.figures, strict=True)]
        if self.names:
            aligned[0] = cells[0].ljust(self.figures[0])
        return " " * self.indent + "  ".join([*aligned, trend.ljust(self.trend)] if self.trend else aligned)


def draw_text(console: Console, text: Text, *, indent: int = 0) -> None:
    """Print text; the rest of a line that is too long stands a little further right."""
    for line in _wrapped(console, text, console.width - indent):
        _print(console, Text(" " * indent).append_text(line))


def draw_rows(
    console: Console, headings: Sequence[str], rows: Sequence[Row | Text], *, indent: int, label: str = ""
) -> None:
    """Print rows below their headings; a Text among them is the title of those after it.

    `label` heads the text, which stands beside the figures where there is room for it and below them otherwise.
    Without one the first column holds names, aligned to the left. Headings that are all empty are not printed.
    Trends stand between figures and text; they are the first to shrink, and to go. Where not even the figures have
    room beside one another, each row is a list of them.
    """
    figures = [row for row in rows if isinstance(row, Row)]
    widths = _widths([headings, *(row.cells for row in figures)])
    left = indent + sum(widths) + 2 * len(widths)
    if left - 2 > console.width:
        _draw_lists(console, headings, rows, indent=indent, label=label)
        return
    trend = _trend_columns(figures, console.width - left)
    room = console.width - left - (trend and trend + 2)
    columns = _Columns(indent, widths, not label, trend, room, beside=room >= min(_ROOM, _widest(figures)))
    if any(headings):
        start = columns.align(headings, "trend")
        draw_text(console, Text(f"{start}  {label if columns.beside else ''}".rstrip(), style="dim"))
    for row in rows:
        if isinstance(row, Text):
            draw_text(console, row)
        else:
            _draw_row(console, row, columns)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _draw_row(console: Console, row: Row, columns: _Columns) -> None:
    """Print the figures of a row, and its text beside them, or below where its lines are too long for the room."""
    text = row.text
    start = columns.align(row.cells, sparkline(row.trend, columns.trend) if columns.trend else "")
    if text and (columns.beside or ("\n" not in text.plain and _width(text) <= columns.room)):
        for line in _wrapped(console, text, columns.room):
            _print(console, Text(f"{start}  ").append_text(line))
            start = " " * len(start)
    else:
        _print(console, Text(start.rstrip()))
        draw_text(console, text, indent=columns.indent + 2)


def _trend_columns(rows: Sequence[Row], room: int) -> int:
    """Return the width of trends; 0 where there are none, or too little room.

    They leave room beside them for all texts, or else for short ones; other texts go below.
    """
    longest = max((len(row.trend) for row in rows), default=0)
    widest, least = _widest(rows), min((_width(row.text) for row in rows if row.text), default=0)
    for words in (widest, min(widest, _WORDS), least if least <= room else 0):
        space = room - (words and words + 2)
        columns = longest if longest <= space else space - space % 2  # two for each stretch of commits
        if columns >= min(longest, _LEAST_TREND):
            return columns if longest > 1 else 0
    return 0


def _draw_lists(
    console: Console, headings: Sequence[str], rows: Sequence[Row | Text], *, indent: int, label: str
) -> None:
    """Print "name: heading figure, heading figure" for each row, and its text below."""
    for row in rows:
        if isinstance(row, Text):
            draw_text(console, row)
            continue
        figures = [f"{heading} {cell}".lstrip() for heading, cell in zip(headings, row.cells, strict=True) if cell]
        draw_items(console, label or row.cells[0], figures if label else figures[1:], indent=indent)
        draw_text(console, row.text, indent=indent + 2)


def draw_items(console: Console, title: str, items: Iterable[str], *, indent: int) -> None:
    """Print "title: one, another", broken between items only; print nothing where there are none."""
    lines: list[str] = []
    for item in items:
        if not lines:
            lines.append(f"{' ' * indent}{title}: {item}")
        elif cell_len(lines[-1]) + cell_len(item) + 3 <= console.width:  # with its two commas and a space
            lines[-1] += f", {item}"
        else:
            lines[-1] += ","
            lines.append(" " * (indent + 2) + item)
    for line in lines:
        draw_text(console, Text(line))


def _print(console: Console, line: Text) -> None:
    """Print a line that fits. `soft_wrap` keeps rich from measuring it again, which takes half of the time."""
    if line.plain.lstrip().startswith(_COMMAND):
        start = line.plain.index(_COMMAND)
        line = Text().append_text(line[:start]).append(r"\x3a").append_text(line[start + 1 :])
    console.print(with_signs(console, line), soft_wrap=True)


def with_signs(console: Console, text: Text) -> Text:
    """Return text as it is, or with ASCII for the signs that the console's encoding lacks."""
    if not _has_signs(console.encoding):
        text.plain = text.plain.translate(_SIGNS)
    return text


@cache
def _has_signs(encoding: str) -> bool:
    """Tell whether an encoding has all the signs that are drawn."""
    try:
        "".join(map(chr, _SIGNS)).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _wrapped(console: Console, text: Text, width: int) -> Iterator[Text]:
    """Yield the lines of a text, one that is too long broken at words, its rest two columns further right."""
    if _COMMAND in text.plain:
        width -= 3  # a part that begins with it is three characters longer when printed
    for line in text.split() if text else ():
        lead = len(line.plain) - len(line.plain.lstrip(" "))
        room = width - lead
        words = line[lead:]
        fits = cell_len(words.plain) <= room
        for number, part in enumerate([words] if fits else words.wrap(console, max(room - 2, 1))):
            part.rstrip()
            yield Text(" " * (lead + 2 * (number > 0))).append_text(part)


def _widest(rows: Sequence[Row]) -> int:
    return max((_width(row.text) for row in rows), default=0)


def _width(text: Text) -> int:
    return max(map(cell_len, text.plain.split("\n")))
