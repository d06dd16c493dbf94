"""Loads a function of the project: target {"module": dotted name, "function": dotted name in it}."""

from __future__ import annotations

import sys
from functools import reduce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COROUTINE = 0x80  # co_flags


def load(request: dict[str, Any]) -> Any:
    """Import the module and return an object whose `run` is the function; a coroutine function is run by asyncio."""
    target = request["target"]
    __import__(target["module"])
    function = reduce(getattr, target["function"].split("."), sys.modules[target["module"]])
    return _Coroutine(function) if _is_coroutine(function) else _Function(function)


class _Function:
    def __init__(self, run: Any) -> None:
        self.run = run


class _Coroutine:
    def __init__(self, function: Any) -> None:
        from asyncio import run

        self._run, self._function = run, function

    def run(self) -> Any:
        return self._run(self._function())


def _is_coroutine(function: Any) -> bool:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE)
