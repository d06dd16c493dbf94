"""Every tenth call keeps a kilobyte: only `growth` shows it, and it takes more than a few calls to see."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, scenario, start

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
    """Keep reports in the third of five commits."""
    start(repository, {"shop.py": SHOP}, {"workload": scenario(calls=127)})
    repository.commit({"README": "A shop.\n"}, "explain")
    leaking = edit(SHOP, "    return", LEAK + "    return")
    found = repository.commit({"shop.py": leaking}, "keep reports of slow calls")
    repository.commit({"README": "A shop with reports.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + leaking}, "describe")
    return Expected(flags=flags("growth", "regressed", found, ("shop.py", "SLOW.append(report[:1000])")))


if __name__ == "__main__":
    main(build)
