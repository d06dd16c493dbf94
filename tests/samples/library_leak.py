"""Documents that `json` allocates are kept by the project: its own line is blamed, and the library named."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

SHOP = """\
import json

SEEN = []
TEXT = "[" + ",".join('{"name": "%0400d"}' % number for number in range(100)) + "]"


def work():
    document = json.loads(TEXT)
    return len(document)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Keep the documents in the third of five commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    leaking = edit(SHOP, "    return", "    SEEN.append(document)\n    return")
    found = repository.commit({"shop.py": leaking}, "remember documents")
    repository.commit({"README": "A shop with documents.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + leaking}, "describe")
    line = "document = json.loads(TEXT)"
    return Expected(
        flags=flags(
            "growth retained",
            "regressed",
            found,
            ("shop.py", line),
            changed_here=False,
            caller="SEEN.append(document)",
            library="json",
        )
    )


if __name__ == "__main__":
    main(build)
