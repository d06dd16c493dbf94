"""`functools.lru_cache(maxsize=None)` on a function that never sees the same number twice.

A leak: `growth` rises, and `retained` by what the first call leaves. The peak does not, as the pages were all alive
before. The line that allocates a page is the same as before; the decorator, which the commit added, is named beside.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHOP = """\
from functools import lru_cache
from itertools import count

NUMBERS = count(100)


def page(number):
    return ("%08d" % number) * 500


def work():
    pages = [page(next(NUMBERS)) for _ in range(50)]
    return sum(map(len, pages))
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Cache in the second of four commits."""
    cached = edit(SHOP, "def page", "@lru_cache(maxsize=None)\ndef page")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": cached})
    line = 'return ("%08d" % number) * 500'
    return Expected(
        flags=flags("growth retained", "regressed", found, ("shop.py", line), caller="@lru_cache(maxsize=None)")
    )
