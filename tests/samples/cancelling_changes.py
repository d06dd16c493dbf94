"""A rise in one line and, two commits later, a fall of the same size in another: two changes, not a transient."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    names = ["%0670d" % number for number in range(400)]
    return rows, names
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Rise in the third, fall in the fifth of six commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = edit(SHOP, "bytes(1000) for _ in range(400)", "bytes(1000) for _ in range(600)")
    risen = repository.commit({"shop.py": shop}, "more rows")
    repository.commit({"README": "A shop with rows.\n"}, "explain more")
    shop = edit(shop, "number in range(400)", "number in range(114)")
    fallen = repository.commit({"shop.py": shop}, "fewer names")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    rows = ("shop.py", "rows = [bytes(1000) for _ in range(600)]")
    names = ("shop.py", 'names = ["%0670d" % number for number in range(114)]')
    return Expected(
        flags=flags("peak result", "regressed", risen, rows) | flags("peak result", "improved", fallen, names)
    )
