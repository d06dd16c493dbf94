"""A merge brings a branch that had merged another branch, and the commit to blame is on that one."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    return rows
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Merge the branch with the culprit into a branch, and that into main."""
    start(repository, {"shop.py": SHOP})
    repository.branch("outer")
    repository.commit({"TODO": "Rows.\n"}, "plan")
    repository.branch("inner")
    repository.commit({"TODO": "More rows.\n"}, "plan more")
    bigger = edit(SHOP, "400", "800")
    found = repository.commit({"shop.py": bigger}, "more rows")
    repository.switch("outer")
    repository.commit({"AUTHORS": "Ada\n"}, "thank")
    repository.merge("inner", "merge inner")
    repository.switch("main")
    repository.commit({"README": "A shop.\n"}, "explain")
    merge = repository.merge("outer", "merge outer")
    repository.commit({"README": "A shop with rows.\n"}, "explain more")
    line = ("shop.py", "rows = [bytes(1000) for _ in range(800)]")
    return Expected(flags=flags("peak result", "regressed", found, line, merge=merge))
