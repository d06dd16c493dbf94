"""Every tenth call keeps a kilobyte: only `growth` shows it, and it takes more than a few calls to see."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant, scenario

SHOP = """\
CALLS = 0
SLOW = []


def work():
    global CALLS
    CALLS += 1
    report = b"-" * 300_000
    return len(report)
"""
LEAK = """\
    if CALLS % 10 == 0:
        SLOW.append(report[:1000])
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Keep reports in the second of four commits."""
    leaking = edit(SHOP, "    return", LEAK + "    return")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": leaking}, {"workload": scenario(calls=127)})
    return Expected(flags=flags("growth", "regressed", found, ("shop.py", "SLOW.append(report[:1000])")))
