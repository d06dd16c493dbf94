"""A list that gets twice as long, among commits that move it: the line of the list is found, at its commit."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(500)]
    return rows
"""
LINE = "rows = [bytes(1000) for _ in range(1000)]"


def build(repository: RepositoryBuilder) -> Expected:
    """Double the list in the fourth of six commits."""
    start(repository, {"shop.py": SHOP})
    moved = '"""A shop."""\n\n\ndef help():\n    return "no"\n\n\n' + SHOP
    repository.commit({"shop.py": moved}, "move")
    repository.commit({"README": "A shop.\n"}, "explain")
    doubled = edit(moved, "500", "1000")
    found = repository.commit({"shop.py": doubled}, "double")
    doubled = edit(doubled, '    return "no"\n', '    answer = "no"\n    return answer\n')
    repository.commit({"shop.py": doubled}, "move again")
    repository.commit({"shop.py": doubled + "\n\nNAME = 'shop'\n"}, "name")
    return Expected(flags=flags("peak result", "regressed", found, ("shop.py", LINE), blamed=1))
