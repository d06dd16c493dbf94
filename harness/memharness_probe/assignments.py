"""Where a source file first assigns a name: that of a module, of a class, or of the instances of a class."""

from __future__ import annotations

from posix import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Lines = dict[tuple[str, str], int]  # (qualified name of a class, or "" for the module; name) -> line

_ONLY_TREE = 0x400  # PyCF_ONLY_AST: importing ast for it would hide ast from figures
_MOST_BYTES = 1 << 20
_BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")
_FUNCTIONS = ("FunctionDef", "AsyncFunctionDef")
_TO_ONE = ("AnnAssign", "AugAssign")


class Assignments:
    """Looks up assignments; reads each file once."""

    def __init__(self) -> None:
        self._files: dict[str, Lines] = {}

    def line(self, path: str, owner: str, name: str) -> int:
        """Return the first line that assigns `name`, 0 where none is known.

        `owner` is the qualified name of a class, "" for the module. A class is itself a name of what is around it.
        """
        if path not in self._files:
            self._files[path] = _read(path)
        return self._files[path].get((owner, name), 0)


def _read(path: str) -> Lines:
    found: Lines = {}
    try:
        if stat(path).st_size <= _MOST_BYTES:
            with open(path, "rb") as file:
                _enter(compile(file.read(), path, "exec", _ONLY_TREE, dont_inherit=True), "", found)
    except Exception:  # noqa: BLE001  (generated code, a file in a zip, one changed meanwhile or with an error)
        return found
    return found


def _enter(node: Any, owner: str, found: Lines, names: set[str] | None = None) -> None:
    """Enter what the statements below `node` bind; in a function only attributes and its global `names`."""
    for child in [child for field in _BLOCKS for child in getattr(node, field, ())]:
        kind = type(child).__name__
        if kind == "ClassDef":
            found.setdefault((owner, child.name), child.lineno)
            _enter(child, f"{owner}.{child.name}".lstrip("."), found)
        elif kind in _FUNCTIONS:
            if names is None:
                found.setdefault((owner, child.name), min([one.lineno for one in (*child.decorator_list, child)]))
            _enter(child, owner, found, set())
        else:
            _enter_names(child, owner, found, names)
            _enter(child, owner, found, names)


def _enter_names(statement: Any, owner: str, found: Lines, names: set[str] | None) -> None:
    """Enter what a statement assigns to; add what it declares as global to `names`."""
    if names is not None and type(statement).__name__ == "Global":
        names.update(statement.names)
    for target in _targets(statement):
        kind = type(target).__name__
        if kind == "Attribute" and owner:
            found.setdefault((owner, target.attr), target.lineno)
        elif kind == "Name" and (names is None or target.id in names):
            found.setdefault((owner if names is None else "", target.id), target.lineno)


def _targets(statement: Any) -> Iterator[Any]:
    """Yield what an assignment assigns to, the parts of tuples one by one."""
    kind = type(statement).__name__
    targets = statement.targets[:] if kind == "Assign" else [statement.target] if kind in _TO_ONE else []
    for target in targets:
        targets += getattr(target, "elts", [])
        yield target
