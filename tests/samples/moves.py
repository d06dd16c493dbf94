"""Lines that only move raise no flag, and where one of them grows as well, that line alone is found, at its place.

- A function moves within its file, to another file, into a class, and back while another line grows.
- A file gets another name, then another folder; then a line of it grows; then it is renamed once more while the other
  line grows.
- A formatter spreads an expression over several lines, then another one while a line beside it grows, though the lines
  that were spread hold more.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

WORK = """\
def work():
    return make(), index()
"""
INDEX = """\
def index():
    return [bytes(500) for _ in range(300)]
"""
MAKE = """\
def make():
    rows = [bytes(1000) for _ in range(300)]
    names = ["%0500d" % number for number in range(200)]
    return rows, names
"""
GAP = "\n\n"
STOCK = '''\
"""Rows and names, made in one place."""


def rows():
    return [bytes(1000) for _ in range(300)]


def names():
    return ["%0500d" % number for number in range(300)]
'''
PLAIN = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    count = len(rows)
    assert count
    names = ["%0500d" % number for number in range(200)]
    signs = [bytes(600) for _ in range(400)]
    return rows, names, signs
"""


def store(module: str) -> str:
    """Return the module that calls `module`."""
    return f"import {module} as stock\n\n\ndef work():\n    return stock.rows(), stock.names()\n"


def spread(text: str, size: int) -> str:
    """Spread the list of blocks of this size over lines."""
    parts = f"bytes({size})", "for _ in range(400)"
    return edit(text, f"[{' '.join(parts)}]", "[\n        {}\n        {}\n    ]".format(*parts))


def build(repository: RepositoryBuilder) -> Expected:
    """Move, rename and format in all but the last of six commits, grow in the fourth and fifth."""
    cases = {"moved": "shop", "renamed": "store", "formatted": "plain"}
    files = {"shop.py": MAKE + GAP + INDEX + GAP + WORK, "store.py": store("stock"), "stock.py": STOCK}
    start(repository, {**files, "plain.py": PLAIN}, {case: scenario(module) for case, module in cases.items()})
    down = {"shop.py": INDEX + GAP + WORK + GAP + MAKE}
    renamed = {"store.py": store("goods"), "stock.py": None, "goods.py": STOCK}
    repository.commit({**down, **renamed, "plain.py": spread(PLAIN, 600)}, "move down, rename, format")
    shop = {"shop.py": "from making import make" + GAP + GAP + INDEX + GAP + WORK, "making.py": MAKE}
    package = {"goods/__init__.py": "", "goods/wares.py": STOCK, "store.py": store("goods.wares"), "goods.py": None}
    repository.commit({**shop, **package}, "move, make a package")
    in_class = "class Maker:\n    @staticmethod\n" + "".join(f"    {line}\n" for line in MAKE.splitlines())
    shop = {"shop.py": "from making import Maker\n\nmake = Maker.make" + GAP + GAP + INDEX + GAP + WORK}
    grown = edit(STOCK, "bytes(1000) for _ in range(300)", "bytes(1000) for _ in range(600)")
    plain = edit(spread(spread(PLAIN, 600), 1000), "in range(200)", "in range(500)")
    files = {**shop, "making.py": in_class, "goods/wares.py": grown, "plain.py": plain}
    first = repository.commit(files, "move into a class, more rows, format and more names")
    shop = {"shop.py": MAKE + GAP + edit(INDEX, "300", "600") + GAP + WORK}
    both = edit(grown, "number in range(300)", "number in range(600)")
    renamed = {"store.py": store("goods.things"), "goods/wares.py": None, "goods/things.py": both}
    second = repository.commit({**shop, **renamed, "making.py": None}, "move back and grow, rename and more names")
    repository.commit({"README": "A shop.\n"}, "explain")
    rows, named = "return [bytes(1000) for _ in range(600)]", 'return ["%0500d" % number for number in range(600)]'
    index, more = "return [bytes(500) for _ in range(600)]", 'names = ["%0500d" % number for number in range(500)]'
    metrics = "peak result"
    return Expected(
        flags=flags(metrics, "regressed", second, ("shop.py", index), blamed=1, case="moved")
        | flags(metrics, "regressed", first, ("goods/wares.py", rows), blamed=1, case="renamed")
        | flags(metrics, "regressed", second, ("goods/things.py", named), blamed=1, case="renamed")
        | flags(metrics, "regressed", first, ("plain.py", more), case="formatted")
    )
