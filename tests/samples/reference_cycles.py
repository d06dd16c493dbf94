"""Nodes that point back at their document are freed by the garbage collector only: the peak rises, nothing leaks."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

SHOP = """\
class Node:
    def __init__(self, document):
        self.document = None
        self.body = bytearray(20_000)


class Document:
    def __init__(self):
        self.root = Node(self)


def work():
    total = 0
    for _ in range(50):
        total += len(Document().root.body)
    return total
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Point back in the third of five commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    cyclic = edit(SHOP, "self.document = None", "self.document = document")
    found = repository.commit({"shop.py": cyclic}, "let nodes know their document")
    repository.commit({"README": "A shop with documents.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + cyclic}, "describe")
    line = "self.body = bytearray(20_000)"
    return Expected(
        flags=flags(
            "peak", "regressed", found, ("shop.py", line), changed_here=False, caller="self.document = document"
        )
    )


if __name__ == "__main__":
    main(build)
