"""A leak that was there from the first commit on goes: an improvement, with the line that is gone."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

SHOP = """\
SEEN = []


def work():
    total = sum(len(b"%09d" % number) for number in range(100))
    SEEN.append(bytearray(50_000))
    return total
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Remove the leak in the third of five commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = edit(SHOP, "    SEEN.append(bytearray(50_000))\n", "")
    found = repository.commit({"shop.py": shop}, "forget")
    repository.commit({"README": "A shop that forgets.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    line = ("shop.py", "SEEN.append(bytearray(50_000))")
    return Expected(flags=flags("growth peak retained", "improved", found, line))


if __name__ == "__main__":
    main(build)
