"""An import that brings a big table is put before one whose modules it uses: these then load from another line.

`import` rises by the table only. The line that brings it is blamed with the library that is new, not with `re`, which
was loaded before and only changed the line that loads it.
"""

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
    shop = edit(SHOP, "import json\n", "import html\nimport json\n\nSIGN = html.unescape('&copy;')\n")
    found = repository.commit({"shop.py": shop}, "know what a sign means")
    repository.commit({"README": "A shop with signs.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + shop}, "describe")
    return Expected(
        flags=flags("import", "regressed", found, ("shop.py", "import html"), library="html", module="html.entities")
    )


if __name__ == "__main__":
    main(build)
