"""The highest moment is at the bottom of a recursion, or between two values of a generator; nothing of it is left."""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
def walk(depth):
    buffer = bytearray(10_000)
    return len(buffer) + (walk(depth - 1) if depth else 0)


def chunks():
    for number in range(4):
        chunk = [b"%0500d" % row for row in range(200)]
        yield len(chunk)
    yield number


def descend():
    return walk(80)


def stream():
    return sum(chunks())
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Change the recursion in the third, the generator in the fourth of five commits."""
    metrics = ("peak", "retained", "result")
    scenarios = {name: scenario(function=name, metrics=metrics) for name in ("descend", "stream")}
    start(repository, {"shop.py": SHOP}, scenarios)
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = edit(SHOP, "10_000", "15_000")
    deep = repository.commit({"shop.py": shop}, "bigger buffers")
    shop = edit(shop, "range(200)", "range(700)")
    wide = repository.commit({"shop.py": shop}, "bigger chunks")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    return Expected(
        flags=flags("peak", "regressed", deep, ("shop.py", "buffer = bytearray(15_000)"), case="descend")
        | flags(
            "peak", "regressed", wide, ("shop.py", 'chunk = [b"%0500d" % row for row in range(700)]'), case="stream"
        )
    )
