"""The steps of a long history from few measured commits: adaptive search over the commits that can differ.

Neighbours at which a scenario can see no difference, as far as the ends of the range tell, are one position of the
search. In the end every commit gets the results that are proven for it, so that a step stands between neighbours.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
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
from memharness.model.metrics import PassName, passes_for
from memharness.plan.adaptive import AdaptiveSearch, Found, Request
from memharness.plan.tasks import Suite, Task
from memharness.run.listener import Listener
from memharness.run.missing import missing
from memharness.run.session import Session, open_session

_CaseKey = tuple[str, str]  # family, case
_NOTHING: Final = Failed(phase="crash", reason="nothing was stored")  # lest the search ask again


def explore(
    config: Config,
    selection: Selection,
    *,
    listener: Listener | None = None,
    retry_failed: bool = False,
    verify: float = 0.0,
    keep_going: bool = False,
    budget: float | None = None,
) -> Results:
    """Measure as few of the selected commits as show their steps, then again what the findings rest on.

    Returns all that is stored then, with a notice on what was left out. An interrupt (KeyboardInterrupt) carries such a
    notice as well. Raises MemharnessError like `session.run`.
    """
    with open_session(
        config,
        selection,
        listener=listener,
        retry_failed=retry_failed,
        verify=verify,
        keep_going=keep_going,
        budget=budget,
    ) as session:
        commits = session.select_commits(selection)
        exploration: _Exploration | None = None
        try:
            ends = session.load_stored((commits[0], commits[-1]) if len(commits) > 1 else commits)
            ends = session.join_series(session.confirm(session.measure_missing(ends), ends=True))
            exploration = _Exploration(session, ends, session.load_stored(commits))
            results = session.confirm(session.reuse(exploration.run()))
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(_summary(session.load_stored(commits), session.suites, exploration))
            raise
        return replace(results, notices=(*results.notices, _summary(results, session.suites, exploration)))


class _Exploration:
    """The search under way: what is known at each position, a commit that stands for all of its group."""

    def __init__(self, session: Session, ends: Results, results: Results) -> None:
        self._session = session
        self._results = results
        self._positions = _positions(session, results.commits, ends)
        sparse = results.only(self._positions)
        tried = {commit.id for commit in ends.commits}  # again just now, where that was asked for
        self._lacking = [task for task in session.plan(sparse) if task.commit.id not in tried]
        self._due = {(task.spec.family, case.name, task.commit.id) for task in self._lacking for case in task.cases}
        self._scales = _scales(ends)
        self._outcomes: dict[_CaseKey, dict[int, Outcome]] = {key: {} for key in self._scales}
        begins = {
            (suite.spec.family, case.name): sparse.starts.get(case.scenario.name, 0)
            for suite in session.suites
            for case in suite.cases
            if (suite.spec.family, case.name) in self._scales
        }
        self._search = AdaptiveSearch(len(self._positions), begins, self._difference)

    def run(self) -> Results:
        """Measure until every step lies between neighbours and no gap is left; return what is stored then."""
        self._take_stored()
        self._forecast()
        workers = self._session.project.config.run.workers
        budget = self._session.workers.budget
        while not budget.left and (requests := self._search.next_requests(self._known(), workers)):
            tasks = [task for one in requests for task in self._tasks(one)]
            self._results = self._session.measure(self._results, tasks, purpose="exploring", more=True)
            for request in requests:
                stored = dict(self._stored(self._positions[request.position]))
                for key in request.series:
                    self._outcomes[key][request.position] = stored.get(key, _NOTHING)
        return self._results

    def _take_stored(self) -> None:
        """Take what was measured before; a failure counts once the search asks for it."""
        for position, commit in enumerate(self._positions):
            for key, outcome in self._stored(commit):
                if isinstance(outcome, Measured) and (*key, commit.id) not in self._due:
                    self._outcomes[key][position] = outcome

    def _forecast(self) -> None:
        """Forecast what the search costs where nothing differs."""
        at = {self._positions[position].id for position in self._search.grid}
        self._session.workers.forecast([task for task in self._lacking if task.commit.id in at], at_least=True)

    def unsettled(self) -> tuple[Commit, Commit] | None:
        """Return the commits with the largest difference of those between which others may still be tried."""
        found = (one for one in self._search.differing(self._known()) if one.untried)
        return next(((self._positions[one.before], self._positions[one.after]) for one in found), None)

    def _tasks(self, request: Request[_CaseKey]) -> Iterator[Task]:
        """Yield what is to be measured for a request, which is due no longer then, even if it fails again."""
        commit = self._positions[request.position]
        due = self._due.intersection((*key, commit.id) for key in request.series)
        self._due -= due
        for suite in self._session.suites:
            cases = tuple(case for case in suite.cases if (suite.spec.family, case.name, commit.id) in due)
            if cases:
                yield Task(commit=commit, spec=suite.spec, cases=cases)

    def _stored(self, commit: Commit) -> Iterator[tuple[_CaseKey, Outcome]]:
        """Yield what is stored of the first measurements at a commit."""
        keys = {(case.name, case.scenario.identity, PROBE_METHOD, 0) for case in self._session.project.cases}
        for family, records in self._results.measurements.items():
            for one in records.get(commit.id, ()):
                if one.key in keys and (family, one.case) in self._scales:
                    yield (family, one.case), one.outcome

    def _known(self) -> dict[_CaseKey, dict[int, Found]]:
        return {
            key: {
                position: "measured" if isinstance(outcome, Measured) else "skip" for position, outcome in found.items()
            }
            for key, found in self._outcomes.items()
        }

    def _difference(self, key: _CaseKey, before: int, after: int) -> float:
        """Return how many thresholds lie between two positions, in the metric that moved most."""
        outcomes = self._outcomes[key]
        one, other = outcomes[before], outcomes[after]
        assert isinstance(one, Measured)
        assert isinstance(other, Measured)
        return max(
            (
                weight(series, rule, one.metrics[name], other.metrics[name])
                for name, (series, rule) in self._scales[key].items()
                if name in one.metrics and name in other.metrics
            ),
            default=0.0,
        )


def _summary(results: Results, suites: Sequence[Suite], exploration: _Exploration | None) -> str:
    """Say how much of the history is known, and where it is not: of each commit one thing."""
    commits = results.commits
    lacking = {task.commit.id for task in missing(results, suites, retry_failed=False)}
    own = {commit.id for commit in commits if _is_measured(results, suites, commit)}
    reused = len(commits) - len(own | lacking)
    text = f"adaptive search: {len(own - lacking)} of {len(commits)} commits measured"
    text += f", {reused} reused" if reused else ""
    if not lacking:
        return f"{text}, and no other can differ"
    in_part = f" ({len(own & lacking)} of them a part)" if own & lacking else ""
    text += f"; {len(lacking)} lack{'s' * (len(lacking) == 1)} results{in_part}, {_gap_text(commits, lacking)}"
    between = exploration.unsettled() if exploration else None
    return f"{text}; a difference in {between[0].short}..{between[1].short} is not placed" if between else text


def _gap_text(commits: Sequence[Commit], lacking: Collection[str]) -> str:
    """Say where most commits follow one another that lack results."""
    known = [-1, *(index for index, commit in enumerate(commits) if commit.id not in lacking), len(commits)]
    before, after = max(pairwise(known), key=lambda gap: gap[1] - gap[0])
    first, last = commits[max(before, 0)], commits[min(after, len(commits) - 1)]
    return f"the largest unexplored gap is {first.short}..{last.short} with {after - before - 1} of them"


def _is_measured(results: Results, suites: Sequence[Suite], commit: Commit) -> bool:
    """Tell whether a commit has a result of its own."""
    return any(
        not isinstance(one.outcome, Measured) or one.outcome.reused_from is None
        for suite in suites
        for case in suite.cases
        for one in results.repeats(suite.spec.family, commit.id, case.name, case.scenario.identity)
    )


def _scales(ends: Results) -> dict[_CaseKey, dict[str, tuple[Series, Rule]]]:
    """Return for each case, by metric, how values are compared: as the ends and their repeats tell."""
    scales: dict[_CaseKey, dict[str, tuple[Series, Rule]]] = {}
    for judged in judge(ends):
        own = scales.setdefault((judged.series.key.family, judged.series.key.case), {})
        if judged.rule is not None:
            own[judged.series.metric] = (judged.series, judged.rule)
    return scales


def _positions(session: Session, commits: Sequence[Commit], ends: Results) -> list[Commit]:
    """Return the commits at which something changes that the project's packages or what the ends saw is made of.

    Each stands for those up to the next; the newest stands for its own group, unless the oldest does. Where it is not
    known what the ends saw, or what a commit has there, each commit stands for itself.
    """
    observed = _observed(session, ends)
    if observed is None:
        return [*commits]
    positions: list[Commit] = []
    last: object = None
    for commit in commits:
        visible = _visible(session, commit, observed)
        if visible != last:
            positions.append(commit)
        last = visible
    return [*positions[:1], *positions[1:-1], commits[-1]] if len(commits) > 1 else positions


def _visible(session: Session, commit: Commit, observed: Sequence[ObservedInputs]) -> object:
    """Return what is equal where two commits look the same to the project's packages and to passes that `observed`."""
    reader = session.workers.inputs
    tree, layout, _ = reader.at(commit.id)
    root = PurePosixPath(layout.import_root)
    names = [str(root / f"{package}{suffix}") for package in layout.packages for suffix in ("", ".py")]
    return (
        layout,
        [reader.environment(commit.id, suite.spec)[0] for suite in session.suites],
        [tree.entry(name) for name in names],
        [tree.proof(inputs) or commit.id for inputs in observed],
    )


def _observed(session: Session, ends: Results) -> list[ObservedInputs] | None:
    """Return what the cases saw of the project at the ends; None where that is not known of all their passes."""
    ids: set[str | None] = set()
    for suite in session.suites:
        for case in suite.cases:
            stored = ends.series(suite.spec.family, case.name, case.scenario.identity).values()
            first = [repeats[0].outcome for repeats in stored if repeats[0].round == 0]
            ids |= _input_ids(first, passes_for(session.project.metrics_of(case)))
    found = [inputs for id_ in ids if id_ and (inputs := session.project.store.inputs(id_))]
    return found if len(found) == len(ids) else None


def _input_ids(outcomes: Sequence[Outcome], passes: Iterable[PassName]) -> set[str | None]:
    """Return the ids of what some passes saw; None is among them where that is not known of one."""
    named = [outcome.inputs for outcome in outcomes if isinstance(outcome, Measured)]
    return {inputs.get(name) for inputs in named for name in passes} if named or not outcomes else {None}
