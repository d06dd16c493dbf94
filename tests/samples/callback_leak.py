"""A view subscribes a bound method to a global list and is kept alive by it, with the rows it shows."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant

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
    """Subscribe in the second of four commits."""
    leaking = edit(SHOP, "    return view", "    events.subscribe(view.refresh)\n    return view")
    found = plant(repository, {"shop.py": SHOP, "events.py": EVENTS}, {"shop.py": leaking})
    return Expected(
        flags=flags(
            "growth retained", "regressed", found, ("shop.py", "self.rows = bytearray(200_000)"), caller="view = View()"
        )
    )
