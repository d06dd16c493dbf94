"""A budget that is exceeded from the first commit on, until a commit saves enough; and one that never is."""

from sample_history import Expected, Limit, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(600)]
    return rows
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Save in the fourth of five commits."""
    limits = '# limits = { peak = "500 KiB", retained = "100 KiB" }\n'
    first = start(repository, {"shop.py": SHOP}, {"workload": scenario(more=limits)})
    repository.commit({"README": "A shop.\n"}, "explain")
    last = repository.commit({"shop.py": '"""A shop."""\n\n' + SHOP}, "describe")
    smaller = edit('"""A shop."""\n\n' + SHOP, "600", "300")
    found = repository.commit({"shop.py": smaller}, "fewer rows")
    repository.commit({"README": "A shop with few rows.\n"}, "explain more")
    line = ("shop.py", "rows = [bytes(1000) for _ in range(300)]")
    return Expected(
        flags=flags("peak result", "improved", found, line),
        limits=frozenset({Limit(metric="peak", first=first, last=last, still=False)}),
    )
