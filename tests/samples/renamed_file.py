"""A file gets another name, then another folder: no flag. A line that grows in the renamed file is found there.

The last commit renames the file once more and makes the other line grow, both at once.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

ROWS = '''\
"""Rows and names, made in one place."""


def rows():
    return [bytes(1000) for _ in range(300)]


def names():
    return ["%0500d" % number for number in range(300)]
'''


def shop(module: str) -> str:
    """Return the module that calls `module`."""
    return f"import {module} as stock\n\n\ndef work():\n    return stock.rows(), stock.names()\n"


def build(repository: RepositoryBuilder) -> Expected:
    """Rename in the second, third and fifth of six commits."""
    start(repository, {"shop.py": shop("stock"), "stock.py": ROWS})
    repository.commit({"shop.py": shop("goods"), "stock.py": None, "goods.py": ROWS}, "rename")
    package = {"store/__init__.py": "", "store/goods.py": ROWS}
    repository.commit({"shop.py": shop("store.goods"), "goods.py": None, **package}, "make a package")
    grown = edit(ROWS, "bytes(1000) for _ in range(300)", "bytes(1000) for _ in range(600)")
    first = repository.commit({"store/goods.py": grown}, "more rows")
    both = edit(grown, "number in range(300)", "number in range(600)")
    files = {"shop.py": shop("store.wares"), "store/goods.py": None, "store/wares.py": both}
    second = repository.commit(files, "rename and more names")
    repository.commit({"README": "A shop.\n"}, "explain")
    return Expected(
        flags=flags(
            "peak result", "regressed", first, ("store/goods.py", "return [bytes(1000) for _ in range(600)]"), blamed=1
        )
        | flags(
            "peak result",
            "regressed",
            second,
            ("store/wares.py", 'return ["%0500d" % number for number in range(600)]'),
            blamed=1,
        )
    )
