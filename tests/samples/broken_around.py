"""The commit to blame stands among commits that cannot be imported: it is one of four, and the range is exact."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    return rows
"""
BROKEN = "import missing_module\n"


def build(repository: RepositoryBuilder) -> Expected:
    """Break in the third, rise in the fourth, mend in the sixth of seven commits."""
    start(repository, {"shop.py": SHOP})
    good = repository.commit({"README": "A shop.\n"}, "explain")
    bigger = edit(SHOP, "400", "800")
    broken = [
        repository.commit({"shop.py": BROKEN + SHOP}, "break"),
        repository.commit({"shop.py": BROKEN + bigger}, "more rows"),
        repository.commit({"shop.py": BROKEN + '"""A shop."""\n' + bigger}, "describe"),
    ]
    bad = repository.commit({"shop.py": '"""A shop."""\n\n' + bigger}, "mend")
    repository.commit({"README": "A shop that works.\n"}, "explain more")
    line = ("shop.py", "rows = [bytes(1000) for _ in range(800)]")
    return Expected(
        flags=flags("peak result", "regressed", (good, bad), line),
        failures=frozenset((commit, "import") for commit in broken),
    )
