"""What defines a workload: its file and the files it imports from the scenario folder."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from memharness.model.values import digest
from memharness.scenarios.code import code_digest, mentioned
from memharness.scenarios.metadata import without_metadata
from memharness.scenarios.source import Source, is_file

_MEASURING: Final = ("calls", "dependencies", "fresh_setup")  # fields of the metadata


def imported_files(source: Source, folder: Path) -> tuple[Path, ...]:
    """Return the files below `folder` that a file's import statements name, at any depth of the code."""
    found: dict[Path, None] = {}
    for node in ast.walk(source.tree):
        for base, parts in _names(node, source.file, folder):
            for end in range(1, len(parts) + 1):
                stem = base.joinpath(*parts[:end])
                found.update(dict.fromkeys(filter(is_file, (stem.with_suffix(".py"), stem / "__init__.py"))))
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


def identity(sources: Sequence[Source], folder: Path, metadata: Mapping[str, Any]) -> str:
    """Return the hash of the code of files of `folder`: comments, docstrings and formatting do not count.

    Of the metadata only what may change a figure counts: a limit or a threshold judges figures that there are.
    """
    named = mentioned([source.tree for source in sources])
    codes = sorted((_name_of(source, folder), code_digest(source.tree, named)) for source in sources)
    return digest([codes, _measuring(metadata)], 16)


def text_identity(sources: Sequence[Source], folder: Path, metadata: Mapping[str, Any]) -> str:
    """Return the identity that the same files had when their text counted, with line ends as LF."""
    texts = sorted((_name_of(source, folder), without_metadata(source.text)) for source in sources)
    try:
        return digest([texts, _measuring(metadata)], 16)
    except UnicodeEncodeError:  # of lone surrogates, with which there was none
        return ""


def _name_of(source: Source, folder: Path) -> str:
    return source.file.relative_to(folder).as_posix()


def _measuring(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: metadata[name] for name in _MEASURING if metadata.get(name, False) is not False}
