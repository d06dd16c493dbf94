"""Finds the marked tests of a run, has them measured where pytest runs them, and fails those beyond their limits."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Final

import pytest

from memharness_probe.pytest_calls import (
    Benchmark,
    Functions,
    functions_of_body,
    functions_of_method,
    functions_of_run,
    hush,
    is_coroutine,
)
from memharness_pytest import MemharnessWarning
from memharness_pytest.limits import read_limits
from memharness_pytest.measuring import MeasuredTest
from memharness_pytest.wording import excess_text, unmeasured_text

_LIMITS: Final = pytest.StashKey[Mapping[str, int]]()
_FAULT: Final = pytest.StashKey[str]()
_SUBTESTS: Final = "it has subtests, which would be reported again"
_MEMORY: Final = pytest.StashKey[MeasuredTest]()


class MarkedTests:
    """Hooks of a run with `--memharness`."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the limits of the tests that are to run."""
        for item in items:
            try:
                limits = read_limits(item)
            except pytest.UsageError as error:
                if not hasattr(self._config, "workerinput"):
                    raise
                item.stash[_FAULT] = str(error)  # pytest-xdist takes no such error of a worker
            else:
                if limits is not None:
                    item.stash[_LIMITS] = limits

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose marker is wrong."""
        if _FAULT in item.stash:
            pytest.fail(item.stash[_FAULT], pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure a marked test while it runs; fail it afterwards where it is beyond a limit."""
        limits = item.stash.get(_LIMITS, None)
        if limits is None or not isinstance(item, pytest.Function):
            return (yield)
        memory = item.stash[_MEMORY] = MeasuredTest(limits, str(self._config.rootpath))
        with self._prepared(item, memory):
            outcome = yield
        if not getattr(item, "_excinfo", None):  # where unittest keeps the failures of its tests
            unmeasured = unmeasured_text(memory)
            if unmeasured:
                item.warn(MemharnessWarning(f"{item.nodeid}: {unmeasured}"))
            if memory.exceeded():
                pytest.fail(excess_text(memory), pytrace=False)
        return outcome

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Measure the body of a test in place of a call."""
        memory = pyfuncitem.stash.get(_MEMORY, None)
        if memory is None or memory.begun or "benchmark" in pyfuncitem.funcargs:
            return None
        self._measure(pyfuncitem, memory, functions_of_body(pyfuncitem))
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send the figures along with the report of the call, also from a worker of pytest-xdist."""
        report = yield
        memory = item.stash.get(_MEMORY, None)
        if memory is not None and report.when == "call" and memory.figures:
            vars(report)["memharness"] = {"figures": memory.figures, "lines": memory.lines}
        return report

    @contextmanager
    def _prepared(self, item: pytest.Function, memory: MeasuredTest) -> Iterator[None]:
        """Have measured what `pytest_pyfunc_call` does not see or cannot call again."""
        given = dict(item.funcargs)
        if "subtests" in given:
            memory.only_once = _SUBTESTS
        if hasattr(item, "addExpectedFailure"):  # of a unittest.TestCase
            self._prepare_method(item, memory)
        elif is_coroutine(item.obj):  # the plugin that runs it is measured with it
            run = functions_of_run(item)
            item.runtest = lambda: self._measure(item, memory, run)  # type: ignore[method-assign]
        elif "benchmark" in given:
            item.funcargs["benchmark"] = Benchmark(lambda target: self._measure(item, memory, target))
        try:
            yield
        finally:
            for name in ("runtest", "addSubTest"):
                item.__dict__.pop(name, None)
            if "benchmark" in given:
                item.funcargs["benchmark"] = given["benchmark"]

    def _prepare_method(self, item: pytest.Function, memory: MeasuredTest) -> None:
        if is_coroutine(item.obj):
            memory.notes.append("asynchronous methods of unittest are not measured")
            return
        method, report = functions_of_method(item), getattr(item, "addSubTest", None)  # pytest 8 has none

        if report is not None:
            vars(item)["addSubTest"] = partial(_report_subtest, memory, report)
        item.obj = wraps(item.obj)(lambda: self._measure(item, memory, method))

    def _measure(self, item: pytest.Function, memory: MeasuredTest, functions: Functions) -> None:
        """Measure; what the calls after the first print is dropped."""
        hush(item)
        memory.measure_first(functions)
        for name, text in self._read_output().items():
            item.add_report_section("call", name, text)
        memory.measure_more(functions)
        self._read_output()

    def _read_output(self) -> dict[str, str]:
        """Return and forget what was printed since the last time, as far as pytest captures it."""
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        texts = capture.read_global_capture() if capture else ("", "")
        return {name: text for name, text in zip(("stdout", "stderr"), texts, strict=True) if text}


def _report_subtest(memory: MeasuredTest, report: Callable[..., None], *arguments: object) -> None:
    memory.only_once = _SUBTESTS
    report(*arguments)
