"""The edited statements that add to a holder: found by the names that the source gives to it, and by no other."""

import pytest
from msgspec.structs import replace

from memharness.analyse.blame.additions import changed_addition
from memharness.analyse.blame.edits import Edits
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Holder

STORE = """\
PAGES = {}
NUMBERS = [1, 2]


def keep(key, page):
    PAGES[key] = page


def keep_all(pages):
    def keep_one(page):
        PAGES.setdefault("all", []).append(page)
    return [keep_one(page) for page in pages]


def count(key):
    return len(PAGES)


class Bus:
    seen = []

    def __init__(self):
        self.hooks = []

    def subscribe(self, hook):
        self.hooks.append(hook)


class Line(Bus):
    def call(self, hook):
        self.seen.append(hook)
        self.hooks += [hook]


class Other:
    def subscribe(self, other):
        self.hooks.append(other)


bus = Bus()


def wait(hook, waiting=[]):
    waiting.append(hook)


def shadow(PAGES, waiting):
    PAGES[1] = waiting.append(1)
Line.seen.append(bus)
"""
PAGES = Holder(path="store.py", line=1, text="dict PAGES")
HOOKS = Holder(path="store.py", line=23, text="list Bus.hooks")
BUS = Holder(path="store.py", line=40, text="Bus bus")
MODULE = Holder(path="store.py", line=0, text="module store")


def added(
    line: str, holder: Holder, held_by: Holder | None, *, store: str = STORE, shop: str = ""
) -> tuple[int, str] | None:
    """Return what fills a holder where the commit added the one line of `store` or `shop` that reads `line`."""
    texts = {"store.py": store, "shop.py": shop}
    (path,) = [path for path, text in texts.items() if line in map(str.strip, text.splitlines())]
    lines = texts[path].splitlines(keepends=True)
    (at,) = [at for at, text in enumerate(lines) if text.strip() == line]
    hunk = Hunk(before=at, removed=0, after=at + 1, added=1)
    before = {**texts, path: "".join([*lines[:at], *lines[at + 1 :]])}
    edits = Edits([FileEdit(before=path, after=path, hunks=(hunk,))], before=before, after=texts)
    found = changed_addition(edits.after, holder, held_by)
    assert found is None or found.source == " ".join(line.split())
    return (found.line, found.function) if found else None


SHOP = """\
import store, store as depot
from store import PAGES as pages, keep, keep_all
from . import bus
from other import Bus


def show(key, page):
    pages[key] = page
    depot.PAGES[key]["rows"].setdefault(page, []).append(key)
    pages[:] = key
    keep(key, page)
    depot.keep_all(page)
    depot.bus.hooks.append(page)
    store.bus.subscribe(page)
    bus.subscribe(page)
    page()(key).append(key)
    depot.keep = page


def shadow(pages):
    pages[1] = 2


class Stand:
    def subscribe(self, page):
        self.hooks.append(page)


depot.PAGES[1] = 2
"""
SEEN = Holder(path="store.py", line=20, text="list Line.seen")
WAITING = Holder(path="store.py", line=43, text="list waiting of function wait")


@pytest.mark.parametrize(
    ("line", "holder", "held_by", "expected"),
    [
        ("PAGES[key] = page", PAGES, MODULE, (6, "keep")),
        ('PAGES.setdefault("all", []).append(page)', PAGES, None, (11, "keep_all.<locals>.keep_one")),
        ("return [keep_one(page) for page in pages]", PAGES, None, None),
        ("return len(PAGES)", PAGES, None, None),
        ("PAGES[1] = waiting.append(1)", PAGES, None, None),
        ("self.seen.append(hook)", SEEN, None, (31, "Line.call")),
        ("self.seen.append(hook)", replace(SEEN, text="list Other.seen"), None, None),
        ("Line.seen.append(bus)", SEEN, None, (49, "<module>")),
        ("self.hooks.append(hook)", HOOKS, BUS, (26, "Bus.subscribe")),
        ("self.hooks.append(hook)", replace(HOOKS, text="list Line.hooks"), BUS, (26, "Bus.subscribe")),
        ("self.hooks += [hook]", HOOKS, BUS, None),
        ("self.hooks += [hook]", replace(HOOKS, text="list Line.hooks"), BUS, (32, "Line.call")),
        ("self.hooks.append(other)", HOOKS, BUS, None),
        ("waiting.append(hook)", WAITING, None, (44, "wait")),
        ("PAGES[1] = waiting.append(1)", WAITING, None, None),
    ],
)
def test_what_adds_to_a_holder_is_found_by_the_names_of_its_file(
    line: str, holder: Holder, held_by: Holder | None, expected: tuple[int, str] | None
) -> None:
    assert added(line, holder, held_by) == expected


@pytest.mark.parametrize(
    ("line", "holder", "held_by", "expected"),
    [
        ("pages[key] = page", PAGES, MODULE, (8, "show")),
        ('depot.PAGES[key]["rows"].setdefault(page, []).append(key)', PAGES, None, (9, "show")),
        ("depot.PAGES[1] = 2", PAGES, None, (29, "<module>")),
        ("pages[:] = key", PAGES, None, None),
        ("pages[1] = 2", PAGES, None, None),
        ("page()(key).append(key)", PAGES, None, None),
        ("keep(key, page)", PAGES, None, (11, "show")),
        ("depot.keep_all(page)", PAGES, None, (12, "show")),
        ("depot.keep = page", PAGES, None, None),
        ("depot.bus.hooks.append(page)", HOOKS, BUS, (13, "show")),
        ("depot.bus.hooks.append(page)", HOOKS, None, None),
        ("store.bus.subscribe(page)", HOOKS, BUS, (14, "show")),
        ("bus.subscribe(page)", HOOKS, BUS, None),
        ("self.hooks.append(page)", HOOKS, BUS, None),
    ],
)
def test_what_adds_to_a_holder_in_another_file_is_found_by_what_that_imports(
    line: str, holder: Holder, held_by: Holder | None, expected: tuple[int, str] | None
) -> None:
    assert added(line, holder, held_by, shop=SHOP) == expected


@pytest.mark.parametrize(
    "holder",
    [
        MODULE,
        Holder(path="store.py", line=0, text="dict PAGES"),
        Holder(path="store.py", line=5, text="frame of PAGES"),
        Holder(path="broken.py", line=5, text="dict PAGES"),
        Holder(path="broken.py", line=5, text="list pages of function keep"),
    ],
)
def test_nothing_adds_to_what_has_no_name_or_no_source(holder: Holder) -> None:
    assert added("PAGES[key] = page", holder, None) is None
