"""(file, line) -> what a profile shows: a path that is the same on every machine, function and source."""

from __future__ import annotations

import os
from _frozen_importlib_external import SourceFileLoader
from os.path import dirname, exists
from posix import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    Entry = tuple[str, int, str, str]

_SOURCE_CHARACTERS = 200
_LOOKED_AT = 10_000  # bytes of a longer line
_NAME_CHARACTERS = 1000
_PATH_CHARACTERS = 4096
_SOURCE_BYTES = 64 << 20
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode
_HIDDEN = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<generic parameters")
_OPTIMIZED = 1  # co_flags: the code of a function, not of a module or class


class Locator:
    """Looks up lines; reads each file once."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._files: dict[str, tuple[list[bytes], dict[int, str]]] = {}

    def profile(self, lines: dict[tuple[str, int], list[int]]) -> list[tuple[Any, ...]]:
        """[path, line, function, source, size, count] per line, the biggest first."""
        rows = [(*self.frame(path, line), size, number) for (path, line), (size, number) in lines.items()]
        return sorted(rows, key=lambda row: (-row[4], row[0], row[1]))

    def frame(self, path: str, line: int) -> Entry:
        """(path, line, qualified function name, source line with single spaces)."""
        path = unfrozen(path)
        if path not in self._files:
            self._files[path] = _read(path)
        source, functions = self._files[path]
        text = source[line - 1][:_LOOKED_AT] if 0 < line <= len(source) else b""
        shown = " ".join(text.decode("utf-8", "replace").split())
        function = functions.get(line, "<module>")[:_NAME_CHARACTERS]
        return self.label(path), line, function, shown[:_SOURCE_CHARACTERS]

    def label(self, path: str) -> str:
        """Path relative to the project, or below <scenarios>, <site-packages> or <stdlib>; cut to a path's length."""
        return self.owned(path)[1][:_PATH_CHARACTERS]

    def owned(self, path: str) -> tuple[str, str]:
        """Return whose a file is, "project", "scenario", "library", "stdlib" or "" (elsewhere), and its label."""
        project = self._request["project"]
        below = _below(path, project["origin"])
        if below.partition("/")[0].partition(".")[0] in project["packages"]:
            return "project", below if project["prefix"] == "." else project["prefix"] + "/" + below
        folders = [("scenario", "<scenarios>/", self._request["scenarios"]), ("project", "", project["tree"])]
        folders += [("library", "<site-packages>/", folder) for folder in self._request["site_paths"]]
        folders.append(("stdlib", "<stdlib>/", _STDLIB))
        for owner, name, folder in folders:
            below = _below(path, folder)
            if below:
                return owner, name + below
        return "", path


def _below(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else ""


def unfrozen(path: str) -> str:
    """Return the source of a module built into the interpreter: <frozen importlib._bootstrap> and the like."""
    if not path.startswith("<frozen "):
        return path
    stem = _STDLIB + "/" + path[len("<frozen ") : -1].replace(".", "/")
    for source in (stem + ".py", stem + "/__init__.py"):
        if exists(source):
            return source
    return path


def _read(path: str) -> tuple[list[bytes], dict[int, str]]:
    """Return the source lines of a file and the qualified name of the function at each line that has code."""
    source: list[bytes] = []
    try:
        if not _is_source(path):
            return source, {}
        with _open(path, "rb") as file:
            text = file.read()
        source = text.splitlines()
        code = _code_of(path, text)
    except Exception:  # noqa: BLE001  (generated code, a file in a zip, one changed meanwhile or with an error)
        return source, {}
    functions: dict[int, str] = {}
    _name_lines(code, "<module>", "", functions)
    return source, functions


def _is_source(path: str) -> bool:
    """Tell whether a path is that of a regular file of usual size; generated code may claim any path."""
    found = stat(path)
    return (found.st_mode & _TYPE) == _REGULAR and found.st_size <= _SOURCE_BYTES


def _code_of(path: str, text: bytes) -> CodeType:
    """Return the code of a file from its byte code, or compile it where the workload broke importing."""
    try:
        code = SourceFileLoader("_", path).get_code("_")
    except Exception:  # noqa: BLE001
        code = None
    return code or compile(text, path, "exec", dont_inherit=True)


def _name_lines(code: CodeType, name: str, prefix: str, functions: dict[int, str]) -> None:
    """Enter the names of functions nested in `code`, inner ones last so that they win.

    The line of `def` or `class` belongs to the code around it, although 3.11 and later put the first instruction of the
    function there too. Comprehensions, which have code of their own in some versions, and the scopes of type
    parameters (3.12) belong to the function `name` around them.
    """
    for inner in code.co_consts:
        if not hasattr(inner, "co_code"):
            continue
        if inner.co_name.startswith(_HIDDEN):
            functions.update(dict.fromkeys(_code_lines(inner), name))
            _name_lines(inner, name, prefix, functions)
            continue
        own_name = prefix + inner.co_name
        own = _code_lines(inner)
        functions.update(dict.fromkeys(own - {inner.co_firstlineno} or own, own_name))
        nested = own_name + (".<locals>." if inner.co_flags & _OPTIMIZED else ".")
        _name_lines(inner, own_name, nested, functions)


def _code_lines(code: CodeType) -> set[int]:
    """Line numbers of a code object's instructions."""
    if hasattr(code, "co_lines"):
        return {line for _, _, line in code.co_lines() if line}
    lines, line = {code.co_firstlineno}, code.co_firstlineno
    for step in code.co_lnotab[1::2]:
        line += step - 256 if step > 127 else step
        lines.add(line)
    return lines


_open = open
_STDLIB = dirname(os.__file__)
