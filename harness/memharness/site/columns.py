"""Stored results as columns: the values of one environment family in arrays, which hold millions of them.

In: a store, and the cases to be looked at. Out: `Columns`, a row for each commit of a history that has a record. They
are read in blocks of a few records, which are cached: one with a new or rewritten record is read again.
"""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from memharness.model.measurements import Measured, Measurement, Outcome
from memharness.model.metrics import METRICS
from memharness.model.values import Value
from memharness.site.cache import Cache
from memharness.store import Store

Integers: TypeAlias = npt.NDArray[np.int64]
Key: TypeAlias = tuple[str, str, int]  # of a series: case, identity of its scenario, version of the probe's method
Stamp: TypeAlias = tuple[tuple[str, int, int], ...]  # of a record and of those that it refers to: commit, mtime, size

MISSING: Final = int(np.iinfo(np.int64).min)
NOTHING, PLAIN, REUSED, SPECIAL = range(4)  # what a cell holds: `Columns.states`
_FORMER: Final = 64  # keys, and two more for each present one: results of strangers may have any number


@dataclass(kw_only=True)
class Columns:
    """The cells of `keys` (columns) at `positions` of the history (rows, ascending). Former keys come last.

    `values` holds the metrics of first measurements, MISSING where there is none. A cell with more to tell than values
    (repeats, failures, doubts) is SPECIAL and has all its measurements in `special`, by row and column. `environments`
    are indexes in `facts`, -1 where none is known.
    """

    keys: tuple[Key, ...]
    positions: Integers
    stamps: list[Stamp]
    values: dict[str, Integers]
    states: npt.NDArray[np.uint8]
    environments: npt.NDArray[np.int32]
    facts: tuple[str, ...]
    special: dict[tuple[int, int], tuple[Measurement, ...]]


class _Block(Value):
    """The cells of some records; arrays as bytes, row by row. Outcomes that are alike are stored once."""

    keys: tuple[Key, ...]
    commits: tuple[str, ...]
    stamps: tuple[Stamp, ...]
    values: dict[str, bytes]
    states: bytes
    environments: bytes
    facts: tuple[str, ...]
    special: tuple[tuple[int, int, tuple[tuple[int, str | None, int], ...]], ...]  # row, column; round, facts, outcome
    outcomes: tuple[Outcome, ...]


def load_columns(store: Store, family: str, keys: Sequence[Key], positions: Mapping[str, int], cache: Cache) -> Columns:
    """Return what is stored of `keys`, and of former ones of their cases, at the commits that have `positions`."""
    stamps = store.stamps(family)
    groups = groupby(sorted(stamps), key=lambda commit: commit[:2])
    blocks = [_load_block(store, family, keys, list(group), stamps, cache) for _, group in groups]
    rows = {position: row for row, position in enumerate(sorted(positions[id_] for id_ in stamps if id_ in positions))}
    found = _empty(keys, rows, blocks)
    while blocks:  # each is released when it is entered
        block = blocks.pop()
        _enter(found, block, np.array([rows.get(positions.get(commit, -1), -1) for commit in block.commits]))
    return found


def _empty(keys: Sequence[Key], positions: Collection[int], blocks: Sequence[_Block]) -> Columns:
    """Return columns with nothing in them, for all that some blocks hold."""
    former = sorted({key for block in blocks for key in block.keys[len(keys) :]})
    all_keys = (*keys, *former[: _most_former(keys)])
    shape = (len(positions), len(all_keys))
    return Columns(
        keys=all_keys,
        positions=np.array([*positions], np.int64),
        stamps=[()] * len(positions),
        values={metric: np.full(shape, MISSING, np.int64, order="F") for metric in METRICS},  # read by case
        states=np.zeros(shape, np.uint8),
        environments=np.full(shape, -1, np.int32),
        facts=tuple(sorted({id_ for block in blocks for id_ in block.facts})),
        special={},
    )


def _most_former(keys: Sequence[Key]) -> int:
    return _FORMER + 2 * len(keys)


def _enter(found: Columns, block: _Block, rows: Integers) -> None:
    """Copy a block into the given rows of the columns; what has no place there (row -1) is left out."""
    column = {key: number for number, key in enumerate(found.keys)}
    numbers = np.array([column.get(key, -1) for key in block.keys])
    shape, taken = (len(rows), len(numbers)), np.ix_(rows >= 0, numbers >= 0)
    to = np.ix_(rows[rows >= 0], numbers[numbers >= 0])
    for metric, content in block.values.items():
        found.values[metric][to] = np.frombuffer(content, np.int64).reshape(shape)[taken]
    found.states[to] = np.frombuffer(block.states, np.uint8).reshape(shape)[taken]
    places = np.array([*map(found.facts.index, block.facts), -1], np.int32)
    found.environments[to] = places[np.frombuffer(block.environments, np.int32).reshape(shape)[taken]]
    for row in np.flatnonzero(rows >= 0).tolist():
        found.stamps[rows[row]] = block.stamps[row]
    for row, number, measurements in _special(block):
        if rows[row] >= 0 and numbers[number] >= 0:
            found.special[int(rows[row]), int(numbers[number])] = measurements


def _special(block: _Block) -> Iterator[tuple[int, int, tuple[Measurement, ...]]]:
    """Yield row, column and measurements of each cell that has more to tell than values."""
    for row, number, repeats in block.special:
        case, identity, probe = block.keys[number]
        yield (
            row,
            number,
            tuple(
                Measurement(
                    case=case,
                    identity=identity,
                    probe=probe,
                    round=round_,
                    environment=environment,
                    outcome=block.outcomes[outcome],
                )
                for round_, environment, outcome in repeats
            ),
        )


def _load_block(
    store: Store,
    family: str,
    keys: Sequence[Key],
    commits: Sequence[str],
    stamps: Mapping[str, tuple[int, int]],
    cache: Cache,
) -> _Block:
    """Return the cells of the records of `commits`; cached ones hold while the records that they refer to do."""

    def holds(block: _Block) -> bool:
        return all(stamps.get(id_, (0, 0)) == (mtime, size) for stamp in block.stamps for id_, mtime, size in stamp)

    inputs = [keys, sorted(store.renamed.items()), [(commit, stamps[commit]) for commit in commits]]
    return cache.value(_Block, inputs, lambda: _read_block(store, family, keys, commits, stamps), holds)


def _read_block(
    store: Store, family: str, keys: Sequence[Key], commits: Sequence[str], stamps: Mapping[str, tuple[int, int]]
) -> _Block:
    cases = {case for case, *_ in keys}
    own_stamps, cells = list[Stamp](), list[dict[Key, list[Measurement]]]()
    for commit in commits:
        record = store.record(family, commit)
        sources = {reference.commit for reference in record.reused} if record else set[str]()
        own_stamps.append(tuple((id_, *stamps.get(id_, (0, 0))) for id_ in (commit, *sorted(sources))))
        cells.append(_cells(store.resolved(record), cases) if record else {})
    former = sorted({key for own in cells for key in own} - {*keys})
    return _block([*keys, *former[: _most_former(keys)]], commits, own_stamps, cells)


def _cells(measurements: Sequence[Measurement], cases: Container[str]) -> dict[Key, list[Measurement]]:
    """Return what is stored of each key of some cases."""
    cells: dict[Key, list[Measurement]] = {}
    for measurement in measurements:
        if measurement.case in cases:
            cells.setdefault((measurement.case, measurement.identity, measurement.probe), []).append(measurement)
    return cells


def _block(
    keys: Sequence[Key],
    commits: Sequence[str],
    stamps: Sequence[Stamp],
    cells: Sequence[Mapping[Key, Sequence[Measurement]]],
) -> _Block:
    shape = (len(commits), len(keys))
    values = {metric: np.full(shape, MISSING, np.int64) for metric in METRICS}
    states, environments = np.zeros(shape, np.uint8), np.full(shape, -1, np.int32)
    facts, outcomes = dict[str, int](), list[Outcome]()
    special = []
    for row, number, measurements in _numbered(cells, keys):
        outcome = measurements[0].outcome
        if isinstance(outcome, Measured):
            for metric in outcome.metrics.keys() & values.keys():
                values[metric][row, number] = outcome.metrics[metric]
        if environment := _environment(measurements):
            environments[row, number] = facts.setdefault(environment, len(facts))
        states[row, number] = state = _state(measurements)
        if state == SPECIAL:
            repeats = [(m.round, m.environment, _place(m.outcome, outcomes)) for m in measurements]
            special.append((row, number, tuple(repeats)))
    return _Block(
        keys=tuple(keys),
        commits=tuple(commits),
        stamps=tuple(stamps),
        values={metric: own.tobytes() for metric, own in values.items()},
        states=states.tobytes(),
        environments=environments.tobytes(),
        facts=tuple(facts),
        special=tuple(special),
        outcomes=tuple(outcomes),
    )


def _numbered(
    cells: Sequence[Mapping[Key, Sequence[Measurement]]], keys: Sequence[Key]
) -> Iterator[tuple[int, int, Sequence[Measurement]]]:
    """Yield row, column and measurements of each cell."""
    for row, own in enumerate(cells):
        yield from ((row, number, own[key]) for number, key in enumerate(keys) if key in own)


def _environment(measurements: Sequence[Measurement]) -> str | None:
    return next((m.environment for m in measurements if m.environment), None)


def _state(measurements: Sequence[Measurement]) -> int:
    outcome = measurements[0].outcome
    if len(measurements) > 1 or not isinstance(outcome, Measured) or outcome.failed_passes or outcome.suspected:
        return SPECIAL
    return PLAIN if outcome.reused_from is None else REUSED


def _place(outcome: Outcome, known: list[Outcome]) -> int:
    """Add an outcome to the `known` ones and return its place; a commit that does not build repeats the last one."""
    needed = replace(outcome, inputs={}) if isinstance(outcome, Measured) else outcome  # inputs show on no page
    if not known or known[-1] != needed:
        known.append(needed)
    return len(known) - 1
