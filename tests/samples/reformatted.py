"""A formatter spreads an expression over several lines: no flag. Then the same with growth in another line.

Only the line that really grew is to blame first, though the lines that were spread hold more.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    count = len(rows)
    assert count
    names = ["%0500d" % number for number in range(200)]
    signs = [bytes(600) for _ in range(400)]
    return rows, names, signs
"""
ROWS = """\
    rows = [
        bytes(1000)
        for _ in range(400)
    ]
"""
SIGNS = """\
    signs = [
        bytes(600)
        for _ in range(400)
    ]
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Format in the second and fourth of five commits, grow in the fourth."""
    start(repository, {"shop.py": SHOP})
    shop = edit(SHOP, "    signs = [bytes(600) for _ in range(400)]\n", SIGNS)
    repository.commit({"shop.py": shop}, "format signs")
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = edit(shop, "    rows = [bytes(1000) for _ in range(400)]\n", ROWS)
    found = repository.commit({"shop.py": edit(shop, "in range(200)", "in range(500)")}, "format rows, more names")
    repository.commit({"README": "A shop with names.\n"}, "explain more")
    line = ("shop.py", 'names = ["%0500d" % number for number in range(500)]')
    return Expected(flags=flags("peak result", "regressed", found, line))
