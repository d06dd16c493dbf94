"""Bindings: the statements of modules that a line depends on by name, such as constants, and which of them changed.

Stacks do not show these: `WIDTH = 900` runs when its module is imported, long before `bytearray(WIDTH)` allocates.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from memharness.analyse.blame.edits import DiffSide, Place
from memharness.analyse.blame.statements import CLASS, MODULE, own_statements, tree_of
from memharness.model.measurements import Frame
from memharness.model.values import Value

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Assignment = ast.Assign | ast.AnnAssign | ast.AugAssign


class Binding(Value):
    """A name that a statement of a module binds, outside of functions and classes. `first` to `last` are its lines.

    `text` is equal in equal bindings. `origin` is what an import statement asks for: level, module, and the name
    in it, which is empty for the module itself.
    """

    name: str
    first: int
    last: int
    text: str
    origin: tuple[int, str, str] | None = None


def changed_binding(view: DiffSide, places: Sequence[Place]) -> Frame | None:
    """Return the changed statement that binds a name used at `places`, or else in the function around them.

    It is in the same file, or in one of the project that the name is imported from directly.
    """
    for path, line in places:
        source = view.source(path)
        for name in _used(source, line):
            found = _changed(view, path, name) or _imported(view, path, name, bindings_of(source))
            if found is not None:
                return found
    return None


def _changed(view: DiffSide, path: str, name: str) -> Frame | None:
    """Return the statement of an edited file that binds `name` in another way than before."""
    if not view.edited(path):
        return None
    others = {binding.text for binding in _named(view.other_source(path), name)}
    for binding in _named(view.source(path), name):
        if binding.text not in others:
            touched = (line for line in range(binding.first, binding.last + 1) if view.touched((path, line)))
            line = next(touched, binding.first if others else None)
            if line is not None:
                return Frame(path=path, line=line, function=MODULE, source=view.text((path, line)))
    return None


def _named(source: str, name: str) -> list[Binding]:
    return [binding for binding in bindings_of(source) if binding.name == name]


def _imported(view: DiffSide, path: str, name: str, known: Iterable[Binding]) -> Frame | None:
    """Return the changed statement of another file that binds `name`, "WIDTH" or "config.WIDTH", imported from it."""
    owner, _, member = name.rpartition(".")
    for binding in known:
        if binding.origin is None or binding.name not in {name, owner}:
            continue
        level, module, wanted = binding.origin
        if binding.name == owner:
            module, wanted = ".".join(filter(None, (module, wanted))), member
        for file in files_of(path, level, module):
            found = _changed(view, file, wanted)
            if found is not None:
                return found
    return None


def files_of(path: str, level: int, module: str) -> Iterator[str]:
    """Yield the files that `module` may be where the file at `path` imports it, whatever the import root."""
    folder = path.split("/")[:-1]
    depths = [len(folder) + 1 - level] if level else range(len(folder) + 1)
    for depth in depths:
        base = "/".join([*folder[: max(depth, 0)], *filter(None, module.split("."))])
        yield from (f"{base}.py", f"{base}/__init__.py")


@lru_cache(maxsize=256)
def bindings_of(source: str) -> tuple[Binding, ...]:
    """Return what the statements of a module bind, in their order; nothing where this Python cannot parse it."""
    bindings = (
        _assigned(blocks, node) if isinstance(node, _Assignment) else _imported_names(node)
        for blocks, node in own_statements(tree_of(source))
        if isinstance(node, _Assignment | ast.Import | ast.ImportFrom) and CLASS not in blocks
    )
    try:
        return tuple(binding for found in bindings for binding in found)
    except RecursionError:  # a sum of a thousand terms
        return ()


def _assigned(blocks: Sequence[str], statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[Binding]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for node in (node for target in targets for node in ast.walk(target)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            text = f"{'/'.join(blocks)} {ast.dump(statement)}"
            yield Binding(name=node.id, first=statement.lineno, last=statement.end_lineno or 0, text=text)


def _imported_names(statement: ast.Import | ast.ImportFrom) -> Iterator[Binding]:
    first, last = statement.lineno, statement.end_lineno or 0
    for alias in statement.names:
        origin = (0, alias.name, "")
        if isinstance(statement, ast.ImportFrom):
            origin = (statement.level, statement.module or "", alias.name)
        yield Binding(name=alias.asname or alias.name, first=first, last=last, text=repr(origin), origin=origin)


@lru_cache(maxsize=256)
def _used(source: str, line: int) -> tuple[str, ...]:
    """Return the names that a line uses, then those that its function, or else its statement, uses elsewhere.

    Attributes are dotted names; what a function binds itself is left out.
    """
    around = _around(source, line)
    if not around:
        return ()
    functions = [node for node in around if isinstance(node, _Function)]
    scope = max(functions or around, key=lambda node: node.lineno)
    own = locals_around(source, line)
    used = sorted((not _covers(node, line), node.lineno, node.col_offset, ast.unparse(node)) for node in _loads(scope))
    return tuple(name for *_, name in used if name.partition(".")[0] not in own)


def locals_around(source: str, line: int) -> set[str]:
    """Return the names that the functions around a line bind."""
    return {name for first, last, names in _scopes(source) if first <= line <= last for name in names}


@lru_cache(maxsize=256)
def _scopes(source: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    """Return the first and the last line of each function, with the names that it binds."""
    functions = (node for node in ast.walk(tree_of(source)) if isinstance(node, _Function))
    return tuple((node.lineno, node.end_lineno or 0, frozenset(_locals(node))) for node in functions)


def _around(source: str, line: int) -> list[ast.stmt]:
    return [node for node in ast.walk(tree_of(source)) if isinstance(node, ast.stmt) and _covers(node, line)]


def _loads(scope: ast.stmt) -> Iterator[ast.Name | ast.Attribute]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node


def _covers(node: ast.stmt | ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or 0)


def _locals(function: ast.stmt) -> Iterator[str]:
    """Yield the names that a function binds, and those that functions in it do."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
