"""An import that brings a big table: `import` rises, the module that holds it is named, the project's line blamed."""

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
    shop = edit(SHOP, "import json\n", "import json\nimport html\n\nSIGN = html.unescape('&copy;')\n")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": shop}, {"workload": scenario(metrics=metrics)})
    return Expected(
        flags=flags("import", "regressed", found, ("shop.py", "import html"), library="html", module="html.entities")
    )
