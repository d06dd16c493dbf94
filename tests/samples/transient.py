"""A rise that a later commit takes back, line for line: one transient finding, neither regression nor improvement."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    return rows
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Rise in the third, fall in the sixth of seven commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    bigger = edit(SHOP, "400", "700")
    found = repository.commit({"shop.py": bigger}, "more rows")
    repository.commit({"README": "A shop with rows.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + bigger}, "describe")
    undone = repository.commit({"shop.py": '"""A shop."""\n\n' + SHOP}, "fewer rows again")
    repository.commit({"README": "A shop with few rows.\n"}, "explain again")
    line = ("shop.py", "rows = [bytes(1000) for _ in range(700)]")
    return Expected(flags=flags("peak result", "transient", found, line, undone_by=undone))
