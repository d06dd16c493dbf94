"""What a commit edited, asked from either side: which lines and functions it touched, and where the others went.

In: the `FileEdit` values of a git diff, and the sources of the edited files as far as they matter. Paths are as in
profiles: what starts with "<" or "/" is no file of the project, and nothing is known of it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from itertools import chain, pairwise

from msgspec.structs import replace

from memharness.analyse.blame.statements import MODULE, Code, Function, Statement, function_at, functions_of
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame
from memharness.model.values import Value

Place = tuple[str, int]  # path and line
Reader = Callable[[str], str]  # returns the source of a file, "" where it is not known


def _unknown(_path: str) -> str:
    return ""


class DiffPosition(Value):
    """Where a touched line is in the diff: file, hunk and line of the hunk, the same numbers on both sides.

    In an `even` hunk as many lines came as went, so that those of equal position face each other.
    """

    file: int
    hunk: int
    line: int
    even: bool


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
        self.before = DiffSide(forward, before or {}, after or {}, read)
        self.after = DiffSide(backward, after or {}, before or {}, read[::-1])


class DiffSide:
    """One side of a difference: what became of its lines on the other side (`FileEdit.after`).

    `sources` are those of edited files, by path.
    """

    def __init__(
        self,
        files: Iterable[FileEdit],
        sources: Mapping[str, str],
        others: Mapping[str, str],
        read: tuple[Reader, Reader],
    ) -> None:
        self._files = {file.before: (number, file) for number, file in enumerate(files) if file.before is not None}
        self._starts = {path: [_first(hunk) for hunk in file.hunks] for path, (_, file) in self._files.items()}
        self.sources = sources
        self._others = others
        self._read, self._read_other = read

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[Code]]:
        """The code of all functions on the other side."""
        found: dict[str, list[Code]] = defaultdict(list)
        for function in (function for source in self._others.values() for function in functions_of(source)):
            found[function.name].append(function.code)
        return found

    @cached_property
    def _anywhere(self) -> frozenset[Code]:
        return frozenset(code for codes in self._by_name.values() for code in codes)

    def other_path(self, path: str) -> str | None:
        """Return the path on the other side; None where the file is not there."""
        return self._files[path][1].after if path in self._files else path

    def edited(self, path: str) -> bool:
        """Tell whether the file was edited, renamed or added."""
        return path in self._files

    def source(self, path: str) -> str:
        """Return the source of a file; "" where it is not known."""
        return self.sources[path] if path in self.sources else self._read(path) if in_project(path) else ""

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

    def position(self, place: Place) -> DiffPosition | None:
        """Return where in the diff a touched line is; None for an untouched one."""
        path, line = place
        at = self._hunk_before(place)
        if at < 0:
            return None
        number, file = self._files[path]
        hunk = file.hunks[at]
        if line >= hunk.before + hunk.removed:
            return None
        return DiffPosition(file=number, hunk=at, line=line - hunk.before, even=hunk.removed == hunk.added)

    def touched(self, place: Place) -> bool:
        """Tell whether the commit edited the line or put it into other blocks, such as a loop.

        Neither is true of a line that was only formatted, or that moved as a part of its function.
        """
        path, line = place
        in_diff = self.position(place) is not None
        if path not in self._files or path not in self.sources:
            return in_diff
        function = function_at(self.sources[path], line)
        if function is None:
            return in_diff
        edited = self._edited(path, function).intersection(function.at(line))
        if in_diff or not edited:
            return bool(edited)
        return self._in_other_blocks(place, function) or any(self._hidden(path, function, n) for n in edited)

    def changed_line(self, place: Place) -> int:
        """Return the first touched line of the statement at a place, such as a decorator; 0 where there is none."""
        path, line = place
        if self.touched(place):
            return line
        function = function_at(self.sources.get(path, ""), line)
        statements = [function.statements[at] for at in function.at(line)[-1:]] if function else []
        lines = [n for statement in statements for n in range(statement.first, statement.last + 1)]
        return next((n for n in lines if self.touched((path, n))), 0)

    def changed_around(self, place: Place) -> Function | None:
        """Return the innermost function around a line if the commit changed it."""
        path, line = place
        if path not in self._files or path not in self.sources:
            return None
        function = function_at(self.sources[path], line)
        if function is None or function.name == MODULE:
            return None
        return function if self._changed(path, function) else None

    def nearest_change(self, place: Place) -> Frame | None:
        """Return the changed line next to an unchanged one in the same function; None where that did not change.

        Where lines only went from the function it is the line itself.
        """
        path, line = place
        function = self.changed_around(place)
        if function is None:
            return None
        edited = (function.statements[index] for index in self._edited(path, function))
        lines = (n for statement in edited for n in range(statement.first, statement.last + 1))
        changed = (n for n in lines if self.text((path, n)) and self.touched((path, n)))
        near = min(changed, key=lambda n: (abs(n - line), n), default=line)
        return Frame(path=path, line=near, function=function.name, source=self.text((path, near)))

    def _changed(self, path: str, function: Function) -> bool:
        """Tell whether the function says something else on the other side, or, if it is not there, nothing does."""
        namesakes = self._namesakes(path, function)
        return function.code not in ([other.code for other in namesakes] or self._anywhere)

    def _edited(self, path: str, function: Function) -> frozenset[int]:
        """Return the indexes of the statements that the function does not have on the other side, in their order.

        A module has those that no module has there, in whatever order.
        """
        if function.name == MODULE:
            known = set(chain(*self._by_name.get(MODULE, ())))
            return frozenset(n for n, statement in enumerate(function.code) if statement not in known)
        if not self._changed(path, function):
            return frozenset()
        there = [statement for other in self._namesakes(path, function) for statement in other.statements]
        if there:
            code = tuple(statement.code for statement in there)
            return _unmatched(function.code, code, self._mapped(path, function, there))
        others = self._by_name.get(function.name, ())
        return frozenset(range(len(function.code))).intersection(*(_unmatched(function.code, o, ()) for o in others))

    def _mapped(self, path: str, function: Function, there: Sequence[Statement]) -> tuple[tuple[int, int], ...]:
        """Return pairs of indexes, both in ascending order, of equal statements that the diff maps to each other."""
        indexes = {(statement.first, statement.code): n for n, statement in reversed([*enumerate(there)])}
        pairs = [(-1, -1)]
        for n, statement in enumerate(function.statements):
            across = self.across((path, statement.first))
            index = indexes.get((across[1], statement.code), -1) if across else -1
            if index > pairs[-1][1]:
                pairs.append((n, index))
        return tuple(pairs[1:])

    def _hidden(self, path: str, function: Function, index: int) -> bool:
        """Tell whether the diff shows no line of an edited statement, as where white space in a text changed."""
        statement = function.statements[index]
        lines = range(statement.first, statement.last + 1)
        return bool(self._namesakes(path, function)) and not any(self.position((path, line)) for line in lines)

    def _in_other_blocks(self, place: Place, function: Function) -> bool:
        """Tell whether an unedited line stands in other blocks, or in another function, on the other side."""
        there = self.across(place)
        other = function_at(self.other_source(place[0]), there[1]) if there else None
        if there is None or other is None:
            return False
        moved = other.depth != function.depth and other.bare_name != function.bare_name
        return moved or other.blocks_at(there[1]) != function.blocks_at(place[1])

    def _hunk_before(self, place: Place) -> int:
        """Return the index of the last hunk that begins at the line or above it, -1 where there is none."""
        path, line = place
        return bisect_right(self._starts.get(path, ()), line) - 1

    def _namesakes(self, path: str, function: Function) -> list[Function]:
        """Return the functions with that name in the same file on the other side."""
        other = self._others.get(self.other_path(path) or "", "")
        return [found for found in functions_of(other) if found.name == function.name]


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


@lru_cache(maxsize=256)
def _lines(source: str) -> tuple[str, ...]:
    """Return the lines with white space normalised, as in profiles; split as Python and git count lines."""
    return tuple(" ".join(line.split()) for line in source.replace("\r\n", "\n").split("\n"))


def _line(source: str, line: int) -> str:
    lines = _lines(source)
    return lines[line - 1] if 0 < line <= len(lines) else ""


@lru_cache(maxsize=256)
def _unmatched(code: Code, other: Code, mapped: Sequence[tuple[int, int]]) -> frozenset[int]:
    """Return the indexes of the statements that another version of a function does not have in the same order.

    Pairs in `mapped` are the same statement, and only the stretches between them are compared: of two equal statements
    the one that the diff adds is then the new one.
    """
    unmatched: set[int] = set()
    for (a, b), (a_end, b_end) in pairwise([(-1, -1), *mapped, (len(code), len(other))]):
        one, two = code[a + 1 : a_end], other[b + 1 : b_end]
        blocks = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
        same = {a + 1 + block.a + at for block in blocks for at in range(block.size)}
        unmatched.update(index for index in range(a + 1, a_end) if index not in same)
    return frozenset(unmatched)
