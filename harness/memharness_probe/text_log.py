"""A log of distinct texts that allocates nothing while memory is traced.

Texts go as bytes into a buffer allocated before; a table of their hashes finds duplicates. Two texts with the same
64-bit hash would count as one: with ten thousand texts the chance is 1 in 10**11. A write is one step, so threads that
race write a text twice at worst.
"""

from __future__ import annotations

from _io import BytesIO

from memharness_probe import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROOM = 2 << 20  # bytes; not touched until written
_SLOTS = 1 << 14  # of the table
_MOST = _SLOTS * 3 // 4


class TextLog:
    """A buffer of texts; once it is `full`, texts are lost."""

    def __init__(self) -> None:
        self._log = BytesIO(bytes(_ROOM))
        self._table = tracing.cells(_SLOTS)
        self._used = tracing.cells(1)

    def add(self, kind: str, text: str) -> None:
        """Add a text of a kind, which is one letter. Texts with a NUL are left out: no path has one."""
        log, table = self._log, self._table
        key = hash(text) ^ ord(kind)
        slot = key & (_SLOTS - 1)
        while table[slot]:
            if table[slot] == key:
                return
            slot = (slot + 1) & (_SLOTS - 1)
        if self.full or "\0" in text:
            return
        data = f"{kind}{text}\0".encode("utf-8", "surrogatepass")
        self._used[0] += _MOST if log.tell() + len(data) > _ROOM else 1
        if not self.full:
            log.write(data)
            table[slot] = key

    @property
    def full(self) -> bool:
        """Tell whether there was no room for a text."""
        return bool(self._used[0] >= _MOST)

    def forget(self) -> None:
        """Empty the log."""
        self._table[:] = tracing.cells(_SLOTS)
        self._log.seek(0)
        self._used[0] = 0

    def records(self) -> list[tuple[str, str]]:
        """Return (kind, text) of each text, sorted."""
        noted = self._log.getvalue()[: self._log.tell()].decode("utf-8", "surrogatepass")
        return sorted({(record[0], record[1:]) for record in noted.split("\0")[:-1]})


def pass_for(function: Any, path: str, line: int = 0) -> None:
    """Have a function's code pretend to lie in another file, so that its allocations do not count as the probe's.

    Else a tuple that it frees and the workload gets next would be missing from what the workload holds. Such a function
    is also called once before tracing starts, because up to 3.10 its first call allocates its frame.
    """
    function.__code__ = function.__code__.replace(co_filename=path, co_firstlineno=line)


for _value in vars(TextLog).values():
    if type(_value) is type(pass_for):
        pass_for(_value, "<memharness>")
