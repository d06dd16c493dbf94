"""How `setup`, `run` and `teardown` are called: their signatures, checked against the parameters of the metadata."""

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from memharness.errors import MemharnessError
from memharness.model.scenarios import Call
from memharness.scenarios.source import Source

_ROLES: Final = ("setup", "run", "teardown")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def read_calls(source: Source, params: Iterable[str], run: str = "run") -> dict[str, Call]:
    """Return the calls of `setup`, `run` and `teardown`, of the first and the last where they are defined.

    `run` is the name of the function that does the work. It takes every parameter, the others those that they name; by
    name, as keywords. It and `teardown` may have one more positional parameter in front, for the state. Raise
    MemharnessError with file and line.
    """
    names = tuple(params)
    functions = source.functions
    calls: dict[str, Call] = {
        role: _Signature(source, functions[name], names).call(has_state="setup" in functions)
        for role, name in (("setup", "setup"), ("run", run), ("teardown", "teardown"))
        if name in functions
    }
    left_out = [name for name in names if name not in calls["run"].params]
    if left_out:
        raise _Signature(source, functions[run], names).error(
            f"{run} takes no parameter named {', '.join(left_out)}",
            f"Add it to the signature of {run}, or take it out of params in the metadata.",
        )
    return calls


class _Signature:
    def __init__(self, source: Source, function: Function, params: tuple[str, ...]) -> None:
        self.source = source
        self.function = function
        self.params = params
        arguments = function.args
        self.positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        self.positional_only = [argument.arg for argument in arguments.posonlyargs]
        self.named = [*self.positional[len(self.positional_only) :], *(a.arg for a in arguments.kwonlyargs)]
        optional = self.positional[len(self.positional) - len(arguments.defaults) :]
        keyword_optional = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        self.optional = {*optional, *(a.arg for a, default in keyword_optional if default is not None)}

    def call(self, *, has_state: bool) -> Call:
        self._check_kind()
        is_async = isinstance(self.function, ast.AsyncFunctionDef)
        takes_state = self._takes_state(has_state=has_state)
        accepted = self.params if self.function.args.kwarg else [p for p in self.params if p in self.named]
        filled = {*accepted, *self.optional, *self.positional[:takes_state]}
        lacking = [name for name in dict.fromkeys((*self.positional, *self.named)) if name not in filled]
        if lacking:
            raise self._unfilled(lacking)
        name = self.function.name
        return Call(
            takes_state=takes_state,
            params=tuple(accepted),
            function=None if name in _ROLES else name,
            is_async=is_async,
        )

    def _unfilled(self, names: list[str]) -> MemharnessError:
        needs = f"{self.function.name} needs {', '.join(names)}, which"
        if set(names) & set(self.params):
            return self.error(
                f"{needs} can only be passed by position",
                "Parameters are passed by name: take the / out of the signature.",
            )
        return self.error(
            f"{needs} is no parameter",
            "Add it to params in the metadata, put it first if it takes the state, or give it a default.",
        )

    def _takes_state(self, *, has_state: bool) -> bool:
        """Tell whether a leading positional parameter that is not one of the scenario's, or *args, takes the state."""
        if self.function.name == "setup":
            return False
        leading = self.positional[:1]
        room = leading[0] not in self.params if leading else self.function.args.vararg is not None
        if room and not has_state and leading and leading[0] not in self.optional:
            raise self.error(
                f"{self.function.name} has a first parameter {leading[0]} for a state, but there is no setup",
                f"Define setup to make the state, or add {leading[0]} to params in the metadata.",
            )
        return room and has_state

    def _check_kind(self) -> None:
        name = self.function.name
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(self.function)):
            raise self.error(f"{name} is a generator, and calling it runs nothing", "Return a value, do not yield.")

    def error(self, message: str, hint: str) -> MemharnessError:
        signature = f"def {self.function.name}({_shown(self.function.args)})"
        params = ", ".join(self.params) or "none"
        return MemharnessError(
            f"{self.source.file}:{self.function.lineno}: {message}; the signature is {signature}, the params {params}",
            hint=hint,
        )


def _shown(arguments: ast.arguments) -> str:
    try:
        return ast.unparse(arguments)
    except RecursionError:
        return "..."


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without the functions and classes defined inside it."""
    waiting = [function]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                yield node
                waiting.append(node)
