"""`__slots__` goes, and every point gets room for a dictionary.

The memory is allocated where the points are made, a line far from the commit's. That line must be blamed first,
unchanged and without a caller: it says which objects got bigger, and there are as many as before; the one edited
line in the class of these objects is then the answer. To blame `__slots__` itself would be a guess, as no block was
allocated there.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHAPES = """\
class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y
"""
SHOP = """\
from shapes import Point


def work():
    return [Point(number, -number) for number in range(1000)]
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Remove the slots in the second of four commits."""
    shapes = edit(SHAPES, '    __slots__ = ("x", "y")\n\n', "")
    found = plant(repository, {"shop.py": SHOP, "shapes.py": SHAPES}, {"shapes.py": shapes})
    line = ("shop.py", "return [Point(number, -number) for number in range(1000)]")
    return Expected(flags=flags("peak result", "regressed", found, line, changed_here=False, blamed=1))
