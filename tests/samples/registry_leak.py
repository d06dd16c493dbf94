"""Sessions are entered into a registry that nothing leaves.

The memory is that of the sessions, allocated where it always was; the caller named is the line of the function to
which the commit added the registration.
"""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

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
    """Register in the second of four commits."""
    leaking = edit(SHOP, "    return session\n", "    OPEN.append(session)\n    return session\n")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": leaking})
    return Expected(
        flags=flags(
            "growth retained",
            "regressed",
            found,
            ("shop.py", "self.buffer = bytearray(20_000)"),
            caller="session = Session(number)",
        )
    )
