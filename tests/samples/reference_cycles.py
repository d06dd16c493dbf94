"""Nodes that point back at their document are freed by the garbage collector only: the peak rises, nothing leaks."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

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
    """Point back in the second of four commits."""
    cyclic = edit(SHOP, "self.document = None", "self.document = document")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": cyclic})
    line = "self.body = bytearray(20_000)"
    return Expected(flags=flags("peak", "regressed", found, ("shop.py", line), caller="self.document = document"))
