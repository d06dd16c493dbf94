"""A thread makes a copy of what it works on, and drops it before it ends."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

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
    """Copy in the third of five commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    copying = edit(
        SHOP,
        "    sums.append(sum(len(row) for row in ROWS))\n",
        "    rows = [row + b'.' for row in ROWS]\n    sums.append(sum(len(row) for row in rows))\n",
    )
    found = repository.commit({"shop.py": copying}, "end rows with a dot")
    repository.commit({"README": "A shop with threads.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + copying}, "describe")
    return Expected(flags=flags("peak", "regressed", found, ("shop.py", "rows = [row + b'.' for row in ROWS]")))


if __name__ == "__main__":
    main(build)
