"""The stored results that a site is made of: those of one machine in one environment family, case by case.

A `CaseHistory` takes its cells from columns and judges them. So that a long history costs little, only the commits at
which something moved become points of a series. That changes no finding: between neighbours that are equal, on the same
scale and without repeats there is no step, and a drift begins and ends where values change.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from memharness.analyse.limits import LEAST_UNTRACED, untraced_dominates
from memharness.analyse.series import SCALE_PACKAGES, Point, Series, SeriesKey, build_series
from memharness.findings.judge import Judged, judge_case, series_key
from memharness.findings.project import Project
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Acceptance, MetricClass
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement, Profile
from memharness.model.metrics import FLAGGING
from memharness.model.scenarios import Case
from memharness.model.values import digest
from memharness.site.cache import Cache
from memharness.site.columns import MISSING, NOTHING, PLAIN, REUSED, SPECIAL, Columns, Integers, Key, Stamp
from memharness.site.values import CaseName

_RECORDS: Final = 16  # of whole commits kept: several cases moved at the same ones


@dataclass(frozen=True, eq=False)
class FamilyResults:
    """The results of one machine in one family. A position is the index of a commit in the `history`."""

    project: Project  # with the store of this machine
    family: str
    columns: Columns
    history: Sequence[Commit]
    environments: Mapping[str, EnvironmentFacts]
    accepted: Sequence[Acceptance]
    cache: Cache

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.project.store.machine

    @cached_property
    def rows(self) -> dict[int, int]:
        """The row of each position that something is stored of, oldest first."""
        return {position: row for row, position in enumerate(self.columns.positions.tolist())}

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each commit."""
        return {commit.id: at for at, commit in enumerate(self.history)}

    @cached_property
    def measurements(self) -> Callable[[str], tuple[Measurement, ...]]:
        """Returns all that is stored of one commit."""
        return lru_cache(_RECORDS)(partial(self.project.store.measurements, self.family))

    @cached_property
    def cases(self) -> tuple["CaseHistory", ...]:
        """The cases that anything is stored of in this history."""
        chosen = {(case.name, case.scenario.identity, PROBE_METHOD): case for case in self.project.cases}
        stored = np.any(self.columns.states, axis=0).tolist()
        keys = enumerate(self.columns.keys)
        return tuple(CaseHistory(self, chosen[key], number) for number, key in keys if key in chosen and stored[number])

    @cached_property
    def names(self) -> dict[int, CaseName]:
        """What the pages of these cases are called, by column."""
        return {case.number: case.name for case in self.cases}

    @cached_property
    def incomplete(self) -> dict[int, tuple[tuple[int, tuple[Measurement, ...]], ...]]:
        """By position, the columns of what was skipped or failed there, also in a later pass, with all measurements."""
        found: dict[int, list[tuple[int, tuple[Measurement, ...]]]] = {}
        for (row, number), cell in sorted(self.columns.special.items()):
            outcome = cell[0].outcome
            if number in self.names and not (isinstance(outcome, Measured) and not outcome.failed_passes):
                found.setdefault(int(self.columns.positions[row]), []).append((number, cell))
        return {at: tuple(cells) for at, cells in found.items()}

    def counts(self, position: int) -> tuple[int, int]:
        """Return how many cases were measured at a stored position, and of how many others the results are reused."""
        states = self.columns.states[self.rows[position], list(self.names)]
        unmeasured = sum(not isinstance(cell[0].outcome, Measured) for _, cell in self.incomplete.get(position, ()))
        return int(((states == PLAIN) | (states == SPECIAL)).sum()) - unmeasured, int((states == REUSED).sum())

    def stamp(self, commit: str) -> Stamp:
        """Return what tells that the record of a commit was rewritten."""
        row = self.rows.get(self.positions[commit])
        return () if row is None else self.columns.stamps[row]

    def facts(self, number: int) -> EnvironmentFacts | None:
        """Return an environment by its number in the columns."""
        return None if number < 0 else self.environments.get(self.columns.facts[number])


@dataclass(frozen=True, eq=False)
class CaseHistory:
    """One case in one family on one machine; all arrays have one place for each commit of the history.

    A former one ends at the position `last`, where another goes on.
    """

    stored: FamilyResults
    case: Case
    number: int  # of its column
    last: int | None = None
    _values: dict[str, Integers] = field(default_factory=dict)

    def bare(self) -> "CaseHistory":
        """Return the same without what was read so far."""
        return CaseHistory(self.stored, self.case, self.number)

    @cached_property
    def name(self) -> CaseName:
        """What its page is called; another identity of its scenario has the same."""
        names = (self.case.name, self.stored.family, self.stored.machine)
        return CaseName(id=digest(names, 12), case=names[0], family=names[1], machine=names[2])

    @property
    def key(self) -> Key:
        """What makes its values comparable."""
        return self.stored.columns.keys[self.number]

    def former(self) -> tuple["CaseHistory", ...]:
        """Return the parts that it continues, the oldest first, by the rules of `series_parts.parts_of`."""
        parts = [self]
        while former := self._former(parts):
            parts.insert(0, former)
        return tuple(parts[:-1])

    def _former(self, parts: Sequence["CaseHistory"]) -> "CaseHistory | None":
        join, taken = parts[0].measured[0], {part.number for part in parts}
        candidates = []
        for number, key in enumerate(self.stored.columns.keys):
            if key[0] == self.case.name and number not in taken:
                one = CaseHistory(self.stored, self.case, number, last=join)
                before = sum(at < join for at in one.measured)
                if before and one._has_figures(join):
                    candidates.append((before, key, one))
        return max(candidates, key=lambda found: found[:2])[-1] if candidates else None

    def _has_figures(self, position: int) -> bool:
        known = self.states[position] in (PLAIN, REUSED)
        return known or any(isinstance(m.outcome, Measured) for m in self.special.get(position, ()))

    # --- cells -------------------------------------------------------------------------------------------

    def _along_history(self, cells: npt.NDArray[Any], missing: int) -> npt.NDArray[Any]:
        """Return its column of some cells, with `missing` where nothing is stored, or after the end."""
        positions = self.stored.columns.positions
        rows = len(positions) if self.last is None else int(np.searchsorted(positions, self.last, "right"))
        found = np.full(len(self.stored.history), missing, cells.dtype)
        found[positions[:rows]] = cells[:rows, self.number]
        return found

    @cached_property
    def states(self) -> npt.NDArray[np.uint8]:
        """What is known at each position."""
        return self._along_history(self.stored.columns.states, NOTHING)

    @cached_property
    def _environments(self) -> npt.NDArray[np.int32]:
        return self._along_history(self.stored.columns.environments, -1)

    @cached_property
    def measured(self) -> list[int]:
        """The positions that something is stored of."""
        positions: list[int] = np.flatnonzero(self.states).tolist()
        return positions

    @cached_property
    def special(self) -> dict[int, tuple[Measurement, ...]]:
        """All measurements at the positions that have more to tell than values."""
        rows, cells = self.stored.rows, self.stored.columns.special
        return {at: cells[rows[at], self.number] for at in np.flatnonzero(self.states == SPECIAL).tolist()}

    @cached_property
    def special_points(self) -> dict[str, dict[int, Point]]:
        """By metric, the points of these positions."""
        history = self.stored.history
        stored = {history[at].id: repeats for at, repeats in self.special.items()}
        built = build_series(self.series_key, [history[at] for at in self.special], stored, self.stored.environments)
        return {one.metric: dict(zip(self.special, one.points, strict=True)) for one in built}

    def medians(self) -> dict[int, dict[str, int]]:
        """Return by position the values of what has more to tell than first values."""
        points = self.special_points.items()
        return {
            at: {metric: value for metric, own in points if (value := own[at].value) is not None} for at in self.special
        }

    def values(self, metric: str) -> Integers:
        """Return the values of a metric, the median where there are repeats, MISSING where there is none."""
        if metric not in self._values:
            values = self._along_history(self.stored.columns.values[metric], MISSING)
            for position, point in self.special_points.get(metric, {}).items():
                values[position] = MISSING if point.value is None else point.value
            self._values[metric] = values
        return self._values[metric]

    def newest(self, metric: str) -> int | None:
        """Return the last position with a value of a metric; None where there is none."""
        known = np.flatnonzero(self.values(metric) != MISSING)
        return int(known[-1]) if known.size else None

    def environment(self, position: int) -> EnvironmentFacts | None:
        """Return the environment that it was first measured in at a position."""
        return self.stored.facts(int(self._environments[position]))

    def is_suspected(self, metric: str, position: int) -> bool:
        """Tell whether no measurement at a position was certain of a metric."""
        point = self.special_points.get(metric, {}).get(position)
        return point is not None and point.suspected

    # --- whole measurements ------------------------------------------------------------------------------

    def measurements(self, position: int) -> tuple[Measurement, ...]:
        """Return all repeats at a position, whole but for their observed inputs."""
        if position in self.special:
            return self.special[position]
        stored = self.stored.measurements(self.stored.history[position].id)
        return tuple(m for m in stored if (m.case, m.identity, m.probe) == self.key)

    def measured_at(self, position: int) -> list[Measured]:
        """Return what the repeats at a position found, those explained by most metrics last."""
        outcomes = [m.outcome for m in self.measurements(position) if isinstance(m.outcome, Measured)]
        return sorted(outcomes, key=lambda outcome: len(outcome.explained))

    def profile(self, position: int, kind: str) -> Profile | None:
        """Return a profile of a position, that of an explained repeat before others; None where there is none."""
        ids = [outcome.profiles[kind] for outcome in self.measured_at(position) if kind in outcome.profiles]
        return self.stored.project.store.profile(ids[-1]) if ids else None

    # --- series ------------------------------------------------------------------------------------------

    @cached_property
    def series_key(self) -> SeriesKey:
        """What its series are about."""
        _, identity, probe = self.key
        known = series_key(self.stored.project, self.case, self.stored.family)
        return replace(known, identity=identity, probe=probe)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it is measured by."""
        return self.series_key.metrics

    @cached_property
    def classes(self) -> dict[str, MetricClass]:
        """The class of each metric: repeats alone decide it."""
        return {
            metric: Series(key=self.series_key, metric=metric, points=tuple(points.values())).metric_class
            for metric, points in self.special_points.items()
        }

    @cached_property
    def untraced(self) -> bool:
        """Whether tracing sees the lesser part of its memory."""
        peak, resident = self.values("peak"), self.values("rss_peak")
        known = (peak != MISSING) & (resident != MISSING)
        if not (resident[known] - peak[known] >= LEAST_UNTRACED).any():  # nor is the median then, and that takes longer
            return False
        return untraced_dominates(peak[known].tolist(), resident[known].tolist())

    @cached_property
    def judged_metrics(self) -> tuple[str, ...]:
        """The metrics that can be flagged here."""
        flagged = self.case.scenario.flagged
        able = [metric for metric in self.metrics if metric in (FLAGGING if flagged is None else flagged)]
        return tuple(metric for metric in able if metric in FLAGGING and (metric != "rss_peak" or self.untraced))

    def judge(self) -> tuple[Judged, ...]:
        """Judge the metrics that can be flagged, as `judge.judge` does by every commit."""
        own = [self._series(metric, self._judged_positions(metric)) for metric in self.judged_metrics]
        config = self.stored.project.config
        return tuple(judge_case(config, self.stored.accepted, self.case, own, untraced=self.untraced))

    def _series(self, metric: str, positions: Sequence[int]) -> Series:
        """Build the series of a metric at some positions."""
        history, special = self.stored.history, self.special_points[metric]
        values, environments = self.values(metric)[positions].tolist(), self._environments[positions].tolist()
        facts = {number: self.stored.facts(number) for number in set(environments)}
        scales = {
            number: tuple(known.packages.get(name, "") for name in SCALE_PACKAGES) if known else ()
            for number, known in facts.items()
        }
        points = (
            special[at]
            if at in special
            else Point(commit=history[at])
            if value == MISSING
            else Point(commit=history[at], values=(value,), scale=scales[number])
            for at, value, number in zip(positions, values, environments, strict=True)
        )
        return Series(key=self.series_key, metric=metric, points=tuple(points))

    def _judged_positions(self, metric: str) -> list[int]:
        """Return the positions at which a metric may have moved, those beside them, and what judging refers to.

        Of a noisy metric, of which levels of several commits are compared, that is all of them.
        """
        positions = np.array(self.measured, np.int64)
        special = self.states[positions] == SPECIAL
        chosen = special | (self.classes.get(metric) == "noisy")
        chosen[:1] = chosen[-1:] = True
        moved = (np.diff(self._environments[positions]) != 0) | (np.diff(self.values(metric)[positions]) != 0)
        chosen[1:] |= moved | special[:-1]
        chosen[:-1] |= moved | special[1:]
        return sorted({*positions[chosen].tolist(), *self._accepted_ends()})

    def _accepted_ends(self) -> Iterator[int]:
        """Yield where accepted changes end, measured or not, and the measured positions on both sides of there."""
        for acceptance in self.stored.accepted:
            end = self.stored.positions.get(acceptance.range[1])
            if acceptance.case == self.case.name and end is not None:
                at = bisect_right(self.measured, end)
                yield from (end, *self.measured[max(at - 1, 0) : at + 1])
