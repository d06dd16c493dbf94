"""A view subscribes a bound method to a global list and is kept alive by it, with the rows it shows."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, start

EVENTS = """\
HANDLERS = []


def subscribe(handler):
    HANDLERS.append(handler)
"""
SHOP = """\
import events


class View:
    def __init__(self):
        self.rows = bytearray(200_000)

    def refresh(self):
        return len(self.rows)


def show():
    view = View()
    return view.refresh()


def work():
    return show()
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Subscribe in the third of five commits."""
    start(repository, {"shop.py": SHOP, "events.py": EVENTS})
    repository.commit({"README": "A shop.\n"}, "explain")
    leaking = edit(SHOP, "    return view", "    events.subscribe(view.refresh)\n    return view")
    found = repository.commit({"shop.py": leaking}, "refresh views")
    repository.commit({"events.py": '"""Events."""\n\n' + EVENTS}, "describe")
    repository.commit({"shop.py": '"""A shop."""\n\n' + leaking}, "describe more")
    return Expected(
        flags=flags(
            "growth retained",
            "regressed",
            found,
            ("shop.py", "self.rows = bytearray(200_000)"),
            changed_here=False,
            caller="view = View()",
        )
    )


if __name__ == "__main__":
    main(build)
