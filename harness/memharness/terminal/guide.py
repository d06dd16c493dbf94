"""Topics of the guide on a terminal, where no word is lost, however narrow it is."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table


class _FoldedTable(TableElement):
    """A table whose words go on in the next line where a column is too narrow for them; rich would cut them off."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for drawn in super().__rich_console__(console, options):
            for column in drawn.columns if isinstance(drawn, Table) else ():
                column.overflow = "fold"
            yield drawn


class _Topic(Markdown):
    elements = {**Markdown.elements, "table_open": _FoldedTable}


def draw_topic(console: Console, text: str) -> None:
    """Print a topic with colours and drawn tables."""
    console.print(_Topic(text))
