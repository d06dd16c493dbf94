"""What deep passes add: blocks of libraries at the lines of the project, types by line, imports by module."""

import re

from children import BLOCK, FIRST, Bench, every_version, measured, profile
from memharness.model.measurements import LineInstances, Measured


@every_version
def test_what_libraries_allocate_counts_at_the_projects_line(versioned: Bench) -> None:
    site = versioned.write("site/filler/deep/core.py", "def fill(size): return bytearray(size)\n").parents[2]
    versioned.write("site/filler/__init__.py", "from filler.deep.core import fill\n")
    versioned.write("site/filler/deep/__init__.py", "")
    versioned.write(
        "tree/box.py",
        """
        import functools, json
        from collections import namedtuple
        import filler

        Point = namedtuple("Point", "x y")

        def fill():
            one = filler.fill(10_000)
            return one, json.loads("[" + "1.5, " * 2000 + "2.5]"), Point(bytearray(7000), 2), bytearray(5000)

        @functools.wraps(fill)
        def indirect(call):
            return call()
        """,
    )
    text = """
        import box, filler
        def run():
            indirect = box.indirect(lambda: bytearray(2000))
            return box.fill(), filler.fill(3000), indirect
    """
    observation = versioned.observe(
        text,
        explain=True,
        checkout=versioned.checkout("box"),
        environment=versioned.environment(site_paths=(site,)),
    )
    found = {(line.path, line.line, line.library): line for line in profile(observation, "alive").lines}
    assert found["box.py", 8, "filler"].size == 10_000 + BLOCK
    assert found["box.py", 9, "json"].size > 24 * 2000
    assert found["box.py", 9, ""].size >= 7000 + 5000 + 2 * BLOCK
    assert found["<scenarios>/waste.py", 4, "filler"].size == 3000 + BLOCK
    assert found["box.py", 13, "waste"].size == 2000 + BLOCK  # the project called what the scenario gave it
    assert {path for path, _, _ in found} <= {"box.py", "<scenarios>/waste.py"}
    assert len(found) == len(profile(observation, "alive").lines)
    stack = next(stack for stack in profile(observation, "alive").stacks if stack.size == 10_000 + BLOCK)
    assert [(frame.path, frame.function) for frame in stack.frames] == [
        ("<scenarios>/waste.py", "run"),
        ("box.py", "fill"),
        ("<site-packages>/filler/deep/core.py", "fill"),
    ]


@every_version
def test_profiles_add_up_to_the_figures_and_runs_are_alike_to_the_byte(versioned: Bench) -> None:
    text = """
        import functools, json
        KEPT = []
        @functools.lru_cache(None)
        def parse(text):
            return compile(text, "", "exec", 1024).body  # the syntax tree
        def run():
            if not KEPT: KEPT.append(json.loads(json.dumps({"a": [1.5] * 500})))
            names = {number: json.dumps({"a": [number] * 9}) for number in range(50)}
            trees = [parse(f"def f(x):\\n    return [x, {{'a': {number}}}]") for number in range(15)]
            return [{**vars(tree[0])} for tree in trees], names
    """
    everything = (*FIRST, "warm_peak", "growth")
    plain = [versioned.observe(text, everything, calls=15) for _ in range(2)]
    deep = [versioned.observe(text, FIRST, explain=True) for _ in range(2)]
    assert plain[0] == plain[1]
    assert deep[0] == deep[1]
    outcome = measured(deep[0])
    assert {name: measured(plain[0]).metrics[name] for name in outcome.metrics} == outcome.metrics
    assert measured(plain[0]).types == outcome.types
    retained, alive = outcome.metrics["retained"], outcome.metrics["retained"] + outcome.metrics["result"]
    assert 0 < retained < alive
    # names that finding instances brings in on 3.11
    for observation, shared in ((plain[0], 0), (deep[0], 128 if versioned.version.startswith("3.11.") else 0)):
        assert sum(line.size for line in profile(observation, "retained").lines) + shared == retained
        assert sum(line.size for line in profile(observation, "alive").lines) + shared == alive
        assert sum(module.size for module in profile(observation, "import").modules) == outcome.metrics["import"]
    assert sum(line.size for line in profile(deep[0], "import").lines) == outcome.metrics["import"]


@every_version
def test_types_are_counted_at_their_lines_with_and_without_the_result(versioned: Bench) -> None:
    text = """
        KEPT = []
        class Meta(type):
            def __getattribute__(cls, name): raise SystemError(name)
            def __hash__(cls): raise SystemError("hash")
        class Item(metaclass=Meta):
            def __getattribute__(self, name): raise SystemError(name)
        def run():
            KEPT.extend([Item() for _ in range(300)])
            return [bytearray(10) for _ in range(200)], [Item() for _ in range(100)]
    """
    observation = versioned.observe(text, ("retained", "result"), explain=True)
    assert isinstance(observation.outcome, Measured)
    path = "<scenarios>/waste.py"
    kept = LineInstances(path=path, line=8, name="waste.Item", count=300)
    items = {entry for entry in profile(observation, "alive").types if entry.count >= 100}
    assert items == {
        kept,
        LineInstances(path=path, line=9, name="builtins.bytearray", count=200),
        LineInstances(path=path, line=9, name="waste.Item", count=100),
    }
    assert profile(observation, "retained").types[0] == kept
    assert all(entry.line == 8 for entry in profile(observation, "retained").types)


@every_version
def test_imports_are_told_by_module_with_the_statement_that_came_first(versioned: Bench) -> None:
    site = versioned.write("site/filler.py", "import xml.dom.minidom\nDATA = bytearray(20_000)\n").parent
    versioned.write("tree/box/__init__.py", "import importlib\nimportlib.import_module('box.core')\n")
    versioned.write(
        "tree/box/core.py",
        """
        try:
            import gone
        except ImportError:
            pass
        import json
        DATA = bytearray(100_000)
        def late(): pass
        import json.decoder, filler
        """,
    )
    text = "import box, json\nDATA = bytearray(50_000)\ndef run(): pass\n"
    observation = versioned.observe(
        text,
        ("import",),
        explain=True,
        checkout=versioned.checkout("box"),
        environment=versioned.environment(site_paths=(site,)),
    )
    modules = {module.name: module for module in profile(observation, "import").modules}
    places = {name: (module.origin, module.path, module.line) for name, module in modules.items()}
    assert places["box.core"] == ("project", "box/__init__.py", 2)
    assert places["json"] == ("stdlib", "box/core.py", 5)
    assert places["json.decoder"] == ("stdlib", "<stdlib>/json/__init__.py", 106)
    assert places["filler"] == ("library", "box/core.py", 8)
    assert places["xml.dom.minidom"] == ("stdlib", "<site-packages>/filler.py", 1)
    assert places["waste"] == ("scenario", "", 0)
    assert places["(freed later, or in no module)"] == ("", "", 0)
    assert 100_000 <= modules["box.core"].size < 106_000
    assert 20_000 <= modules["filler"].size < 23_000
    assert 50_000 <= modules["waste"].size < 70_000  # and what the import system keeps of folders
    assert modules["xml.dom.minidom"].size > 30_000
    total = measured(observation).metrics["import"]
    assert abs(modules["(freed later, or in no module)"].size) < 0.05 * total
    sizes = [module.size for module in profile(observation, "import").modules if not module.name.startswith("(")]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= 100
    assert min(sizes) >= 1024
    lines = {(line.path, line.line): line for line in profile(observation, "import").lines if not line.library}
    assert lines["box/core.py", 6].size == 100_000 + BLOCK
    libraries = {(line.path, line.line, line.library) for line in profile(observation, "import").lines}
    code_of_json = "box/core.py", 5, "importlib"
    assert {code_of_json, ("box/core.py", 5, "json"), ("<scenarios>/waste.py", 1, "importlib")} <= libraries


@every_version
def test_the_hook_on_imports_does_not_show(versioned: Bench) -> None:
    versioned.write("tree/box.py", "import sys\nseen = sys._getframe()\n")
    text = """
        import _frozen_importlib, sys, traceback
        before = _frozen_importlib._find_and_load
        try:
            import gone
        except ImportError:
            assert traceback.format_exc().count("File ") == 1, traceback.format_exc()
        import warnings
        warnings.simplefilter("error")
        try:
            import old
        except DeprecationWarning:
            pass
        else:
            raise AssertionError
        def run():
            assert _frozen_importlib._find_and_load is not before
            assert "memharness" not in _frozen_importlib._find_and_load.__code__.co_filename
            import box
    """
    versioned.write("tree/old.py", "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)\n")
    observation = versioned.observe(text, ("import", "peak"), checkout=versioned.checkout("box", "old"))
    assert measured(observation).notes == ()


def test_an_explanation_that_fails_loses_nothing(bench: Bench) -> None:
    text = """
        import os, sys, time
        def run():
            seen = os.path.exists(MARK)
            open(MARK, "w").close()
            if seen:
                ENDING
            return bytearray(1000)
    """
    for ending, why in (
        ("raise ValueError('again')", "ended in run: ValueError: again"),
        ("os._exit(3)", "ended in crash: exited with status 3 in run before delivering a result"),
        ("exec('while True: pass')", "ended in timeout: still in run after LIMIT s (timeout)"),
    ):
        mark = bench.tree / "mark"
        mark.unlink(missing_ok=True)
        scenario = text.replace("MARK", repr(str(mark))).replace("ENDING", ending)
        observation = bench.observe(scenario, ("result", "peak"), explain=True, timeout=0.3)
        outcome = measured(observation)
        assert outcome.metrics["result"] == 1000 + BLOCK
        assert outcome.failed_passes == {}
        limits = re.findall(r"after ([0-9.]+) s", " ".join(outcome.notes))
        assert all(0.3 <= float(limit) < 20 for limit in limits)  # 30 times what the first call took
        why = why.replace("LIMIT", limits[0]) if limits else why
        assert outcome.notes == (
            f"peak: the lines that hold it are not known: the pass for them {why}",
            f"callers and types of the lines are not known: the pass for them {why}",
        )
        assert outcome.profiles.keys() == {"alive", "retained"}
        assert profile(observation, "alive").stacks == ()
        assert outcome.passes == ("deep", "first", "peak")


def test_without_a_first_call_there_is_nothing_to_explain(bench: Bench) -> None:
    outcome = measured(bench.observe("def run(): pass\n", ("warm_peak",), explain=True, calls=15))
    assert outcome.passes == ("rss",)
