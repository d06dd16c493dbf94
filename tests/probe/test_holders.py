"""What keeps the objects of a leak alive: chains of holders, each with the line that made it one."""

import pytest

from children import Bench, every_version, profile
from memharness.model.measurements import Holder

SHOP = """
    import functools, itertools, threading
    numbers = itertools.count()
    class Registry:
        entries = {}
    class Bus:
        def __init__(self):
            self.hooks = []
    class Rows(list):
        pass
    class Slotted:
        __slots__ = ("items",)
        def __init__(self):
            self.items = set()
    bus, slotted, local = Bus(), Slotted(), threading.local()
    tables = {"first": Rows()}
    local.requests = []
    @functools.lru_cache(maxsize=None)
    def page(number):
        return "%09d" % number * 1000
    def memo(function):
        cache = {}
        @functools.wraps(function)
        def wrapper(number):
            return cache.setdefault(number, function(number))
        return wrapper
    @memo
    def picture(number):
        return bytearray(9003)
    def log(line, lines=[]):
        lines.append(line)
    def run():
        number = next(numbers)
        Registry.entries[number] = bytearray(9001)
        bus.hooks.append(bytearray(9002))
        slotted.items.add(b"%09d" % number * 1000)
        local.requests.append(bytearray(9004))
        page(number)
        picture(number)
        log(bytearray(9005))
        tables["first"].append(bytearray(9006))
"""
HELD = {
    "Registry.entries[number] = bytearray(9001)": "dict Registry.entries (entries = {}) <- module shop",
    "bus.hooks.append(bytearray(9002))": (
        "list Bus.hooks (self.hooks = []) <- Bus bus (bus, slotted, local = Bus(), Slotted(), threading.local())"
        " <- module shop"
    ),
    'slotted.items.add(b"%09d" % number * 1000)': (
        "set Slotted.items (self.items = set())"
        " <- Slotted slotted (bus, slotted, local = Bus(), Slotted(), threading.local()) <- module shop"
    ),
    "local.requests.append(bytearray(9004))": (
        "list threading.local.requests"
        " <- threading.local local (bus, slotted, local = Bus(), Slotted(), threading.local()) <- module shop"
    ),
    'return "%09d" % number * 1000': "lru_cache of page (@functools.lru_cache(maxsize=None)) <- module shop",
    "return bytearray(9003)": (
        "dict cache of function picture (@functools.wraps(function)) <- function picture (@memo) <- module shop"
    ),
    'tables["first"].append(bytearray(9006))': (
        'Rows (class Rows(list):) <- dict tables (tables = {"first": Rows()}) <- module shop'
    ),
    "log(bytearray(9005))": "list lines of function log (def log(line, lines=[]):) <- module shop",
}


def chains(bench: Bench, project: str, metric: str = "growth") -> dict[str, str]:
    """Return the holders of what each line of `shop` left alive, with the lines that made them holders.

    Of the chains of one line it is the longest.
    """
    source = [line.strip() for line in bench.write("tree/shop.py", project).read_text().splitlines()]

    def shown(holder: Holder) -> str:
        return f"{holder.text} ({source[holder.line - 1]})" if holder.line else holder.text

    observation = bench.observe("from shop import run\n", (metric,), calls=15, explain=metric == "retained")
    found = profile(observation, "leak" if metric == "growth" else metric).holders
    return {
        source[chain.line - 1]: " <- ".join(map(shown, chain.holders))
        for chain in sorted(found, key=lambda chain: len(chain.holders))
        if chain.path == "shop.py"
    }


@every_version
@pytest.mark.parametrize("metric", ["growth", "retained"])
def test_the_usual_holders_are_named_with_their_lines(versioned: Bench, metric: str) -> None:
    held = chains(versioned, SHOP, metric)
    assert {line: held.get(line) for line in HELD} == HELD


RUNNING = """
    import atexit, contextvars, threading
    recent, latest = contextvars.ContextVar("recent"), []
    recent.set(latest)
    started, hooks = [], []
    class View:
        def __init__(self):
            self.rows = bytearray(9003)
        def refresh(self):
            pass
    def serve(event, numbers):
        rows = numbers[:]
        started.append(lambda: rows.append(bytearray(9001)))
        del numbers
        event.wait()
    threading.Thread(target=serve, args=(threading.Event(), []), daemon=True).start()
    while not started: pass
    add = started.pop()
    del latest
    def generate():
        lines = []
        while True:
            lines.append(bytearray(9002))
            yield
    lines = generate()
    def run():
        add()
        next(lines)
        hooks.append(View().refresh)
        recent.get().append(bytearray(9004))
        atexit.register(bytearray(9005).clear)
"""
RUNNING_HELD = {
    "started.append(lambda: rows.append(bytearray(9001)))": "list rows <- frame of serve (event.wait())",
    "self.rows = bytearray(9003)": (
        "View.rows (self.rows = bytearray(9003)) <- method View.refresh (def refresh(self):)"
        " <- list hooks (started, hooks = [], []) <- module shop"
    ),
    "recent.get().append(bytearray(9004))": (
        'list <- context variable recent (recent, latest = contextvars.ContextVar("recent"), [])'
    ),
}


@every_version
def test_threads_callbacks_and_context_variables_hold(versioned: Bench) -> None:
    held = chains(versioned, RUNNING)
    assert {line: held.get(line) for line in RUNNING_HELD} == RUNNING_HELD
    assert held["lines.append(bytearray(9002))"].endswith(" <- generator lines (lines = generate()) <- module shop")
    assert held["atexit.register(bytearray(9005).clear)"].endswith((" <- an object of C code", " <- module atexit"))


HOSTILE = """
    called = []
    class Meta(type):
        def __getattribute__(kind, name): called.append(name); return type.__getattribute__(kind, name)
        def __instancecheck__(kind, thing): called.append("instance"); return True
        def __eq__(kind, other): called.append("=="); return True
        def __hash__(kind): called.append("#"); return 1
    class Name(str):
        def __eq__(self, other): called.append("=="); return True
        def __hash__(self): called.append("#"); return hash("held")
        def __str__(self): called.append("str"); return "?"
    class Thing(metaclass=Meta):
        def __getattribute__(self, name): called.append(name); return object.__getattribute__(self, name)
        def __repr__(self): return "a thing"
        def __eq__(self, other): called.append("=="); return True
        def __hash__(self): called.append("#"); return 1
        __dict__ = __class__ = property(lambda self: called.append("property"))
    Thing.__qualname__ = "Thing" * 200
    held = []
    globals()[Name("other")] = held
    def run():
        thing = Thing()
        object.__setattr__(thing, "rows", bytearray(9001))
        held.append({"a thing": thing})
        called.clear()
"""


@every_version
def test_no_code_of_the_workload_runs_to_name_what_holds_it(versioned: Bench) -> None:
    versioned.write("tree/shop.py", HOSTILE)
    text = "import shop\nfrom shop import run\ndef teardown(): assert shop.called == []\n"
    observation = versioned.observe(versioned.case(text, teardown=True), ("growth",), calls=15)
    chains = [[holder.text for holder in chain.holders] for chain in profile(observation, "leak").holders]
    assert {tuple(chain[-2:]) for chain in chains} == {("list held", "module shop")}
    assert max(len(text) for chain in chains for text in chain) == 200
