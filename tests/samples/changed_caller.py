"""The line that allocates did not change; a caller in another file now asks it for more."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

ROWS = """\
def make(count):
    return [bytes(1000) for _ in range(count)]


def table(count):
    return make(count)
"""
SHOP = """\
import rows


def work():
    stock = rows.table(300)
    return stock
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Ask for more in the second of four commits."""
    shop = edit(SHOP, "300", "600")
    found = plant(repository, {"shop.py": SHOP, "rows.py": ROWS}, {"shop.py": shop})
    return Expected(
        flags=flags(
            "peak result",
            "regressed",
            found,
            ("rows.py", "return [bytes(1000) for _ in range(count)]"),
            caller="stock = rows.table(600)",
            blamed=1,
        )
    )
