"""A branch changes a number that nobody reads there, main begins to read it: only the merge itself holds more.

No commit of the branch is to blame, so the merge is.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
import sizes


def work():
    rows = [bytes(1000) for _ in range(300)]
    return rows, sizes.MOST > 0
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Fork at the second commit, merge at the fifth of first-parent history."""
    start(repository, {"shop.py": SHOP, "sizes.py": "MOST = 300\n"})
    repository.commit({"README": "A shop.\n"}, "explain")
    repository.branch("bigger")
    repository.commit({"sizes.py": "MOST = 600\n"}, "double the most")
    repository.commit({"sizes.py": "# Of rows.\nMOST = 600\n"}, "comment")
    repository.switch("main")
    repository.commit({"shop.py": edit(SHOP, "range(300)", "range(sizes.MOST)")}, "use the most")
    repository.commit({"README": "A shop with rows.\n"}, "explain more")
    found = repository.merge("bigger", "merge bigger")
    repository.commit({"README": "A shop with more rows.\n"}, "explain all")
    line = ("shop.py", "rows = [bytes(1000) for _ in range(sizes.MOST)]")
    return Expected(flags=flags("peak result", "regressed", found, line, caller="MOST = 600", blamed=1))
