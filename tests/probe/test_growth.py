"""The leak rule on workloads that leak, and on those that only look like it."""

import textwrap

import pytest

from children import Bench, every_version, failed, measured, profile
from memharness.model.measurements import ProfileLine, TimedOut

COUNT = "calls = iter(range(1000, 10**6))\n"
CACHE = "from functools import lru_cache\n" + COUNT
CACHED = "def keep(n): return bytearray(500)\ndef run(): keep(next(calls))\n"
LOGGER = """
    import logging.handlers
    log = logging.getLogger("x")
    log.propagate = False
    log.addHandler(logging.handlers.MemoryHandler(10**6, flushLevel=100))
    def run(): log.warning("again")
"""
HANDED_OUT = "from functools import lru_cache\n"
BESIDE = """
def keep(n): return bytearray(2000)
KEPT = []
def run():
    keep(next(calls))
    KEPT.append(bytearray(443))
"""
REGISTRY = "class Entry:\n    def tell(self): pass\nKEPT = []\n"
THREADS = """
    import threading
    KEPT = []
    def run():
        KEPT.append(threading.Thread(target=int))
        KEPT[-1].start()
        KEPT[-1].join()
"""
SAWTOOTH = "KEPT = []\ndef run():\n    KEPT.append(bytearray(500))\n    if len(KEPT) == {}: KEPT.clear()\n"
LEAKS = {  # least and most bytes per call, whatever the number of calls (from 31 on) and the version of Python
    "one slot of a list": ("KEPT = []\ndef run(): KEPT.append(None)\n", 8, 16),
    "a registry of objects": (REGISTRY + "def run(): KEPT.append(Entry())\n", 56, 128),
    "a set of numbers": (COUNT + "SEEN = set()\ndef run(): SEEN.add(next(calls))\n", 64, 80),
    "a set of tuples": (COUNT + "SEEN = set()\ndef run(): SEEN.add((next(calls), 'x'))\n", 120, 144),
    "a dict of numbers": (COUNT + "SEEN = {}\ndef run(): SEEN[next(calls)] = None\n", 64, 136),
    "a cache without bound": (CACHE + "@lru_cache(maxsize=None)\n" + CACHED, 600, 700),
    "log records": (LOGGER, 350, 900),
    "handlers of a logger": (
        "import logging\nlog = logging.getLogger('x')\ndef run(): log.addHandler(logging.NullHandler())\n",
        250,
        1100,
    ),
    "callbacks in a list": (REGISTRY + "def run(): KEPT.append(Entry().tell)\n", 120, 240),
    "closures in a list": (
        COUNT + "KEPT = []\ndef run():\n    n = next(calls)\n    KEPT.append(lambda: n)\n",
        200,
        300,
    ),
    "a string": ("KEPT = ''\ndef run():\n    global KEPT\n    KEPT += 'x' * 20\n", 16, 24),
    "a buffer": ("KEPT = bytearray()\ndef run(): KEPT.extend(b'x' * 20)\n", 16, 24),
    "threads": (THREADS, 1000, 3500),
    "what a function with a cache hands out": (
        HANDED_OUT + "@lru_cache(maxsize=1)\ndef store(): return []\ndef run(): store().append(bytearray(443))\n",
        500,
        520,
    ),
    "objects with full caches of their own": (
        CACHE + "ALL = []\ndef run():\n    ALL.append(lru_cache(maxsize=64)(lambda n: bytearray(443)))\n"
        "    for n in range(5): ALL[-1](n)\n",
        3500,
        4300,
    ),
    "something beside a cache that fills up": (CACHE + "@lru_cache(maxsize=5000)" + BESIDE, 500, 520),
    "something beside patterns compiled anew": (
        COUNT + "import re\nKEPT = []\ndef run():\n"
        "    re.compile('a' + str(next(calls)))\n    KEPT.append(bytearray(443))\n",
        500,
        600,
    ),
}
CLEAN = {
    "nothing": "def run(): pass\n",
    "a cache of 64": CACHE + "@lru_cache(maxsize=64)\n" + CACHED,
    "a cache of 128": CACHE + "@lru_cache(maxsize=128)\n" + CACHED,
    "a cache of 512, full when the last window begins": CACHE + "@lru_cache(maxsize=512)\n" + CACHED,
    "a cache of 5000": CACHE + "@lru_cache(maxsize=5000)\n" + CACHED,
    "a cache of 5000 made late": (
        CACHE + "def run():\n    global keep\n    number = next(calls)\n"
        "    if number == 1020: keep = lru_cache(maxsize=5000)(lambda n: bytearray(500))\n"
        "    if number >= 1020: keep(number)\n"
    ),
    "a cache of 5000 with cycles": (
        CACHE + "@lru_cache(maxsize=5000)\ndef keep(n):\n    kept = [bytearray(500)]\n    kept.append(kept)\n"
        "    return kept\ndef run(): keep(next(calls))\n"
    ),
    "a cache of 5000 beside a thread": (
        CACHE + "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n"
        "@lru_cache(maxsize=5000)\n" + CACHED
    ),
    "patterns compiled anew": COUNT + "import re\ndef run(): re.compile('a' + str(next(calls)))\n",
    "cycles": "def run():\n    items = [bytearray(500)]\n    items.append(items)\n",
    "a sawtooth of 20": SAWTOOTH.format(20),
    "a sawtooth of 50": SAWTOOTH.format(50),
    "a set that is cleared at 50": (
        COUNT + "KEPT = set()\ndef run():\n    KEPT.add(next(calls))\n    if len(KEPT) == 50: KEPT.clear()\n"
    ),
    "a set of at most 90": (
        COUNT + "KEPT = set()\ndef run():\n    KEPT.add(next(calls))\n    if len(KEPT) > 90: KEPT.pop()\n"
    ),
    "a bounded deque": (
        "from collections import deque\nKEPT = deque(maxlen=10)\ndef run(): KEPT.append(bytearray(500))\n"
    ),
    "a cache of the first call": "KEPT = []\ndef run():\n    if not KEPT: KEPT.extend(range(5000))\n",
    "a warm-up": (
        "KEPT, calls = [], iter(range(10 ** 6))\ndef run():\n    if next(calls) < 20: KEPT.append(bytearray(500))\n"
    ),
    "three late events": (
        "KEPT, calls = [], iter(range(10 ** 6))\n"
        "def run():\n    if next(calls) in (20, 40, 70): KEPT.append(bytearray(500))\n"
    ),
    "a list built and dropped": "def run():\n    built = [bytearray(500) for _ in range(100)]\n    return len(built)\n",
    "noise": (
        "import random\ndice, KEPT = random.Random(1), []\n"
        "def run(): KEPT[:] = [object() for _ in range(dice.randrange(100))]\n"
    ),
    "weak references": (
        COUNT + "import weakref\nclass Entry: pass\nKEPT = weakref.WeakValueDictionary()\n"
        "def run():\n    entry = Entry()\n    KEPT[next(calls)] = entry\n"
    ),
    "a cache filled before the first call": (
        "KEPT = {n: bytearray(500) for n in range(200)}\ncalls = iter(range(10 ** 6))\n"
        "def run(): KEPT[next(calls) % 200] = bytearray(500)\n"
    ),
    "threads": (
        "import threading\ndef run():\n"
        "    threads = [threading.Thread(target=bytearray, args=(500,)) for _ in range(3)]\n"
        "    for thread in threads: thread.start()\n    for thread in threads: thread.join()\n"
    ),
}


WATCHED = """
    import itertools, os, signal
    from functools import lru_cache
    ENDED, KEPT, CALLS = [], [], itertools.count(1)
    FILE = open(os.environ["TMPDIR"] + "/log", "w+")
    signal.signal(signal.SIGCHLD, lambda *_: ENDED.append(1))
    class Entry:
        def __del__(self):
            print("gone", file=FILE, flush=True)
            os.remove(FILE.name)
            os.kill(os.getppid(), signal.SIGTERM)
    @lru_cache(maxsize=1)
    def store(): return {}
    @lru_cache(maxsize=5000)
    def keep(number): return Entry()
    def setup(): store()["user"] = "ann"
    def run(state):
        if LEAKS: KEPT.append(bytearray(443))
        number = next(CALLS)
        keep(number)
        assert (store(), keep.cache_info()[:4]) == ({"user": "ann"}, (0, number, 5000, number))
        assert not ENDED
        assert not FILE.tell()
        assert os.path.exists(FILE.name)
"""


def every_tenth_call(first: int, kept: str) -> str:
    """Return a scenario that keeps something in the call `first`, and in every tenth one after it."""
    return (
        f"calls = iter(range({1000 - first}, 10**6))\nKEPT = []\n"
        f"def run():\n    if next(calls) % 10 == 0: KEPT.append({kept})\n"
    )


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found_and_sized(bench: Bench, name: str) -> None:
    text, least, most = LEAKS[name]
    found = [measured(bench.observe(text, ("growth",), calls=calls)) for calls in (31, 63, 127)]
    slopes = [outcome.metrics["growth"] for outcome in found]
    assert [least <= slope <= most for slope in slopes] == [True] * 3, slopes
    assert [outcome.suspected for outcome in found] == [()] * 3


@pytest.mark.parametrize("name", CLEAN)
def test_what_does_not_leak_is_clean(bench: Bench, name: str) -> None:
    observation = bench.observe(CLEAN[name], ("growth",))
    outcome = measured(observation)
    assert (outcome.metrics["growth"], list(outcome.profiles), outcome.notes) == (0, ["calls"], ())


@pytest.mark.parametrize("first", [0, 4, 9])  # `test_leak_rule.py` tries all ten
def test_a_leak_on_every_tenth_call_is_found_wherever_it_begins(bench: Bench, first: int) -> None:
    big, small = every_tenth_call(first, "bytearray(943)"), every_tenth_call(first, "Exception(KEPT)")
    assert measured(bench.observe(big, ("growth",))).metrics["growth"] in (96, 104, 112)
    assert measured(bench.observe(small, ("growth",))).metrics["growth"] in (8, 16, 24)


@every_version
@pytest.mark.parametrize("name", ["a set of numbers", "a registry of objects", "a dict of numbers"])
def test_every_version_finds_and_sizes_a_leak_of_small_items(versioned: Bench, name: str) -> None:
    text, least, most = LEAKS[name]
    outcome = measured(versioned.observe(text, ("growth",)))
    assert (outcome.metrics["growth"] in range(least, most + 1), outcome.suspected, outcome.notes) == (True, (), ())


@every_version
def test_every_version_clears_a_set_and_a_cache_that_have_a_bound(versioned: Bench) -> None:
    for name in ("a set of at most 90", "a cache of 5000"):
        assert measured(versioned.observe(CLEAN[name], ("growth",))).metrics["growth"] == 0


@every_version
def test_every_version_tells_a_leak_from_the_cache_beside_it(versioned: Bench) -> None:
    text, least, most = LEAKS["something beside a cache that fills up"]
    observation = versioned.observe(text, ("growth",))
    outcome = measured(observation)
    assert (outcome.metrics["growth"] in range(least, most + 1), outcome.suspected, outcome.notes) == (True, (), ())
    lines = profile(observation, "leak").lines
    assert [line.source for line in lines if line.size > 1000] == ["KEPT.append(bytearray(443))"]


@pytest.mark.parametrize("leaks", [True, False])
def test_no_cache_is_emptied_and_nothing_of_the_copy_shows(bench: Bench, leaks: bool) -> None:
    text = f"LEAKS = {leaks}\n" + textwrap.dedent(WATCHED)
    outcome = measured(bench.observe(bench.case(text, setup=(), takes_state=True), ("growth",)))
    assert outcome.metrics["growth"] in (range(500, 520) if leaks else (0,))
    assert outcome.suspected == ()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.addaudithook(lambda event, _: 1 / 0 if event == 'os.fork' else None)", "ZeroDivisionError: "),
        ("os.register_at_fork(after_in_child=lambda: os._exit(0))", "the copy without them ended early"),
    ],
)
def test_where_no_copy_can_be_made_a_leak_beside_a_cache_is_only_suspected(
    bench: Bench, statement: str, reason: str
) -> None:
    text = f"import os, sys\n{statement}\n{LEAKS['something beside a cache that fills up'][0]}"
    outcome = measured(bench.observe(text, ("growth",), calls=15))
    assert outcome.suspected == ("growth",)
    assert "growth: what caches with a bound hold of it is not known: " in outcome.notes[0]
    assert reason in outcome.notes[0]
    plain_leak = f"import os, sys\n{statement}\nKEPT = []\ndef run(): KEPT.append(bytearray(943))\n"
    plain = measured(bench.observe(plain_leak, ("growth",), calls=15))
    assert (plain.metrics["growth"], plain.suspected) == (1008, ())


@pytest.mark.parametrize("name", ["a cache of 128", "patterns compiled anew"])
def test_fifteen_calls_are_enough_to_clear_caches_with_a_bound(bench: Bench, name: str) -> None:
    outcome = measured(bench.observe(CLEAN[name], ("growth",), calls=15))
    assert (outcome.metrics["growth"], list(outcome.profiles), outcome.notes) == (0, ["calls"], ())


@pytest.mark.parametrize("calls", [15, 31, 63])
def test_fewer_calls_find_a_plain_leak_and_clear_a_small_cache(bench: Bench, calls: int) -> None:
    leak = "KEPT = []\ndef run(): KEPT.append(bytearray(943))\n"
    outcome = measured(bench.observe(leak, ("growth",), calls=calls))
    assert outcome.metrics["growth"] == 1008  # 1000 and a slot of the list
    assert outcome.calls == calls
    cache = CLEAN["a cache of 64"]
    assert measured(bench.observe(cache, ("growth",), calls=calls)).metrics["growth"] == 0


@every_version
def test_the_leak_profile_names_the_line_and_how_much_it_added(versioned: Bench) -> None:
    text = "KEPT = []\ndef run():\n    KEPT.extend([bytearray(943)])\n    return [0] * 1000\n"
    observation = versioned.observe(text, ("growth",), calls=15)
    lines = {line.line: line for line in profile(observation, "leak").lines}
    assert len(profile(observation, "calls").sizes) == 16
    calls = measured(observation).leak_calls
    assert lines[3].size - 1000 * calls in range(8 * calls - 200, 8 * calls + 200)  # the list over-allocates
    assert lines[3] == ProfileLine(
        path="<scenarios>/waste.py",
        line=3,
        function="run",
        source="KEPT.extend([bytearray(943)])",
        size=lines[3].size,
        count=2 * calls,
    )
    assert lines.keys() == {3}


@every_version
def test_the_size_after_each_call_is_kept_with_a_leak_and_without(versioned: Bench) -> None:
    text = "KEPT = []\ndef run():\n    KEPT.append(bytearray(943) if len(KEPT) < 5 else None)\n"
    sizes = profile(versioned.observe(text, ("growth",), calls=15), "calls").sizes
    frame = sizes[0] - 1032  # up to 3.10 that of `run` is kept
    slots = (0, 0, 0, 0, 32, 32, 32, 32, *[96] * 8)  # of the list, beside the first four
    assert sizes == tuple(frame + 32 + 1000 * min(i + 1, 5) + slots[i] for i in range(16))
    nothing = profile(versioned.observe("def run(): pass\n", ("growth",), calls=15), "calls").sizes
    assert nothing == (nothing[0],) * 5
    old = versioned.version in ("3.8.18", "3.9.18", "3.10.13")
    assert [size in (range(300, 500) if old else (0,)) for size in (frame, nothing[0])] == [True, True]


FRESH = {  # a scenario with a state of its own for every call; growth, warm_peak
    "what run adds to the state": ("def setup(): return []\ndef run(state): state.append(bytearray(943))\n", 0, 1080),
    "what run uses up": (
        "def setup(): return [bytearray(100_000)]\ndef run(state):\n    assert state\n    state.clear()\n",
        0,
        0,
    ),
    "what setup leaks": (
        "KEPT = []\ndef setup(): KEPT.append(bytearray(943))\ndef run(state): pass\n",
        0,
        0,
    ),
    "what run leaks beside": (
        "KEPT, TOO = [], []\ndef setup(): TOO.append(bytearray(943))\ndef run(state): KEPT.append(bytearray(443))\n",
        504,
        548,
    ),
    "states that run keeps": (
        "KEPT = []\ndef setup(): return bytearray(943)\ndef run(state): KEPT.append(state)\n",
        1008,
        0,
    ),
}


@pytest.mark.parametrize("name", FRESH)
def test_a_fresh_setup_before_every_call_is_not_measured(bench: Bench, name: str) -> None:
    text, growth, warm_peak = FRESH[name]
    text += "def teardown(state): assert state is None or len(state) in (0, 1, 943)\n"
    case = bench.case(text, setup=(), takes_state=True, teardown=True, fresh_setup=True)
    outcome = measured(bench.observe(case, ("growth", "warm_peak"), calls=31))
    assert outcome.metrics == {"growth": growth, "warm_peak": warm_peak}
    assert outcome.notes == ()


def test_the_number_of_calls_is_what_the_budget_allows(bench: Bench) -> None:
    spin = "import time\ndef run():\n    end = time.process_time() + 0.004\n    while time.process_time() < end: pass\n"
    found = [
        measured(bench.observe(spin, ("growth",), calls=None, growth_budget=budget)).calls
        for budget in (0.0, 0.22, 0.42, 100.0)
    ]
    assert found == [15, 31, 63, 127]


NEAR = "the time-out of {} s by the clock is near"


def sleeping_leak(seconds: float) -> str:
    """Return a scenario that sleeps in every call, keeps 1,000 bytes of it, and has clocks stand still for others."""
    return f"""
        import time
        time.monotonic = time.perf_counter = time.time = time.process_time = lambda: 0.0
        KEPT = []
        def run():
            time.sleep({seconds})
            KEPT.append(bytearray(943))
    """


def test_calls_that_wait_are_calibrated_by_the_time_out(bench: Bench) -> None:
    sleep = "import time\ndef run(): time.sleep(0.03)\n"
    found = [measured(bench.observe(sleep, ("growth",), calls=None, wall_seconds=seconds)).calls for seconds in (6, 11)]
    assert found == [15, 31]


def test_four_times_the_calls_are_enough_where_more_do_not_fit(bench: Bench) -> None:
    observation = bench.observe(sleeping_leak(0.1), ("growth",), calls=15, wall_seconds=9.6)
    outcome = measured(observation)
    assert outcome.metrics["growth"] in range(1000, 1020)  # the list over-allocates
    assert (outcome.notes, outcome.suspected) == ((), ())
    assert [(line.line, line.count) for line in profile(observation, "leak").lines] == [(6, 2 * outcome.leak_calls)]


def test_a_slow_leak_is_not_pursued_into_the_time_out(bench: Bench) -> None:
    observation = bench.observe(sleeping_leak(0.2), ("growth",), calls=None, wall_seconds=14)
    outcome = measured(observation)
    assert outcome.calls == 15
    assert outcome.metrics["growth"] in range(1000, 1020)
    assert outcome.notes == (f"growth: the leak was not pursued beyond call 48: {NEAR.format(14)}",)
    assert outcome.suspected == ("growth",)
    assert [(line.line, line.count) for line in profile(observation, "leak").lines] == [(6, 2 * outcome.leak_calls)]


def test_calls_without_a_reading_are_not_taken_to_cost_as_much_as_traced_ones(bench: Bench) -> None:
    text = """
        import _tracemalloc, time
        KEPT = []
        def run():
            time.sleep(0.1 if _tracemalloc.is_tracing() else 0.01)
            KEPT.append(bytearray(943))
    """
    outcome = measured(bench.observe(text, ("growth",), calls=15, wall_seconds=7))
    assert (outcome.metrics["growth"] in range(1000, 1020), outcome.suspected, outcome.notes) == (True, (), ())


@pytest.mark.parametrize(("calls", "seconds", "timeout"), [(31, 0.1, 10), (63, 0.1, 10), (127, 0.05, 12)])
def test_a_slow_leak_is_looked_for_in_the_first_calls_and_pursued_by_the_others(
    bench: Bench, calls: int, seconds: float, timeout: float
) -> None:
    observation = bench.observe(sleeping_leak(seconds), ("growth",), calls=calls, wall_seconds=timeout)
    outcome = measured(observation)
    assert outcome.metrics["growth"] in range(1000, 1020)
    assert (outcome.notes, outcome.suspected) == ((), ())
    (line,) = profile(observation, "leak").lines
    assert (line.line, line.count) == (6, 2 * outcome.leak_calls)
    assert len(profile(observation, "calls").sizes) == calls + 1


def test_a_leak_too_slow_to_be_traced_again_is_found_without_its_lines(bench: Bench) -> None:
    outcome = measured(bench.observe(sleeping_leak(0.1), ("growth",), calls=None, wall_seconds=3))
    assert outcome.calls == 15
    assert outcome.metrics["growth"] in range(1000, 1020)
    assert outcome.notes == (f"growth: the leak was not pursued beyond call 16: {NEAR.format(3)}",)
    assert outcome.suspected == ("growth",)
    assert outcome.profiles.keys() == {"calls"}


def test_calls_that_exceed_the_time_out_leave_what_the_first_pass_found(bench: Bench) -> None:
    text = """
        calls = iter(range(99))
        def run():
            late = next(calls) == 4
            while late: pass
            return bytearray(1000)
    """
    outcome = measured(bench.observe(text, ("peak", "growth"), timeout=0.3))
    assert outcome.failed_passes == {"growth": TimedOut(during="run", limit_seconds=0.3)}
    assert outcome.metrics.keys() == {"peak", "retained", "result"}
    assert outcome.metrics["result"] == 1057
    assert outcome.profiles.keys() == {"alive", "retained"}


def calls_made(bench: Bench, keep: str, *, calls: int, budget: float) -> int:
    """Return how many calls it takes to tell whether `keep` leaks, which is given the number of the call."""
    text = f"""
        import functools, itertools, time
        KEPT, CALLS = [], itertools.count()
        @functools.lru_cache(500)
        def cached(number): return bytearray(943)
        def run():
            number = next(CALLS)
            end = time.process_time() + 0.004
            while time.process_time() < end: pass
            {keep}
        def teardown(): raise ValueError(next(CALLS))
    """
    outcome = failed(bench.observe(bench.case(text, teardown=True), ("growth",), calls=calls, growth_budget=budget))
    return int(outcome.reason[len("ValueError: ") :])


def test_a_leak_is_pursued_as_far_as_the_budget_allows_and_never_less_than_four_times(bench: Bench) -> None:
    found = [calls_made(bench, "KEPT.append(bytearray(943))", calls=15, budget=budget) for budget in (0.01, 100)]
    assert found == [64, 128]


def test_a_growing_cache_is_known_before_a_leak_is_pursued(bench: Bench) -> None:
    found = [calls_made(bench, "cached(number)", calls=31, budget=budget) for budget in (0.01, 100)]
    assert found == [32 + 16] * 2
