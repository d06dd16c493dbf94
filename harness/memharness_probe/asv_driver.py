"""Loads a benchmark of an asv suite by the contract of asv_runner 0.3.

Target of the suite: {"folder": its copy, "packages": folder that holds asv_runner}, both below the scenario folder. Of
a benchmark beside it: {"module": without the suite's name, "class": "" for a function, "attribute"}.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found]  # the C module has no stubs
from os.path import basename, exists, join, relpath

from memharness_probe.failure import Skip, one_line, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

_MOST_CHARACTERS = 80  # of a parameter's text
_BITS = 63  # of a parameter's number
_PICKLE = "cache.pickle"  # in the current folder, as asv has it
_FOREVER = 1e9  # seconds
_TRACKING = "TrackBenchmark"
_UNSUPPORTED = "TimerawBenchmark"


def prepare(request: dict[str, Any]) -> None:
    """Import asv_runner before anything is measured, without looking for plug-ins among installed distributions.

    It offers mem_ benchmarks only beside pympler, which is not needed here: sizes are measured otherwise.
    """
    import importlib.metadata as installed

    folder, distributions = join(request["scenarios"], request["target"]["packages"]), installed.distributions
    stand_ins: dict[str, Any] = {name: type(sys)(name) for name in ("pympler", "pympler.asizeof")}
    stand_ins["pympler.asizeof"].asizeof = None
    loaded = {name: sys.modules.get(name) for name in stand_ins}
    setattr(installed, "distributions", tuple)  # noqa: B010  (a function, to mypy)
    sys.modules.update(stand_ins)
    sys.path.append(folder)
    try:
        from asv_runner import discovery  # type: ignore[import-untyped]  # it has no annotations
        from asv_runner._aux import update_sys_path  # type: ignore[import-untyped]
        from asv_runner.benchmarks import mark  # type: ignore[import-untyped]  # noqa: F401  (which suites import)
    finally:
        sys.path.remove(folder)
        setattr(installed, "distributions", distributions)  # noqa: B010  (a function, to mypy)
        for name, module in loaded.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module
    update_sys_path(join(request["scenarios"], request["target"]["folder"]))
    _runner.append(discovery)


_runner: list[Any] = []


def load(request: dict[str, Any]) -> _Benchmark:
    """Import the module of a benchmark and return its functions."""
    return _Benchmark(_find(request), request["positions"])


def make_setup_cache(request: dict[str, Any]) -> None:
    """Leave what `setup_cache` returns in the current folder, beside what it wrote there itself."""
    import pickle

    value = _find(request).do_setup_cache()
    with open(_PICKLE, "wb") as file:
        pickle.dump(value, file)


def _find(request: dict[str, Any]) -> Any:
    target = request["target"]
    module = _import(".".join(filter(None, (basename(target["folder"]), target["module"]))))
    holder = getattr(module, target["class"]) if target["class"] else None
    function = getattr(holder or module, target["attribute"])
    benchmark = _runner[0]._get_benchmark(target["attribute"], module, holder, function)
    if benchmark is None:
        raise Skip("it is marked as one to skip")
    return benchmark


class _Benchmark:
    """The functions of a benchmark with one combination of its parameters."""

    def __init__(self, benchmark: Any, positions: list[int]) -> None:
        if len(positions) != len(benchmark._params):
            raise LookupError(f"{benchmark.name} has {len(benchmark._params)} parameters here, not {len(positions)}")
        params = tuple([benchmark._params[number][position] for number, position in enumerate(positions)])
        self._benchmark = benchmark
        self._params = params
        self._arguments = (*_cached(benchmark), *params)
        self._is_set_up = False
        self.tracked = 0
        self.notes: list[str] = []
        self.run = partial(benchmark.func, *self._arguments) if self._arguments else benchmark.func
        if type(benchmark).__name__ == _TRACKING:
            self._track, self.run = self.run, self._run_tracking

    def _run_tracking(self) -> Any:
        """Call a benchmark that returns a number, and keep it in millionths."""
        number = self._track()
        if not isinstance(number, (int, float)):
            number = float(number)
        if number != number:
            raise Skip("it returned nan, which is no number")
        exact = number * 10**6
        self.tracked = int(round(exact))
        if abs(self.tracked) > 1 << 62:
            raise OverflowError(f"the number {number} is too large to be stored")
        if abs(exact - self.tracked) > abs(exact) / 1000:
            self.notes = [f"track: {number!r} is stored in whole millionths"]
        return number

    def setup(self) -> None:
        """Undo the last setup, if there was one, and set up; to be called before every call."""
        self.teardown()
        if self._params in self._benchmark._skip_tuples:
            raise Skip("its parameters are among skip_params")
        self._is_set_up = True
        try:
            for function in self._benchmark._setups:
                function(*self._arguments)
        except NotImplementedError as error:
            raise Skip(one_line(f"its setup raised {reason(error)}")) from None

    def teardown(self) -> None:
        """Undo the last setup."""
        if self._is_set_up:
            self._is_set_up = False
            for function in self._benchmark._teardowns:
                function(*self._arguments)


def _cached(benchmark: Any) -> tuple[Any, ...]:
    """Return what `setup_cache` returned, which is the first argument of all functions unless it is None."""
    import pickle

    if benchmark._setup_cache is None:
        return ()
    with open(_PICKLE, "rb") as file:
        value = pickle.load(file)  # noqa: S301  (the suite's own)
    return () if value is None else (value,)


def discover(request: dict[str, Any]) -> dict[str, Any]:
    """List the benchmarks of the suite; what cannot be imported is passed over."""
    folder = join(request["scenarios"], request["target"]["folder"])
    cases: dict[str, dict[str, Any]] = {}
    omitted: list[list[str]] = []
    for module in _modules(basename(folder), omitted):
        for holder, attribute, function in _candidates(module):
            name = ".".join(filter(None, (module.__name__, holder and holder.__name__, attribute)))
            try:
                benchmark = _runner[0]._get_benchmark(attribute, module, holder, function)
                case = None if benchmark is None else _case(benchmark, module, holder, attribute, folder)
            except BaseException as error:  # noqa: BLE001  (the suite may raise anything)
                omitted.append([name, reason(error)])
                continue
            if isinstance(case, str):
                omitted.append([name, case])
            elif case is not None and cases.setdefault(case["name"], case) is not case:
                omitted.append([name, f"{case['name']} is the name of another benchmark too"])
    return {"cases": [cases[name] for name in sorted(cases)], "omitted": omitted}


def _modules(name: str, omitted: list[list[str]]) -> Iterator[ModuleType]:
    """Import a module and those below it; yield those that can be imported."""
    from pkgutil import iter_modules

    try:
        module = _import(name)
    except BaseException as error:  # noqa: BLE001  (the suite may raise anything)
        omitted.append([name, reason(error)])
        return
    yield module
    for _, below, _ in iter_modules(getattr(module, "__path__", []), name + "."):
        yield from _modules(below, omitted)


def _import(name: str) -> ModuleType:
    from importlib import import_module

    return import_module(name)


def _candidates(module: ModuleType) -> Iterator[tuple[Any, str, Any]]:
    """Yield class, attribute and function of what may be a benchmark, as asv_runner's `disc_benchmarks` does."""
    import inspect

    for attribute, value in list(vars(module).items()):
        if attribute.startswith("_"):
            continue
        if inspect.isclass(value) and not inspect.isabstract(value):
            for name, member in inspect.getmembers(value):
                if inspect.isfunction(member) or inspect.ismethod(member):
                    yield value, name, member
        elif inspect.isfunction(value):
            yield None, attribute, value


def _case(benchmark: Any, module: ModuleType, holder: Any, attribute: str, folder: str) -> dict[str, Any] | str:
    """Return the listing of a benchmark, or why it is passed over."""
    if type(benchmark).__name__ == _UNSUPPORTED:
        return "timeraw_ benchmarks, which are code in texts, cannot be measured"
    params = _params(benchmark)
    if not all(values for _, values in params):
        return "one of its parameters has no values"
    cache = benchmark._setup_cache
    return {
        "name": benchmark.name,
        "target": {
            "module": module.__name__.partition(".")[2],
            "class": holder.__name__ if holder else "",
            "attribute": attribute,
            **({"setup_cache": f"{cache.__module__}.{cache.__qualname__}"} if cache else {}),
        },
        "files": _files(module, folder),
        "params": params,
        "unit": str(benchmark.unit) if type(benchmark).__name__ == _TRACKING else None,
        "has_setup": True,
        "has_teardown": True,
        "fresh_setup": bool(benchmark._setups or benchmark._teardowns),
        **_settings(benchmark),
    }


def _params(benchmark: Any) -> list[tuple[str, list[Any]]]:
    """Return names, of which the number tells those alike apart, and values of the parameters."""
    params: dict[str, list[Any]] = {}
    for number, values in enumerate(benchmark._params):
        name = benchmark.param_names[number]
        params[f"{name} {number + 1}" if name in params else name] = _texts(values)
    return list(params.items())


def _settings(benchmark: Any) -> dict[str, Any]:
    """Return what a benchmark says of itself: version, summary, and a time-out that can be kept."""
    versions = [getattr(source, "version", None) for source in benchmark._attr_sources]
    version = next((str(one) for one in versions if one is not None), None)
    text = str(benchmark.pretty_name or benchmark.func.__doc__ or "").strip().partition("\n")[0]
    timeout = float(benchmark.timeout or 0)
    return {"version": version, "summary": one_line(text), "timeout": timeout if 0 < timeout < _FOREVER else None}


def _files(module: ModuleType, folder: str) -> list[str]:
    """Return the paths below the folder of a module and of the packages that are imported before it."""
    path = relpath(module.__file__ or folder, folder).split("/")
    above = ["/".join([*path[:depth], "__init__.py"]) for depth in range(len(path))]
    return sorted({*[name for name in above if exists(join(folder, name))], "/".join(path)} - {"."})


def _texts(values: list[Any]) -> list[Any]:
    """Return plain values as they are, others as texts without addresses; the number tells those alike apart."""
    texts = [_text(value) for value in values]
    keys = [(type(text), text) for text in texts]
    unique: list[Any] = []
    for kind, text in keys:
        if keys.count((kind, text)) > 1:
            text = next(name for name in (f"{text} ({i})" for i in range(2 * len(texts))) if name not in texts + unique)
        unique.append(text)
    return unique


def _text(value: Any) -> Any:
    import re

    if value is True or value is False or (type(value) is int and value.bit_length() <= _BITS):
        return value
    if type(value) is float and value - value == 0:  # finite
        return value
    text = one_line(value if type(value) is str else re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)))
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
