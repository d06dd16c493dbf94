"""The lines that hold memory at the peak, also where it lies within C code, recursion, generators and threads."""

import pytest

from children import VERSIONS, Bench, every_version, measured, profile
from memharness.model.measurements import LineInstances, ProfileLine
from memharness.model.metrics import Stage

# Name -> scenario, source of the line that holds most at the peak, its share in per cent of the peak.
CASES = {
    "sorted": (
        """
        def run():
            rows = ["%04d" % number for number in range(40)] * 250
            ordered = sorted(rows, key=hash)
            return len(ordered)
        """,
        "ordered = sorted(rows, key=hash)",
        (80, 90),  # the list, and the keys beside it
    ),
    "json.loads": (
        """
        import json
        TEXT = json.dumps([[number, str(number)] for number in range(2_000)])
        def run():
            return len(json.loads(TEXT))
        """,
        "return len(json.loads(TEXT))",
        (99, 100),
    ),
    "join": (
        """
        def run():
            part = "x" * 1000
            return len("".join([part] * 2000))
        """,
        'return len("".join([part] * 2000))',
        (99, 100),
    ),
    "concatenation": (
        """
        def run():
            one = bytes(1_000_000)
            both = len(one + one)
            return both
        """,
        "both = len(one + one)",
        (66, 67),
    ),
    "recursion": (
        """
        def walk(depth):
            block = bytearray(20_000)
            if depth:
                walk(depth - 1)
            return len(block)
        def run():
            return walk(150)
        """,
        "block = bytearray(20_000)",
        (95, 100),
    ),
    "generator": (
        """
        def numbers():
            held = []
            for number in range(60):
                held.append(bytearray(30_000))
                yield number
        def run():
            return sum(numbers()), len([number for number in numbers()])
        """,
        "held.append(bytearray(30_000))",
        (99, 100),
    ),
    "a generator that C code runs": (
        """
        def blocks():
            for _ in range(60):
                yield b"x" * 30_000
        def run():
            return len(b"".join(blocks()))
        """,
        'return len(b"".join(blocks()))',
        (50, 51),  # and as much of the line that yields
    ),
    "threads": (
        """
        import threading
        def work(size):
            block = bytearray(size)
            parts = [block[: size // 2] for _ in range(4)]
            return len(parts)
        def run():
            for size in (100_000, 900_000, 300_000):
                thread = threading.Thread(target=work, args=(size,))
                thread.start()
                thread.join()
        """,
        "parts = [block[: size // 2] for _ in range(4)]",
        (65, 67),
    ),
    "a module that the call imports": (
        """
        def tokens():
            import struct
            rows = [b"%0300d" % number for number in range(3_000)]
            return [row[0] for row in rows]
        def run():
            found = {}
            for token in tokens():
                found.setdefault(token, 0)
            return found
        """,
        'rows = [b"%0300d" % number for number in range(3_000)]',
        (80, 100),
    ),
    "threads of a module that the call imports": (
        """
        import _weakrefset, functools  # which threading imports
        def work(size):
            block = bytearray(size)
        def run():
            import threading
            for size in (100_000, 3_000_000, 300_000):
                thread = threading.Thread(target=work, args=(size,))
                thread.start()
                thread.join()
        """,
        "block = bytearray(size)",
        (80, 98),
    ),
    "a list of a moment": (
        """
        def run():
            total = 0
            for size in (1_000, 6_000, 500):
                total += len([number + 1000 for number in range(size)])
            return total
        """,
        "total += len([number + 1000 for number in range(size)])",
        (99, 100),
    ),
    "a caller, after a call returned": (
        """
        def small():
            return bytearray(1000)
        def run():
            return len(small()) + len(bytearray(2_000_000))
        """,
        "return len(small()) + len(bytearray(2_000_000))",
        (99, 100),
    ),
    "a loop without calls": (
        """
        def run():
            rows = []
            for number in range(5_000):
                rows.append(number.to_bytes(200, "big"))
            return len(rows)
        """,
        'rows.append(number.to_bytes(200, "big"))',
        (99, 100),
    ),
    "many calls that allocate little": (
        """
        def make(number):
            return bytes(900)
        def run():
            rows = [make(number) for number in range(3_000)]
            rows.clear()
            return [make(number) for number in range(2_000)]
        """,
        "return bytes(900)",
        (98, 100),
    ),
    "two threads at once": (
        """
        import threading
        def wait(ready, go):
            block = bytearray(500_000)
            ready.set()
            go.wait()
        def run():
            ready, go = threading.Event(), threading.Event()
            thread = threading.Thread(target=wait, args=(ready, go))
            thread.start()
            ready.wait()
            block = bytearray(3_000_000)
            go.set()
            thread.join()
        """,
        "block = bytearray(3_000_000)",
        (80, 100),
    ),
    "an exception": (
        """
        def fail():
            block = bytearray(2_000_000)
            raise ValueError(len(block))
        def run():
            try:
                fail()
            except ValueError:
                return bytes(100_000)
        """,
        "block = bytearray(2_000_000)",
        (95, 100),  # its traceback keeps it alive
    ),
}
SHARED = 256  # bytes of names that finding instances brings in on 3.11


@every_version
@pytest.mark.parametrize("name", CASES)
def test_the_line_that_holds_the_peak_comes_first(versioned: Bench, name: str) -> None:
    text, source, (least, most) = CASES[name]
    observation = versioned.observe(text, ("peak",), explain=True)
    outcome = measured(observation)
    lines = profile(observation, "peak").lines
    assert lines[0].source == source
    peak = outcome.metrics["peak"]
    assert least / 100 * peak <= lines[0].size <= (most + 0.5) / 100 * peak
    assert sum(line.size for line in lines) == pytest.approx(peak, rel=0.02)
    assert outcome.notes == ()
    assert outcome.passes == ("first", "peak")


@pytest.mark.parametrize("versioned", VERSIONS[3:], indirect=True)
def test_what_the_interpreter_makes_for_tracing_is_left_out(versioned: Bench) -> None:
    text = """
        def walk(depth):
            block = bytearray(4000)
            if depth:
                walk(depth - 1)
            return len(block)
        def run():
            return walk(400)
    """
    observation = versioned.observe(text, ("peak",), explain=True)
    peak = measured(observation).metrics["peak"]
    held = sum(line.size for line in profile(observation, "peak").lines)
    assert held == pytest.approx(peak, rel=0.001)  # with a frame object of each call 5 % more


@every_version
def test_frames_are_not_among_the_types(versioned: Bench) -> None:
    text = """
        def walk(depth):
            block = [depth]
            return walk(depth - 1) if depth else bytes(2_000_000)
        def run():
            return len(walk(100))
    """
    types = profile(versioned.observe(text, ("peak",), explain=True), "peak").types
    assert LineInstances(path="<scenarios>/waste.py", line=2, name="builtins.list", count=101) in types
    assert "builtins.frame" not in {entry.name for entry in types}


@every_version
def test_types_and_callers_are_those_at_the_peak(versioned: Bench) -> None:
    text = """
        class Item:
            __slots__ = ("text",)
        def make(number):
            item = Item()
            item.text = str(number) * 100
            return item
        def run():
            items = []
            for number in range(1000):
                items.append(make(number))
            slots, block = [None] * 20_000, bytearray(1000)
            items.clear()
            return bytearray(100)
    """
    observation = versioned.observe(text, ("peak", "retained"), explain=True)
    found = profile(observation, "peak")
    assert found.types[:2] == (
        LineInstances(path="<scenarios>/waste.py", line=4, name="waste.Item", count=1000),
        LineInstances(path="<scenarios>/waste.py", line=5, name="builtins.str", count=1000),
    )
    assert [[frame.function for frame in stack.frames] for stack in found.stacks[:2]] == [["run", "make"], ["run"]]
    assert [entry.name for entry in profile(observation, "alive").types] == ["builtins.bytearray"]


def test_a_workload_that_traces_itself_is_told_and_nothing_else_is_lost(bench: Bench) -> None:
    text = "import sys\ndef run():\n    sys.settrace(None)\n    return bytearray(1000)\n"
    plain = bench.observe(text, ("peak",))
    outcome = measured(bench.observe(text, ("peak",), explain=True))
    assert outcome.metrics == measured(plain).metrics
    assert outcome.notes == (
        "peak: the workload has a trace function of its own, so the lines of its peak are not known",
    )
    assert outcome.profiles.keys() == {"alive", "retained"}


@pytest.mark.parametrize("versioned", VERSIONS[:4], indirect=True)
def test_a_workload_that_puts_the_trace_function_back_is_told(versioned: Bench) -> None:
    """Nothing is heard of its calls meanwhile, and no line is named that did not allocate."""
    text = """
        import sys
        def run():
            traced = sys.gettrace()
            sys.settrace(None)
            size = len(bytearray(2_000_000))
            sys.settrace(traced)
            return bytearray(1000)
    """
    outcome = measured(versioned.observe(text, ("peak",), explain=True))
    assert outcome.notes == (
        "peak: the workload has a trace function of its own, so the lines of its peak are not known",
    )
    assert outcome.profiles.keys() == {"alive", "retained"}


@pytest.mark.parametrize("versioned", VERSIONS[4:], indirect=True)
def test_a_workload_with_hooks_of_its_own_is_explained(versioned: Bench) -> None:
    text = """
        import sys
        seen = []
        def watch(*_): seen.append(1)
        def work():
            return len(bytearray(2_000_000))
        def run():
            sys.settrace(watch)
            for tool in (3, 1):
                if sys.monitoring.get_tool(tool) is None:
                    sys.monitoring.use_tool_id(tool, "other")
                    sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, watch)
                    sys.monitoring.set_events(tool, sys.monitoring.events.PY_START)
            work()
            sys.settrace(None)
            assert len(seen) >= 2
    """
    observation = versioned.observe(text, ("peak",), explain=True)
    assert measured(observation).notes == ()
    assert profile(observation, "peak").lines[0].source == "return len(bytearray(2_000_000))"


@pytest.mark.parametrize("versioned", VERSIONS[4:], indirect=True)
def test_a_workload_that_frees_all_tools_is_told(versioned: Bench) -> None:
    text = """
        import sys
        def run():
            for tool in range(6):
                if sys.monitoring.get_tool(tool) is not None:
                    sys.monitoring.free_tool_id(tool)
            return len(bytearray(2_000_000))
    """
    outcome = measured(versioned.observe(text, ("peak",), explain=True))
    assert outcome.notes == (
        "peak: the workload has a trace function of its own, so the lines of its peak are not known",
    )


@pytest.mark.parametrize("versioned", VERSIONS[1:], indirect=True)  # since when a peak can be reset
def test_a_peak_that_the_workload_resets_is_explained(versioned: Bench) -> None:
    text = """
        import tracemalloc
        def work():
            return len(bytearray(2_000_000))
        def run():
            work()
            tracemalloc.reset_peak()
            return bytearray(100_000)
    """
    observation = versioned.observe(text, ("peak",), explain=True)
    assert measured(observation).notes == ()
    (line,) = [line for line in profile(observation, "peak").lines if line.size > 10_000]
    assert line.source == "return len(bytearray(2_000_000))"


@pytest.mark.parametrize("versioned", [VERSIONS[2], VERSIONS[3], VERSIONS[5]], indirect=True)
@pytest.mark.parametrize(
    ("statement", "finds"),
    [
        ("len([make() for _ in range(3000)])", 1),  # each call allocates less than a thousandth
        ("len([make() for _ in range(10)] + [bytes(1_000_000)])", 2),
    ],
)
def test_lines_are_looked_at_only_where_much_comes_after_the_last_call(
    versioned: Bench, statement: str, finds: int
) -> None:
    steps: list[Stage] = []
    text = f"def make():\n    return bytearray(500)\ndef run():\n    return {statement}\n"
    observation = versioned.observe(text, ("peak",), explain=True, before_pass=steps.append)
    assert steps == ["first", *["peak"] * finds, "deep"]
    peak = measured(observation).metrics["peak"]
    assert sum(line.size for line in profile(observation, "peak").lines) == pytest.approx(peak, rel=0.001)


@every_version
def test_what_is_alive_after_the_call_is_explained_as_without_its_peak(versioned: Bench) -> None:
    text = """
        import collections, functools
        KEPT = []
        def numbers():
            yield from range(3)
        def make(number):
            KEPT.append({"name": number, "more": {number: [number]}})
            KEPT.append(lambda: number)
        @functools.lru_cache(None)
        def module(number):
            names = {}
            exec(f"def f{number}(): return [{number}]\\nx = f{number}()", names)
            return names
        def run():
            for number in range(300): make(number)
            running = numbers()
            next(running)
            block = bytearray(100_000)
            return [module(number) for number in range(20)], running
    """
    alone, beside = (
        versioned.observe(text, metrics, explain=True) for metrics in (("retained", "result"), ("retained", "peak"))
    )
    assert measured(beside).passes == ("deep", "first", "peak")
    metrics = measured(beside).metrics
    for kind, size in (("alive", metrics["retained"] + metrics["result"]), ("retained", metrics["retained"])):
        expected, found = profile(alone, kind), profile(beside, kind)
        assert sum(line.size for line in expected.lines) == pytest.approx(size, abs=SHARED)
        assert found.lines == expected.lines
        assert found.types == expected.types


@pytest.mark.parametrize("versioned", [VERSIONS[3], VERSIONS[5]], indirect=True)
@pytest.mark.parametrize(
    ("ending", "limit", "why"),
    [
        ("while True: pass", None, "timeout: still in run after"),
        ("kept = [bytes(1 << 20) for _ in range(4000)]", 1 << 30, "memory: exceeded 1024 MiB in run"),
    ],
)
def test_one_frame_gives_the_lines_where_deep_traces_take_too_much(
    versioned: Bench, ending: str, limit: int | None, why: str
) -> None:
    text = f"""
        import tracemalloc
        def run():
            block = bytearray(2_000_000)
            if tracemalloc.get_traceback_limit() > 1:
                {ending}
            return bytearray(1000)
    """
    steps: list[Stage] = []
    observation = versioned.observe(
        text, ("peak", "result"), explain=True, timeout=0.5, memory_limit=limit, before_pass=steps.append
    )
    (note,) = measured(observation).notes
    assert note.startswith(f"callers and types of the lines are not known: the pass for them ended in {why}")
    found = profile(observation, "peak")
    assert [line.source for line in found.lines if line.size > 1_000_000] == ["block = bytearray(2_000_000)"]
    assert found.stacks == ()
    assert "return bytearray(1000)" in {line.source for line in profile(observation, "alive").lines}
    assert steps[-2:] == ["deep", "deep"]


@every_version
def test_callers_are_found_beyond_a_library(versioned: Bench) -> None:
    site = versioned.write(
        "site/filler.py", "def fill(depth): return fill(depth - 1) if depth else bytearray(2_000_000)\n"
    ).parent
    versioned.write("tree/box.py", "import filler\ndef make():\n    return filler.fill(11)\n")
    observation = versioned.observe(
        "import box\ndef run(): return len(box.make())\n",
        ("peak",),
        explain=True,
        checkout=versioned.checkout("box"),
        environment=versioned.environment(site_paths=(site,)),
    )
    line = profile(observation, "peak").lines[0]
    assert (line.path, line.line, line.library) == ("box.py", 3, "filler")
    frames = profile(observation, "peak").stacks[0].frames
    assert [frame.function for frame in frames] == ["run", "make", *["fill"] * 12]


def test_a_disturbed_peak_is_told(bench: Bench) -> None:
    text = """
        import sys
        def run():
            return bytearray(2_000_000 if sys.gettrace() is None else 1_000_000)
    """
    outcome = measured(bench.observe(text, ("peak",), explain=True))
    (note,) = outcome.notes
    assert note.startswith("peak: its lines hold 1,000,")
    assert "not 2,000," in note


def test_only_a_wanted_peak_is_looked_for(bench: Bench) -> None:
    outcome = measured(bench.observe("def run(): return bytearray(1000)\n", ("retained",), explain=True))
    assert outcome.passes == ("deep", "first")
    assert outcome.profiles.keys() == {"alive", "retained"}


def test_a_later_peak_is_explained_where_that_of_the_first_call_is_not_wanted(bench: Bench) -> None:
    text = "def run():\n    return len(bytearray(1_000_000))\n"
    observation = bench.observe(text, ("import", "warm_peak"), calls=15, explain=True)
    outcome = measured(observation)
    assert outcome.metrics.keys() == {"import", "warm_peak"}
    assert outcome.notes == ()
    assert [line.source for line in profile(observation, "peak").lines] == ["return len(bytearray(1_000_000))"]


@every_version
def test_collection_is_as_the_workload_set_it(versioned: Bench) -> None:
    for setting in ("disable", "enable"):
        text = f"""
            import gc
            def run():
                gc.{setting}()
                block = bytearray(2_000_000)
                del block
                assert gc.isenabled() is {setting == "enable"}
        """
        observation = versioned.observe(text, ("peak",), explain=True)
        assert measured(observation).notes == ()
        (line,) = [line for line in profile(observation, "peak").lines if line.size > 1_000_000]
        assert line == ProfileLine(
            path="<scenarios>/waste.py",
            line=4,
            function="run",
            source="block = bytearray(2_000_000)",
            size=line.size,
            count=line.count,
        )
