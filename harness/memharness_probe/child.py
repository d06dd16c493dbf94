"""One measured child: loads the probe, prepares the interpreter, runs the pass, delivers. Contract: `__main__`."""

from __future__ import annotations

import itertools
import sys
from _frozen_importlib_external import PathFinder

from memharness_probe import METHOD, signals
from memharness_probe.delivery import deliver, leave_if_forked, prepare
from memharness_probe.failure import describe, reason, skip_reason
from memharness_probe.interned_names import make_room
from memharness_probe.loading import load
from memharness_probe.locator import Locator
from memharness_probe.project_finder import confine
from memharness_probe.tracing import keep_peaks
from memharness_probe.workload import Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMAT = 1
_MODULES = {  # of the probe's, by pass; the first one measures
    "first": ("first_call", "access_recorder", "deep"),
    "growth": ("growth", "access_recorder"),
    "rss": ("rss", "access_recorder"),
    "deep": ("deep", "access_recorder", "first_call"),
    "peak": ("peak",),
    "discover": ("discovery",),
    "setup_cache": ("setup_cache", "access_recorder"),
}
_DRIVERS = ("file_driver", "call_driver", "script_driver", "asv_driver", "pytest_driver")
_RECORDED = (
    "first",
    "growth",
    "rss",
    "setup_cache",
)  # passes whose results hold for other commits with the same inputs
_FOLDER = __file__[: -len("child.py")]
_BALLAST = 8 << 20  # never touched; freed to have room for the report when memory is exhausted


def main() -> None:
    """Run the pass that the request asks for and deliver; without a request only load all modules."""
    if len(sys.argv) < 2:
        _load(*(name for names in _MODULES.values() for name in names), *_DRIVERS)
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        request = _parse(file.read())
    sys.argv[:] = [request["scenario"]]
    name, driver = request["pass"], request["driver"] + "_driver"
    probe = _load(*_MODULES[name], driver)
    make_room()
    _set_prefix()
    accesses = probe.access_recorder.AccessRecorder(request) if name in _RECORDED else None
    keep_peaks()
    _prepare(request, getattr(probe, driver))
    prepare(request["response"])
    ballast = [bytes(_BALLAST)]
    hooks = (sys.settrace, sys.setprofile)
    work = Workload(request, getattr(probe, driver), accesses)
    answer: dict[str, Any] = {"format": _FORMAT, "method": METHOD}
    try:
        measure = getattr(probe, _MODULES[name][0]).measure
        answer.update(status="measured", **work.drive(lambda: measure(work, request)))
        if accesses is not None:
            answer.update(accesses=accesses.report(), processes=accesses.processes())
    except BaseException as error:  # noqa: BLE001  (the workload may raise anything)
        signals.hold()
        ballast.clear()
        leave_if_forked()
        answer = {"format": _FORMAT, "method": METHOD, "status": "failed", "phase": work.phase, "kind": "exception"}
        try:
            hooks[0](None)
            hooks[1](None)
            skipped = skip_reason(error)
            if skipped is None:
                answer.update(describe(error, Locator(request), _FOLDER))
            else:
                answer = {"format": _FORMAT, "method": METHOD, "status": "skipped", "reason": skipped}
        except BaseException:  # noqa: BLE001  (an audit hook of the workload's may raise anything)
            answer["reason"] = reason(error)
    deliver(request["response"], request["token"], answer)


def _load(*names: str) -> Any:
    """Import modules of the probe; return the package, and hide it from the workload.

    The workload may be memharness itself, and may replace what an import needs. "first" and "deep" load the same in
    the same order, so that the interpreter is in the same state.
    """
    package = load(*sorted(names))
    del sys.path[0]
    for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "memharness_probe"]:
        del sys.modules[loaded]
    return package


def _parse(text: str) -> dict[str, Any]:
    """Read JSON as a Python literal: importing json would import re, and hide both from the figure for imports."""
    names = {"null": None, "true": True, "false": False, "NaN": float("nan"), "Infinity": float("inf")}
    request: dict[str, Any] = eval(text, {"__builtins__": {}}, names)  # noqa: S307  (the host's own file)
    return request


def _set_prefix() -> None:
    """Name the virtual environment as site.main() does, before accesses are recorded."""
    from os.path import dirname, isfile

    home = dirname(dirname(sys.executable))
    if isfile(f"{home}/pyvenv.cfg"):
        sys.prefix = sys.exec_prefix = home


def _prepare(request: dict[str, Any], driver: Any) -> None:
    """Give the workload the interpreter that a script would have, with the same random numbers in every run.

    The first compile() of a process allocates 200 kB of types for syntax trees, which are not the workload's.
    """
    import random
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    place = 0 if request["before_stdlib"] else len(sys.path)
    sys.path[place:place] = request["import_paths"]
    confine(request["import_paths"], request["project"])
    for folder in request["site_paths"]:
        site.addsitedir(folder)
    sys.path += request["late_paths"]
    PathFinder.find_spec("no module")  # lists every folder of the path, which has nothing to do with the workload
    compile("", "", "exec")
    if any((request[role] or {}).get("is_async") for role in ("setup", "run", "teardown")):
        import asyncio  # noqa: F401  (so that it counts neither as an import of the workload nor in its call)
    if hasattr(driver, "prepare"):
        driver.prepare(request)
    random.seed(0)
    _seed_instances(random.Random)


def _seed_instances(kind: Any) -> None:
    """Seed by number the generators that libraries create without a seed: with entropy every run would differ."""
    seed, numbers = kind.seed, itertools.count()

    def seed_by_number(self: Any, a: Any = None, version: int = 2) -> None:
        seed(self, next(numbers) if a is None else a, version)

    kind.seed = seed_by_number
