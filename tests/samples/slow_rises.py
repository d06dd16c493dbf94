"""Twelve times 0.4 % more: no commit is to blame, but over the range between them it is 4.8 %.

In another case a flagged step lies between: both are reported, and neither is counted to the other. The line blamed for
the drift is the one that crept, not the line of the step, which gained more. Rises and falls below the thresholds that
leave 1.5 % in the end are neither a change nor a drift.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
def work():
    rows = [bytes(3967) for _ in range(250)]
    names = [bytes(1000) for _ in range(10)]
    return rows, names
"""
WOBBLE = """\
def work():
    rows = bytearray(1000 * 967)
    return rows
"""
WOBBLING = (1004, 998, 1006, 1003, 1008, 1004, 1011, 1015, 1012, 1016, 1013, 1015)


def build(repository: RepositoryBuilder) -> Expected:
    """Rise in twelve commits between two flat ends; in the middle comes the step."""
    cases = {"drift": "shop", "around_step": "store", "wobble": "wobble"}
    scenarios = {case: scenario(module, metrics=("peak", "retained", "result")) for case, module in cases.items()}
    start(repository, {"shop.py": SHOP, "store.py": SHOP, "wobble.py": WOBBLE}, scenarios)
    base = repository.commit({"README": "A shop.\n"}, "explain")
    store, step, last = SHOP, "", ""
    for rise, count in enumerate(WOBBLING, 1):
        rows = f"range({250 + rise})"
        files = {"shop.py": edit(SHOP, "range(250)", rows), "store.py": edit(store, "range(250)", rows)}
        wobble = edit(WOBBLE, "bytearray(1000", f"bytearray({count}")
        last = repository.commit({**files, "wobble.py": wobble}, f"a little more, {rise}")
        if rise == 6:
            store = edit(SHOP, "range(10)", "range(300)")
            step = repository.commit({"store.py": edit(store, "range(250)", rows)}, "many names")
    repository.commit({"README": "A shop with names.\n"}, "explain more")
    crept, names = "rows = [bytes(3967) for _ in range(262)]", "names = [bytes(1000) for _ in range(300)]"
    return Expected(
        flags=flags("peak result", "drifting", (base, last), ("shop.py", crept), case="drift")
        | flags("peak result", "drifting", (base, last), ("store.py", crept), case="around_step")
        | flags("peak result", "regressed", step, ("store.py", names), blamed=1, case="around_step")
    )
