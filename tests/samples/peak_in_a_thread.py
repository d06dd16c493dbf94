"""A thread makes a copy of what it works on, and drops it before it ends."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHOP = """\
from threading import Thread

ROWS = [b"%01000d" % number for number in range(500)]


def total(sums):
    sums.append(sum(len(row) for row in ROWS))


def work():
    sums = []
    for _ in range(2):
        thread = Thread(target=total, args=(sums,))
        thread.start()
        thread.join()
    return sums
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Copy in the second of four commits."""
    copying = edit(
        SHOP,
        "    sums.append(sum(len(row) for row in ROWS))\n",
        "    rows = [row + b'.' for row in ROWS]\n    sums.append(sum(len(row) for row in rows))\n",
    )
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": copying})
    return Expected(flags=flags("peak", "regressed", found, ("shop.py", "rows = [row + b'.' for row in ROWS]")))
