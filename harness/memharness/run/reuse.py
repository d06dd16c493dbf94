"""Results that hold for another commit: what measured commits saw, and whether a commit to be measured shows the same.

Stored is what a run of one worker would find: a result counts as reused where an earlier commit of the run, or one
stored before it, proves it, even if it was measured meanwhile because the proof came too late.
"""

from bisect import bisect, bisect_left
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from msgspec.structs import replace

from memharness.child.sights import is_beside
from memharness.findings.project import Project
from memharness.findings.results import Results
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement, Observation, ObservedInputs, Reused
from memharness.model.metrics import METRICS, PASSES, PassName
from memharness.model.scenarios import Case
from memharness.model.values import digest
from memharness.plan.reuse import ReusableResults
from memharness.plan.tasks import Task
from memharness.run.commit_inputs import InputReader
from memharness.run.suites import passes_of

_DIGITS: Final = 8  # hexadecimal ones, of the number by which results are chosen to be measured anyway
_INEXACT: Final = "rss_peak"  # differs from run to run by its nature


class Reuse:
    """What is known to hold elsewhere, for any thread. `verify` is the share of reusable results to measure anyway."""

    def __init__(self, project: Project, inputs: InputReader, scenarios: Path, *, verify: float = 0.0) -> None:
        self._project = project
        self._inputs = inputs
        self._scenarios = scenarios
        self._verify = verify
        self._sources = ReusableResults()
        self._stored: set[tuple[str, str, str]] = set()  # commit, family, case: taken in from the store
        self._metrics: dict[tuple[str, str, str], dict[str, int]] = {}  # of the sources, to verify with
        self._lock = Lock()

    def take_stored(self, results: Results, tasks: Sequence[Task]) -> None:
        """Take in the stored results next to each commit that is to be measured: before it and after it."""
        order = {commit.id: index for index, commit in enumerate(results.commits)}
        usable: dict[tuple[str, str], list[int]] = {}
        for task in filter(_is_first, tasks):
            for case in task.cases:
                stored = results.series(task.spec.family, case.name, case.scenario.identity)
                key = (task.spec.family, case.name)
                if key not in usable:
                    usable[key] = sorted(order[commit] for commit, found in stored.items() if _usable(found))
                at, line = order[task.commit.id], usable[key]
                before, after = bisect_left(line, at), bisect(line, at)
                for index in (*line[max(before - 1, 0) : before], *line[after : after + 1]):
                    commit = results.commits[index].id
                    self._take(task, case, commit, stored[commit][0])

    def _take(self, task: Task, case: Case, commit: str, known: Measurement) -> None:
        """Take in a stored result, unless its environment or what it saw of the scenario folder may be another now.

        One that is not there would be built anew, with whatever versions there are today.
        """
        outcome = known.outcome
        assert isinstance(outcome, Measured)
        origin = outcome.reused_from or commit
        key = (origin, task.spec.family, case.name)
        if key in self._stored or origin == task.commit.id or self._project.store.lost_in(outcome):
            return
        self._stored.add(key)
        environment = self._inputs.environment_id(self._inputs.at(commit), task.spec)
        found = {name: self._project.store.inputs(id_) for name, id_ in outcome.inputs.items()}
        observed = {name: seen for name, seen in found.items() if seen and is_beside(seen, self._scenarios)}
        if environment == known.environment:
            # as seen from `commit`, which shows the same: the origin may be missing in a shallow clone
            self._offer(self._sources, task, case, commit, outcome, observed)

    def take(
        self,
        task: Task,
        case: Case,
        observation: Observation,
        *,
        into: ReusableResults | None = None,
        proven: Sequence[Reused] = (),
    ) -> None:
        """Take in what was measured just now; a worker keeps its own `into` others than those of all.

        Where it was `proven` meanwhile, what it saw may yet be what the worker relied on: it speaks for those commits.
        """
        outcome = observation.outcome
        if not _is_first(task) or not isinstance(outcome, Measured):
            return
        observed = {name: observation.inputs[id_] for name, id_ in outcome.inputs.items()}
        origins = {name: reference.commit for reference in proven for name in reference.passes}
        for origin in {origins.get(name) for name in observed}:
            own = {name: seen for name, seen in observed.items() if origins.get(name) == origin}
            named = replace(outcome, reused_from=origin)
            self._offer(self._sources if into is None else into, task, case, task.commit.id, named, own)

    def _offer(
        self,
        sources: ReusableResults,
        task: Task,
        case: Case,
        commit: str,
        outcome: Measured,
        observed: dict[PassName, ObservedInputs],
    ) -> None:
        certain = {name: seen for name, seen in observed.items() if name != "growth" or not outcome.suspected}
        inputs = self._inputs.at(commit)
        place = self._inputs.key(inputs, task.spec, case)
        origin = outcome.reused_from or commit
        with self._lock:
            sources.offer(place, certain, inputs.tree, origin)
            if self._verify:
                self._metrics[origin, task.spec.family, case.name] = outcome.metrics

    def find(self, task: Task, case: Case, also: ReusableResults | None = None) -> tuple[Reused, ...]:
        """Return the references that stand for the whole of a first measurement; none where it cannot be proven."""
        if not _is_first(task):
            return ()
        inputs = self._inputs.at(task.commit.id)
        place = self._inputs.key(inputs, task.spec, case)
        passes = frozenset(passes_of(self._project, case) & set(task.passes or PASSES))
        with self._lock:
            found = self._sources.find(place, passes, inputs.tree)
            if found is None and also is not None:
                found = also.find(place, passes, inputs.tree)
        return (
            tuple(
                Reused(
                    case=case.name,
                    identity=case.scenario.identity,
                    probe=PROBE_METHOD,
                    commit=commit,
                    passes=tuple(sorted(name for name, source in found.items() if source == commit)),
                )
                for commit in sorted({*found.values()})
            )
            if found
            else ()
        )

    def is_chosen(self, task: Task, case: Case) -> bool:
        """Tell whether a result that could be reused is measured anyway: as good as random, but repeatable."""
        number = int(digest([task.commit.id, task.spec.family, case.name], _DIGITS), 16)
        return number < self._verify * 16**_DIGITS

    def differences(self, task: Task, case: Case, references: Sequence[Reused], outcome: Measured) -> dict[str, str]:
        """Return the exact metrics that did not come out as at the commits referred to, each with what differs."""
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


def _is_first(task: Task) -> bool:
    """Tell whether a task is a plain first measurement: repeats and explanations are never another commit's."""
    return task.round == 0 and not task.explain


def _usable(stored: Sequence[Measurement]) -> bool:
    return bool(stored) and stored[0].round == 0 and isinstance(stored[0].outcome, Measured)
