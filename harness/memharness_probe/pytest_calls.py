"""What is called of a test: its body with its fixtures, which are renewed between calls, or its benchmark's target."""

from __future__ import annotations

import sys

from memharness_probe import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_COROUTINE = 0x80 | 0x200  # co_flags, of a coroutine or of an asynchronous generator


class Functions:
    """What the probe calls. `prepare` and `clean` do what pytest did before it came here, and will do after."""

    def __init__(self, run: Callable[[], Any], prepare: Callable[[], Any], clean: Callable[[], Any]) -> None:
        self.run = run
        self.renewed = False
        self.error: Exception | None = None  # of what was torn down first
        self._prepare, self._clean = prepare, clean
        self._is_prepared = True

    def setup(self) -> None:
        """Set up what a call uses, unless it is."""
        if not self._is_prepared:
            self._is_prepared = True
            self._prepare()

    def drop(self) -> None:
        """Tear down what a call used. An error counts the first time: later there may have been no call."""
        if self._is_prepared:
            first, self.renewed, self._is_prepared = not self.renewed, True, False
            try:
                self._clean()
            except Exception as error:  # noqa: BLE001  (a fixture may raise anything)
                self.error = error if first else self.error


class _Call:
    """A call that allocates nothing beside it: `run` has its arguments in place."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        words = [f"_arguments[{i}]" for i in range(len(arguments))]
        words += [f"{name}=_keywords[{name!r}]" for name in keywords]
        self._scope: dict[str, Any] = {}
        self.set(function, arguments, keywords)
        code = compile(f"lambda: _function({', '.join(words)})", tracing.CALL_FILE, "eval")
        self.run: Callable[[], Any] = eval(code, self._scope)  # noqa: S307  (the names are those of arguments)

    def set(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self._scope.update(_function=function, _arguments=arguments, _keywords=keywords)


class Benchmark:
    """The fixture of pytest-benchmark and of pytest-codspeed, with measuring switched off, but for the first target."""

    def __init__(self, measure: Callable[[Functions], None]) -> None:
        self.extra_info: dict[str, Any] = {}
        self.group = self.stats = None
        self.enabled, self.disabled = False, True
        self._measure: Callable[[Functions], None] | None = measure

    def __call__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Measure the first function that it is called with, and return what it returns."""
        return self.pedantic(function, args, kwargs)

    def pedantic(
        self, target: Any, args: Any = (), kwargs: Any = None, setup: Any = None, teardown: Any = None, **_: object
    ) -> Any:
        """Measure the target, then return the value of one more call."""

        def given_arguments() -> Any:
            return (setup and setup()) or (args, kwargs or {})

        def prepare() -> None:
            given[:] = [given_arguments()]
            call.set(target, *given[0])

        def clean() -> None:
            if teardown is not None:
                teardown(*given[0][0], **given[0][1])

        given = [given_arguments()]
        call = _Call(target, *given[0])
        measure, self._measure = self._measure, None
        if measure is not None:
            functions = Functions(call.run, prepare, clean)
            measure(functions)
            functions.drop()
            functions.setup()
        value = call.run()
        clean()
        return value


def functions_of_body(item: Any) -> Functions:
    """Return those of a test's body."""
    call = _Call(item.obj, (), _fixtures(item))

    def prepare() -> None:
        _set_up(item)
        call.set(item.obj, (), _fixtures(item))

    def clean() -> None:
        call.set(None, (), {})
        _tear_down(item)

    return Functions(call.run, prepare, clean)


def functions_of_run(item: Any) -> Functions:
    """Return those of all that pytest runs between setup and teardown of a test."""
    return Functions(item.runtest, lambda: _set_up(item), lambda: _tear_down(item))


def functions_of_method(item: Any) -> Functions:
    """Return those of a method of a unittest.TestCase, which the framework calls after `setUp`."""
    case = item.obj.__self__

    def clean() -> None:
        try:
            case.tearDown()
        finally:
            case.doCleanups()

    return Functions(_Call(item.obj, (), {}).run, case.setUp, clean)


def _fixtures(item: Any) -> dict[str, Any]:
    return {name: item.funcargs[name] for name in item._fixtureinfo.argnames}


def _set_up(item: Any) -> None:
    """Set up what belongs to the test alone: fixtures, and the instance of its class."""
    item._initrequest()
    for name in ("_obj", "_instance"):
        item.__dict__.pop(name, None)
    item.session._setupstate.setup(item)


def _tear_down(item: Any) -> None:
    """Tear that down, and forget what was logged."""
    stored = dict(item.stash._storage)
    try:
        item.session._setupstate.teardown_exact(item.parent)
    finally:
        item.stash._storage.update(stored)  # `tmp_path` looks there for the outcome of the test's setup
        item.funcargs.clear()
        for handler in _log_handlers():
            del handler.records[:]
            handler.stream.seek(0)
            handler.stream.truncate()


def is_coroutine(function: Any) -> bool:
    """Tell whether calling a function only makes a coroutine or an asynchronous generator."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE)


def hush(item: Any) -> None:
    """Keep pytest from holding what the test logs, unless it asks for that."""
    if "caplog" not in item.fixturenames:
        for handler in _log_handlers():
            sys.modules["logging"].getLogger().removeHandler(handler)


def _log_handlers() -> list[Any]:
    handlers = sys.modules["logging"].getLogger().handlers
    return [handler for handler in handlers if type(handler).__name__ == "LogCaptureHandler"]
