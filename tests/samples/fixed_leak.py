"""A leak that was there from the first commit on goes: an improvement, with the line that is gone."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHOP = """\
SEEN = []


def work():
    total = sum(len(b"%09d" % number) for number in range(100))
    SEEN.append(bytearray(50_000))
    return total
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Remove the leak in the second of four commits."""
    shop = edit(SHOP, "    SEEN.append(bytearray(50_000))\n", "")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": shop})
    line = ("shop.py", "SEEN.append(bytearray(50_000))")
    return Expected(flags=flags("growth peak retained", "improved", found, line))
