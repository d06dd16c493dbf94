"""The only edit is a constant of another file; the line that allocates uses it through an import."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

SIZES = """\
WIDTH = 90
DEPTH = 3
"""
SHOP = """\
from sizes import WIDTH


def work():
    return bytearray(WIDTH * 1000)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Raise the constant in the third of four commits."""
    start(repository, {"shop.py": SHOP, "sizes.py": SIZES})
    repository.commit({"README": "A shop.\n"}, "explain")
    found = repository.commit({"sizes.py": edit(SIZES, "90", "900")}, "wider")
    repository.commit({"README": "A wide shop.\n"}, "explain more")
    return Expected(
        flags=flags(
            "peak result",
            "regressed",
            found,
            ("shop.py", "return bytearray(WIDTH * 1000)"),
            changed_here=False,
            caller="WIDTH = 900",
            blamed=1,
        )
    )


if __name__ == "__main__":
    main(build)
