"""Makes room in the interpreter's tables of interned names and of modules.

Such a table doubles when it is full, that of names by 100 kB and more. Without room, one more attribute or module
somewhere in a commit could show as that much memory of whatever was imported or called then.
"""

from __future__ import annotations

from sys import getsizeof, intern, modules, version_info

from memharness_probe import tracing

_FIRST = 10**9  # numbers as names: quick to make, and nobody else's
_BATCH = 1024
_MOST = 1 << 16
_LEAP = 48 << 10  # bytes: more than what else is allocated meanwhile, less than the smallest table
_HEADER, _ENTRY = (32, 16) if version_info >= (3, 11) else (40, 24)  # bytes, of a dictionary whose keys are names
TABLE_SIZES = frozenset(  # with so many slots: an index for each, and entries for two thirds of them
    [
        _HEADER + (2 if slots < 1 << 16 else 4) * slots + 2 * slots // 3 * _ENTRY
        for slots in [1 << power for power in range(15, 25)]
    ]
)
_MODULES = 1000  # at least as many may be imported before their table grows
_kept: list[list[str]] = []


def make_room() -> None:
    """Make room in both tables."""
    _make_room_for_names()
    _make_room_for_modules()


def _make_room_for_modules() -> None:
    """Enter modules until the table has just grown: it then has room for about as many again. Take them out.

    What is taken out leaves no room, so the table must have grown by the last one.
    """
    names: list[str] = []
    size = getsizeof(modules)
    while len(names) < _MODULES or getsizeof(modules) == size:
        size = getsizeof(modules)
        names.append(str(_FIRST + len(names)))
        modules[names[-1]] = None  # type: ignore[assignment]  # gone before anyone looks
    for name in names:
        del modules[name]


def _make_room_for_names() -> None:
    """Intern names, for good, until the table has just grown: it then has room for about as many again.

    Names are made before tracing starts: under it they would take three times as long.
    """
    for first in range(_FIRST, _FIRST + _MOST, _BATCH):
        names = list(map(str, range(first, first + _BATCH)))
        _kept.append(names)
        tracing.start(1)
        for name in names:
            intern(name)
        grown = tracing.traced()[1] > _LEAP
        tracing.stop()
        if grown:
            break
