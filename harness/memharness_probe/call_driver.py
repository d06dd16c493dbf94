"""Loads a function of the project: target {"module": dotted name, "function": dotted name in it}."""

from __future__ import annotations

import sys
from functools import partial, reduce

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_COROUTINE = 0x80  # co_flags
_GENERATOR = 0x20 | 0x200  # the second of an asynchronous one


def load(request: dict[str, Any]) -> Any:
    """Import the module and return an object whose `run` is the function; a coroutine function is run by asyncio.

    Raises TypeError where calling it runs nothing, as it is a generator.
    """
    target = request["target"]
    __import__(target["module"])
    function = reduce(getattr, target["function"].split("."), sys.modules[target["module"]])
    if _flags(function) & _GENERATOR:
        raise TypeError(f"{target['function']} is a generator, and calling it runs nothing")
    return _Coroutine(function) if _flags(function, unwrapped=True) & _COROUTINE else _Function(function)


class _Function:
    def __init__(self, run: Any) -> None:
        self.run = run


class _Coroutine:
    """A function that makes a coroutine, unless what it is wrapped in runs that itself."""

    def __init__(self, function: Any) -> None:
        self._function = function

    @property
    def run(self) -> Callable[[], Any]:
        # after `load`, so that asyncio does not count as an import of the project's
        from asyncio import iscoroutine
        from asyncio import run as run_coroutine

        function = self._function

        def run() -> Any:
            made = function()
            return run_coroutine(made) if iscoroutine(made) else made

        return run


def _flags(function: Any, *, unwrapped: bool = False) -> int:
    """Return the flags of the code that a call runs, or that of the function inside of wrappers; 0 if not Python's."""
    while isinstance(function, partial):
        function = function.func
    while unwrapped and "__wrapped__" in getattr(function, "__dict__", ()):
        function = function.__wrapped__
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code.co_flags if code is not None else 0
