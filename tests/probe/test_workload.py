"""What the probe measures, on every Python that it supports and this machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from children import BLOCK, EVERYTHING, FIRST, VERSIONS, Bench, every_version, failed, measured, profile
from memharness.model.measurements import (
    PROBE_METHOD,
    Frame,
    Measured,
    ProfileLine,
    Skipped,
    Stack,
    TypeCount,
    outcome_reason,
)

KNOWN = """
    KEPT = []
    def run():
        KEPT.append(bytearray(50_000))
        gone = bytearray(300_000)
        del gone
        return bytearray(20_000)
"""
ODD_TYPES = {  # what makes the class C
    "no hash": "class M(type):\n    def __eq__(cls, other): return cls is other\nclass C(metaclass=M): pass",
    "a hash that raises": "class M(type):\n    def __hash__(cls): 1 / 0\nclass C(metaclass=M): pass",
    "comparison that raises": (
        "class M(type):\n    def __eq__(cls, other): 1 / 0\n    def __hash__(cls): return 1\nclass C(metaclass=M): pass"
    ),
    "attributes that raise": "class M(type):\n    def __getattribute__(cls, name): 1 / 0\nclass C(metaclass=M): pass",
    "checks that raise": (
        "class M(type):\n    def __instancecheck__(cls, thing): 1 / 0\n    __subclasscheck__ = __instancecheck__\n"
        "class C(metaclass=M): pass"
    ),
    "a class that raises": "class C:\n    @property\n    def __class__(self): 1 / 0",
    "a module that is no text": "class C: pass\nC.__module__ = 3",
    "names of another kind of text": (
        "class S(str):\n    def __hash__(self): 1 / 0\n    __eq__ = __format__ = __str__ = __hash__\n"
        "class C: pass\nC.__qualname__ = C.__module__ = S('C')"
    ),
    "a name of a megabyte": "C = type('x' * 1_000_000, (), {})",
    "methods that raise": (
        "class C:\n    def __repr__(self): raise SystemExit\n    __sizeof__ = __len__ = __bool__ = __eq__ = __repr__"
    ),
}
SLOTS = 32  # bytes of a list's first four slots
ARGUMENTS = 48  # the tuple that a type is called with, there while its object is made


def has_frames_on_the_heap(bench: Bench) -> bool:
    """Up to 3.10 the first call of a function allocates its frame."""
    return tuple(map(int, bench.version.split("."))) < (3, 11)


@every_version
def test_sizes_are_those_allocated_to_the_byte(versioned: Bench) -> None:
    outcome = measured(versioned.observe(KNOWN, ("peak", "retained", "result", "warm_peak", "growth")))
    peak = outcome.metrics["peak"]
    frame = peak - (300_000 + BLOCK + ARGUMENTS + 50_000 + BLOCK + SLOTS)
    assert 0 < frame < 1000 if has_frames_on_the_heap(versioned) else frame == 0
    assert outcome.metrics == {
        "peak": peak,
        "retained": 50_000 + BLOCK + SLOTS,
        "result": 20_000 + BLOCK,
        "warm_peak": 300_000 + BLOCK + ARGUMENTS + 50_000 + BLOCK,
        "growth": outcome.metrics["growth"],
    }
    assert abs(outcome.metrics["growth"] - (50_000 + BLOCK + 8)) <= 4  # and a slot of the list, told in whole words
    assert outcome.calls == 127
    counted = measured(versioned.observe(KNOWN, ("peak", "retained", "result", "gc_objects"))).metrics
    assert counted == {name: outcome.metrics[name] for name in ("peak", "retained", "result")} | {"gc_objects": 0}


@every_version
def test_a_workload_that_does_nothing_measures_nothing(versioned: Bench) -> None:
    outcome = measured(versioned.observe("def run(): pass", EVERYTHING))
    zero = dict.fromkeys(("retained", "result", "gc_objects", "growth"), 0)
    assert {name: outcome.metrics[name] for name in zero} == zero
    assert outcome.metrics["peak"] < (500 if has_frames_on_the_heap(versioned) else 1)
    assert outcome.metrics["warm_peak"] == 0
    assert outcome.metrics["import"] < 20_000
    assert outcome.types == ()


@every_version
def test_ten_children_agree_to_the_byte_on_real_work(versioned: Bench) -> None:
    text = """
        import argparse, ast, fractions, json, random, re
        def run():
            parser = argparse.ArgumentParser()
            for number in range(20):
                parser.add_argument(f"--option-{number}", default=str(number))
            tree = ast.parse(open(fractions.__file__).read())
            dumped = [ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            random.shuffle(dumped)
            words = {getattr(re, word, word) for word in re.findall(r"[a-z]+", " ".join(dumped))}
            return parser.format_help(), json.loads(json.dumps(dumped)), len(words), set(dumped[: random.randrange(50)])
    """
    metrics = (*FIRST, "warm_peak") if versioned.version == "3.11.7" else ("warm_peak",)
    outcomes = [versioned.observe(text, metrics).outcome for _ in range(10)]
    assert isinstance(outcomes[0], Measured)
    assert min(outcomes[0].metrics.get(name, 0) for name in metrics if "peak" in name) > 1_000_000
    assert outcomes == [outcomes[0]] * 10


@every_version
def test_the_peak_leaves_out_what_the_type_cache_keeps(versioned: Bench) -> None:
    text = """
        class Thing: pass
        def run():
            for number in range(10_000):
                getattr(Thing, f"attribute_{number}", None)
    """
    metrics = measured(versioned.observe(text, ("peak", "warm_peak"))).metrics
    assert max(metrics.values()) < 5_000  # some 250 kB with the names that it keeps alive


@every_version
def test_objects_and_types_gained_are_counted_with_the_result_held(versioned: Bench) -> None:
    text = """
        KEPT = []
        class Item:
            def __init__(self): self.link = [self]
        def run():
            Item()                                  # a cycle, collected
            KEPT.append(Item())
            return [[] for _ in range(10)]
    """
    outcome = measured(versioned.observe(text, ("gc_objects",)))
    assert outcome.gc_objects is not None
    before, after = outcome.gc_objects
    grown = {entry.name: entry.after - entry.before for entry in outcome.types}
    items = {name: number for name, number in grown.items() if name != "builtins.dict"}  # 3.11+: made when asked for
    assert items == {"builtins.list": 12, "waste.Item": 1}
    assert outcome.metrics["gc_objects"] == after - before == sum(grown.values())
    assert all(isinstance(entry, TypeCount) for entry in outcome.types)


@every_version
def test_imports_are_measured_from_a_bare_interpreter(versioned: Bench) -> None:
    versioned.write("tree/box.py", "DATA = bytearray(100_000)\n")
    run = "def run(): pass\n"
    bare, box, json = (
        measured(versioned.observe(text + run, ("import",))).metrics["import"]
        for text in ("", "import box\n", "import json\n")
    )
    assert 100_000 + BLOCK < box - bare < 110_000
    assert json - bare > 100_000


def test_instances_of_odd_types_are_measured_as_any(bench: Bench) -> None:
    def measure(definitions: list[str]) -> Measured:
        """Keep one instance of each class and return ten."""
        text = "KEPT, CLASSES = [], []\n"
        for definition in definitions:
            text += f"{definition}\nCLASSES.append(C)\n"
        text += "def run():\n    for C in CLASSES: KEPT.append(C())\n    return [C() for C in CLASSES * 10]\n"
        return measured(bench.observe(text, EVERYTHING, calls=15, explain=True))

    made, plain = measure([*ODD_TYPES.values()]), measure(["class C: pass"] * len(ODD_TYPES))
    assert made.metrics.keys() == {*EVERYTHING}
    exact = ("retained", "result", "growth", "gc_objects")
    assert [made.metrics[metric] for metric in exact] == [plain.metrics[metric] for metric in exact]
    assert plain.gc_objects is not None
    assert plain.metrics["gc_objects"] >= 10 * len(ODD_TYPES)
    assert not [note for note in made.notes if "known" in note]
    assert all(len(entry.name) < 1000 for entry in made.types)


def test_code_that_claims_any_file_is_measured(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    names = ("/dev/zero", str(tmp_path / "fifo"), str(tmp_path), "x" * 1_000_000, "a\nb\x1b")
    text = f"""
        MADE = []
        for name in {names!r}:
            exec(compile("MADE.append(lambda: bytearray(1000))", name, "exec"))
        def run(): return [make() for make in MADE]
    """
    observation = bench.observe(text)
    lines = [line for line in profile(observation, "alive").lines if line.size >= 1000]
    assert sorted(line.path for line in lines) == sorted(name[:4096] for name in names)
    assert {line.size for line in lines} == {1000 + BLOCK}


RESETTING = """
    import os, threading
    from {} import reset_peak
    def run():
        gone = bytearray(1_000_000)
        {}
        less = bytearray(10_000)
        del less
        {}
"""
# A joined thread's state is freed a moment later, maybe only in the next call, unless one waits for its task to end.
JOINED = "thread.join(); any(len(os.listdir('/proc/self/task')) == 1 for _ in range(10**6))"
RESET, IN_A_THREAD = "reset_peak()", f"thread = threading.Thread(target=reset_peak); thread.start(); {JOINED}"


@pytest.mark.parametrize("versioned", VERSIONS[1:], indirect=True)  # 3.8 has none
def test_a_peak_that_the_workload_resets_is_remembered(versioned: Bench) -> None:
    for module, first, second in (
        ("tracemalloc", f"del gone; {RESET}", RESET),
        ("_tracemalloc", f"{RESET}; del gone", "pass"),
        ("tracemalloc", f"del gone; {IN_A_THREAD}", IN_A_THREAD),
    ):
        outcome = measured(versioned.observe(RESETTING.format(module, first, second), ("peak", "warm_peak")))
        frame = outcome.metrics["peak"] - (1_000_000 + BLOCK + ARGUMENTS)
        assert 0 <= frame < (1000 if has_frames_on_the_heap(versioned) else 100)  # reading it leaves a tuple behind
        assert outcome.metrics["warm_peak"] - (1_000_000 + BLOCK + ARGUMENTS) in range(100)


def test_a_peak_is_remembered_also_where_an_installed_package_loads_tracemalloc(bench: Bench) -> None:
    site = bench.write("site/early.pth", "import tracemalloc\n").parent
    text = RESETTING.format("tracemalloc", f"del gone; {RESET}", RESET)
    outcome = measured(bench.observe(text, ("peak",), environment=bench.environment(site_paths=(site,))))
    assert outcome.metrics["peak"] >= 1_000_000


def test_the_lines_of_a_peak_that_is_reset_in_its_own_line_are_found(bench: Bench) -> None:
    text = "import tracemalloc\ndef run():\n    bytearray(10_000)\n    bytearray(1_000_000); tracemalloc.reset_peak()\n"
    observation = bench.observe(text, ("peak",), explain=True)
    biggest = max(profile(observation, "peak").lines, key=lambda line: line.size)
    assert (biggest.line, biggest.size // 1000) == (4, 1000)


@pytest.mark.parametrize(
    ("start", "setup"), [("", "tracemalloc.start(25)"), ("tracemalloc.start(25)", "pass"), ("", "tracemalloc.stop()")]
)
def test_tracing_that_the_workload_started_or_stopped_before_the_call_is_none_of_it(
    bench: Bench, start: str, setup: str
) -> None:
    text = f"""
        import tracemalloc
        {start}
        KEPT = []
        def setup():
            {setup}
            KEPT.append(bytearray(100_000))
        def run(): return bytearray(10_000)
    """
    outcome = measured(bench.observe(bench.case(text, setup=()), ("peak", "retained", "result", "warm_peak")))
    assert outcome.metrics["retained"] == 0
    assert outcome.metrics["result"] == 10_000 + BLOCK
    assert outcome.metrics["peak"] == outcome.metrics["warm_peak"] == 10_000 + BLOCK + ARGUMENTS


@pytest.mark.parametrize("call", ["stop()", "clear_traces()", "stop(); tracemalloc.start()"])
def test_tracing_that_the_import_tampers_with_leaves_the_other_figures(bench: Bench, call: str) -> None:
    text = f"import tracemalloc\ntracemalloc.{call}\ndef run(): return bytearray(10_000)\n"
    outcome = measured(bench.observe(text, ("import", "peak", "growth"), calls=15))
    assert outcome.metrics.keys() == {"peak", "retained", "result"}
    assert outcome.metrics["result"] == 10_000 + BLOCK
    reason = "the workload stopped, cleared or restarted tracemalloc: nothing can be measured"
    assert outcome.notes == (f"import: {reason}",)
    assert [outcome_reason(failure)[1] for failure in outcome.failed_passes.values()] == [
        f"TracerStoppedError: {reason}"
    ]


def test_resident_memory_sees_what_the_tracer_cannot(bench: Bench) -> None:
    text = """
        import mmap
        def run():
            block = mmap.mmap(-1, 64 << 20)
            block.write(b"x" * (64 << 20))
            block.close()
    """
    outcome = measured(bench.observe(text, ("rss_peak",)))
    assert 120 << 20 <= outcome.metrics["rss_peak"] < 136 << 20  # the mapping, and the bytes written to it
    text = "import mmap\ndef run():\n    return mmap.mmap(-1, 64 << 20)\n"
    outcome = measured(bench.observe(text, ("rss_peak", "peak")))
    assert outcome.metrics["rss_peak"] < 1 << 20  # reserved and never touched
    assert outcome.metrics["peak"] < 1 << 20


def test_resident_memory_starts_from_now_and_not_from_an_earlier_peak(bench: Bench) -> None:
    text = """
        big = b"x" * (64 << 20)
        del big
        def run():
            return b"x" * (32 << 20)
    """
    # pages that were resident at the start and are used again do not count as a rise
    assert 31 << 20 <= measured(bench.observe(text, ("rss_peak",))).metrics["rss_peak"] < 36 << 20


def test_parameters_and_state_reach_the_functions_and_setup_is_not_measured(bench: Bench) -> None:
    text = """
        def setup(rows):
            return [bytearray(1_000_000)] * rows
        def run(state, rows, label, *, flag):
            assert (len(state), rows, label, flag) == (3, 3, "x", True)
            return bytearray(1000)
        def teardown(state):
            print("teardown of", len(state))
            raise RuntimeError("torn down")
    """
    params: dict[str, bool | int | float | str] = {"rows": 3, "label": "x", "flag": True}
    case = bench.case(text, params=params, setup=("rows",), takes_state=True)
    metrics = measured(bench.observe(case)).metrics
    assert metrics == {"peak": metrics["peak"], "retained": 0, "result": 1000 + BLOCK}
    case = bench.case(text, params=params, setup=("rows",), takes_state=True, teardown=True)
    outcome = failed(bench.observe(case))
    assert (outcome.phase, outcome.reason, outcome.output) == (
        "teardown",
        "RuntimeError: torn down",
        ("teardown of 3",),
    )


def test_odd_values_of_parameters_arrive_as_they_are(bench: Bench) -> None:
    odd: dict[str, bool | int | float | str] = {
        "quotes": "'\"\\ {x} ü \U0001f600 \u2028 \x01\n",
        "infinite": float("-inf"),
        "tiny": 5e-324,
        "large": 10**30,
        "no": False,
    }
    case = bench.case(f"def run(**given):\n    assert given == {odd!r}".replace("-inf", "-float('inf')"), params=odd)
    assert isinstance(bench.observe(case).outcome, Measured)


@every_version
def test_lines_are_named_as_people_would(versioned: Bench) -> None:
    versioned.write(
        "tree/src/box/core.py",
        """
        KEPT = []
        make = lambda: bytearray(6_000)

        class Box:
            size = KEPT.append(bytearray(7_000))

            def other(self, block=bytearray(9_000)):
                return block

            def fill(self):
                def deep():
                    KEPT.append(  bytearray(8_000)  )
                deep()
                KEPT.append(make())
        """,
    )
    versioned.write("tree/src/box/__init__.py", "")
    text = """
        import json
        def run():
            import box.core
            box.core.KEPT.extend([None] * 50)
            box.core.Box().fill()
            return json.loads("[" + "1.5, " * 500 + "2.5]")
    """
    case = versioned.case(text)
    observation = versioned.observe(case, checkout=versioned.checkout("box", import_root="src"))
    lines = [line for line in profile(observation, "alive").lines if line.path.startswith("src/")]
    big = {(line.line, line.function): (line.source, line.size, line.count) for line in lines if line.size > 5000}
    assert {key: value[0] for key, value in big.items()} == {
        (7, "Box"): "def other(self, block=bytearray(9_000)):",
        (12, "Box.fill.<locals>.deep"): "KEPT.append( bytearray(8_000) )",
        (5, "Box"): "size = KEPT.append(bytearray(7_000))",
        (2, "<lambda>"): "make = lambda: bytearray(6_000)",
    }
    assert {line.path for line in lines} == {"src/box/core.py"}
    others = {line.path for line in profile(observation, "alive").lines} - {"src/box/core.py"}
    assert "<stdlib>/json/decoder.py" in others
    assert "<stdlib>/importlib/_bootstrap_external.py" in others
    assert all(path.startswith(("<scenarios>/waste.py", "<stdlib>/")) for path in others)


def test_a_module_installed_from_a_wheel_is_named_as_in_the_project(bench: Bench) -> None:
    site = bench.write("site/box/__init__.py", "def fill(): return bytearray(1000)\n").parent.parent
    bench.write("site/dependency.py", "def fill(): return bytearray(2000)\n")
    observation = bench.observe(
        "import box, dependency\ndef run(): return box.fill(), dependency.fill()\n",
        checkout=bench.checkout("box", import_root="src"),
        environment=bench.environment(origin=site, site_paths=(site,)),
    )
    lines = profile(observation, "alive").lines
    assert lines[:2] == (
        ProfileLine(
            path="<site-packages>/dependency.py",
            line=1,
            function="fill",
            source="def fill(): return bytearray(2000)",
            size=2000 + BLOCK,
            count=2,
        ),
        ProfileLine(
            path="src/box/__init__.py",
            line=1,
            function="fill",
            source="def fill(): return bytearray(1000)",
            size=1000 + BLOCK,
            count=2,
        ),
    )


@every_version
def test_deep_traces_add_stacks_and_change_no_figure(versioned: Bench) -> None:
    text = """
        def inner(size):
            return bytearray(size)
        def outer(size):
            return inner(size)
        def run():
            blocks = [outer(100_000)]
            blocks.append(outer(1000)); blocks.append(outer(2000))
            return blocks, [[1.5 * size] for size in (1, 2, 3)]
    """
    shallow, deep = versioned.observe(text), versioned.observe(text, explain=True)
    assert measured(deep).metrics == measured(shallow).metrics
    assert profile(deep, "alive").lines == profile(shallow, "alive").lines
    assert profile(shallow, "alive").stacks == ()
    assert len(profile(deep, "alive").stacks) <= 10
    frames = tuple(
        Frame(path="<scenarios>/waste.py", line=line, function=name, source=source)
        for line, name, source in (
            (6, "run", "blocks = [outer(100_000)]"),
            (4, "outer", "return inner(size)"),
            (2, "inner", "return bytearray(size)"),
        )
    )
    assert profile(deep, "alive").stacks[0] == Stack(size=100_000 + BLOCK, count=2, frames=frames)
    sizes = [stack.size for stack in profile(deep, "alive").stacks]
    assert sizes == sorted(sizes, reverse=True)


def test_a_copy_from_elsewhere_is_never_measured(bench: Bench) -> None:
    site = bench.write("site/box/__init__.py", "def fill(): return 1\n").parent.parent
    bench.write("tree/README", "the package is gone from this commit\n")
    environment = bench.environment(site_paths=(site,))
    early = "import box\ndef run(): return box.fill()\n"
    late = "def run():\n    import box\n    return box.fill()\n"
    for text in (early, late):
        outcome = failed(bench.observe(text, checkout=bench.checkout("box"), environment=environment))
        assert (outcome.phase, outcome.reason) == (
            "import",
            f"WrongCopyError: module box comes from {site}/box/__init__.py, not from {bench.tree}",
        )
    bench.write("tree/box/__init__.py", "def fill(): return 1\n")
    for text in (early, late):
        assert measured(bench.observe(text, checkout=bench.checkout("box"), environment=environment)).metrics


def test_a_namespace_package_may_be_shared_with_a_dependency(bench: Bench) -> None:
    site = bench.write("site/space/other.py", "").parent.parent
    bench.write("tree/space/box.py", "")
    environment, checkout = bench.environment(site_paths=(site,)), bench.checkout("space")
    both = "import space.box, space.other\ndef run(): pass\n"
    assert measured(bench.observe(both, checkout=checkout, environment=environment)).metrics
    bench.write("site/space/box.py", "")
    bench.write("tree/space/box.py", "").unlink()
    (bench.tree / "space/box.py").mkdir()  # listed by the project, not importable there
    (bench.tree / "space/box.py").rmdir()
    bench.write("tree/space/box/data.txt", "")
    outcome = failed(bench.observe(both, checkout=checkout, environment=environment))
    assert outcome.phase == "import"
    assert "module space.box comes from" in outcome.reason


def test_nested_and_legacy_namespace_packages_may_be_shared_with_a_dependency(bench: Bench) -> None:
    extend = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    bench.write("site/space/cloud/core/__init__.py", "")
    bench.write("site/old/other.py", "")
    site = bench.write("site/old/__init__.py", extend).parent.parent
    bench.write("tree/space/cloud/store.py", "")
    bench.write("tree/old/mine.py", "")
    bench.write("tree/old/__init__.py", extend + "import sys, colorsys; sys.modules['old.colors'] = colorsys\n")
    environment, checkout = bench.environment(site_paths=(site,)), bench.checkout("old", "space")
    both = "import space.cloud.store, space.cloud.core, old.mine, old.other, old.colors\ndef run(): pass\n"
    assert measured(bench.observe(both, checkout=checkout, environment=environment)).metrics


@every_version
def test_of_the_import_root_nothing_but_the_project_is_found(versioned: Bench) -> None:
    for stray in ("random.py", "json/__init__.py", "yaml.py", "typing.py", "absent.py"):
        versioned.write(f"tree/{stray}", f"raise AssertionError({stray!r})\n")
    site = versioned.write("site/yaml.py", "").parent
    versioned.write("tree/box/__init__.py", "from box import inner\n")
    versioned.write("tree/box/inner.py", "")
    versioned.write("tree/colorsys.py", "OURS = True\n")
    text = """
        import colorsys, importlib.util, json, os, random, sys, typing, yaml, box
        assert importlib.util.find_spec("absent") is None
        assert colorsys.OURS is EXPECTED
        assert (sys.path.index(TREE) < sys.path.index(os.path.dirname(os.__file__))) is EXPECTED
        def run(): return bytearray(1000)
    """
    for packages, ours in ((("box",), False), (("box", "colorsys"), True)):
        shown = text.replace("EXPECTED", repr(ours)).replace("TREE", repr(str(versioned.tree)))
        shown = shown if ours else shown.replace("colorsys.OURS", "hasattr(colorsys, 'OURS')")
        observation = versioned.observe(
            shown, checkout=versioned.checkout(*packages), environment=versioned.environment(site_paths=(site,))
        )
        assert measured(observation).metrics["result"] == 1000 + BLOCK


def test_a_package_installed_without_its_init_is_a_namespace_package(bench: Bench) -> None:
    legacy = "__import__('pkg_resources').declare_namespace(__name__)\n"
    site = bench.write("site/space/cloud/core.py", "").parents[2]
    for path in ("space", "space/cloud"):
        bench.write(f"tree/{path}/__init__.py", legacy)
    bench.write("tree/space/cloud/store.py", "def fill(): return bytearray(1000)\n")
    environment = bench.environment(site_paths=(site,), namespaces=("space", "space.cloud"))
    text = "import space.cloud.core, space.cloud.store\ndef run(): return space.cloud.store.fill()\n"
    observation = bench.observe(text, checkout=bench.checkout("space"), environment=environment)
    assert measured(observation).metrics["result"] == 1000 + BLOCK


def test_a_scenario_may_be_called_like_its_package_or_like_a_module_of_the_library(bench: Bench) -> None:
    bench.write("tree/box.py", "def fill(): return bytearray(1000)\n")
    for name in ("box", "json"):
        case = bench.case("import box, json\ndef run(): return json.loads('1') and box.fill()\n", name=name)
        observation = bench.observe(case, checkout=bench.checkout("box"))
        assert measured(observation).metrics["result"] == 1000 + BLOCK
        assert profile(observation, "alive").lines[0].path == "box.py"


def test_scenarios_import_their_neighbours_and_site_folders_are_complete(bench: Bench) -> None:
    site = bench.write("site/extra.pth", "import sys; sys.from_pth = True\n").parent
    bench.write("scenarios/shared.py", "SIZE = 1000\n")
    text = "import sys, shared\ndef run(): return bytearray(shared.SIZE if sys.from_pth else 0)\n"
    outcome = measured(bench.observe(text, environment=bench.environment(site_paths=(site,))))
    assert outcome.metrics["result"] == 1000 + BLOCK


def test_the_probe_does_not_show(bench: Bench) -> None:
    text = """
        import sys
        assert not [name for name in sys.modules if "memharness" in name], sys.modules
        assert not [path for path in sys.path if path.endswith("harness") or "memharness" in path], sys.path
        for name in ("json", "re", "tracemalloc", "pathlib", "typing", "collections", "functools", "enum"):
            assert name not in sys.modules, name
        quit, exit, help
        def run():
            assert sys.argv == [__file__]
    """
    assert isinstance(bench.observe(text).outcome, Measured)


def test_host_and_probe_agree_on_the_method() -> None:
    source = Path(__file__).parents[2] / "harness/memharness_probe/__init__.py"
    code = f"exec(open({str(source)!r}).read()); print(METHOD)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(shown) == PROBE_METHOD


@pytest.mark.parametrize("version", VERSIONS)
def test_the_probe_compiles_everywhere(version: str, tmp_path: Path) -> None:
    from missing import interpreter

    sources = sorted((Path(__file__).parents[2] / "harness/memharness_probe").glob("*.py"))
    code = "import sys\nfor path in sys.argv[1:]: compile(open(path, 'rb').read(), path, 'exec')"
    command = [interpreter(version), "-W", "error::SyntaxWarning", "-c", code, *map(str, sources)]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""


@every_version
def test_generators_without_a_seed_are_alike_in_every_run_and_unlike_one_another(versioned: Bench) -> None:
    text = """
        import random
        def run():
            one, other = random.Random().randrange(100_000), random.Random().randrange(100_000)
            assert one != other
            return bytearray(one)
    """
    one, other = (versioned.observe(text) for _ in range(2))
    assert one.outcome == other.outcome


SKIPS = {
    "import": "import unittest\nraise unittest.SkipTest('needs\\nv2')\ndef run(): ...\n",
    "run": "import unittest\nclass Own(unittest.SkipTest): ...\ndef run(): raise Own('needs v2')\n",
}


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS)
@every_version
def test_a_workload_may_skip_itself(versioned: Bench, text: str) -> None:
    assert versioned.observe(text).outcome == Skipped(reason="needs v2")


@every_version
def test_an_import_that_makes_the_table_of_interned_names_grow_says_so(versioned: Bench) -> None:
    """The table has room for about 10,000 names."""
    for number, noted in ((100, False), (20_000, True)):
        code = f"from sys import intern\nfor number in range({number}):\n    intern(f'name {{number}}')"
        outcome = measured(versioned.observe(f"{code}\ndef run(): pass\n", ("import",)))
        assert any("table of interned names" in note for note in outcome.notes) == noted
        assert (outcome.metrics["import"] > 300_000) == noted


@every_version
def test_modules_that_a_workload_imports_do_not_make_their_table_grow(versioned: Bench) -> None:
    text = "import sys, tracemalloc\nnames = [f'm{i}' for i in range(1000)]\n"
    text += "before = tracemalloc.get_traced_memory()[0]\nfor name in names: sys.modules[name] = sys\n"
    text += "assert before and tracemalloc.get_traced_memory()[0] - before < 1000\n"
    measured(versioned.observe(f"{text}def run(): ...\n", ("import",)))
