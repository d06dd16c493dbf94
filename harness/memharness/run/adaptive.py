"""The steps of a long history from few measured commits: adaptive search over the commits that can differ.

Neighbours at which a scenario can see no difference, as far as the ends of the range tell, are one position of the
search. In the end every commit gets the results that are proven for it, so that a step stands between neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from memharness.analyse.series import Series
from memharness.analyse.steps import Rule, weight
from memharness.config.configuration import Config
from memharness.findings.judge import judge
from memharness.findings.project import Selection
from memharness.findings.results import Results
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Failed, Measured, ObservedInputs, Outcome
from memharness.plan.adaptive import AdaptiveSearch, Found, Request
from memharness.plan.tasks import Suite, Task
from memharness.run.missing import missing, starts_of
from memharness.run.session import Session, begin
from memharness.run.suites import passes_of
from memharness.run.workers import Listener

_Subject = tuple[str, str]  # family, case
_NOTHING: Final = Failed(phase="crash", reason="nothing was stored")  # lest the search ask again


def explore(
    config: Config,
    selection: Selection,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
    keep_going: bool = False,
) -> Results:
    """Measure as few of the selected commits as show their steps, then again what the findings rest on.

    Returns all that is stored then, with a notice on what was left out. An interrupt (KeyboardInterrupt) carries such a
    notice as well. Raises MemharnessError like `session.run`.
    """
    with begin(
        config, selection, listener=listener, retry_failed=retry_failed, verify=verify, keep_going=keep_going
    ) as work:
        commits = work.commits(selection)
        exploration: _Exploration | None = None
        try:
            ends = work.complete((commits[0], commits[-1]) if len(commits) > 1 else commits)
            work.bridge(ends)
            exploration = _Exploration(work, commits, ends)
            exploration.run()
            work.workers.reuse(work.lacking(work.results(commits)))
            results = work.confirm(work.results(commits))
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(_summary(work.results(commits), work.suites, exploration))
            raise
        return replace(results, notices=(*results.notices, _summary(results, work.suites, exploration)))


class _Exploration:
    """The search under way: what is known at each position, a commit that stands for all of its group."""

    def __init__(self, work: Session, commits: Sequence[Commit], ends: Results) -> None:
        self._work = work
        self._positions = _positions(work, commits, ends)
        tried = {commit.id for commit in ends.commits}  # again just now, where that was asked for
        lacking = work.lacking(work.results(self._positions))  # plans, and finds what may hold elsewhere
        self._due = {
            (task.spec.family, case.name, task.commit.id)
            for task in lacking
            if task.commit.id not in tried
            for case in task.cases
        }
        self._scales = _scales(ends)
        self._outcomes: dict[_Subject, dict[int, Outcome]] = {subject: {} for subject in self._scales}
        starts = starts_of(work.project, self._positions)
        begins = {
            (suite.spec.family, case.name): starts.get(case.scenario.name, 0)
            for suite in work.suites
            for case in suite.cases
            if (suite.spec.family, case.name) in self._scales
        }
        self._search = AdaptiveSearch(len(self._positions), begins, self._difference)

    def run(self) -> None:
        """Measure until every step lies between neighbours and no gap is left."""
        for position, commit in enumerate(self._positions):
            for subject, outcome in self._stored(position):
                # a failure counts once the search asks for it
                if isinstance(outcome, Measured) and (*subject, commit.id) not in self._due:
                    self._outcomes[subject][position] = outcome
        workers = self._work.project.config.run.workers
        while requests := self._search.next_requests(self._known(), workers):
            tasks = [task for one in requests for task in self._tasks(one)]
            self._work.workers.measure(tasks, purpose="exploring", more=True)
            for request in requests:
                stored = dict(self._stored(request.position))
                for subject in request.series:
                    self._outcomes[subject][request.position] = stored.get(subject, _NOTHING)

    def unsettled(self) -> tuple[Commit, Commit] | None:
        """Return the commits with the largest difference of those between which others may still be tried."""
        found = (one for one in self._search.differing(self._known()) if one.untried)
        return next(((self._positions[one.before], self._positions[one.after]) for one in found), None)

    def _tasks(self, request: Request[_Subject]) -> Iterator[Task]:
        """Yield what is to be measured for a request, which is due no longer then, even if it fails again."""
        commit = self._positions[request.position]
        due = self._due.intersection((*subject, commit.id) for subject in request.series)
        self._due -= due
        for suite in self._work.suites:
            cases = tuple(case for case in suite.cases if (suite.spec.family, case.name, commit.id) in due)
            if cases:
                yield Task(commit=commit, spec=suite.spec, cases=cases)

    def _stored(self, position: int) -> Iterator[tuple[_Subject, Outcome]]:
        """Yield what is stored of the first measurements at a position."""
        identities = {case.name: case.scenario.identity for case in self._work.project.cases}
        for family in {family for family, _ in self._scales}:
            for one in self._work.project.store.measurements(family, self._positions[position].id):
                if (family, one.case) in self._scales and one.key == (one.case, identities[one.case], PROBE_METHOD, 0):
                    yield (family, one.case), one.outcome

    def _known(self) -> dict[_Subject, dict[int, Found]]:
        return {
            subject: {
                position: "measured" if isinstance(outcome, Measured) else "skip" for position, outcome in found.items()
            }
            for subject, found in self._outcomes.items()
        }

    def _difference(self, subject: _Subject, before: int, after: int) -> float:
        """Return how many thresholds lie between two positions, in the metric that moved most."""
        outcomes = self._outcomes[subject]
        one, other = outcomes[before], outcomes[after]
        assert isinstance(one, Measured)
        assert isinstance(other, Measured)
        return max(
            (
                weight(series, rule, one.metrics[name], other.metrics[name])
                for name, (series, rule) in self._scales[subject].items()
                if name in one.metrics and name in other.metrics
            ),
            default=0.0,
        )


def _summary(results: Results, suites: Sequence[Suite], exploration: _Exploration | None) -> str:
    """Say how much of the history is known, and where it is not."""
    commits = results.commits
    lacking = {task.commit.id for task in missing(results, suites, retry_failed=False)}
    measured = sum(_is_measured(results, suites, commit) for commit in commits)
    text = f"adaptive search: {measured} of {len(commits)} commits measured"
    if not lacking:
        return f"{text}, and no other can differ"
    known = [-1, *(index for index, commit in enumerate(commits) if commit.id not in lacking), len(commits)]
    before, after = max(pairwise(known), key=lambda gap: gap[1] - gap[0])
    first, last = commits[max(before, 0)], commits[min(after, len(commits) - 1)]
    text += f"; {len(lacking)} lack{'s' * (len(lacking) == 1)} results, the largest unexplored gap is "
    text += f"{first.short}..{last.short} with {after - before - 1} of them"
    between = exploration.unsettled() if exploration else None
    return f"{text}; a difference in {between[0].short}..{between[1].short} is not placed" if between else text


def _is_measured(results: Results, suites: Sequence[Suite], commit: Commit) -> bool:
    """Tell whether a commit has a result of its own."""
    return any(
        not isinstance(one.outcome, Measured) or one.outcome.reused_from is None
        for suite in suites
        for case in suite.cases
        for one in results.repeats(suite.spec.family, commit.id, case.name, case.scenario.identity)
    )


def _scales(ends: Results) -> dict[_Subject, dict[str, tuple[Series, Rule]]]:
    """Return for each case, by metric, how values are compared: as the ends and their repeats tell."""
    scales: dict[_Subject, dict[str, tuple[Series, Rule]]] = {}
    for judged in judge(ends):
        own = scales.setdefault((judged.series.key.family, judged.series.key.case), {})
        if judged.rule is not None:
            own[judged.series.metric] = (judged.series, judged.rule)
    return scales


def _positions(work: Session, commits: Sequence[Commit], ends: Results) -> list[Commit]:
    """Return the commits at which something changes that the project's packages or what the ends saw is made of.

    Each stands for those up to the next; the newest stands for its own group, unless the oldest does. Where it is not
    known what the ends saw, or what a commit has there, each commit stands for itself.
    """
    observed = _observed(work, ends)
    if observed is None:
        return [*commits]
    positions: list[Commit] = []
    last: object = None
    for commit in commits:
        inputs = work.workers.inputs.at(commit.id)
        root = PurePosixPath(inputs.layout.import_root)
        names = [str(root / f"{package}{suffix}") for package in inputs.layout.packages for suffix in ("", ".py")]
        key = (
            inputs.layout,
            [work.workers.inputs.environment_key(inputs, suite.spec) for suite in work.suites],
            [inputs.tree.entry(name) for name in names],
            [inputs.tree.proof(seen) or commit.id for seen in observed],
        )
        if key != last:
            positions.append(commit)
        last = key
    return [*positions[:1], *positions[1:-1], commits[-1]] if len(commits) > 1 else positions


def _observed(work: Session, ends: Results) -> list[ObservedInputs] | None:
    """Return what the cases saw of the project at the ends; None where that is not known of all their passes."""
    ids: set[str | None] = set()
    for suite in work.suites:
        for case in suite.cases:
            first = [
                one.outcome
                for commit in ends.commits
                for one in ends.repeats(suite.spec.family, commit.id, case.name, case.scenario.identity)
                if one.round == 0
            ]
            named = [one.inputs for one in first if isinstance(one, Measured)]
            if first and not named:
                return None
            ids |= {inputs.get(name) for inputs in named for name in passes_of(work.project, case)}
    found = [work.project.store.inputs(id_) if id_ else None for id_ in sorted(ids, key=str)]
    known = [observed for observed in found if observed is not None]
    return known if len(known) == len(found) else None
