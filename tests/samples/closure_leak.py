"""A closure that waits in a list keeps the payload it was made with."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

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
    """Keep the closure in the third of five commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    leaking = edit(SHOP, "    return send()\n", "    LATER.append(send)\n    return send()\n")
    found = repository.commit({"shop.py": leaking}, "send again later")
    repository.commit({"README": "A shop that sends.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + leaking}, "describe")
    return Expected(
        flags=flags(
            "growth retained",
            "regressed",
            found,
            ("shop.py", "return bytearray(250_000)"),
            changed_here=False,
            caller="payload = read()",
        )
    )


if __name__ == "__main__":
    main(build)
