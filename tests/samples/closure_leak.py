"""A closure that waits in a list keeps the payload it was made with."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

SHOP = """\
LATER = []


def read():
    return bytearray(250_000)


def schedule():
    payload = read()

    def send():
        return len(payload)

    return send()


def work():
    return schedule()
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Keep the closure in the second of four commits."""
    leaking = edit(SHOP, "    return send()\n", "    LATER.append(send)\n    return send()\n")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": leaking})
    return Expected(
        flags=flags(
            "growth retained", "regressed", found, ("shop.py", "return bytearray(250_000)"), caller="payload = read()"
        )
    )
