"""Steps, each at its commit and line, in the course of seven commits.

- A list gets twice as long between commits that only move it.
- The commit to blame stands among commits that cannot be imported: it is one of four, and the range is exact.
- A rise that a later commit takes back, line for line, is one transient finding, neither regression nor improvement.
- A rise in one line and, two commits later, a fall of the same size in another are two changes.
- A budget is exceeded from the first commit on, until one saves enough; another never is.
"""

from sample_history import Expected, Limit, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
def work():
    rows = [bytes(1000) for _ in range(500)]
    return rows
"""
TRADE = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    names = ["%0670d" % number for number in range(400)]
    return rows, names
"""
TITLE = '"""A shop."""\n\n'
HELP = '\n\ndef help():\n    return "no"\n'
LIMITS = '# limits = { peak = "400 KiB", retained = "100 KiB" }\n'


def build(repository: RepositoryBuilder) -> Expected:
    """Double in the fourth, break until the sixth, rise in the third, fall in the fifth and sixth commit."""
    modules = {"doubled": "shop", "broken": "broken", "transient": "spike", "cancelling": "trade"}
    scenarios = {case: scenario(module) for case, module in modules.items()}
    files = {"shop.py": SHOP, "broken.py": SHOP, "spike.py": SHOP, "trade.py": TRADE, "saving.py": SHOP}
    first = start(repository, files, scenarios | {"limit": scenario("saving", more=LIMITS)})
    double, cannot_import = edit(SHOP, "500", "1000"), "import missing_module\n"
    more = edit(TRADE, "bytes(1000) for _ in range(400)", "bytes(1000) for _ in range(600)")
    fewer = edit(more, "number in range(400)", "number in range(114)")
    good = repository.commit({"README": "A shop.\n"}, "explain")
    third = {"shop.py": TITLE + SHOP, "broken.py": cannot_import + SHOP, "spike.py": double, "trade.py": more}
    risen = repository.commit(third, "third")
    doubled = repository.commit({"shop.py": TITLE + double, "broken.py": cannot_import + double}, "fourth")
    fifth = {"shop.py": TITLE + double + HELP, "broken.py": cannot_import + TITLE + double, "spike.py": TITLE + double}
    fallen = repository.commit({**fifth, "trade.py": fewer, "saving.py": TITLE + SHOP}, "fifth")
    saving = edit(TITLE + SHOP, "500", "300")
    sixth = {"shop.py": HELP + TITLE + double, "broken.py": TITLE + double, "spike.py": TITLE + SHOP}
    mended = repository.commit({**sixth, "saving.py": saving}, "sixth")
    repository.commit({"README": "A shop with rows.\n", "trade.py": TITLE + fewer}, "explain more")
    both, rows = "peak result", "rows = [bytes(1000) for _ in range(%d)]"
    names = 'names = ["%0670d" % number for number in range(114)]'
    return Expected(
        flags=flags(both, "regressed", doubled, ("shop.py", rows % 1000), blamed=1, case="doubled")
        | flags(both, "regressed", (good, mended), ("broken.py", rows % 1000), case="broken")
        | flags(both, "transient", risen, ("spike.py", rows % 1000), undone_by=mended, case="transient")
        | flags(both, "regressed", risen, ("trade.py", rows % 600), case="cancelling")
        | flags(both, "improved", fallen, ("trade.py", names), case="cancelling")
        | flags(both, "improved", mended, ("saving.py", rows % 300), case="limit"),
        limits=frozenset({Limit(metric="peak", first=first, last=fallen, still=False, case="limit")}),
        failures=frozenset((commit, "import") for commit in (risen, doubled, fallen)),
    )
