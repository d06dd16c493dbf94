"""An import that brings a big table is put before one whose modules it uses: these then load from another line.

`import` rises by the table only. The line that brings it is blamed with the library that is new, not with `re`, which
was loaded before and only changed the line that loads it.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant, scenario

SHOP = """\
import json


def work():
    rows = [json.dumps("<%0800d>" % number) for number in range(200)]
    return len(rows)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Import in the second of four commits."""
    metrics = ("peak", "retained", "result", "import")
    shop = edit(SHOP, "import json\n", "import html\nimport json\n\nSIGN = html.unescape('&copy;')\n")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": shop}, {"workload": scenario(metrics=metrics)})
    return Expected(
        flags=flags("import", "regressed", found, ("shop.py", "import html"), library="html", module="html.entities")
    )
