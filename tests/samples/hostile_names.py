"""A module whose file name holds a line end, quotes, an escape sequence and markup, and subjects that look like git's
own output: the line is found under its true path."""

from sample_history import Expected, RepositoryBuilder, edit, flags, start

NAME = 'a\n"b\x1b[31m\t[red]\u202e é'
SHOP = f"""\
from importlib import import_module

stock = import_module("shop." + {NAME!r})


def work():
    return stock.rows()
"""
ROWS = """\
def rows():
    return [bytes(1000) for _ in range(300)]
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Grow in the third of five commits."""
    path = f"shop/{NAME}.py"
    start(repository, {"shop/__init__.py": SHOP, path: ROWS})
    repository.commit({"README": "A shop.\n"}, "\x1b[2J[bold]diff --git a/x b/x")
    found = repository.commit({path: edit(ROWS, "300", "600")}, '@@ -1,2 +1,2 @@ \u202e"more" \x7f\x1b]8;;')
    repository.commit({path: edit("# Rows.\n" + ROWS, "300", "600")}, "--- a/shop")
    repository.commit({"README": "A shop with rows.\n"}, "explain more")
    line = (path, "return [bytes(1000) for _ in range(600)]")
    return Expected(flags=flags("peak result", "regressed", found, line, blamed=1))
