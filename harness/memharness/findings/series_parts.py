"""Series that go on where a scenario, or the way of measuring, has changed.

Values of before and after cannot be compared. Both are measured at one commit, the newest that has the former ones, so
that nothing the project does falls between them: up to there the former part tells what changed, from there on the
present one. Former parts are closed, as nothing can be measured for them any more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from memharness.findings.results import PartKey, Results
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement
from memharness.model.scenarios import Case
from memharness.model.values import Value

_Stored = Mapping[str, Sequence[Measurement]]  # by commit id


class SeriesPart(Value):
    """What is known of a case under one identity and probe method, from one position of the history to another."""

    identity: str
    probe: int
    first: int
    last: int

    @property
    def key(self) -> PartKey:
        """What makes its values comparable."""
        return self.identity, self.probe


def parts_of(results: Results, family: str, case: Case) -> tuple[SeriesPart, ...]:
    """Return the present part of a case's series and the former ones that it continues, the oldest first.

    A part is joined to the next where both were measured: at the first commit of the latter.
    """
    known = results.all_series(family, case.name)
    present = (case.scenario.identity, PROBE_METHOD)
    parts = [_part(present, min(_positions(results, known.get(present, {})), default=0), len(results.commits) - 1)]
    while former := _former(results, known, parts):
        parts.insert(0, former)
    return tuple(parts)


def _former(results: Results, known: Mapping[PartKey, _Stored], parts: Sequence[SeriesPart]) -> SeriesPart | None:
    """Return the part that the first of `parts` continues: of several the one with most before it."""
    join = parts[0].first
    candidates = []
    for key in known.keys() - {part.key for part in parts}:
        before = [at for at in _positions(results, known[key]) if at < join]
        if before and _is_measured(known[key].get(results.commits[join].id, ())):
            candidates.append((len(before), _part(key, min(before), join)))
    return max(candidates, key=lambda found: (found[0], found[1].key))[1] if candidates else None


def covered(results: Results, family: str, case: Case) -> int:
    """Return how many commits need no measurement of a case, as a former part of its series tells of them.

    These are the ones before the commit that joins the two; none where nothing is stored of the case at one of them.
    """
    parts = parts_of(results, family, case)
    known = results.all_series(family, case.name)
    join = parts[-1].first if len(parts) > 1 else _newest_former(results, known, parts[-1]) or 0
    stored = {at for series in known.values() for at in _positions(results, series)}
    return join if stored.issuperset(range(results.starts.get(case.scenario.name, 0), join)) else 0


def join_of(results: Results, family: str, case: Case) -> int | None:
    """Return where the present part of a case is to be measured to be joined to a former one, None where it need not.

    `results` are those of the whole history.
    """
    parts = parts_of(results, family, case)
    return _newest_former(results, results.all_series(family, case.name), parts[-1]) if len(parts) == 1 else None


def _newest_former(results: Results, known: Mapping[PartKey, _Stored], present: SeriesPart) -> int | None:
    """Return the position of the newest commit before the present part at which another one was measured."""
    own = known.get(present.key, {})
    end = present.first if own else len(results.commits)
    former = [series for key, series in known.items() if key != present.key]
    measured = (
        at
        for series in former
        for at in _positions(results, series)
        if at < end and _is_measured(series[results.commits[at].id])
    )
    return max(measured, default=None)


def continuations(results: Results) -> Iterator[str]:
    """Say of each scenario whose series goes on where, and why."""
    for family in results.measurements:
        for case in results.cases(family):
            parts = parts_of(results, family, case)
            if len(parts) == 1:
                continue
            former, present = parts[-2:]
            name, commit = case.scenario.name, results.commits[present.first]
            why = (
                f"scenario {name} changed" if former.identity != present.identity else _another_way(name, former.probe)
            )
            both = _is_measured(results.repeats(family, commit.id, case.name, *present.key))
            where = "where both were measured" if both else "where it now fails"
            yield f"{why}: its series is continued from {commit.short}, {where}"


def _another_way(name: str, probe: int) -> str:
    return f"scenario {name} is measured in another way (probe method {PROBE_METHOD}, before {probe})"


def _part(key: PartKey, first: int, last: int) -> SeriesPart:
    return SeriesPart(identity=key[0], probe=key[1], first=first, last=last)


def _positions(results: Results, commits: Iterable[str]) -> list[int]:
    return [results.positions[commit] for commit in commits]


def _is_measured(repeats: Iterable[Measurement]) -> bool:
    return any(isinstance(m.outcome, Measured) for m in repeats)
