"""Lines move into loops and out of one by nothing but their indentation: they, or the calls in them, are the cause.

A commit between them indents the whole file with tabs: no flag.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

ROWS = """\
def make():
    return bytearray(4000)
"""
SHOP = """\
import rows


def work():
    table = []
    for number in range(40):
        name = str(number)
    table.append(bytes(4000))
    more = []
    for number in range(40):
        name = str(number)
    more.append(rows.make())
    return table, more, name
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Indent a line that allocates, then one that calls, then all of them; take the first out again at last."""
    start(repository, {"shop.py": SHOP, "rows.py": ROWS})
    filled = edit(SHOP, "    table.append", "        table.append")
    indented = repository.commit({"shop.py": filled}, "fill the table in the loop")
    more = edit(filled, "    more.append", "        more.append")
    calling = repository.commit({"shop.py": more}, "call in the loop")
    repository.commit({"shop.py": more.replace("    ", "\t")}, "tabs")
    emptied = edit(more, "        table.append", "    table.append")
    dedented = repository.commit({"shop.py": emptied}, "fill no table")
    line, caller = ("shop.py", "table.append(bytes(4000))"), "more.append(rows.make())"
    made = ("rows.py", "return bytearray(4000)")
    return Expected(
        flags=flags("peak result", "regressed", indented, line, blamed=1)
        | flags("peak result", "regressed", calling, made, caller=caller, blamed=2)
        | flags("peak result", "improved", dedented, line, blamed=1)
    )
