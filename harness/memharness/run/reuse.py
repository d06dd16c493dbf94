"""Finds results that hold for another commit, which has the same files and folders that their passes saw.

What is stored does not depend on the number of workers: a result counts as reused where an earlier commit of the run,
or a stored one, proves it, even if it was measured meanwhile because the proof came too late.
"""

from bisect import bisect, bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

from msgspec.structs import replace

from memharness.child.observed_inputs import matches_scenarios
from memharness.findings.project import Project
from memharness.findings.results import Results
from memharness.model.environments import EnvironmentSpec
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement, Observation, ObservedInputs, Reused
from memharness.model.metrics import METRICS, PassName, passes_for
from memharness.model.scenarios import Case
from memharness.model.values import digest
from memharness.plan.reuse import ReusableResults
from memharness.plan.tasks import Task
from memharness.run.commit_inputs import InputReader

_DIGITS: Final = 8  # hexadecimal ones, of the number by which results are chosen to be measured anyway
_INEXACT: Final = "rss_peak"  # differs from run to run by its nature


class Reuse:
    """The results that may hold for other commits, for any thread; none where the configuration rules reuse out.

    `verify` is the share of the reusable results to measure anyway.
    """

    def __init__(self, project: Project, inputs: InputReader, scenarios: Path, *, verify: float) -> None:
        self._project = project
        self._inputs = inputs
        self._scenarios = scenarios
        self._verify = verify
        self._results = ReusableResults()
        self._stored: set[tuple[str, str, str]] = set()  # commit, family, case: added from the store
        self._metrics: dict[tuple[str, str, str], dict[str, int]] = {}  # of the same, to verify with
        self._lock = Lock()

    def add_stored(self, results: Results, tasks: Sequence[Task]) -> None:
        """Add the stored results next to each commit that is to be measured: before it and after it."""
        usable: dict[tuple[str, str], list[int]] = {}  # positions by family and case
        for task in filter(self._applies_to, tasks):
            for case in task.cases:
                stored = results.series(task.spec.family, case.name, case.scenario.identity)
                key = (task.spec.family, case.name)
                if key not in usable:
                    usable[key] = [at for at, commit in enumerate(results.commits) if _is_usable(commit, stored)]
                for position in _neighbours(usable[key], results.positions[task.commit.id]):
                    commit = results.commits[position].id
                    self._add_stored(task, case, commit, stored[commit][0])

    def _add_stored(self, task: Task, case: Case, commit: str, stored: Measurement) -> None:
        """Add a stored result, unless its environment or what it observed of the scenario folder may differ now.

        An environment that is not there would be built with the versions of today.
        """
        outcome, store = stored.outcome, self._project.store
        assert isinstance(outcome, Measured)
        origin = outcome.reused_from or commit
        key = (origin, task.spec.family, case.name)
        if key in self._stored or origin == task.commit.id or store.lost_in(outcome):
            return
        self._stored.add(key)
        if stored.environment != self._inputs.environment(commit, task.spec)[1]:
            return
        # as seen from `commit`, which shows the same: the origin may be missing in a shallow clone
        self._add(self._results, commit, task.spec, case, outcome, self._observed(outcome))

    def _observed(self, stored: Measured) -> dict[PassName, ObservedInputs]:
        """Return what the passes of a stored result saw, without those that saw a scenario folder of other contents."""
        found = {name: self._project.store.inputs(id_) for name, id_ in stored.inputs.items()}
        return {name: seen for name, seen in found.items() if seen and matches_scenarios(seen, self._scenarios)}

    def add(
        self,
        task: Task,
        case: Case,
        observation: Observation,
        *,
        into: ReusableResults | None = None,
        proven: Sequence[Reused] = (),
    ) -> None:
        """Add what was measured just now: `into` what one worker knows, else to what all know.

        Where it was `proven` meanwhile, it is added for the commits referred to, as workers may have relied on it.
        """
        outcome, commit = observation.outcome, task.commit.id
        if not self._applies_to(task) or not isinstance(outcome, Measured) or task.commit.working_tree:
            return
        origins = {name: reference.commit for reference in proven for name in reference.passes}
        by_origin: dict[str | None, dict[PassName, ObservedInputs]] = defaultdict(dict)
        for name, id_ in outcome.inputs.items():
            by_origin[origins.get(name)][name] = observation.inputs[id_]
        for origin, observed in by_origin.items():
            named = replace(outcome, reused_from=origin)
            self._add(self._results if into is None else into, commit, task.spec, case, named, observed)

    def _add(
        self,
        into: ReusableResults,
        commit: str,
        spec: EnvironmentSpec,
        case: Case,
        outcome: Measured,
        observed: dict[PassName, ObservedInputs],
    ) -> None:
        certain = {name: seen for name, seen in observed.items() if name != "growth" or not outcome.suspected}
        key, tree = self._inputs.reuse_key(commit, spec, case), self._inputs.at(commit).tree
        origin = outcome.reused_from or commit
        with self._lock:
            into.add(key, certain, tree, origin)
            if self._verify:
                self._metrics[origin, spec.family, case.name] = outcome.metrics

    def find(self, task: Task, case: Case, also: ReusableResults | None = None) -> tuple[Reused, ...]:
        """Return the references that stand for the whole of a first measurement; none where it cannot be proven."""
        if not self._applies_to(task):
            return ()
        commit = task.commit.id
        key, tree = self._inputs.reuse_key(commit, task.spec, case), self._inputs.at(commit).tree
        passes = passes_for(self._project.metrics_of(case)).intersection(task.passes)
        with self._lock:
            found = self._results.find(key, passes, tree) or (also.find(key, passes, tree) if also else None)
        origins: dict[str, list[PassName]] = defaultdict(list)
        for name, origin in sorted((found or {}).items()):
            origins[origin].append(name)
        of_case = partial(Reused, case=case.name, identity=case.scenario.identity, probe=PROBE_METHOD)
        return tuple(of_case(commit=origin, passes=tuple(names)) for origin, names in sorted(origins.items()))

    def is_chosen(self, task: Task, case: Case) -> bool:
        """Tell whether a result that could be reused is measured anyway: pseudo-random, but the same each time."""
        number = int(digest([task.commit.id, task.spec.family, case.name], _DIGITS), 16)
        return number < self._verify * 16**_DIGITS

    def differences(self, task: Task, case: Case, references: Sequence[Reused], outcome: Measured) -> dict[str, str]:
        """Return the exact metrics that differ from those at the commits referred to, each with both values."""
        expected = {
            name: (value, reference.commit)
            for reference in references
            for name, value in self._metrics[reference.commit, task.spec.family, case.name].items()
            if METRICS[name].measured_in in reference.passes and name != _INEXACT
        }
        return {
            name: f"{outcome.metrics.get(name)} here, {value} at {commit[:10]}"
            for name, (value, commit) in expected.items()
            if outcome.metrics.get(name) != value
        }

    def _applies_to(self, task: Task) -> bool:
        """Tell whether a task is a plain first measurement: repeats and explanations are never another commit's."""
        return self._project.config.run.reuse and task.round == 0 and not task.explain


def _neighbours(positions: Sequence[int], at: int) -> tuple[int, ...]:
    """Return the sorted positions just before and just after one."""
    before, after = bisect_left(positions, at), bisect(positions, at)
    return (*positions[max(before - 1, 0) : before], *positions[after : after + 1])


def _is_usable(commit: Commit, stored: Mapping[str, Sequence[Measurement]]) -> bool:
    """Tell whether a plain first measurement is stored of a commit; results never refer to that of a working tree."""
    first = next(iter(stored.get(commit.id, ())), None)
    return first is not None and not commit.working_tree and first.round == 0 and isinstance(first.outcome, Measured)
