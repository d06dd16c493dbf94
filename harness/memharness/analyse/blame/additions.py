"""Additions: the statements that put something into a holder, such as `PAGES[key] = page`, and which of them changed.

The line that creates a holder is seldom the one that a commit edits where it begins to leak. Statements are matched by
the names that the source gives to the holder; one that calls it otherwise, such as by an alias, is not found.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from memharness.analyse.blame.bindings import bindings_of, files_of, locals_around
from memharness.analyse.blame.edits import DiffSide, Place
from memharness.analyse.blame.statements import MODULE, function_at, tree_of
from memharness.model.measurements import Frame, Holder
from memharness.model.values import Value

_ADDING: Final = frozenset({"add", "append", "appendleft", "extend", "insert", "put", "setdefault", "update"})
_MOST_FUNCTIONS: Final = 10  # that add to one holder, whose calls are looked for
_VARIABLE = re.compile(r"(?:\S+ )?(?P<name>[\w.]+)(?P<function> of function \S+)?")  # of the text of a holder
_Uses = Callable[[str], tuple[tuple[int, str], ...]]  # source -> line and dotted name


class _Name(Value):
    """A name and the place that binds it: "PAGES" in a module, "Bus.hooks" in a class or its instances.

    `variable` holds the instance. A `local` name is known only in the function at that place.
    """

    path: str
    line: int
    name: str
    variable: "_Name | None" = None
    local: bool = False


def changed_addition(view: DiffSide, holder: Holder, held_by: Holder | None) -> Frame | None:
    """Return the edited statement that adds to a holder, or else an edited call of the function that does.

    None where the commit edited neither, or the holder has no name. `held_by` is the next holder of the chain.
    """
    name = _name_of(holder, held_by)
    if name is None:
        return None
    additions = list(_places(view, _additions, name))
    functions = _functions_at(view, additions, name.variable)
    calls = (place for function in functions for place in _places(view, _calls, function))
    for path, line in (*additions, *calls):
        changed = view.changed_line((path, line))
        if changed:
            function = function_at(view.source(path), line)
            owner = function.name if function else MODULE
            return Frame(path=path, line=changed, function=owner, source=view.text((path, changed)))
    return None


def _name_of(holder: Holder, held_by: Holder | None) -> _Name | None:
    """Return the name of a holder, None where its text tells none or its line is not known."""
    found = _VARIABLE.fullmatch(holder.text)
    if found is None or not holder.line:
        return None
    variable = _name_of(held_by, None) if held_by else None
    local = found["function"] is not None
    return _Name(path=holder.path, line=holder.line, name=found["name"], variable=variable, local=local)


def _functions_at(view: DiffSide, places: list[Place], variable: _Name | None) -> list[_Name]:
    """Return the names of the functions around some places, the outermost ones; methods are those of `variable`."""
    found: dict[tuple[str, str], _Name] = {}
    for path, line in places:
        function = function_at(view.source(path), line)
        if function and function.name != MODULE:
            outermost = function.name.partition(".<locals>")[0]
            name = _Name(path=path, line=function.first, name=outermost, variable=variable)
            found.setdefault((path, outermost), name)
    return list(found.values())[:_MOST_FUNCTIONS]


def _places(view: DiffSide, uses: _Uses, name: _Name) -> Iterator[Place]:
    """Yield where a name is used, in its own file and then in the edited ones."""
    for path in dict.fromkeys((name.path, *sorted(view.sources))):
        source = view.source(path)
        yield from ((path, line) for line, used in uses(source) if _refers_to(view, (path, line), used, name))


def _refers_to(view: DiffSide, place: Place, used: str, name: _Name) -> bool:
    """Tell whether a dotted name that is used at a place refers to the same as `name`."""
    path, line = place
    owner, _, own = name.name.rpartition(".")
    source = view.source(path)
    if name.local:
        function = function_at(source, name.line)
        return path == name.path and used == own and function is not None and function.first <= line <= function.last
    if owner:
        receiver, _, attribute = used.rpartition(".")
        return attribute == own and _is_owner(view, place, receiver, name)
    return used in _spellings(source, path, name) and used.partition(".")[0] not in locals_around(source, line)


def _is_owner(view: DiffSide, place: Place, receiver: str, name: _Name) -> bool:
    """Tell whether what is called `receiver` at a place is the class or the object that has the attribute `name`."""
    if name.variable and _refers_to(view, place, receiver, name.variable):
        return True
    path, line = place
    if path != name.path:
        return False
    owner = name.name.rpartition(".")[0]
    source = view.source(path)
    if receiver in {"self", "cls"}:
        return _class_at(source, line) in {owner, _class_at(source, name.line) or owner}
    return receiver == owner


def _class_at(source: str, line: int) -> str:
    """Return the class around the method at a line, "" where there is none."""
    function = function_at(source, line)
    return function.name.partition(".<locals>")[0].rpartition(".")[0] if function else ""


@lru_cache(maxsize=256)  # asked for each use of any name
def _spellings(source: str, path: str, name: _Name) -> frozenset[str]:
    """Return what the file at `path` calls a variable or a function of a module: "PAGES", "store.PAGES"."""
    if path == name.path:
        return frozenset((name.name,))
    found = set()
    for binding in bindings_of(source):
        level, module, wanted = binding.origin or (0, "", "")
        if wanted == name.name and name.path in files_of(path, level, module):
            found.add(binding.name)
        elif name.path in files_of(path, level, ".".join(filter(None, (module, wanted)))):
            found.add(f"{binding.name}.{name.name}")
    return frozenset(found)


@lru_cache(maxsize=256)
def _additions(source: str) -> tuple[tuple[int, str], ...]:
    """Return the lines that add to a container, with the dotted name of it."""
    found = []
    for node in ast.walk(tree_of(source)):
        match node:
            case ast.Subscript(value=held, slice=part, ctx=ast.Store()) if not isinstance(part, ast.Slice):
                found.append((node.lineno, _container(held)))
            case ast.Call(func=ast.Attribute(value=held, attr=method)) if method in _ADDING:
                found.append((node.lineno, _container(held)))
            case ast.AugAssign(target=held, op=ast.Add() | ast.BitOr()):
                found.append((node.lineno, _dotted(held)))
    return tuple(found)


@lru_cache(maxsize=256)
def _calls(source: str) -> tuple[tuple[int, str], ...]:
    """Return the lines that call something, with its dotted name."""
    nodes = ast.walk(tree_of(source))
    return tuple((node.lineno, _dotted(node.func)) for node in nodes if isinstance(node, ast.Call))


def _container(node: ast.expr) -> str:
    """Return the name by which an expression reaches a part of a container: of `rows[day].get(key)` it is "rows"."""
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else getattr(node.func, "value", node.func)
    return _dotted(node)


def _dotted(node: ast.expr) -> str:
    """Return the dotted name of a variable or an attribute, "" of other expressions."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
