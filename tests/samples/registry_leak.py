"""Sessions are entered into a registry that nothing leaves.

The memory is that of the sessions, allocated where it always was; the caller named is the line of the function to
which the commit added the registration.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

SHOP = """\
OPEN = []


class Session:
    def __init__(self, number):
        self.number = number
        self.buffer = bytearray(20_000)


def connect(number):
    session = Session(number)
    return session


def work():
    sessions = [connect(number) for number in range(10)]
    return len(sessions)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Register in the fourth of six commits."""
    start(repository, {"shop.py": SHOP})
    repository.commit({"README": "A shop.\n"}, "explain")
    moved = edit(SHOP, "OPEN = []", '"""A shop."""\n\nOPEN = []')
    repository.commit({"shop.py": moved}, "describe")
    leaking = edit(moved, "    return session\n", "    OPEN.append(session)\n    return session\n")
    found = repository.commit({"shop.py": leaking}, "register sessions")
    repository.commit({"README": "A shop with sessions.\n"}, "explain more")
    repository.commit({"shop.py": leaking + "\n\ndef close():\n    pass\n"}, "close")
    return Expected(
        flags=flags(
            "growth retained",
            "regressed",
            found,
            ("shop.py", "self.buffer = bytearray(20_000)"),
            changed_here=False,
            caller="session = Session(number)",
        )
    )


if __name__ == "__main__":
    main(build)
