"""A function moves within its file, to another file and into a class: no flag.

The last commit moves it once more and makes another line hold more: that line alone is blamed.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

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
IN_CLASS = "class Maker:\n" + "".join(f"    {line}\n" for line in MAKE.splitlines())


def build(repository: RepositoryBuilder) -> Expected:
    """Move in every commit, grow in the last."""
    start(repository, {"shop.py": MAKE + GAP + INDEX + GAP + WORK})
    repository.commit({"shop.py": INDEX + GAP + WORK + GAP + MAKE}, "move down")
    repository.commit(
        {"shop.py": "from making import make" + GAP + GAP + INDEX + GAP + WORK, "making.py": MAKE}, "move"
    )
    in_class = edit(IN_CLASS, "    def make", "    @staticmethod\n    def make")
    shop = "from making import Maker\n\nmake = Maker.make" + GAP + GAP + INDEX + GAP + WORK
    repository.commit({"shop.py": shop, "making.py": in_class}, "move into a class")
    shop = MAKE + GAP + edit(INDEX, "300", "600") + GAP + WORK
    found = repository.commit({"shop.py": shop, "making.py": None}, "move back and grow")
    line = ("shop.py", "return [bytes(500) for _ in range(600)]")
    return Expected(flags=flags("peak result", "regressed", found, line, blamed=1))
