"""Makes room in the interpreter's table of interned names.

The table doubles when it is full, by 100 kB and more. Without room, one more attribute somewhere in a commit could show
as that much memory of whatever was imported or called then.
"""

from __future__ import annotations

from sys import intern

from memharness_probe import tracing

_FIRST = 10**9  # numbers as names: quick to make, and nobody else's
_BATCH = 1024
_MOST = 1 << 16
_LEAP = 48 << 10  # bytes: more than what else is allocated meanwhile, less than the smallest table
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
