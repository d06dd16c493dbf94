"""The functions and statements of a source file, with the blocks around each: what the file says, whatever its layout.

Two statements are equal where they do the same in the same kind of blocks. Comments, doc strings, line breaks, quotes
and how far a whole function is indented make no difference.
"""

import ast
from collections.abc import Iterator
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Final

from memharness.model.values import Value

MODULE: Final = "<module>"  # the function that holds what a module does itself
CLASS: Final = "ClassDef"  # the block of a class; those of statements name no classes

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = ("body", "handlers", "cases", "orelse", "finalbody")  # fields that hold statements
_NO_BLOCKS = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.Match)
Code = tuple[tuple[tuple[str, ...], bytes], ...]  # of a function, statement by statement


class Statement(Value):
    """A statement, of a compound one the header alone.

    `code` is equal in equal statements: the blocks around it within its function, the outermost first, and a digest of
    its syntax tree. `repeated` are the lines (first, last) of parts that comprehensions and lambdas run on their own.
    """

    first: int
    last: int
    code: tuple[tuple[str, ...], bytes]
    repeated: tuple[tuple[int, int], ...] = ()

    def blocks_at(self, line: int) -> tuple[str, ...]:
        """Return the blocks around one line of the statement, comprehensions included."""
        inner = sum(first <= line <= last for first, last in self.repeated)
        return (*self.code[0], *["comprehension"] * inner)


class Function(Value, dict=True, gc=True):
    """A function of a source file, or the module itself: `first` to `last` line (decorators included).

    The `statements` of nested functions are left out; those of classes belong to what is around them.
    """

    name: str  # qualified, as in profiles
    first: int
    last: int
    statements: tuple[Statement, ...]

    @cached_property
    def code(self) -> Code:
        """The code of all statements: equal where two functions do the same."""
        return tuple(statement.code for statement in self.statements)

    @property
    def bare_name(self) -> str:
        """The name without the classes and functions around it."""
        return self.name.rpartition(".")[2]

    @property
    def depth(self) -> int:
        """The number of functions around its statements, itself included."""
        return 0 if self.name == MODULE else self.name.count("<locals>") + 1

    def at(self, line: int) -> tuple[int, ...]:
        """Return the indexes of the statements on a line, outer ones first."""
        return tuple(n for n, statement in enumerate(self.statements) if statement.first <= line <= statement.last)

    def blocks_at(self, line: int) -> tuple[str, ...]:
        """Return the blocks around a line; () for a line without a statement."""
        at = self.at(line)
        return self.statements[at[-1]].blocks_at(line) if at else ()


@lru_cache(maxsize=16)  # trees are large
def tree_of(source: str) -> ast.Module:
    """Return the syntax tree of a source, an empty one where this Python cannot parse it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])


@lru_cache(maxsize=256)
def functions_of(source: str) -> tuple[Function, ...]:
    """Return the module and its functions, outer ones first; none where this Python cannot parse the source."""
    tree = tree_of(source)
    if not tree.body:
        return ()
    try:
        statements = tuple(_statement(blocks, node) for blocks, node in own_statements(tree))
        module = Function(name=MODULE, first=0, last=source.count("\n") + 1, statements=statements)
        return (module, *(_function(name, node) for name, node in _functions(tree)))
    except RecursionError:  # a sum of a thousand terms
        return ()


def function_at(source: str, line: int) -> Function | None:
    """Return the innermost function around a line, or the module; None where the source cannot be parsed."""
    around = [function for function in functions_of(source) if function.first <= line <= function.last]
    return max(around, key=lambda function: function.first, default=None)


def own_statements(
    node: ast.AST, blocks: tuple[str, ...] = (), *, branch: bool = False
) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """Yield the statements below `node`, doc strings and those of functions left out, each with the blocks around it.

    The handlers of exceptions and the cases of a `match` are statements as well. An `if` alone in an `else` is one more
    `branch` of the outer one, however it is spelled.
    """
    for field in _BLOCKS:
        children = getattr(node, field, ())
        inside = (*blocks, *_block(node, "orelse" if branch else field))
        for child in children:
            if isinstance(child, _FunctionNode) or _is_text(child):
                continue
            yield inside, child
            if field == "orelse" and isinstance(node, ast.If) and isinstance(child, ast.If) and len(children) == 1:
                yield from own_statements(child, blocks, branch=True)
            else:
                yield from own_statements(child, inside)


def _is_text(node: ast.AST) -> bool:
    """Tell whether a statement is a mere string, such as a doc string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _block(node: ast.AST, field: str) -> tuple[str, ...]:
    """Return the kind of a block; () where statements in that field of the node stand in none."""
    if isinstance(node, _NO_BLOCKS) or field == "handlers":
        return ()
    if field != "body":
        return (field,)
    kind = type(node).__name__.removeprefix("Async")
    return ("For" if kind == "While" else kind,)


def _functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, _FunctionNode]]:
    """Yield the functions below `node` with their qualified names, outer ones first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FunctionNode):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif not isinstance(child, ast.expr):  # most nodes are, and hold none
            yield from _functions(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix)


def _function(name: str, node: _FunctionNode) -> Function:
    header = _statement((), node)
    statements = (_statement(blocks, child) for blocks, child in own_statements(node))
    return Function(name=name, first=header.first, last=node.end_lineno or 0, statements=(header, *statements))


def _statement(blocks: tuple[str, ...], node: ast.AST) -> Statement:
    header, lines = _header(node), _lines(node)
    if header is not node:
        lines = [*lines[:1], *(line for part in ast.walk(header) for line in _lines(part))]
    digest = blake2b(ast.dump(header).encode(), digest_size=12).digest()  # trees are large
    return Statement(
        first=min(lines),
        last=max(lines),
        code=(tuple(block for block in blocks if block != CLASS), digest),
        repeated=tuple(_elements(header)) if max(lines) > min(lines) else (),
    )


def _header(node: ast.AST) -> ast.AST:
    """Return a compound statement without its blocks, any other as it is."""
    if not any(hasattr(node, field) for field in _BLOCKS):
        return node
    return type(node)(**{name: [] if name in _BLOCKS else value for name, value in ast.iter_fields(node)})


def _lines(node: ast.AST) -> list[int]:
    """Return the first and the last line of a node, as far as it has them."""
    return [line for name in ("lineno", "end_lineno") if (line := getattr(node, name, None)) is not None]


def _elements(node: ast.AST) -> Iterator[tuple[int, int]]:
    """Yield the lines of what the comprehensions and lambdas of a statement evaluate again and again."""
    for part in ast.walk(node):
        if isinstance(part, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            yield part.elt.lineno, part.elt.end_lineno or 0
        elif isinstance(part, ast.DictComp):
            yield part.key.lineno, part.value.end_lineno or 0
        elif isinstance(part, ast.Lambda):
            yield part.body.lineno, part.body.end_lineno or 0
