"""What keeps memory on every call: a callback, a closure, a registry, a list of what a library made, a cache.

- The line that allocates is where it always was; the caller named is a line of the function that the commit changed.
- What only every tenth call keeps is seen in `growth` alone, and after more than a few calls.
- A cache of at most 1,000 pages fills up over 20 calls: what the first call leaves in it is kept, and its entries are
  part of the peak, but `growth` must not rise. The same cache without a bound leaks.
- A leak that was there from the first commit on goes: an improvement, with the line that is gone.
- What keeps the memory is named, with the decorator that the commit added to a cache, or the line of the commit that
  adds to a list, which is in another file for the callback.
"""

from sample_history import Expected, Flag, RepositoryBuilder, edit, flags, plant, scenario

EVENTS = """\
HANDLERS = []


def subscribe(handler):
    HANDLERS.append(handler)
"""
VIEWS = """\
import events


class View:
    def __init__(self):
        self.rows = bytearray(200_000)

    def refresh(self):
        return len(self.rows)


def show():
    view = View()
    return view.refresh()
"""
LATER = """\
LATER = []


def read():
    return bytearray(250_000)


def schedule():
    payload = read()

    def send():
        return len(payload)

    return send()
"""
SESSIONS = """\
OPEN = []


class Session:
    def __init__(self, number):
        self.number = number
        self.buffer = bytearray(20_000)


def connect(number):
    session = Session(number)
    return session


def visit():
    sessions = [connect(number) for number in range(10)]
    return len(sessions)
"""
DOCUMENTS = """\
import json

SEEN = []
TEXT = "[" + ",".join('{"name": "%0400d"}' % number for number in range(100)) + "]"


def load():
    document = json.loads(TEXT)
    return len(document)
"""
REPORTS = """\
CALLS = 0
SLOW = []


def report():
    global CALLS
    CALLS += 1
    text = b"-" * 300_000
    return len(text)
"""
PAGES = """\
from functools import lru_cache
from itertools import count

NUMBERS = count(100)


def page(number):
    return ("%08d" % number) * 500


def turn():
    pages = [page(next(NUMBERS)) for _ in range(50)]
    return sum(map(len, pages))
"""
TOTALS = """\
SEEN = []


def total():
    SEEN.append(bytearray(50_000))
    return sum(len(b"%09d" % number) for number in range(100))
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Keep and cache, and remove the old leak, in the second of four commits."""
    before = {
        "events.py": EVENTS,
        "views.py": VIEWS,
        "later.py": LATER,
        "sessions.py": SESSIONS,
        "documents.py": DOCUMENTS,
        "reports.py": REPORTS,
        "pages.py": PAGES,
        "sheets.py": PAGES,
        "totals.py": TOTALS,
    }
    after = {
        "views.py": edit(VIEWS, "    return view", "    events.subscribe(view.refresh)\n    return view"),
        "later.py": edit(LATER, "    return send()\n", "    LATER.append(send)\n    return send()\n"),
        "sessions.py": edit(SESSIONS, "    return session\n", "    OPEN.append(session)\n    return session\n"),
        "documents.py": edit(DOCUMENTS, "    return", "    SEEN.append(document)\n    return"),
        "reports.py": edit(
            REPORTS, "    return", "    if CALLS % 10 == 0:\n        SLOW.append(text[:1000])\n    return"
        ),
        "pages.py": edit(PAGES, "def page", "@lru_cache(maxsize=None)\ndef page"),
        "sheets.py": edit(PAGES, "def page", "@lru_cache(maxsize=1000)\ndef page"),
        "totals.py": edit(TOTALS, "    SEEN.append(bytearray(50_000))\n", ""),
    }
    scenarios = {
        "callback": scenario("views", "show"),
        "closure": scenario("later", "schedule"),
        "registry": scenario("sessions", "visit"),
        "library": scenario("documents", "load"),
        "tenth_call": scenario("reports", "report", calls=127),
        "unbounded_cache": scenario("pages", "turn"),
        "bounded_cache": scenario("sheets", "turn"),
        "fixed": scenario("totals", "total"),
    }
    found = plant(repository, before, after, scenarios)

    def leak(
        case: str,
        path: str,
        source: str,
        caller: str,
        held: str,
        library: str = "",
        metrics: str = "growth retained",
    ) -> frozenset[Flag]:
        line = path, source
        return flags(metrics, "regressed", found, line, caller=caller, library=library, case=case, held=held)

    page, pages = 'return ("%08d" % number) * 500', "pages = [page(next(NUMBERS)) for _ in range(50)]"
    cached = "@lru_cache(maxsize=1000)"
    document = ("library", "documents.py", "document = json.loads(TEXT)", "SEEN.append(document)")
    fixed = ("totals.py", "SEEN.append(bytearray(50_000))")
    return Expected(
        flags=leak(
            "callback",
            "views.py",
            "self.rows = bytearray(200_000)",
            "view = View()",
            "View.rows <- method View.refresh <- list HANDLERS (events.subscribe(view.refresh)) <- module events",
        )
        | leak(
            "closure",
            "later.py",
            "return bytearray(250_000)",
            "payload = read()",
            "payload of function schedule.<locals>.send <- list LATER (LATER.append(send)) <- module later",
        )
        | leak(
            "registry",
            "sessions.py",
            "self.buffer = bytearray(20_000)",
            "session = Session(number)",
            "Session.buffer <- list OPEN (OPEN.append(session)) <- module sessions",
        )
        | leak(*document, "list SEEN (SEEN.append(document)) <- module documents", library="json")
        | leak("unbounded_cache", "pages.py", page, "@lru_cache(maxsize=None)", "lru_cache of page* <- module pages")
        | leak("bounded_cache", "sheets.py", page, cached, "lru_cache of page* <- module sheets", metrics="retained")
        | flags("peak", "regressed", found, ("sheets.py", pages), changed_here=False, case="bounded_cache")
        | flags(
            "growth",
            "regressed",
            found,
            ("reports.py", "SLOW.append(text[:1000])"),
            case="tenth_call",
            held="list SLOW (SLOW.append(text[:1000])) <- module reports",
        )
        | flags("growth retained", "improved", found, fixed, case="fixed", held="list SEEN (SEEN.append(bytearray(50_000))) <- module totals")
        | flags("peak", "improved", found, fixed, case="fixed")
    )
