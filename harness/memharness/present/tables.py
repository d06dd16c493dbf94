"""Text and rows of figures on consoles of any width: lines break at words, and digits are never cut."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_ROOM: Final = 36  # with fewer columns left for it, text goes below its figures


class Row(NamedTuple):
    """Figures as text, one for each heading, and what they are the figures of."""

    cells: tuple[str, ...]
    text: Text


def draw_text(console: Console, text: Text, *, indent: int = 0) -> None:
    """Print text; where a line is too long, what follows stands a little further right."""
    for line in _wrapped(console, text, console.width - indent):
        _print(console, Text(" " * indent).append_text(line))


def draw_rows(
    console: Console, headings: Sequence[str], rows: Sequence[Row | Text], *, indent: int, label: str = ""
) -> None:
    """Print rows below their headings; a Text among them is the title of those after it.

    `label` heads the text, which stands beside the figures where there is room for it and below them otherwise.
    Without one the first column holds names, aligned to the left. Headings that are all empty are not printed.
    """
    figures = [row for row in rows if isinstance(row, Row)]
    widths = [max(map(len, column)) for column in zip(headings, *(row.cells for row in figures), strict=True)]
    left = indent + sum(widths) + 2 * len(widths)
    room = console.width - left
    beside = room >= min(_ROOM, max((_width(row.text) for row in figures), default=0))

    def aligned(cells: Iterable[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        start = first[0].rjust(first[1]) if label else first[0].ljust(first[1])
        return " " * indent + "  ".join((start, *(cell.rjust(width) for cell, width in others)))

    if any(headings):
        draw_text(console, Text(f"{aligned(headings)}  {label if beside else ''}".rstrip(), style="dim"))
    for row in rows:
        if isinstance(row, Text):
            draw_text(console, row)
        elif row.text and (beside or ("\n" not in row.text.plain and _width(row.text) <= room)):
            start = aligned(row.cells) + "  "
            for line in _wrapped(console, row.text, room):
                _print(console, Text(start).append_text(line))
                start = " " * left
        else:
            draw_text(console, Text(aligned(row.cells).rstrip()))
            draw_text(console, row.text, indent=indent + 2)


def draw_items(console: Console, title: str, items: Iterable[str], *, indent: int) -> None:
    """Print "title: one, another", broken between items only; nothing where there are none."""
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
    """Print a line that was broken where it had to be; that rich need not look for more halves the time."""
    console.print(line, soft_wrap=True)


def _wrapped(console: Console, text: Text, width: int) -> Iterator[Text]:
    """Yield the lines of a text, each broken at words where it is too long, its rest further right than it began."""
    if text and "\n" not in text.plain and cell_len(text.plain) <= width:
        whole = text.copy()
        whole.rstrip()
        yield whole
        return
    for line in text.split() if text else ():
        lead = len(line.plain) - len(line.plain.lstrip(" "))
        room = width - lead
        words = line[lead:]
        fits = cell_len(words.plain) <= room
        for number, part in enumerate([words] if fits else words.wrap(console, max(room - 2, 1))):
            part.rstrip()
            yield Text(" " * (lead + 2 * (number > 0))).append_text(part)


def _width(text: Text) -> int:
    return max(map(cell_len, text.plain.split("\n")))
