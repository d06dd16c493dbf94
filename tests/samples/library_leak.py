"""Documents that `json` allocates are kept by the project: its own line is blamed, and the library named."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHOP = """\
import json

SEEN = []
TEXT = "[" + ",".join('{"name": "%0400d"}' % number for number in range(100)) + "]"


def work():
    document = json.loads(TEXT)
    return len(document)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Keep the documents in the second of four commits."""
    leaking = edit(SHOP, "    return", "    SEEN.append(document)\n    return")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": leaking})
    line = "document = json.loads(TEXT)"
    return Expected(
        flags=flags(
            "growth retained", "regressed", found, ("shop.py", line), caller="SEEN.append(document)", library="json"
        )
    )
