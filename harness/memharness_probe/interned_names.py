"""Makes room in the interpreter's table of interned names.

The table doubles when it is full, by 100 kB and more. Without room, one more attribute somewhere in a commit could show
as that much memory of whatever was imported or called then.
"""

from __future__ import annotations

from sys import intern, version_info

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
_kept: list[list[str]] = []


def make_room() -> None:
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
