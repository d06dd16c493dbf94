"""Runs pytest up to one test's body, or to the target of its fixture `benchmark`, and has it measured there.

Target of the suite: {"below": "tree" or "scenarios", "folder": the copy below the scenario folder, which is then
pytest's root, "options": [of pytest], "paths": [of tests], "selection": [options that choose among them]}. Of a test
beside it: {"test": node id}.

Fixtures lie outside the measure. Between calls those of the scope of a function are torn down and set up again, since a
test may use them up.

Needs pytest 7 or later, whose own parts are used where it has no interface: to renew fixtures, as plugins that repeat
tests do, and to hear of wrong options.
"""

from __future__ import annotations

import sys
from os import chdir, devnull, getcwd
from os.path import dirname, exists, isdir, join

from memharness_probe.failure import Skip, reason
from memharness_probe.pytest_calls import (
    Benchmark,
    Functions,
    functions_of_body,
    functions_of_method,
    functions_of_run,
    hush,
    is_coroutine,
)
from memharness_probe.pytest_listing import CollectedTests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Measure = Callable[[Any], dict[str, Any]]

_OFF = (  # plugins that measure, repeat or shuffle tests, keep what these print, log or warn of, or end them
    *("cacheprovider", "faulthandler", "threadexception", "unraisableexception", "warnings"),
    *("benchmark", "codspeed", "flakefinder", "leaks", "memharness", "memray", "profiling", "pytest_cov"),
    *("pytest_forked", "pytest_monitor", "pytest_repeat", "pytest_timeout", "random_order", "randomly"),
    *("rerunfailures", "timeout", "xdist", "xdist.looponfail"),
)
_MARKERS = ("benchmark", "filterwarnings", "flaky", "forked", "limit_leaks", "limit_memory", "memharness", "repeat")
_INI_FILES = (  # with what they must hold
    *(("pytest.toml", ""), (".pytest.toml", ""), ("pytest.ini", ""), (".pytest.ini", "")),
    *(("pyproject.toml", "[tool.pytest"), ("tox.ini", "[pytest]"), ("setup.cfg", "[tool:pytest]")),
)
_PHASES = {"collect": "import", "setup": "setup", "call": "run", "teardown": "teardown"}
_WHOLE = "a coroutine: what runs it is measured with it"


class TestNotFoundError(Exception):
    """pytest finds no such test, or cannot look for it."""


class FixtureNotFoundError(Exception):
    """No plugin and no conftest.py has a fixture that the test uses."""


class TestNotMeasuredError(Exception):
    """pytest ended without a call of what is to be measured."""


def drive(request: dict[str, Any], measure: Measure, enter: Callable[[str], None]) -> dict[str, Any]:
    """Run pytest; return what `measure` returns, which is called with the functions of the test.

    `enter` is told the phase. Raises what the test or its fixtures raise.
    """
    plugin = _Test(measure, enter)
    _run(request, (request["target"]["test"],), plugin)
    enter(plugin.phase)
    if plugin.error is not None:
        raise plugin.error
    if plugin.failure or plugin.answer is None:
        raise TestNotMeasuredError(plugin.failure or "pytest ended without a call of what is to be measured")
    if plugin.note and request["pass"] == "first":  # noqa: S105  (no password)
        plugin.answer.setdefault("notes", []).append(plugin.note)
    return plugin.answer


def discover(request: dict[str, Any]) -> dict[str, Any]:
    """List the tests that pytest collects; what cannot be imported is passed over."""
    target, project = request["target"], request["project"]
    plugin = _Collection(CollectedTests(_root(request), project["origin"], _prefix(project)))
    selection = (*target["paths"], *target["selection"])
    _run(request, selection, plugin, "--collect-only", "--continue-on-collection-errors")
    return plugin.listing.listed(pinned=target["below"] == "scenarios")


def _arguments(request: dict[str, Any], tests: tuple[str, ...]) -> list[str]:
    """Return the command line, and go to the folder that pytest has for its root."""
    root, mode = _root(request), "importlib"
    if request["target"]["below"] == "tree":
        packaged = [_below_origin(test, request["project"]) for test in tests]
        if any(packaged):
            mode = "append"  # imports them by the names that they have in their package
        tests = tuple([place or test for place, test in zip(packaged, tests)])  # noqa: B905  (3.10)
    chdir(root)
    for test in tests:
        _add_folders(join(root, test.partition("::")[0]))
    off = [word for name in _OFF for word in ("-p", "no:" + name)]
    return [
        *(*tests, "--rootdir", root, "--confcutdir", root, "-c", _ini_file(root), "-o", "addopts="),
        *("--import-mode", mode, "--basetemp", join(dirname(request["response"]), "tests")),
        *("-s", "-qq", "--tb=no", "--no-header", "--no-summary", *off, *request["target"]["options"]),
    ]


def _add_folders(path: str) -> None:
    """Let what lies beside a test and the conftest.py above it be imported, as with pytest's other import modes."""
    folder = path if isdir(path) else dirname(path)
    while folder.startswith(getcwd()):
        holder = folder
        while exists(join(holder, "__init__.py")):
            holder = dirname(holder)
        if holder not in sys.path:
            sys.path.append(holder)
        folder = dirname(folder)


def _root(request: dict[str, Any]) -> str:
    tree: str = request["project"]["tree"]
    return tree if request["target"]["below"] == "tree" else join(request["scenarios"], request["target"]["folder"])


def _prefix(project: dict[str, Any]) -> str:
    """Return what paths below the import root begin with."""
    return "" if project["prefix"] == "." else project["prefix"] + "/"


def _below_origin(test: str, project: dict[str, Any]) -> str:
    """Return where a test of the project's packages is imported from; "" for one outside of them."""
    prefix = _prefix(project)
    below = test[len(prefix) :]
    inside = test.startswith(prefix) and below.partition("/")[0] in project["packages"]
    return join(project["origin"], below) if inside else ""


def _ini_file(root: str) -> str:
    for name, section in _INI_FILES:
        path = join(root, name)
        if exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                if section in file.read():
                    return path
    return devnull


def _run(request: dict[str, Any], tests: tuple[str, ...], plugin: _Plugin, *options: str) -> None:
    """Run pytest with a plugin. Raises what is wrong with a conftest.py or with the options."""
    import pytest
    from _pytest.config import ConftestImportFailure, _prepareconfig

    _Test.benchmark = pytest.fixture(_Test.benchmark)  # type: ignore[method-assign]
    try:
        config = _prepareconfig([*_arguments(request, tests), *options], [plugin])
        try:
            config.hook.pytest_cmdline_main(config=config)
        finally:
            config._ensure_unconfigure()
    except ConftestImportFailure as error:
        raise _without_pytest(_cause(error)) from None
    except pytest.UsageError as error:
        if not plugin.knows_why:
            raise _not_found(request["target"], " ".join(map(str, error.args))) from None


def _not_found(target: dict[str, Any], text: str) -> Exception:
    if "not found: " not in text:
        return TestNotFoundError(text)
    return (
        Skip("the commit has no such test")
        if target["below"] == "tree"
        else TestNotFoundError("pytest finds no such test")
    )


class _Plugin:
    """What both plugins do to pytest. `knows_why`: an error was kept that leaves nothing to run."""

    knows_why = False

    def pytest_configure(self, config: Any) -> None:
        """Let markers of plugins that are off be known."""
        for marker in _MARKERS:
            config.addinivalue_line("markers", marker + ": of a plugin that is off.")

    def pytest_sessionstart(self, session: Any) -> None:
        """Allow hooks of plugins that are off, and print nothing."""
        plugins = session.config.pluginmanager
        plugins.check_pending = lambda: None
        plugins.get_plugin("terminalreporter")._tw._file = open(devnull, "w", encoding="utf-8")  # noqa: SIM115


class _Collection(_Plugin):
    """Keeps what pytest collects, and what cannot be."""

    def __init__(self, listing: CollectedTests) -> None:
        self.listing = listing

    def pytest_collect_file(self, file_path: Any) -> None:
        _add_folders(str(file_path))

    def pytest_collectreport(self, report: Any) -> None:
        if report.skipped:
            self.listing.omit(report.nodeid, _skip_reason(report))

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        self.knows_why = True
        self.listing.omit(node.nodeid, reason(_cause(call.excinfo.value)))

    def pytest_collection_finish(self, session: Any) -> None:
        self.listing.items = session.items


class _Test(_Plugin):
    """What pytest tells of the test; its first error counts."""

    def __init__(self, measure: Measure, enter: Callable[[str], None]) -> None:
        self.answer: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self.failure = ""
        self.phase = "teardown"
        self.note = ""
        self._measure = measure
        self._enter = enter
        self._stand_in: Benchmark | None = None
        self._functions: Functions | None = None  # that were measured

    def pytest_collectreport(self, report: Any) -> None:
        if report.skipped:
            self._note_error(Skip(_skip_reason(report)))

    def pytest_runtest_setup(self) -> None:
        self._enter("setup")

    def benchmark(self) -> Benchmark:
        """Return what stands in for the fixture of this name."""
        self._stand_in = Benchmark(self.measure)
        return self._stand_in

    def pytest_runtest_call(self, item: Any) -> None:
        """Prepare what is called next; called before pytest's own hook, which runs the test."""
        hush(item)
        if self._stand_in is not None:
            return
        if is_coroutine(item.obj):
            self.note = _WHOLE
            run = functions_of_run(item)
            item.runtest = lambda: self.measure(run)
        elif hasattr(item, "addExpectedFailure"):  # of unittest
            method, attributes = functions_of_method(item), item.obj.__dict__
            item.obj = lambda: self.measure(method)
            item.obj.__dict__.update(attributes)

    def pytest_pyfunc_call(self, pyfuncitem: Any) -> bool | None:
        """Measure the body in place of a call."""
        if self._stand_in is not None or self._functions is not None:
            return None
        self.measure(functions_of_body(pyfuncitem))
        return True

    def measure(self, functions: Functions) -> None:
        """Measure them, and leave all set up: pytest tears it down next."""
        self._functions = functions
        self.answer = self._measure(functions)
        functions.setup()

    def pytest_runtest_teardown(self) -> None:
        self._enter("teardown")
        if self._stand_in is not None and self._functions is None and self.error is None:
            self.failure = "the test did not call its fixture benchmark"

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note that the test was skipped, or a failure: mostly `pytest_exception_interact` is told its error next."""
        if report.skipped:
            self._note_error(Skip(_skip_reason(report)))
        elif report.failed and not self.failure and self._counts():
            self.phase = _PHASES[report.when]
            self.failure = str(report.longrepr)

    def pytest_exception_interact(self, call: Any) -> None:
        self._note_error(call.excinfo.value, call.when)

    def pytest_internalerror(self, excinfo: Any) -> None:
        self._note_error(excinfo.value)

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self._note_error(excinfo.value, "call")

    def _note_error(self, error: BaseException, when: str = "collect") -> None:
        if self.error is None and self._counts():
            self.phase = _PHASES[when]
            self.error, self.knows_why = _without_pytest(_cause(error)), True

    def _counts(self) -> bool:
        """Tell whether an error counts: not after the measure, where fixtures may have been renewed without a call."""
        return self.answer is None or self._functions is None or not self._functions.renewed


def _skip_reason(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}"
    reason: str = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return reason.replace("Skipped: ", "", 1)


def _cause(error: BaseException) -> BaseException:
    """Return what an error of pytest's stands for."""
    kind = type(error).__name__
    if kind == "FixtureLookupError":
        return FixtureNotFoundError(f"no plugin or conftest.py here has the fixture {error.argname}")  # type: ignore[attr-defined]
    return (kind in ("CollectError", "ConftestImportFailure") and error.__cause__) or error


def _without_pytest(error: BaseException) -> BaseException:
    """Return an error whose traceback begins where pytest calls something else."""
    import _pytest
    import pluggy

    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename.startswith(
        (dirname(_pytest.__file__), dirname(pluggy.__file__))
    ):
        step = step.tb_next
    return error.with_traceback(step)
