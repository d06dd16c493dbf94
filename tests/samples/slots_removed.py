"""`__slots__` goes, and every point gets room for a dictionary.

The memory is allocated where the points are made, a line far from the commit's. That line must be blamed first,
unchanged and without a caller: it says which objects got bigger, and there are as many as before; the one edited
line in the class of these objects is then the answer. To blame `__slots__` itself would be a guess, as no block was
allocated there.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

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
    """Remove the slots in the third of five commits."""
    start(repository, {"shop.py": SHOP, "shapes.py": SHAPES})
    repository.commit({"README": "A shop.\n"}, "explain")
    shapes = edit(SHAPES, '    __slots__ = ("x", "y")\n\n', "")
    found = repository.commit({"shapes.py": shapes}, "let points have more attributes")
    repository.commit({"README": "A shop with points.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + SHOP}, "describe")
    line = ("shop.py", "return [Point(number, -number) for number in range(1000)]")
    return Expected(flags=flags("peak result", "regressed", found, line, changed_here=False, blamed=1))


if __name__ == "__main__":
    main(build)
