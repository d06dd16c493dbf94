"""`pytest --memharness` in real test runs: limits, lines, and what becomes of everything else in the run."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

BOX = """
    KEPT = []

    def fill(size):
        return bytearray(size)

    def keep(size):
        KEPT.append(fill(size))
"""


class Run:
    """Runs pytest in a folder that holds the module `box`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.write("box.py", BOX)
        self.write("pytest.ini", "[pytest]\naddopts = --strict-markers\n")

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def __call__(self, *arguments: str, code: int) -> str:
        """Run pytest, assert its exit code, and return what it prints."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *arguments]
        ended = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def holds(text: str, *parts: str) -> None:
    """Assert that a text holds some parts in this order."""
    at = 0
    for part in parts:
        assert part in text[at:], f"{part!r} in {text}"
        at = text.index(part, at) + len(part)


def test_a_limit_fails_the_test_and_names_the_lines(run: Run) -> None:
    run.write(
        "test_box.py",
        """
        import box, pytest

        @pytest.mark.memharness(peak="100 KiB", retained="1 MiB")
        def test_peak():
            print("printed once")
            block = box.fill(300_000)
            box.keep(50_000)

        @pytest.mark.memharness(retained="4 KiB")
        def test_retained():
            box.keep(50_000)

        @pytest.mark.memharness(retained="4 KiB", peak="1 MiB", warm_peak="1 MiB")
        def test_within():
            block = box.fill(300_000)

        @pytest.mark.memharness
        @pytest.mark.parametrize("size", [400_000], ids=["\\x1b[31mred"])
        def test_shown(size):
            block = box.fill(size)

        def test_not_marked():
            block = box.fill(900_000)
        """,
    )
    out = run("--memharness", "--memharness-most=2", code=1)
    assert out.count("printed once") == 1
    holds(
        out,
        "peak 34",
        "is over its limit of 100 KiB by 24",
        "at the peak of another call",
        " KiB  box.py:5  fill",
        "return bytearray(size)",
        "retained 48.",
        "is over its limit of 4 KiB by 44.",
        "box.py:5  fill",
        "memory of marked tests",
        "test_box.py::test_shown[\\x1b[31mred]  peak 390.",
        "390.",
        "test_box.py::test_peak  peak 34",
        "2 more: --memharness-most 0 shows all",
        "2 failed, 3 passed",
    )


def test_growth_is_that_of_further_calls_with_fixtures_of_their_own(run: Run) -> None:
    run.write(
        "test_box.py",
        """
        import logging, unittest, warnings
        import box, pytest

        pytestmark = pytest.mark.memharness(growth="0 B")
        DONE = []

        @pytest.fixture
        def file(tmp_path):
            path = tmp_path / "file"
            path.write_text("")
            yield path
            path.unlink(missing_ok=True)

        def test_clean(file):
            warnings.warn(DeprecationWarning("old"))
            logging.getLogger().warning("logged")
            print("printed once")
            file.unlink()

        def test_leak(file):
            file.unlink()
            box.keep(1000)

        def test_cannot_be_repeated():
            assert not DONE
            DONE.append(1)

        @pytest.mark.memharness(growth="2 KiB")
        def test_nearer_mark():
            box.keep(1000)

        class TestMethods(unittest.TestCase):
            def setUp(self):
                self.used = False

            def test_method(self):
                assert not self.used
                self.used = True

            def test_fails(self):
                assert self.used

            def test_subtests(self):
                with self.subTest("one"):
                    print("one subtest")

        class TestAsynchronous(unittest.IsolatedAsyncioTestCase):
            async def test_asynchronous(self):
                box.keep(1000)

        def test_skips():
            pytest.skip("not here")
        """,
    )
    out = run("--memharness", "-rA", "-n", "2", code=1)
    assert out.count("printed once") == 1
    assert out.count("DeprecationWarning: old") == 1
    assert "assert self.used" in out  # before or after the others: two workers ran them
    holds(
        out,
        "is over its limit of 0 B/call",
        "added by each further call",
        "1.03 KiB/call  box.py:5  fill",
        "MemharnessWarning",
        "test_cannot_be_repeated: the limit of growth is not enforced",
        "the test could not be called again: AssertionError: assert not [1]",
        "2 failed, 6 passed, 1 skipped",
    )
    assert out.count("one subtest") == 1
    assert "it has subtests, which would be reported again" in out
    assert "asynchronous methods of unittest are not measured" in out
    failed = sorted(line.split(" ")[1] for line in out.splitlines() if line.startswith("FAILED "))
    assert failed == ["test_box.py::TestMethods::test_fails", "test_box.py::test_leak"]


def test_coroutines_are_measured_with_what_runs_them_and_benchmarks_by_their_target(run: Run) -> None:
    run.write(
        "conftest.py",
        """
        import asyncio, inspect, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                asyncio.run(pyfuncitem.obj())
                return True

        @pytest.fixture
        def benchmark():
            return lambda function, *arguments: function(*arguments)
        """,
    )
    run.write(
        "test_box.py",
        """
        import box, pytest

        @pytest.mark.memharness(peak="100 KiB")
        async def test_coroutine():
            block = box.fill(300_000)

        @pytest.mark.memharness(peak="1 MiB")
        def test_benchmark(benchmark):
            block = box.fill(3_000_000)
            assert len(benchmark(box.fill, 500_000)) == 500_000
        """,
    )
    out = run("--memharness", "--import-mode=importlib", "-p", "no:benchmark", "-p", "no:asyncio", code=1)
    holds(
        out,
        "is over its limit of 100 KiB",
        " KiB  box.py:5  fill",
        "test_box.py::test_benchmark  peak 488.",
        "test_box.py::test_coroutine  peak ",
        "1 failed, 1 passed",
    )


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('peek="1 MiB"', 'unknown metric "peek". Did you mean "peak"?'),
        ('peak="1 MegaByte"', "peak: '1 MegaByte' is not a size. Write a number and one of the units"),
        ('"1 MiB"', 'the limits of the marker have names, such as peak="8 MiB"'),
    ],
)
def test_a_wrong_mark_is_a_usage_error(run: Run, mark: str, message: str) -> None:
    run.write("test_box.py", f"import pytest\n\n@pytest.mark.memharness({mark})\ndef test_one():\n    pass\n")
    out = run("--memharness", code=4)
    assert f"ERROR: test_box.py:3: test_one: {message}" in out
    assert "INTERNALERROR" not in out


def test_a_run_without_the_option_knows_the_marker_and_loads_nothing_else(run: Run) -> None:
    run.write(
        "test_box.py",
        """
        import sys
        import pytest

        @pytest.mark.memharness(peak="1 B")
        def test_loaded():
            found = [name for name in sys.modules if name.startswith("memharness")]
            assert sorted(found) == ["memharness_pytest", "memharness_pytest.plugin"]
            assert "msgspec" not in sys.modules
        """,
    )
    assert "1 passed" in run(code=0)


def test_tracers_of_others_are_given_back(run: Run) -> None:
    run.write(
        "test_box.py",
        """
        import sys, tracemalloc
        import box, pytest

        def trace(frame, event, argument):
            return None

        @pytest.fixture(scope="module", autouse=True)
        def traced():
            before = sys.gettrace()
            sys.settrace(trace)
            tracemalloc.start(7)
            yield
            tracemalloc.stop()
            sys.settrace(before)

        @pytest.mark.memharness
        def test_one():
            box.fill(1000)

        def test_two():
            assert sys.gettrace() is trace
            assert tracemalloc.get_traceback_limit() == 7
            assert tracemalloc.is_tracing()

        @pytest.mark.memharness(peak="1 B")
        def test_stops_the_tracer():
            tracemalloc.stop()
        """,
    )
    out = run("--memharness", code=0)
    holds(out, "the limit of peak is not enforced", "stopped", "3 passed")
