"""Parts of a series: another one begins where a scenario, or the way of measuring, changes.

Values of two parts cannot be compared. So that no change of the project is missed between them, both are measured at
one commit: the newest one that the former part has. Former parts are closed: nothing more can be measured for them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memharness.findings.results import PartKey, Results
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement
from memharness.model.scenarios import Case
from memharness.wording.text import names_text


@dataclass(frozen=True)
class SeriesPart:
    """What is known of a case under one identity and probe method, from one position of the history to another."""

    family: str
    case: Case
    key: PartKey  # makes its values comparable
    stored: Mapping[str, Sequence[Measurement]]  # by commit id
    first: int
    last: int
    closed: bool = False  # another one goes on where it ends


def all_parts(results: Results) -> Iterator[SeriesPart]:
    """Yield the parts of every series, those of one case side by side, the oldest first."""
    for family in results.measurements:
        for case in results.cases(family):
            yield from parts_of(results, family, case)


def parts_of(results: Results, family: str, case: Case) -> tuple[SeriesPart, ...]:
    """Return the present part of a case's series and the former ones that it continues, the oldest first.

    A part is joined to the next where both were measured: at the first commit of the latter.
    """
    known = results.all_series(family, case.name)
    key = (case.scenario.identity, PROBE_METHOD)
    stored = known.get(key, {})
    first, last = min(_positions(results, stored), default=0), len(results.commits) - 1
    parts = [SeriesPart(family=family, case=case, key=key, stored=stored, first=first, last=last)]
    while former := _former(results, parts):
        parts.insert(0, former)
    return tuple(parts)


def _former(results: Results, parts: Sequence[SeriesPart]) -> SeriesPart | None:
    """Return the part that the first of `parts` continues: of several the one with the most commits before it."""
    family, case, join = parts[0].family, parts[0].case, parts[0].first
    candidates = []
    for key, stored in results.all_series(family, case.name).items():
        before = [at for at in _positions(results, stored) if at < join]
        joined = _is_measured(stored.get(results.commits[join].id, ()))
        if before and joined and all(part.key != key for part in parts):
            former = SeriesPart(
                family=family, case=case, key=key, stored=stored, first=min(before), last=join, closed=True
            )
            candidates.append((len(before), key, former))
    return max(candidates)[-1] if candidates else None


def covered(results: Results, family: str, case: Case) -> int:
    """Return how many of the first commits need no measurement of a case, as a former part of its series has them.

    They are those before the commit that joins the two parts; none where the case has nothing stored at one of them.
    """
    parts = parts_of(results, family, case)
    join = parts[-1].first if len(parts) > 1 else _newest_former(results, parts[-1]) or 0
    stored = {at for own in results.all_series(family, case.name).values() for at in _positions(results, own)}
    return join if stored.issuperset(range(results.starts.get(case.scenario.name, 0), join)) else 0


def join_of(results: Results, family: str, case: Case) -> int | None:
    """Return the position at which the present part of a case must be measured to join a former one; None: nowhere.

    `results` are those of the whole history.
    """
    parts = parts_of(results, family, case)
    return _newest_former(results, parts[-1]) if len(parts) == 1 else None


def _newest_former(results: Results, present: SeriesPart) -> int | None:
    """Return the position of the newest commit before the present part at which another one was measured."""
    end = present.first if present.stored else len(results.commits)
    measured = (
        at
        for key, stored in results.all_series(present.family, present.case.name).items()
        for at in _positions(results, stored)
        if key != present.key and at < end and _is_measured(stored[results.commits[at].id])
    )
    return max(measured, default=None)


def continuations(results: Results) -> Iterator[str]:
    """Say of which scenarios series go on where, and why."""
    found: dict[tuple[str, str], dict[str, None]] = {}  # names, by why and where
    for name, why, where in _continued(results):
        found.setdefault((why, where), {})[name] = None
    for (why, where), names in found.items():
        if len(names) == 1:
            yield f"scenario {names_text([*names])} {why}: its series is {where}"
        else:
            yield f"scenarios {names_text([*names])} {why.replace('is ', 'are ')}: their series are {where}"


def _continued(results: Results) -> Iterator[tuple[str, str, str]]:
    """Yield the scenario of each series that goes on, why it does, and where."""
    for family in results.measurements:
        for case in results.cases(family):
            parts = parts_of(results, family, case)
            if len(parts) == 1:
                continue
            former, present = parts[-2:]
            commit, why = results.commits[present.first], "changed"
            if former.key[0] == present.key[0]:
                why = f"is measured in another way (probe method {PROBE_METHOD}, before {former.key[1]})"
            both = _is_measured(present.stored.get(commit.id, ()))
            where = "where both were measured" if both else "where it now fails"
            yield case.scenario.name, why, f"continued from {commit.short}, {where}"


def _positions(results: Results, commits: Iterable[str]) -> list[int]:
    return [results.positions[commit] for commit in commits]


def _is_measured(repeats: Iterable[Measurement]) -> bool:
    return any(isinstance(m.outcome, Measured) for m in repeats)
