"""Merges into the main line, and the commits to blame for what they bring.

- The second of three commits on a side branch made the regression; the merge of another branch brings none.
- A branch that had merged another branch, and the commit to blame is on that one.
- A branch changes a number that nobody reads there, main begins to read it: only the merge itself holds more. No
  commit of the branch is to blame, so the merge is.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, scenario, start

SHOP = """\
import tax


def work():
    rows = [bytes(1000) for _ in range(400)]
    return rows, tax.table()
"""
TAX = """\
def table():
    return [rate for rate in range(100)]
"""
STOCK = """\
def work():
    rows = [bytes(1000) for _ in range(400)]
    return rows
"""
GOODS = """\
import sizes


def work():
    rows = [bytes(1000) for _ in range(300)]
    return rows, sizes.MOST > 0
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Merge a harmless branch, one that doubles the rows, one that merged such a one, and one that meets main."""
    files = {"shop.py": SHOP, "tax.py": TAX, "stock.py": STOCK, "goods.py": GOODS, "sizes.py": "MOST = 300\n"}
    cases = {"branch": "shop", "nested": "stock", "interaction": "goods"}
    start(repository, files, {case: scenario(module) for case, module in cases.items()})
    repository.branch("tax")
    repository.commit({"tax.py": '"""Taxes."""\n\n\n' + TAX}, "describe taxes")
    repository.switch("main")
    repository.commit({"README": "A shop.\n"}, "explain")
    repository.merge("tax", "merge taxes")

    repository.branch("rows")
    repository.commit({"shop.py": '"""A shop."""\n\n' + SHOP}, "describe")
    bigger = edit('"""A shop."""\n\n' + SHOP, "400", "800")
    on_branch = repository.commit({"shop.py": bigger}, "more rows")
    repository.commit({"shop.py": bigger + "\n\ndef close():\n    pass\n"}, "close")
    repository.switch("main")
    repository.commit({"README": "A shop with taxes.\n"}, "explain more")
    merged = repository.merge("rows", "merge rows")

    repository.branch("outer")
    repository.commit({"TODO": "Rows.\n"}, "plan")
    repository.branch("inner")
    repository.commit({"TODO": "More rows.\n"}, "plan more")
    on_inner = repository.commit({"stock.py": edit(STOCK, "400", "800")}, "more stock")
    repository.switch("outer")
    repository.commit({"AUTHORS": "Ada\n"}, "thank")
    repository.merge("inner", "merge inner")
    repository.switch("main")
    repository.commit({"README": "A shop with taxes and rows.\n"}, "explain stock")
    nested = repository.merge("outer", "merge outer")

    repository.branch("bigger")
    repository.commit({"sizes.py": "MOST = 600\n"}, "double the most")
    repository.commit({"sizes.py": "# Of rows.\nMOST = 600\n"}, "comment")
    repository.switch("main")
    repository.commit({"goods.py": edit(GOODS, "range(300)", "range(sizes.MOST)")}, "use the most")
    repository.commit({"README": "A shop with goods.\n"}, "explain goods")
    interaction = repository.merge("bigger", "merge bigger")
    repository.commit({"README": "A shop with more goods.\n"}, "explain all")

    both, rows = "peak result", "rows = [bytes(1000) for _ in range(800)]"
    read = ("goods.py", "rows = [bytes(1000) for _ in range(sizes.MOST)]")
    return Expected(
        flags=flags(both, "regressed", on_branch, ("shop.py", rows), merge=merged, case="branch")
        | flags(both, "regressed", on_inner, ("stock.py", rows), merge=nested, case="nested")
        | flags(both, "regressed", interaction, read, caller="MOST = 600", blamed=1, case="interaction")
    )
