"""A merge brings a regression that the second of three commits on a side branch made; another merge brings none."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
import tax


def work():
    rows = [bytes(1000) for _ in range(400)]
    return rows, tax.table()
"""
TAX = """\
def table():
    return [rate for rate in range(100)]
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Merge a harmless branch, then one that doubles the rows."""
    start(repository, {"shop.py": SHOP, "tax.py": TAX})
    repository.branch("tax")
    repository.commit({"tax.py": '"""Taxes."""\n\n\n' + TAX}, "describe taxes")
    repository.switch("main")
    repository.commit({"README": "A shop.\n"}, "explain")
    repository.merge("tax", "merge taxes")
    repository.branch("rows")
    repository.commit({"shop.py": '"""A shop."""\n\n' + SHOP}, "describe")
    bigger = edit('"""A shop."""\n\n' + SHOP, "400", "800")
    found = repository.commit({"shop.py": bigger}, "more rows")
    repository.commit({"shop.py": bigger + "\n\ndef close():\n    pass\n"}, "close")
    repository.switch("main")
    repository.commit({"README": "A shop with taxes.\n"}, "explain more")
    merge = repository.merge("rows", "merge rows")
    repository.commit({"README": "A shop with taxes and rows.\n"}, "explain all")
    line = ("shop.py", "rows = [bytes(1000) for _ in range(800)]")
    return Expected(flags=flags("peak result", "regressed", found, line, merge=merge))
