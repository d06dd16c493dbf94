"""What defines a workload: its file and the files it imports from the scenario folder."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from memharness.model import digest
from memharness.scenarios.metadata import without_metadata
from memharness.scenarios.source import Source

_MEASURING: Final = ("calls", "dependencies")  # fields of the metadata


def imported_files(source: Source, folder: Path) -> tuple[Path, ...]:
    """Return the files below `folder` that a file's import statements name, at any depth of the code."""
    found: dict[Path, None] = {}
    for node in ast.walk(source.tree):
        for base, parts in _names(node, source.file, folder):
            for end in range(1, len(parts) + 1):
                stem = base.joinpath(*parts[:end])
                found.update(dict.fromkeys(f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()))
    return tuple(found)


def _names(node: ast.AST, file: Path, folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folder that an import starts from, and the dotted name below it."""
    if isinstance(node, ast.Import):
        yield from ((folder, alias.name.split(".")) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = file.parents[node.level - 1] if 0 < node.level <= len(file.parents) else folder
        if base == folder or folder in base.parents:
            module = node.module.split(".") if node.module else []
            yield from ((base, [*module, alias.name]) for alias in node.names)


def reached_sources(source: Source, folder: Path, read: Callable[[Path], Source]) -> dict[Path, Source]:
    """Return a file and all it imports from `folder`, directly or not. `read` parses a file."""
    reached = {source.file: source}
    waiting = [source]
    while waiting:
        for file in imported_files(waiting.pop(), folder):
            if file not in reached:
                reached[file] = read(file)
                waiting.append(reached[file])
    return reached


def identity(sources: Iterable[Source], folder: Path, metadata: Mapping[str, Any]) -> str:
    """Return the hash of files of `folder`, whose line ends count as LF: a checkout with CRLF is the same.

    Of the metadata only what may change a figure counts: a limit or a threshold judges figures that there are.
    """
    texts = sorted((source.file.relative_to(folder).as_posix(), without_metadata(source.text)) for source in sources)
    return digest([texts, {name: metadata[name] for name in _MEASURING if name in metadata}], 16)
