"""The line that allocates did not change; a caller in another file now asks it for more."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

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
    """Ask for more in the third of five commits."""
    start(repository, {"shop.py": SHOP, "rows.py": ROWS})
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = edit(SHOP, "300", "600")
    found = repository.commit({"shop.py": shop}, "more stock")
    repository.commit({"README": "A shop with stock.\n"}, "explain more")
    repository.commit({"rows.py": '"""Rows."""\n\n\n' + ROWS}, "describe")
    return Expected(
        flags=flags(
            "peak result",
            "regressed",
            found,
            ("rows.py", "return [bytes(1000) for _ in range(count)]"),
            changed_here=False,
            caller="stock = rows.table(600)",
            blamed=1,
        )
    )


if __name__ == "__main__":
    main(build)
