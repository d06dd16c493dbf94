"""Rows of figures with text beside them, on consoles of any width: digits are never cut."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_ROOM: Final = 36  # with fewer columns left for it, text goes below its figures


class Row(NamedTuple):
    """Figures as text, one for each heading, and what they are the figures of."""

    cells: tuple[str, ...]
    text: Text


def draw_rows(
    console: Console, headings: Sequence[str], rows: Sequence[Row | Text], *, indent: int, label: str = ""
) -> None:
    """Print rows below their headings; a Text among them is the title of those after it.

    Where the first heading is "metric" its column is a name; all others are aligned to the right. `label` heads the
    text, which stands beside the figures where there is room for it and below them otherwise.
    """
    figures = [row for row in rows if isinstance(row, Row)]
    widths = [max(map(len, column)) for column in zip(headings, *(row.cells for row in figures), strict=True)]
    room = console.width - indent - sum(widths) - 2 * len(widths)
    longest = max((cell_len(line.plain) for row in figures for line in row.text.split()), default=0)
    beside = room >= min(_ROOM, longest)

    def aligned(cells: Iterable[str]) -> str:
        return "  ".join(
            cell.ljust(width) if heading == "metric" else cell.rjust(width)
            for heading, cell, width in zip(headings, cells, widths, strict=True)
        )

    head = f"{aligned(headings)}  {label}" if beside else aligned(headings)
    console.print(Text(" " * indent + head.rstrip(), style="dim"))
    for row in rows:
        if isinstance(row, Text):
            console.print(row)
        elif beside and row.text:
            grid = Table.grid(padding=(0, 2, 0, 0))
            grid.add_column(no_wrap=True)
            grid.add_column(overflow="fold")
            grid.add_row(Text(aligned(row.cells)), row.text)
            console.print(Padding(grid, (0, 0, 0, indent), expand=False))
        else:
            console.print(Text(" " * indent + aligned(row.cells).rstrip()))
            if row.text:
                console.print(Padding(row.text, (0, 0, 0, indent + 2), expand=False))


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
        console.print(Text(line))
