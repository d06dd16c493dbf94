"""A cache of at most 1,000 pages, 50 new ones on every call: it fills up over 20 calls and is no leak.

What the first call leaves in it is kept, so `retained` rises, and the entries of the cache are part of the peak;
`growth` must not rise.
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
    cached = edit(SHOP, "def page", "@lru_cache(maxsize=1000)\ndef page")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": cached})
    made, asked = 'return ("%08d" % number) * 500', "pages = [page(next(NUMBERS)) for _ in range(50)]"
    return Expected(
        flags=flags("retained", "regressed", found, ("shop.py", made), caller="@lru_cache(maxsize=1000)")
        | flags("peak", "regressed", found, ("shop.py", asked), changed_here=False)
    )
