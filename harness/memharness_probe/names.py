"""The interpreter's table of interned names, made roomy beforehand.

It grows in leaps of 100 kB and more, whenever a name too many comes: one more attribute somewhere in a commit would
show as that much memory of whatever was imported or called then.
"""

from __future__ import annotations

from sys import intern

from memharness_probe import tracing

_FIRST = 10**9  # numbers as names: quick to make, and nobody else's
_BATCH = 256
_MOST = 1 << 16
_LEAP = 48 << 10  # bytes: more than a batch of names takes, less than the smallest table
_kept: list[str] = []


def make_room() -> None:
    """Intern names, for good, until the table has just grown: more than as many again fit in then."""
    tracing.start(1)
    for first in range(_FIRST, _FIRST + _MOST, _BATCH):
        before = tracing.traced()[0]
        _kept.extend(map(intern, map(str, range(first, first + _BATCH))))
        if tracing.traced()[0] - before > _LEAP:
            break
    tracing.stop()
