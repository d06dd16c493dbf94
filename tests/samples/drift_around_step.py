"""Twelve times 0.4 % more with a flagged step between: both are reported, and neither is counted to the other.

The line blamed for the drift is the one that crept, not the line of the step, which gained more.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
def work():
    rows = [bytes(3967) for _ in range(250)]
    names = [bytes(1000) for _ in range(10)]
    return rows, names
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Rise a little six times, step, rise a little six times."""
    start(repository, {"shop.py": SHOP}, {"workload": scenario(metrics=("peak", "retained", "result"))})
    base = repository.commit({"README": "A shop.\n"}, "explain")
    text, step, last = SHOP, "", ""
    for rise in range(1, 13):
        last = repository.commit(
            {"shop.py": edit(text, "range(250)", f"range({250 + rise})")}, f"a little more, {rise}"
        )
        if rise == 6:
            text = edit(text, "range(10)", "range(300)")
            step = repository.commit({"shop.py": edit(text, "range(250)", "range(256)")}, "many names")
    repository.commit({"README": "A shop with names.\n"}, "explain more")
    return Expected(
        flags=flags(
            "peak result", "regressed", step, ("shop.py", "names = [bytes(1000) for _ in range(300)]"), blamed=1
        )
        | flags("peak result", "drifting", (base, last), ("shop.py", "rows = [bytes(3967) for _ in range(262)]"))
    )
