"""A file is split in two, and a line in one of the halves holds more after that."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

ROWS = """\
def rows():
    first = [bytes(100) for _ in range(2000)]
    second = [bytes(200) for _ in range(1000)]
    return first, second
"""
NAMES = """\
def names():
    short = ["%030d" % number for number in range(2000)]
    long = ["%090d" % number for number in range(2000)]
    return short, long
"""
WORK = """\


def work():
    return rows(), names()
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Split in the third of five commits."""
    start(repository, {"shop.py": "from stock import names, rows\n" + WORK, "stock.py": ROWS + "\n\n" + NAMES})
    repository.commit({"README": "A shop.\n"}, "explain")
    halves = {"stock.py": None, "rows.py": ROWS, "names.py": edit(NAMES, '"%030d"', '"%0230d"')}
    shop = "from names import names\nfrom rows import rows\n" + WORK
    found = repository.commit({"shop.py": shop, **halves}, "split")
    repository.commit({"README": "A shop of two halves.\n"}, "explain more")
    repository.commit({"rows.py": '"""Rows."""\n\n\n' + ROWS}, "describe")
    line = ("names.py", 'short = ["%0230d" % number for number in range(2000)]')
    return Expected(flags=flags("peak result", "regressed", found, line, blamed=1))


if __name__ == "__main__":
    main(build)
