"""Twelve times 0.4 % more: no commit is to blame, but over the range between them it is 4.8 %."""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
def work():
    rows = [bytes(3967) for _ in range(250)]
    return rows
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Rise in twelve commits between two flat ends."""
    start(repository, {"shop.py": SHOP}, {"workload": scenario(metrics=("peak", "retained", "result"))})
    base = repository.commit({"README": "A shop.\n"}, "explain")
    last = ""
    for step in range(1, 13):
        shop = edit(SHOP, "range(250)", f"range({250 + step})")
        last = repository.commit({"shop.py": shop}, f"a little more, {step}")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    line = ("shop.py", "rows = [bytes(3967) for _ in range(262)]")
    return Expected(flags=flags("peak result", "drifting", (base, last), line))
