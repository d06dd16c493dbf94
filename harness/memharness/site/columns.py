"""Stored results as columns: the values of one environment family in arrays, which hold millions of them.

In: a store, and the subjects to be looked at. Out: `Columns`, a row for each commit that has a record, in no particular
order. They are kept in the cache folder, so that only records that are new or were rewritten are read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from memharness.model.measurements import Measured, Measurement, Outcome
from memharness.model.metrics import METRICS
from memharness.store import Store

Integers: TypeAlias = npt.NDArray[np.int64]
Key: TypeAlias = tuple[str, str, int]  # of a subject: case, identity of its scenario, version of the probe's method
Stamp: TypeAlias = tuple[tuple[str, int, int], ...]  # of a record and of those that it refers to

MISSING: Final = int(np.iinfo(np.int64).min)
_DAMAGED: Final[Stamp] = (("", -1, -1),)  # never current: it is said again each time
_FORMER: Final = 64  # subjects, and two more for each present one: results of strangers may have any number
NOTHING, PLAIN, REUSED, SPECIAL = range(4)  # what a cell holds: `Columns.states`


@dataclass(kw_only=True)
class Columns:
    """The cells of `subjects` (columns) at `commits` (rows). Former subjects of the same cases come last.

    `values` holds the metrics of first measurements, MISSING where there is none. A cell whose story is longer than
    that (repeats, failures, doubts) is SPECIAL and has all its measurements in `special`, by row and column.
    `environments` are indexes in `facts`, -1 where none is known.
    """

    subjects: tuple[Key, ...]
    commits: list[str]
    stamps: list[Stamp]
    values: dict[str, Integers]
    states: npt.NDArray[np.uint8]
    environments: npt.NDArray[np.int32]
    facts: list[str]
    special: dict[tuple[int, int], tuple[Measurement, ...]] = field(default_factory=dict)
    read: int = 0  # records read just now

    @classmethod
    def empty(cls, subjects: Sequence[Key], rows: int = 0, facts: list[str] | None = None) -> "Columns":
        """Return columns with nothing in them."""
        shape = (rows, len(subjects))
        return cls(
            subjects=tuple(subjects),
            commits=[""] * rows,
            stamps=[()] * rows,
            values={metric: np.full(shape, MISSING, np.int64, order="F") for metric in METRICS},  # read by subject
            states=np.zeros(shape, np.uint8),
            environments=np.full(shape, -1, np.int32),
            facts=facts or [],
        )


def load_columns(store: Store, family: str, subjects: Sequence[Key], known: Columns | None = None) -> Columns:
    """Return what is stored of `subjects` and of former ones of their cases; unchanged rows are taken from `known`."""
    stamps = store.stamps(family)
    old = known if known and known.subjects[: len(subjects)] == tuple(subjects) else Columns.empty(subjects)
    kept = [row for row, commit in enumerate(old.commits) if _is_current(commit, old.stamps[row], stamps)]
    kept_commits = {old.commits[row] for row in kept}
    fresh = [commit for commit in stamps if commit not in kept_commits]
    if not fresh and len(kept) == len(old.commits):
        old.read = 0
        return old
    found = Columns.empty(old.subjects, len(kept) + len(fresh), [*old.facts])
    _copy(old, kept, found)
    column = {key: number for number, key in enumerate(found.subjects)}
    cases, former = {case for case, *_ in subjects}, set[Key]()
    alike: dict[Outcome, Outcome] = {}
    values = {metric: np.full((len(fresh), len(column)), MISSING, np.int64) for metric in found.values}
    for at, commit in enumerate(fresh):
        row, figures = len(kept) + at, {metric: own[at] for metric, own in values.items()}
        record = store.record(family, commit)
        sources = sorted({reference.commit for reference in record.reused}) if record else []
        found.commits[row] = commit
        stamp = tuple((id_, *stamps.get(id_, (0, 0))) for id_ in (commit, *sources))
        found.stamps[row] = stamp if record else _DAMAGED
        for key, measurements in _cells(store.resolved(record) if record else ()):
            if key in column:
                _enter(found, row, column[key], measurements, figures, alike)
            elif key[0] in cases:
                former.add(key)
    known_former = old.subjects[len(subjects) :]
    more = sorted(former)[: max(_FORMER + 2 * len(subjects) - len(known_former), 0)]
    if more:  # all is read again once
        return load_columns(store, family, subjects, Columns.empty((*subjects, *sorted((*known_former, *more)))))
    for metric, own in values.items():
        found.values[metric][len(kept) :] = own
    found.read = len(fresh)
    _sort_facts(found)
    return found


def _is_current(commit: str, stamp: Stamp, stamps: Mapping[str, tuple[int, int]]) -> bool:
    return commit in stamps and all(stamps.get(id_, (0, 0)) == (mtime, size) for id_, mtime, size in stamp)


def _copy(old: Columns, rows: list[int], found: Columns) -> None:
    """Make `rows` of the old columns the first rows of the new ones."""
    number = len(rows)
    found.commits[:number] = [old.commits[row] for row in rows]
    found.stamps[:number] = [old.stamps[row] for row in rows]
    for metric, values in found.values.items():
        values[:number] = old.values[metric][rows]
    found.states[:number] = old.states[rows]
    found.environments[:number] = old.environments[rows]
    moved = {row: place for place, row in enumerate(rows)}
    found.special = {(moved[row], at): cell for (row, at), cell in old.special.items() if row in moved}


def _sort_facts(columns: Columns) -> None:
    """Give the environments numbers that do not depend on which was read first."""
    ordered = sorted(columns.facts)
    places = np.array([*map(ordered.index, columns.facts), -1], np.int32)
    columns.environments, columns.facts = places[columns.environments], ordered


def _cells(measurements: Sequence[Measurement]) -> Iterator[tuple[Key, tuple[Measurement, ...]]]:
    """Yield what is stored of each subject; measurements come sorted."""
    cells: dict[Key, list[Measurement]] = {}
    for measurement in measurements:
        cells.setdefault((measurement.case, measurement.identity, measurement.probe), []).append(measurement)
    for key, own in cells.items():
        yield key, tuple(own)


def _enter(
    found: Columns,
    row: int,
    number: int,
    measurements: tuple[Measurement, ...],
    figures: Mapping[str, Integers],
    alike: dict[Outcome, Outcome],
) -> None:
    """Enter a cell, its values into the `figures` of its row.

    Failures that are alike, as of a commit that does not build, are kept once.
    """
    first = measurements[0]
    outcome = first.outcome
    if isinstance(outcome, Measured):
        for metric, value in outcome.metrics.items():
            if metric in figures:
                figures[metric][number] = value
    environment = next((m.environment for m in measurements if m.environment), None)
    if environment is not None:
        if environment not in found.facts:
            found.facts.append(environment)
        found.environments[row, number] = found.facts.index(environment)
    plain = len(measurements) == 1 and isinstance(outcome, Measured)
    if plain and isinstance(outcome, Measured) and not outcome.failed_passes and not outcome.suspected:
        found.states[row, number] = PLAIN if outcome.reused_from is None else REUSED
        return
    found.states[row, number] = SPECIAL
    found.special[row, number] = tuple([replace(m, outcome=_kept(m.outcome, alike)) for m in measurements])


def _kept(outcome: Outcome, alike: dict[Outcome, Outcome]) -> Outcome:
    """Return an outcome without what no series and no page needs; one object for failures that are alike."""
    return replace(outcome, inputs={}) if isinstance(outcome, Measured) else alike.setdefault(outcome, outcome)
