"""A peak that differs by some per cent from call to call: noise alone is no change, a third more of it is.

The rows are as many as the operating system's random numbers say, which no seed reaches.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
from os import urandom


def work():
    rows = bytearray(6_000_000 + 1000 * urandom(1)[0])
    return len(rows)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Rise in the fifth of nine commits."""
    start(repository, {"shop.py": SHOP}, {"workload": scenario(metrics=("peak", "retained", "result"))})
    for number in range(3):
        repository.commit({"README": f"A shop, {number}.\n"}, f"explain {number}")
    shop = edit(SHOP, "6_000_000", "8_000_000")
    found = repository.commit({"shop.py": shop}, "more rows")
    for number in range(4):
        repository.commit({"README": f"A bigger shop, {number}.\n"}, f"explain more {number}")
    line = ("shop.py", "rows = bytearray(8_000_000 + 1000 * urandom(1)[0])")
    return Expected(flags=flags("peak", "regressed", found, line))
