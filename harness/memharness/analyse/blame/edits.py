"""What a commit edited, asked from either side: which lines and functions it touched, and where the others went.

In: the `FileEdit` values of a git diff, and the sources of the edited files as far as they matter. Paths are as in
profiles: what starts with "<" or "/" is no file of the project, and nothing is known of it.
"""

import ast
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache

from msgspec.structs import replace

from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame
from memharness.model.values import Value

Place = tuple[str, int]  # path and line
Reader = Callable[[str], str]  # returns the source of a file, "" where it is not known


def _unknown(_path: str) -> str:
    return ""


class Position(Value):
    """Where a touched line is in the diff: file, hunk and line of the hunk, the same numbers on both sides.

    In an `even` hunk as many lines came as went, so that those of equal position face each other.
    """

    file: int
    hunk: int
    line: int
    even: bool


class Function(Value):
    """A function of a source file: `first` (decorators included) to `last` line, and the text of its own lines.

    Nested functions, the doc string, comments on their own and white space are left out of `text`.
    """

    name: str  # qualified, as in profiles
    first: int
    last: int
    text: tuple[str, ...]


class Edits:
    """The difference between two commits; `before` and `after` answer for the lines of the one and of the other.

    `before` and `after` of the constructor map paths to sources. Without them it is unknown which functions changed,
    and what moved as a whole counts as edited. `read` reads any file of the project at the one commit and at the other;
    it is asked for few files, edited or not.
    """

    def __init__(
        self,
        files: Iterable[FileEdit] = (),
        *,
        before: Mapping[str, str] | None = None,
        after: Mapping[str, str] | None = None,
        read: tuple[Reader, Reader] = (_unknown, _unknown),
    ) -> None:
        forward = list(files)
        backward = [
            replace(file, before=file.after, after=file.before, hunks=tuple(_reversed(hunk) for hunk in file.hunks))
            for file in forward
        ]
        self.before = View(forward, before or {}, after or {}, read)
        self.after = View(backward, after or {}, before or {}, read[::-1])


class View:
    """One side of a difference: what became of its lines on the other side (`FileEdit.after`)."""

    def __init__(
        self,
        files: Iterable[FileEdit],
        sources: Mapping[str, str],
        others: Mapping[str, str],
        read: tuple[Reader, Reader],
    ) -> None:
        self._files = {file.before: (number, file) for number, file in enumerate(files) if file.before is not None}
        self._starts = {path: [_first(hunk) for hunk in file.hunks] for path, (_, file) in self._files.items()}
        self._sources = sources
        self._others = others
        self._read, self._read_other = read

    @cached_property
    def _moved(self) -> frozenset[tuple[str, ...] | str]:
        return _texts(self._others)

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[tuple[str, ...]]]:
        """The texts of the functions on the other side."""
        found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for function in (function for source in self._others.values() for function in functions_of(source)):
            found[function.name].append(function.text)
        return found

    def other_path(self, path: str) -> str | None:
        """Return the path on the other side; None where the file is not there."""
        return self._files[path][1].after if path in self._files else path

    def edited(self, path: str) -> bool:
        """Tell whether the file was edited, renamed or added."""
        return path in self._files

    def source(self, path: str) -> str:
        """Return the source of a file; "" where it is not known."""
        return self._sources[path] if path in self._sources else self._read(path) if in_project(path) else ""

    def other_source(self, path: str) -> str:
        """Return the source of the same file on the other side; "" where it is not known or was not there."""
        other = self.other_path(path)
        return "" if other is None else self._others[other] if other in self._others else self._read_other(other)

    def text(self, place: Place) -> str:
        """Return the text of a line, white space normalised."""
        return _line(self.source(place[0]), place[1])

    def across(self, place: Place) -> Place | None:
        """Return where an untouched line stands on the other side; None for a touched one and outside the project."""
        path, line = place
        if path not in self._files:
            return place if in_project(path) or in_scenario(path) else None
        file, at = self._files[path][1], self._hunk_before(place)
        if file.after is None or self.position(place) is not None:
            return None
        return file.after, line + (_offset(file.hunks[at]) if at >= 0 else 0)

    def position(self, place: Place) -> Position | None:
        """Return where in the diff a touched line is; None for an untouched one."""
        path, line = place
        at = self._hunk_before(place)
        if at < 0:
            return None
        number, file = self._files[path]
        hunk = file.hunks[at]
        if line >= hunk.before + hunk.removed:
            return None
        return Position(file=number, hunk=at, line=line - hunk.before, even=hunk.removed == hunk.added)

    def touched(self, place: Place) -> bool:
        """Tell whether the line itself was edited. One that came from another file with its function was not."""
        if self.position(place) is None:
            return False
        path, line = place
        if path not in self._sources:
            return True
        text = _line(self._sources[path], line)
        function = _function_at(self._sources[path], line)
        if function is None:
            return text not in self._moved
        moved = () if self._namesakes(path, function) else self._by_name.get(function.name, ())
        return self._changed(path, function) and not any(text in lines for lines in moved)

    def changed_around(self, place: Place) -> Function | None:
        """Return the innermost function around a line if the commit changed it."""
        path, line = place
        if path not in self._files or path not in self._sources:
            return None
        function = _function_at(self._sources[path], line)
        return function if function is not None and self._changed(path, function) else None

    def nearest_change(self, place: Place) -> Frame | None:
        """Return the changed line next to an unchanged one in the same function; None where that did not change.

        Where lines only went from the function it is the line itself.
        """
        path, line = place
        function = self.changed_around(place)
        if function is None:
            return None
        lines = range(function.first, function.last + 1)
        own = [n for n in lines if _function_at(self._sources[path], n) == function and _line(self._sources[path], n)]
        near = min((n for n in own if self.position((path, n))), key=lambda n: (abs(n - line), n), default=line)
        return Frame(path=path, line=near, function=function.name, source=_line(self._sources[path], near))

    def _hunk_before(self, place: Place) -> int:
        """Return the index of the last hunk that begins at the line or above it, -1 where there is none."""
        path, line = place
        return bisect_right(self._starts.get(path, ()), line) - 1

    def _changed(self, path: str, function: Function) -> bool:
        """Tell whether the function reads differently on the other side, or, if it is not there, nowhere alike."""
        return function.text not in (self._namesakes(path, function) or self._moved)

    def _namesakes(self, path: str, function: Function) -> list[tuple[str, ...]]:
        """Return the texts of the functions with that name in the same file on the other side."""
        other = self._others.get(self.other_path(path) or "", "")
        return [f.text for f in functions_of(other) if f.name == function.name]


def in_project(path: str) -> bool:
    """Tell whether a path of a profile is a file of the project."""
    return not path.startswith(("<", "/"))


def in_scenario(path: str) -> bool:
    """Tell whether a path of a profile is a scenario file, which is the same at every commit."""
    return path.startswith("<scenarios>/")


def _reversed(hunk: Hunk) -> Hunk:
    return Hunk(before=hunk.after, removed=hunk.added, after=hunk.before, added=hunk.removed)


def _first(hunk: Hunk) -> int:
    """Return the first line that the hunk removes, or, as it removes none, the first one that it moves."""
    return hunk.before if hunk.removed else hunk.before + 1


def _offset(hunk: Hunk) -> int:
    """Return by how much the lines below a hunk are moved; git counts an empty side from the line above it."""
    added = hunk.after + hunk.added if hunk.added else hunk.after + 1
    return added - (_first(hunk) + hunk.removed)


# --- functions of a source -------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def functions_of(source: str) -> tuple[Function, ...]:
    """Return the functions of a source, outer ones first; none where this Python cannot parse it."""
    found: list[Function] = []
    _collect(tree_of(source), "", _lines(source), found)
    return tuple(found)


@lru_cache(maxsize=16)  # trees are large
def tree_of(source: str) -> ast.Module:
    """Return the syntax tree of a source, an empty one where this Python cannot parse it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


def _collect(node: ast.AST, prefix: str, lines: tuple[str, ...], found: list[Function]) -> set[int]:
    """Add the functions below `node` to `found` and return the numbers of all their lines."""
    covered: set[int] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            name = prefix + child.name
            at = len(found)
            inner = _collect(child, name + ".<locals>.", lines, found)
            first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            own = range(first, (child.end_lineno or first) + 1)
            text = tuple(lines[n - 1] for n in own if n not in inner and n not in _doc(child) and _code(lines[n - 1]))
            found.insert(at, Function(name=name, first=own[0], last=own[-1], text=text))
            covered.update(own)
        elif not isinstance(child, ast.expr):  # most nodes are, and hold none
            inside = f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix
            covered |= _collect(child, inside, lines, found)
    return covered


def _doc(function: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None:
        return range(0)
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def _function_at(source: str, line: int) -> Function | None:
    around = [function for function in functions_of(source) if function.first <= line <= function.last]
    return max(around, key=lambda f: f.first, default=None)


@lru_cache(maxsize=256)
def _lines(source: str) -> tuple[str, ...]:
    """Return the lines with white space normalised, as in profiles; split as Python and git count lines."""
    return tuple(" ".join(line.split()) for line in source.replace("\r\n", "\n").split("\n"))


def _line(source: str, line: int) -> str:
    lines = _lines(source)
    return lines[line - 1] if 0 < line <= len(lines) else ""


def _code(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def _texts(sources: Mapping[str, str]) -> frozenset[tuple[str, ...] | str]:
    """Return the texts of all functions, and of every line outside of functions."""
    texts: set[tuple[str, ...] | str] = set()
    for source in sources.values():
        functions = functions_of(source)
        texts |= {function.text for function in functions}
        covered = {line for f in functions for line in range(f.first, f.last + 1)}
        texts |= {text for number, text in enumerate(_lines(source), start=1) if number not in covered}
    return frozenset(texts)
