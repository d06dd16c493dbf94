"""An import that brings a big table: `import` rises, the module that holds it is named, the project's line blamed.

In one of two cases it is put before an import whose modules it uses, which then load from another line: blamed is the
line that brings the table, with the library that is new, not with `re`, which was loaded before.
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
    sign = "\nSIGN = html.unescape('&copy;')\n"
    below = edit(SHOP, "import json\n", f"import json\nimport html\n{sign}")
    above = edit(SHOP, "import json\n", f"import html\nimport json\n{sign}")
    cases = {"below": "shop", "above": "store"}
    scenarios = {case: scenario(module, metrics=metrics) for case, module in cases.items()}
    found = plant(repository, {"shop.py": SHOP, "store.py": SHOP}, {"shop.py": below, "store.py": above}, scenarios)
    line, library, module = "import html", "html", "html.entities"
    return Expected(
        flags=flags("import", "regressed", found, ("shop.py", line), library=library, module=module, case="below")
        | flags("import", "regressed", found, ("store.py", line), library=library, module=module, case="above")
    )
