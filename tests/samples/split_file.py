"""A file is split in two, and a line in one of the halves holds more after that."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

ROWS = """\
def rows():
    first = [bytes(1000) for _ in range(200)]
    second = [bytes(2000) for _ in range(100)]
    return first, second
"""
NAMES = """\
def names():
    short = ["%0300d" % number for number in range(200)]
    long = ["%0900d" % number for number in range(200)]
    return short, long
"""
WORK = """\


def work():
    return rows(), names()
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Split in the third of five commits."""
    halves = {"stock.py": None, "rows.py": ROWS, "names.py": edit(NAMES, '"%0300d"', '"%02300d"')}
    shop = "from names import names\nfrom rows import rows\n" + WORK
    found = plant(
        repository,
        {"shop.py": "from stock import names, rows\n" + WORK, "stock.py": ROWS + "\n\n" + NAMES},
        {"shop.py": shop, **halves},
    )
    line = ("names.py", 'short = ["%02300d" % number for number in range(200)]')
    return Expected(flags=flags("peak result", "regressed", found, line, blamed=1))
