"""Two lines that read the same in one function: the second one grows, though the first holds more, and both move."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

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
    """Move and grow in the third of five commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = '"""A shop."""\n\n' + edit(SHOP, "[1000] * 100", "[1000] * 300")
    found = repository.commit({"shop.py": shop}, "more small ones")
    repository.commit({"README": "A shop with boxes.\n"}, "explain more")
    repository.commit({"shop.py": '# "A shop."\n' + shop}, "comment")
    line = ("shop.py", "kept.append(bytes(size))")
    return Expected(
        flags=flags(
            "peak result",
            "regressed",
            found,
            line,
            changed_here=False,
            caller="SMALL = [1000] * 300",
            number=12,
        )
    )


if __name__ == "__main__":
    main(build)
