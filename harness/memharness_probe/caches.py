"""Bounded caches: how much memory only their newest entries keep alive.

These are the caches of functools and re that exist when a `BoundedCaches` is created. A forked copy of the process,
without files, processes and network, takes the entries out to learn what they hold; never this process.
"""

from __future__ import annotations

from _functools import _lru_cache_wrapper  # type: ignore[import-not-found]
from _weakref import ref
from gc import get_objects, get_referents
from itertools import islice
from sys import getallocatedblocks, modules

from memharness_probe import forked, tracing
from memharness_probe.failure import reason
from memharness_probe.instances import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from memharness_probe.tracing import Line

_SECONDS = 10.0
_information, _clear = _lru_cache_wrapper.cache_info, _lru_cache_wrapper.cache_clear
_size_of = dict.__sizeof__
_LINK = "functools._lru_list_elem"
_PATTERNS = ("_cache", "_cache2")  # the latter, since 3.12, has some of the same entries
_MODULE = type(tracing)


class CacheContents:
    """What entries of caches hold, without the tables: bytes and blocks, also by line."""

    def __init__(self, size: int = 0, blocks: int = 0, lines: Any = ()) -> None:
        self.size = size
        self.blocks = blocks
        self.lines: dict[Line, list[int]] = {(path, line): [size, n] for path, line, size, n in lines}


class BoundedCaches:
    """The caches that exist now and their number of entries; keeps nothing of theirs alive."""

    def __init__(self, calls: int) -> None:
        """Allocate room for the readings of so many calls."""
        functions = [thing for thing in get_objects() if type(thing) is _lru_cache_wrapper]
        functions = [function for function in functions if _information(function)[2] is not None]
        self._functions = [
            (_reference_to(function), _information(function)[3], _size_of(_entries_of(function)))
            for function in functions
        ]
        self._patterns = len(_patterns("_cache"))
        self._entries, self._tables = tracing.cells(calls), tracing.cells(calls)
        self.note(0)  # once ahead: up to 3.10 a function's first call allocates its frame

    def has_grown(self) -> bool:
        """Tell whether any cache has more entries now."""
        return bool(self._grown()) or len(_patterns("_cache")) > self._patterns

    def _grown(self) -> list[tuple[Any, int]]:
        """Return the functions that have more entries now, and how many they had."""
        functions = [(reference(), entries) for reference, entries, _ in self._functions]
        return [(f, entries) for f, entries in functions if f is not None and _information(f)[3] > entries]

    def note(self, call: int) -> None:
        """Note how many entries came since the beginning, as far as their caches grew, and bytes of all tables."""
        number = max(len(_patterns("_cache")) - self._patterns, 0)
        size = sum([_size_of(_patterns(name)) for name in _PATTERNS])
        for reference, entries, table in self._functions:
            function = reference()
            if function is not None:
                number += max(_information(function)[3] - entries, 0)
                size += _size_of(_entries_of(function)) - table
        self._entries[call], self._tables[call] = number, size

    def without(
        self, held: CacheContents, sizes: Sequence[int], blocks: Sequence[int], calls: range
    ) -> tuple[list[int], list[int]]:
        """Return the readings after `calls`, bytes and blocks, less what the new entries hold, `held` after the last.

        Earlier calls have a share by their number of entries. The size of the tables is known for each call.
        """
        whole = self._entries[calls[-1]] or 1
        shares = [self._entries[i] / whole for i in calls]
        tables = self._tables[calls[0] : calls[-1] + 1]
        sizes = [sizes[i] - tables[i] - round(share * held.size) for i, share in enumerate(shares)]
        return sizes, [blocks[i] - round(share * held.blocks) for i, share in enumerate(shares)]

    def held(self, *, by_line: bool = False) -> CacheContents | str:
        """Return what the entries hold that came since the beginning, or why that cannot be known."""
        if not self.has_grown():
            return CacheContents()

        def work(tell: Callable[[bytes], None]) -> None:
            tell(ascii(self._take_out(by_line=by_line)).encode() + b"\n")

        try:
            text, slow = forked.ask(work, 1, _SECONDS, _SECONDS, apart=True)
        except BaseException as error:  # noqa: BLE001  (an audit hook of the workload's may raise anything)
            return f"this process could not be copied: {reason(error)}"
        if not text.endswith(b"\n"):
            return "the copy without them took too long" if slow else "the copy without them ended early"
        return CacheContents(*eval(text, {"__builtins__": {}}))  # noqa: S307  (numbers and texts, written above)

    def _take_out(self, *, by_line: bool) -> tuple[int, int, list[tuple[str, int, int, int]]]:
        """Take the new entries out and return what went with them; in a copy."""
        old: list[Any] = []  # keeps those of before alive
        tables = 0
        functions = []
        for function, entries in self._grown():
            table = _entries_of(function)
            old += islice(table.values(), entries)
            tables += _size_of(table) - _size_of({})
            functions.append(function)
        before = tracing.by_line(tracing.take_counts()) if by_line else {}
        tracing.settle()
        size, blocks = tracing.traced()[0], getallocatedblocks()
        for function in functions:
            _clear(function)
        self._forget_patterns()
        tracing.settle()
        size, blocks = size - tracing.traced()[0] - tables, blocks - getallocatedblocks() - len(functions)
        after = tracing.by_line(tracing.take_counts()) if by_line else {}
        rows = []
        for line, (old_size, old_number) in before.items():
            new_size, new_number = after.get(line, (0, 0))
            rows.append((*line, old_size - new_size, old_number - new_number))
        return max(size, 0), max(blocks, 0), [row for row in rows if row[2] > 0]

    def _forget_patterns(self) -> None:
        for key in list(_patterns("_cache"))[self._patterns :]:
            for name in _PATTERNS:
                _patterns(name).pop(key, None)


def _reference_to(function: Any) -> Callable[[], Any]:
    """Return a weak reference, but on 3.8, which has none to these functions."""
    try:
        reference: Callable[[], Any] = ref(function)
    except TypeError:
        return lambda: function
    return reference


def _entries_of(function: Any) -> dict[Any, Any]:
    """Return the dictionary of a cache, in the order in which its entries came."""
    for thing in reversed(get_referents(function)):
        if type(thing) is dict and thing and type_name(type(next(iter(thing.values())))) == _LINK:
            return thing
    return {}


def _patterns(name: str) -> dict[Any, Any]:
    """Return a cache of re's, an empty one where it is not loaded or has another."""
    module = modules.get("re")
    cache = module.__dict__.get(name) if type(module) is _MODULE else None
    return cache if type(cache) is dict else {}
