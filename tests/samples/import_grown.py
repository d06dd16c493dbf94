"""An import that brings a big table: `import` rises, the module that holds it is named, the project's line blamed."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, scenario, start

SHOP = """\
import json


def work():
    rows = [json.dumps("<%0800d>" % number) for number in range(200)]
    return len(rows)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Import in the third of five commits."""
    metrics = ("peak", "retained", "result", "import")
    start(repository, {"shop.py": SHOP}, {"workload": scenario(metrics=metrics)})
    repository.commit({"README": "A shop.\n"}, "explain")
    shop = edit(SHOP, "import json\n", "import json\nimport html\n\nSIGN = html.unescape('&copy;')\n")
    found = repository.commit({"shop.py": shop}, "know what a sign means")
    repository.commit({"README": "A shop with signs.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    return Expected(
        flags=flags("import", "regressed", found, ("shop.py", "import html"), library="html", module="html.entities")
    )


if __name__ == "__main__":
    main(build)
