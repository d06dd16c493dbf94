"""The line that allocates is not one that the commit edited, or is in a file of another name.

- A caller in another file asks for more; a constant that is imported from another file is raised; a list gets longer
  over which the second of two lines that read the same iterates, though the first holds more and both move.
- `__slots__` goes, and every point gets room for a dictionary where the points are made, a line far from the commit's.
  That line must be blamed first, unchanged and without a caller: it says which objects got bigger, and there are as
  many as before. To blame `__slots__` itself would be a guess, as no block was allocated there.
- A file is split in two, and a line in one of the halves holds more after that.
"""

from sample_history import Expected, Flag, RepositoryBuilder, edit, flags, plant, scenario

ROWS = """\
def make(count):
    return [bytes(1000) for _ in range(count)]


def table(count):
    return make(count)
"""
ASKING = """\
import rows


def work():
    stock = rows.table(300)
    return stock
"""
SIZES = """\
WIDTH = 90
DEPTH = 3
"""
BLOCKS = """\
from sizes import WIDTH


def work():
    return bytearray(WIDTH * 1000)
"""
TWINS = """\
BIG = [3000] * 300
SMALL = [1000] * 100


def work():
    kept = []
    for size in BIG:
        kept.append(bytes(size))
    for size in SMALL:
        kept.append(bytes(size))
    return kept
"""
SHAPES = """\
class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y
"""
POINTS = """\
from shapes import Point


def work():
    return [Point(number, -number) for number in range(1000)]
"""
FIRST_HALF = """\
def pairs():
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
SHOP = """\


def work():
    return pairs(), names()
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Edit all in the second of four commits."""
    before = {
        "rows.py": ROWS,
        "asking.py": ASKING,
        "sizes.py": SIZES,
        "blocks.py": BLOCKS,
        "twins.py": TWINS,
        "shapes.py": SHAPES,
        "points.py": POINTS,
        "stock.py": FIRST_HALF + "\n\n" + NAMES,
        "shop.py": "from stock import names, pairs\n" + SHOP,
    }
    after = {
        "asking.py": edit(ASKING, "300", "600"),
        "sizes.py": edit(SIZES, "90", "900"),
        "twins.py": '"""Twins."""\n\n' + edit(TWINS, "[1000] * 100", "[1000] * 300"),
        "shapes.py": edit(SHAPES, '    __slots__ = ("x", "y")\n\n', ""),
        "stock.py": None,
        "pairs.py": FIRST_HALF,
        "names.py": edit(NAMES, '"%0300d"', '"%02300d"'),
        "shop.py": "from names import names\nfrom pairs import pairs\n" + SHOP,
    }
    modules = {"caller": "asking", "constant": "blocks", "twin": "twins", "slots": "points", "split": "shop"}
    found = plant(repository, before, after, {case: scenario(module) for case, module in modules.items()})

    def risen(case: str, path: str, source: str, caller: str = "", **more: int | None) -> frozenset[Flag]:
        edited = case == "split"  # the only line to blame that the commit edited
        known = {"blamed": 1, **more}
        line = (path, source)
        return flags("peak result", "regressed", found, line, changed_here=edited, caller=caller, case=case, **known)

    return Expected(
        flags=risen("caller", "rows.py", "return [bytes(1000) for _ in range(count)]", "stock = rows.table(600)")
        | risen("constant", "blocks.py", "return bytearray(WIDTH * 1000)", "WIDTH = 900")
        | risen("twin", "twins.py", "kept.append(bytes(size))", "SMALL = [1000] * 300", number=12, blamed=None)
        | risen("slots", "points.py", "return [Point(number, -number) for number in range(1000)]")
        | risen("split", "names.py", 'short = ["%02300d" % number for number in range(200)]')
    )
