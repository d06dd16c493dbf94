"""Measures one test in the process that runs it: the passes of the probe, one after the other.

The first call gives peak, retained and result. Only where the marker limits them, further calls follow for `warm_peak`
and `growth`. The lines of a peak that is too high are found in forked copies of this process: finding them changes the
interpreter for good.
"""

import ast
import os
import sys
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from gc import enable, isenabled
from site import getsitepackages, getusersitepackages
from types import SimpleNamespace
from typing import Any, Final

import pytest

from memharness_probe import deep, first_call, forked, growth, peak, signals
from memharness_probe.calls import count_from_now
from memharness_probe.delivery import measure_here
from memharness_probe.failure import reason
from memharness_probe.pytest_calls import Functions
from memharness_probe.tracing import TracerStoppedError
from memharness_probe.workload import Workload

Pass = Callable[[Workload, dict[str, Any]], dict[str, Any]]

MEASURED: Final = ("peak", "retained", "result", "warm_peak", "growth", "gc_objects")
_FIRST: Final = ("peak", "retained", "result")
_KINDS: Final = {"retained": "retained", "result": "alive", "growth": "leak"}  # of profiles, by metric
_BUDGET: Final = 1.0  # CPU seconds for the calls of the growth pass
_SECONDS: Final = 60.0  # for a pass
_FRAMES: Final = 25
_CALL: Final = {"takes_state": False, "params": []}
_MOST_LINES: Final = 5
_LITTLE: Final = 0.05  # of what the first line holds
_OWN: Final = "memharness_pytest/"  # in the path of a line of this package
_OUTCOMES: Final = (Exception, pytest.fail.Exception, pytest.skip.Exception)


class MeasuredTest:
    """What is known of a test's memory: `figures` by metric, and the `lines` that hold them, biggest first.

    Those of growth are bytes per call; `holders` keep alive what the first of them allocated.
    """

    def __init__(self, limits: Mapping[str, int], root: str) -> None:
        self.limits = limits
        self.begun = False
        self.only_once = ""  # why the test is not to be called again
        self.figures: dict[str, int] = {}
        self.lines: dict[str, list[list[Any]]] = {}  # [path, line, function, source, bytes], by metric
        self.holders: dict[str, list[list[Any]]] = {}  # [path, line, text], the nearest first, by metric
        self.notes: list[str] = []
        self._root = root

    def measure_first(self, functions: Functions) -> None:
        """Call once and measure that. Raises what the call raises."""
        self.begun = True
        wanted = [*_FIRST, *(["gc_objects"] if "gc_objects" in self.limits else [])]
        try:
            answer = self._run(first_call.measure, functions, wanted)
        except TracerStoppedError as error:
            self.notes.append(str(error))
            return
        self._note(answer, wanted)

    def exceeded(self) -> list[str]:
        """Return the metrics beyond their limits."""
        return [name for name, limit in self.limits.items() if self.figures.get(name, 0) > limit]

    def measure_more(self, functions: Functions) -> None:
        """Call again, as far as limits want it, and find the lines of a peak beyond its limit, or without any limit.

        Raises what tearing down after the first call raises.
        """
        if not self.figures:
            return
        if self.only_once:
            self.notes.append(f"the test is called only once: {self.only_once}")
            return
        with _silent_warnings():
            if "warm_peak" in self.limits:
                self._again("warm_peak", functions, self._measure_warm)
            if "growth" in self.limits:
                self._again("growth", functions, self._measure_growth)
            if not self.limits or {"peak", "warm_peak"} & {*self.exceeded()}:
                self._again("lines of the peak", functions, self._explain)
            if functions.renewed:
                self._again("its end", functions, self._leave_called)
        if functions.error is not None:
            raise functions.error

    def _again(self, what: str, functions: Functions, measure: Callable[[Functions], None]) -> None:
        """Measure further calls; note where the test cannot be called again."""
        functions.drop()
        try:
            measure(functions)
        except _OUTCOMES as error:
            self.notes.append(f"{what}: the test could not be called again: {reason(error)}")

    def _measure_warm(self, functions: Functions) -> None:
        self.figures["warm_peak"] = self._run(first_call.measure, functions, ["peak"])["metrics"]["peak"]

    def _measure_growth(self, functions: Functions) -> None:
        self._note(self._run(growth.measure, functions, ["growth"]), ["growth"])

    def _leave_called(self, functions: Functions) -> None:
        """Leave what pytest tears down next as after a call."""
        functions.setup()
        functions.run()

    def _note(self, answer: dict[str, Any], wanted: list[str]) -> None:
        self.notes += answer.get("notes", [])
        for name in wanted:
            if name in answer.get("metrics", {}):
                self.figures[name] = answer["metrics"][name]
                calls = answer["calls"] + 1 if name == "growth" else 1  # its profile is that of so many
                self._note_lines(name, answer["profiles"].get(_KINDS.get(name, "")), calls)

    def _note_lines(self, metric: str, profile: dict[str, Any] | None, calls: int = 1) -> None:
        """Note the lines of a profile that hold much, and for the first of them what keeps that alive."""
        lines = (profile or {}).get("lines", ())
        rows = [[*row[:4], round(row[4] / calls)] for row in lines if _OWN not in row[0]]
        if profile is None or not rows:
            return
        self.lines[metric] = [row for row in rows[:_MOST_LINES] if row[4] > _LITTLE * rows[0][4]]
        held = [row[3] for row in profile.get("holders", ()) if list(row[:2]) == rows[0][:2]]
        if held:
            self.holders[metric] = [list(holder) for holder in held[0]]

    def _explain(self, functions: Functions) -> None:
        """Find the moment of the peak, first the call and then the line, and take the traces there."""
        answer: dict[str, Any] = {}
        steps: tuple[Pass, ...] = (peak.measure, peak.measure, deep.measure)
        for step in steps:
            functions.drop()
            functions.setup()
            event = answer.get("event")
            answer = {"event": event, **_in_copy(partial(self._run, step, functions, ["peak"], event))}
            self.notes += answer.get("notes", [])
            if answer["event"] is None:
                return
        for metric in {"peak", "warm_peak"} & {*self.figures}:
            self._note_lines(metric, answer.get("profiles", {}).get("peak"))

    def _run(
        self, measure: Pass, functions: Functions, metrics: list[str], event: list[int] | None = None
    ) -> dict[str, Any]:
        """Run a pass of the probe in this process, and leave the interpreter as it was."""
        measure_here()
        count_from_now()
        request = _request(self._root, metrics, event)
        work = Workload(request, SimpleNamespace(drive=lambda _request, call, _enter: call(functions)))
        with _undisturbed():
            return work.drive(lambda: measure(work, request))


def _request(root: str, metrics: list[str], event: list[int] | None) -> dict[str, Any]:
    return {
        "pass": "test",
        "scenario": "",
        "scenarios": "/dev/null",  # there are none
        "site_paths": [*getsitepackages(), getusersitepackages()],
        "phase_file": "/dev/null",
        "project": {"tree": root, "origin": root, "prefix": ".", "packages": []},
        "params": {},
        "setup": _CALL,
        "run": _CALL,
        "teardown": None,
        "fresh_setup": True,
        "metrics": metrics,
        "frames": 1 if event is None else _FRAMES,
        "event": event,
        "calls": None,
        "growth_budget": _BUDGET,
        "timeout": _SECONDS,
        "wall_seconds": _SECONDS,
    }


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Give back what a pass takes: trace and profile functions, the tracer, signals."""
    trace, profile = sys.gettrace(), sys.getprofile()
    frames = tracemalloc.get_traceback_limit() if tracemalloc.is_tracing() else 0
    try:
        yield
    finally:
        sys.settrace(trace)
        sys.setprofile(profile)
        if frames:
            tracemalloc.start(frames)
        signals.release()


@contextmanager
def _silent_warnings() -> Iterator[None]:
    """Drop warnings, which pytest would hold: those of the first call were the same."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda *_arguments, **_keywords: None
        yield


def _in_copy(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `measure` returns in a forked copy of this process."""
    collecting = isenabled()

    def work(tell: Callable[[bytes], None]) -> None:
        if collecting:
            enable()
        _silence()
        try:
            answer = measure()
        except BaseException as error:  # noqa: BLE001  (the test may raise anything)
            answer = {"notes": [f"lines of the peak: the test could not be called again: {reason(error)}"]}
        tell(ascii(answer).encode() + b"\n")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forking where there are threads
        text, slow = forked.ask(work, 1, _SECONDS, _SECONDS)
    if not text.endswith(b"\n"):
        end = "took too long" if slow else "ended early"
        return {"notes": [f"lines of the peak: a copy of this process {end}"]}
    answer: dict[str, Any] = ast.literal_eval(text.decode())
    return answer


def _silence() -> None:
    """Lead what the copy prints into files of its own, so that nothing of it shows as the test's output."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # it has no file
            os.dup2(os.memfd_create("output"), stream.fileno())
