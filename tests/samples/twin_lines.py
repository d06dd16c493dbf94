"""Two lines that read the same in one function: the second one grows, though the first holds more, and both move."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHOP = """\
BIG = [3000] * 300
SMALL = [1000] * 100


def work():
    kept = []
    for size in BIG:
        kept.append(bytes(size))
    for size in SMALL:
        kept.append(bytes(size))
    return kept
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Move and grow in the second of four commits."""
    shop = '"""A shop."""\n\n' + edit(SHOP, "[1000] * 100", "[1000] * 300")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": shop})
    line = ("shop.py", "kept.append(bytes(size))")
    return Expected(flags=flags("peak result", "regressed", found, line, caller="SMALL = [1000] * 300", number=12))
