"""Build rows x cols objects, each with a buffer of 100 random bytes, and return them."""

# /// script
# requires-python = ">=3.9"
# [tool.memharness]
# params = { rows = [100, 200], cols = [100] }
# tags = ["classic"]
# ///
import random


class Waste:
    """An object with a dictionary and a buffer: the pattern that `__slots__` and pooling make cheaper."""

    def __init__(self) -> None:
        """Fill the buffer."""
        self.buffer = random.randbytes(100)  # noqa: S311 - seeded, so that every run allocates the same


def run(rows: int, cols: int) -> list[list[Waste]]:
    """Return a table of objects, so that `result` holds all of them and `retained` none."""
    return [[Waste() for _ in range(cols)] for _ in range(rows)]
