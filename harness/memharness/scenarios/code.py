"""Digests of what code does, which no comment, formatting or version of Python changes.

In: trees as `ast.parse` makes them. They may be as deep as Python reads them, so nothing here recurses.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Set
from typing import Final

_Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_READERS: Final = ("__doc__", "getdoc", "doctest")  # by which code looks at its own docstrings
_CALLED: Final = ("run", "setup", "teardown")
_TEXTS: Final = ("JoinedStr", "TemplateStr")
_BODIES: Final = ("body", "orelse", "finalbody")
_IRRELEVANT: Final = ("ctx", "kind", "type_comment", "type_ignores")  # follows from the place, or has no effect


def mentioned(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Return the names that some files mention, as variables, attributes, imports or texts."""
    return frozenset(name for tree in trees for node in ast.walk(tree) for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            yield name
        case ast.alias(name=name):
            yield from name.split(".")


def code_digest(tree: ast.Module, named: Set[str]) -> str:
    """Return a digest of what a file does; `named` are the names that it and the files beside it mention.

    Docstrings count where something may read them: where code asks for docstrings, and where a function or class is
    handed to others, by a decorator, by its bases, or by being found although nothing mentions it.
    """
    found = hashlib.sha256()
    read_all = not named.isdisjoint(_READERS)
    waiting: list[object] = [_statements(tree.body, first=read_all)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, ast.AST):
            found.update(f"({type(value).__name__}".encode())
            waiting.append(")")
            waiting += reversed([*_fields(value, read_all=read_all, named=named)])
        elif isinstance(value, list):
            found.update(b"[")
            waiting.append("]")
            waiting += reversed(value)
        else:  # a field, a name or a value; None in a list of keys or defaults
            found.update(f" {value}".encode())
    return found.hexdigest()


def _fields(node: ast.AST, *, read_all: bool, named: Set[str]) -> Iterator[object]:
    """Yield names and values of the fields of a node; those that are empty are left out, as some versions lack them."""
    if isinstance(node, ast.Constant):
        yield _constant(node.value)
        return
    documented = isinstance(node, _Documented) and (read_all or _is_handed_on(node, named))
    for field, value in ast.iter_fields(node):
        if value is not None and value != [] and field not in _IRRELEVANT:
            yield field
            yield _normal(node, field, value, documented=documented)


def _normal(node: ast.AST, field: str, value: object, *, documented: bool) -> object:
    """Return the value of a field as every version of Python has it; `documented` tells whether a docstring counts."""
    if not isinstance(value, list):
        return value if isinstance(value, ast.AST) else ascii(value)
    if field in _BODIES:
        return _statements(value, first=documented) or [ast.Pass()]
    return _parts(value) if field == "values" and type(node).__name__ in _TEXTS else value


def _is_handed_on(node: _Documented, named: Set[str]) -> bool:
    if node.name in _CALLED or node.name.startswith("run_"):
        return False
    if node.decorator_list or (isinstance(node, ast.ClassDef) and (node.bases or node.keywords)):
        return True
    return node.name not in named and not (node.name.startswith("__") and node.name.endswith("__"))


def _statements(body: list[ast.stmt], *, first: bool) -> list[ast.stmt]:
    """Leave out texts that stand for themselves, which do nothing; the `first` one stays if it counts."""
    return [statement for at, statement in enumerate(body) if (first and at == 0) or not _is_text(statement)]


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _parts(values: list[ast.expr]) -> list[object]:
    """Return the parts of an f-string, neighbouring texts as one: versions cut them differently."""
    parts: list[object] = []
    text = ""
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        parts += [ast.Constant(text)] * bool(text)
        parts.append(value)
        text = ""
    return parts + [ast.Constant(text)] * bool(text)


def _constant(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int {value:x}"  # long ones are refused in decimal
    return f"{type(value).__name__} {value!a}"
