"""The only edit is a constant of another file; the line that allocates uses it through an import."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

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
    """Raise the constant in the second of four commits."""
    found = plant(repository, {"shop.py": SHOP, "sizes.py": SIZES}, {"sizes.py": edit(SIZES, "90", "900")})
    return Expected(
        flags=flags(
            "peak result",
            "regressed",
            found,
            ("shop.py", "return bytearray(WIDTH * 1000)"),
            caller="WIDTH = 900",
            blamed=1,
        )
    )
