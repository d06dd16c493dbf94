"""What a benchmark prints and writes: one table, its targets, and the same as JSON."""

import argparse
import json
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Target:
    """A figure that must be at least or at most `bound`."""

    name: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Tell whether it is."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass
class Report:
    """Rows of equal columns; numbers are shown with at most three digits after the point."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str | int | float | None]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str | int | float | None) -> None:
        """Add a row, and say so on stderr, since a row may take minutes."""
        assert len(cells) == len(self.columns)
        self.rows.append(cells)
        Console(stderr=True).print(*map(_shown, cells), sep="  ")

    def finish(self, file: Path | None) -> int:
        """Print the table, write JSON if there is a file for it, and return 1 where a target is missed."""
        console = Console(width=None if Console().is_terminal else 160)
        table = Table(title=self.title)
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*map(_shown, row))
        console.print(table)
        for target in self.targets:
            bound = f"{'at least' if target.at_least else 'at most'} {_shown(target.bound)}"
            console.print(f"{target.name}: {_shown(target.value)} ({bound}: {'met' if target.met else 'MISSED'})")
        for note in self.notes:
            console.print(note)
        if file is not None:
            file.write_text(json.dumps(self._document(), indent=1) + "\n")
        return 0 if all(target.met for target in self.targets) else 1

    def _document(self) -> dict[str, object]:
        return {
            "title": self.title,
            "python": platform.python_version(),
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "targets": [{**asdict(target), "met": target.met} for target in self.targets],
            "notes": self.notes,
        }


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    made = argparse.ArgumentParser(description=description.partition("\n")[0])
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    made.add_argument("--folder", type=Path, help="work here and keep it all (default: a temporary folder)")
    return made


@contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    """Yield a folder to work in."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temporary:
        yield Path(temporary).resolve()


def _shown(cell: str | int | float | None) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}"
    return "-" if cell is None else str(cell)
