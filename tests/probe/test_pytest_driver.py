"""Tests as workloads: what is measured of them, and what becomes of their fixtures."""

import platform
import textwrap
from pathlib import Path

import pytest

from children import BLOCK, Bench, failed, make_bench, measured, profile
from memharness.model.measurements import Frame, Observation, Skipped
from memharness.model.scenarios import Call, Case, Scenario, TargetValue

SITE = Path(pytest.__file__).parent.parent
MODULE = "KEPT = []\n\n\ndef fill(size=1000):\n    return bytearray(size)\n"
METRICS = ("peak", "retained", "result", "warm_peak", "growth")
FIRST = ("peak", "retained", "result")


class Suite:
    """Tests in a copy of their folder beside the scenarios, and a project `box` that they test."""

    def __init__(self, folder: Path) -> None:
        self.bench: Bench = make_bench(folder, platform.python_version())
        self.bench.write("tree/box.py", MODULE)

    def write(self, text: str, path: str = "tests/test_box.py") -> None:
        self.bench.write(f"scenarios/copy/{path}", textwrap.dedent(text))

    def observe(
        self, test: str, metrics: tuple[str, ...] = METRICS, *, below: str = "scenarios", explain: bool = False
    ) -> Observation:
        folder = "copy" if below == "scenarios" else ""
        target: dict[str, TargetValue] = {"test": test, "below": below, "folder": folder, "options": ()}
        scenario = Scenario(
            name="test",
            path="test",
            summary="",
            identity="one",
            driver="pytest",
            target=target,
            setup=Call(takes_state=False, params=()),
            fresh_setup=True,
        )
        environment = self.bench.environment(site_paths=(SITE,))
        return self.bench.observe(
            Case(scenario=scenario, params={}), metrics, environment=environment, explain=explain, calls=15
        )


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_the_body_is_measured_and_fixtures_that_it_uses_up_are_renewed(suite: Suite) -> None:
    suite.write("import box, pytest\n@pytest.fixture\ndef big():\n    return [box.fill(1_000_000)]\n", "conftest.py")
    suite.write("""
        import box, pytest
        class TestBox:
            @pytest.fixture(autouse=True)
            def own(self, tmp_path):
                self.file = tmp_path / "file"
                yield
                self.file.unlink()

            @pytest.fixture(scope="class")
            def shared(self):
                return [0]

            def test_fill(self, big, shared):
                shared[0] += 1
                big.pop()
                self.file.touch(exist_ok=False)
                self.used = hasattr(self, "used")
                assert not self.used
                block = box.fill(300_000)
                box.KEPT.append(box.fill(50_000))
                del block
    """)
    found = [suite.observe("tests/test_box.py::TestBox::test_fill") for _ in range(3)]
    outcome = measured(found[0])
    assert found[1].outcome == found[2].outcome == outcome
    assert 350_000 < outcome.metrics["peak"] < 360_000
    assert 50_000 < outcome.metrics["retained"] < 52_000
    assert (outcome.metrics["result"], outcome.failed_passes) == (0, {})
    assert abs(outcome.metrics["growth"] - (50_000 + BLOCK + 8)) < 100
    lines = [(line.path, line.function) for line in profile(found[0], "leak").lines if line.size > 50_000]
    assert lines == [("box.py", "fill")]


def test_stacks_begin_in_the_test(suite: Suite) -> None:
    suite.write("import box\ndef test_fill():\n    box.KEPT.append(box.fill(50_000))\n")
    stacks = profile(suite.observe("tests/test_box.py::test_fill", FIRST, explain=True), "retained").stacks
    assert [frame.path for frame in stacks[0].frames] == ["<scenarios>/copy/tests/test_box.py", "box.py"]


def test_the_target_of_the_fixture_benchmark_is_measured(suite: Suite) -> None:
    suite.write("""
        import box, pytest
        def test_call(benchmark):
            waste = box.fill(1_000_000)
            assert len(benchmark(box.fill, size=30_000)) == 30_000
            assert len(benchmark(box.fill, 50_000)) == 50_000
        @pytest.mark.benchmark(group="one")
        def test_pedantic(benchmark):
            made, gone = [], []
            def setup():
                made.append(1)
                return ([box.fill(1_000_000)],), {}
            benchmark.pedantic(list.pop, setup=setup, teardown=gone.append, rounds=3)
            assert len(gone) == len(made) > 1
        def test_unused(benchmark):
            pass
    """)
    outcome = measured(suite.observe("tests/test_box.py::test_call"))
    assert outcome.metrics == {
        "peak": 30_000 + BLOCK + 48,
        "retained": 0,
        "result": 30_000 + BLOCK,
        "warm_peak": 30_000 + BLOCK + 48,
        "growth": 0,
    }
    assert measured(suite.observe("tests/test_box.py::test_pedantic")).metrics["growth"] == 0
    reason = "TestNotMeasuredError: the test did not call its fixture benchmark"
    assert failed(suite.observe("tests/test_box.py::test_unused", FIRST)).reason == reason


def test_a_method_of_unittest_is_measured_between_set_up_and_tear_down(suite: Suite) -> None:
    suite.write("""
        import box, unittest
        class TestBox(unittest.TestCase):
            def setUp(self):
                self.blocks = [box.fill(1_000_000)]
                self.addCleanup(self.blocks.clear)
            def tearDown(self):
                assert not self.blocks
            def test_fill(self):
                self.blocks.pop()
                box.fill(30_000)
    """)
    outcome = measured(suite.observe("tests/test_box.py::TestBox::test_fill"))
    assert 30_000 < outcome.metrics["peak"] < 31_000
    assert (outcome.metrics["retained"], outcome.metrics["growth"]) == (0, 0)


def test_ids_of_parameters_may_hold_anything(suite: Suite) -> None:
    suite.write("""
        import box, pytest
        @pytest.mark.parametrize("size", [pytest.param(20_000, id="a/b::c [d]"), pytest.param(30_000, id="\\u00e9 -k")])
        def test_fill(size):
            box.fill(size)
    """)
    for name, size in (("a/b::c [d]", 20_000), ("\\xe9 -k", 30_000)):
        peak = measured(suite.observe(f"tests/test_box.py::test_fill[{name}]", FIRST)).metrics["peak"]
        assert size < peak < size + 1000


QUIET = {
    "logs": "logging.getLogger('box').warning('x' * 1000)",
    "warns": "warnings.warn('x' * 1000)",
    "prints": "print('x' * 1000)",
}


@pytest.mark.parametrize("line", QUIET.values(), ids=QUIET)
def test_what_pytest_would_keep_for_its_report_is_no_memory_of_the_test(suite: Suite, line: str) -> None:
    suite.write(f"import logging, warnings\ndef test_quiet():\n    {line}\ndef test_log(caplog):\n    {line}\n")
    assert measured(suite.observe("tests/test_box.py::test_quiet", ("growth",))).metrics == {"growth": 0}
    assert measured(suite.observe("tests/test_box.py::test_log", ("growth",))).metrics == {"growth": 0}


def test_a_coroutine_is_measured_with_what_runs_it(suite: Suite) -> None:
    suite.write(
        """
        import asyncio, inspect, pytest
        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                asyncio.run(pyfuncitem.obj(**pyfuncitem.funcargs))
                return True
        """,
        "conftest.py",
    )
    suite.write("import box\nasync def test_fill():\n    box.fill(300_000)\n")
    outcome = measured(suite.observe("tests/test_box.py::test_fill"))
    assert outcome.metrics["warm_peak"] > 300_000
    assert outcome.metrics["growth"] == 0
    assert outcome.notes.count("a coroutine: what runs it is measured with it") == 1


SKIPPED = {
    "test_marked": "not today",
    "test_called": "no box",
    "test_expected": "expected to fail: bug 3",
    "TestBox::test_box": "of unittest",
}


@pytest.mark.parametrize("test", SKIPPED)
def test_a_skipped_test_says_why(suite: Suite, test: str) -> None:
    suite.write("""
        import pytest, unittest
        @pytest.mark.skip(reason="not today")
        def test_marked(): ...
        def test_called(): pytest.skip("no box")
        @pytest.mark.xfail(reason="bug 3")
        def test_expected(): assert 0
        class TestBox(unittest.TestCase):
            @unittest.skip("of unittest")
            def test_box(self): ...
    """)
    assert suite.observe(f"tests/test_box.py::{test}", FIRST).outcome == Skipped(reason=SKIPPED[test])


def test_a_module_may_skip_itself(suite: Suite) -> None:
    suite.write("import pytest\npytest.importorskip('no_such_module')\ndef test_box(): ...\n")
    outcome = suite.observe("tests/test_box.py::test_box", FIRST).outcome
    assert outcome == Skipped(reason="could not import 'no_such_module': No module named 'no_such_module'")


FAILING = {
    "test_assert": ("run", "AssertionError: assert 3 == 2 + where 2 = len([1, 2])"),
    "test_fixture": ("setup", "ZeroDivisionError: division by zero"),
    "test_end": ("teardown", "ZeroDivisionError: division by zero"),
    "test_lacking": ("setup", "FixtureNotFoundError: no plugin or conftest.py here has the fixture no_such_fixture"),
    "test_exit": ("run", "SystemExit: 3"),
    "test_strict": ("run", "TestNotMeasuredError: [XPASS(strict)] bug 3"),
    "TestBox::test_box": ("run", "AssertionError: 1 != 2"),
    "test_none": ("import", "TestNotFoundError: pytest finds no such test"),
}


@pytest.mark.parametrize("test", FAILING)
def test_a_failing_test_has_a_reason_and_frames_of_its_own(suite: Suite, test: str) -> None:
    suite.write("""
        import pytest, sys, unittest
        def test_assert():
            assert 3 == len([1, 2])
        @pytest.fixture
        def broken(): 1 / 0
        def test_fixture(broken): ...
        @pytest.fixture
        def ending():
            yield
            1 / 0
        def test_end(ending): ...
        def test_lacking(no_such_fixture): ...
        def test_exit(): sys.exit(3)
        @pytest.mark.xfail(strict=True, reason="bug 3")
        def test_strict(): ...
        class TestBox(unittest.TestCase):
            def test_box(self): self.assertEqual(1, 2)
    """)
    outcome = failed(suite.observe(f"tests/test_box.py::{test}", FIRST))
    assert (outcome.phase, outcome.reason) == FAILING[test]
    if test == "test_assert":
        path = "<scenarios>/copy/tests/test_box.py"
        assert outcome.frames == (Frame(path=path, line=3, function=test, source="assert 3 == len([1, 2])"),)
    assert not any(frame.path.startswith("<site-packages>/pluggy") for frame in outcome.frames)


@pytest.mark.parametrize("path", ["conftest.py", "tests/test_box.py"])
def test_what_cannot_be_imported_is_named(suite: Suite, path: str) -> None:
    suite.write("def test_box(): ...\n")
    suite.write("import no_such_module\n", path)
    outcome = failed(suite.observe("tests/test_box.py::test_box", FIRST))
    assert (outcome.phase, outcome.reason) == ("import", "ModuleNotFoundError: No module named 'no_such_module'")
    assert [frame.path for frame in outcome.frames] == [f"<scenarios>/copy/{path}"]


def test_the_ini_file_is_read_but_for_options_of_plugins_that_are_off(suite: Suite) -> None:
    suite.write("[tool:pytest]\naddopts = --cov=box --benchmark-only\npython_functions = check_*\n", "setup.cfg")
    suite.write("def pytest_benchmark_update_json(config): ...\n", "conftest.py")
    suite.write("import box\ndef check_fill():\n    box.fill(30_000)\n")
    assert measured(suite.observe("tests/test_box.py::check_fill", FIRST)).metrics["peak"] > 30_000


def test_tests_inside_the_package_are_those_of_the_tree(suite: Suite) -> None:
    bench = suite.bench
    bench.write("tree/case/__init__.py", "from .core import fill")
    bench.write("tree/case/core.py", MODULE)
    bench.write("tree/case/tests/__init__.py", "SIZE = 30_000")
    bench.write(
        "tree/case/tests/test_core.py",
        """
        from . import SIZE
        from ..core import fill
        import case.core
        def test_fill():
            assert fill is case.core.fill
            fill(SIZE)
    """,
    )
    found = suite.observe("case/tests/test_core.py::test_fill", FIRST, below="tree")
    assert 30_000 < measured(found).metrics["peak"] < 31_000
