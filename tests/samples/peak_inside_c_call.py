"""Memory that lives only inside a call of C: the keys of a sort, a document being parsed, a concatenation.

At the end of the call nothing of it is left, so only the moment of the peak can name the line.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
import json

NUMBERS = list(range(1_000_000, 1_002_000))
LINES = ['{"name": "%0400d", "price": %d}' % (number, number) for number in range(200)]
PARTS = [b"-" * 1000 for _ in range(500)]


def order():
    return len(sorted(NUMBERS))


def read():
    return sum(len(json.loads(line)) for line in LINES)


def join():
    return sum(map(len, PARTS)) + len(b"end")


def prices():
    return sum(NUMBERS)
"""
METRICS = ("peak", "retained", "result")


def build(repository: RepositoryBuilder) -> Expected:
    """Change one function each in the second, third and fourth of six commits."""
    scenarios = {name: scenario(function=name, metrics=METRICS) for name in ("order", "read", "join")}
    start(repository, {"shop.py": SHOP}, scenarios)
    sorting = "return len(sorted(NUMBERS, key=str))"
    shop = edit(SHOP, "return len(sorted(NUMBERS))", sorting)
    ordered = repository.commit({"shop.py": shop}, "order by name")
    shop = edit(shop, "return sum(len(json.loads(line)) for line in LINES)", "return 2 * len(json.loads(TEXT))")
    parsing = "return 2 * len(json.loads(TEXT))"
    shop = edit(shop, "PARTS =", 'TEXT = "[" + ",".join(LINES) + "]"\nPARTS =')
    parsed = repository.commit({"shop.py": shop}, "read at once")
    joining = 'return len(b"".join(PARTS) + b"end")'
    shop = edit(shop, 'return sum(map(len, PARTS)) + len(b"end")', joining)
    joined = repository.commit({"shop.py": shop}, "join before counting")
    repository.commit({"README": "A shop.\n"}, "explain")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    return Expected(
        flags=flags("peak", "regressed", ordered, ("shop.py", sorting), case="order")
        | flags("peak", "regressed", parsed, ("shop.py", parsing), library="json", case="read")
        | flags("peak", "regressed", joined, ("shop.py", joining), case="join")
    )
