"""The stored results that a site is made of: by machine, environment family and subject, along one history.

A `Subject` reads its cells from columns and judges them. So that a long history costs little, only the commits at which
something moved become points of a series. That changes no finding: between neighbours that are equal, on the same scale
and without repeats there is no step, and a drift begins and ends where values change.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from memharness.analyse.limits import LEAST_UNTRACED, untraced_dominates
from memharness.analyse.series import Point, Series, SeriesKey, build_series
from memharness.findings.judge import Judged, judge_case, series_key
from memharness.findings.project import Project
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Acceptance, MetricClass
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement, Profile
from memharness.model.metrics import FLAGGING
from memharness.model.scenarios import Case
from memharness.model.values import digest
from memharness.site.columns import MISSING, NOTHING, PLAIN, REUSED, SPECIAL, Columns, Integers, Key
from memharness.site.values import SubjectName

_RECORDS: Final = 16  # of whole commits kept: several subjects moved at the same ones


@dataclass(frozen=True, eq=False)
class Shelf:
    """The results of one machine in one family. `rows` maps positions in the history to rows of the columns, or -1."""

    project: Project  # with the store of this machine
    family: str
    columns: Columns
    history: Sequence[Commit]
    environments: Mapping[str, EnvironmentFacts]
    accepted: Sequence[Acceptance]
    _records: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)  # by commit, the newest last

    @property
    def machine(self) -> str:
        """The machine's name."""
        return self.project.store.machine

    @cached_property
    def rows(self) -> Integers:
        """The row of each position, -1 where nothing is stored."""
        row_of = {commit: row for row, commit in enumerate(self.columns.commits)}
        return np.array([row_of.get(commit.id, -1) for commit in self.history], np.int64)

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each commit."""
        return {commit.id: at for at, commit in enumerate(self.history)}

    def measurements(self, commit: str) -> tuple[Measurement, ...]:
        """Return all that is stored of one commit."""
        found = self._records.pop(commit, None)
        if found is None:
            found = self.project.store.measurements(self.family, commit)
        self._records[commit] = found
        if len(self._records) > _RECORDS:
            del self._records[next(iter(self._records))]
        return found

    @cached_property
    def failures(self) -> dict[int, tuple[tuple[int, tuple[Measurement, ...]], ...]]:
        """By position, the columns of what failed there, wholly or in a later pass, with all its measurements."""
        position = {int(row): at for at, row in enumerate(self.rows) if row >= 0}
        found: dict[int, list[tuple[int, tuple[Measurement, ...]]]] = {}
        for (row, number), cell in sorted(self.columns.special.items()):
            outcome = cell[0].outcome
            if row in position and not (isinstance(outcome, Measured) and not outcome.failed_passes):
                found.setdefault(position[row], []).append((number, cell))
        return {at: tuple(cells) for at, cells in found.items()}

    @cached_property
    def broken(self) -> dict[int, int]:
        """By position, how many subjects failed wholly."""
        failed = {at: [cell for number, cell in cells if number in self.names] for at, cells in self.failures.items()}
        return {at: sum(not isinstance(cell[0].outcome, Measured) for cell in cells) for at, cells in failed.items()}

    @cached_property
    def names(self) -> dict[int, SubjectName]:
        """What the pages of the subjects are called that anything is stored of in this history, by column."""
        return {subject.number: subject.name for subject in self.subjects()}

    def subjects(self) -> Iterator["Subject"]:
        """Yield the subjects that anything is stored of in this history, each without anything read."""
        cases = {(case.name, case.scenario.identity, PROBE_METHOD): case for case in self.project.cases}
        stored = np.any(self.columns.states[self.rows[self.rows >= 0]], axis=0).tolist()
        for number, key in enumerate(self.columns.subjects):
            if key in cases and stored[number]:
                yield Subject(self, cases[key], number)

    def former(self, subject: "Subject") -> tuple["Subject", ...]:
        """Return the parts that a subject continues, the oldest first, by the rules of `continuing.parts_of`."""
        parts = [subject]
        while former := self._former(parts):
            parts.insert(0, former)
        return tuple(parts[:-1])

    def _former(self, parts: Sequence["Subject"]) -> "Subject | None":
        join, case = parts[0].measured[0], parts[0].case
        taken = {part.number for part in parts}
        candidates = []
        for number, key in enumerate(self.columns.subjects):
            if key[0] == case.name and number not in taken:
                one = Subject(self, case, number, last=join)
                before = sum(at < join for at in one.measured)
                if before and one.has_figures(join):
                    candidates.append((before, key, one))
        return max(candidates, key=lambda found: found[:2])[-1] if candidates else None


@dataclass(frozen=True, eq=False)
class Subject:
    """One case on a shelf; all arrays have one place for each commit of the history.

    A former one ends at the position `last`, where another goes on.
    """

    shelf: Shelf
    case: Case
    number: int  # of its column
    last: int | None = None
    _values: dict[str, Integers] = field(default_factory=dict)

    def bare(self) -> "Subject":
        """Return the same without what was read so far."""
        return Subject(self.shelf, self.case, self.number)

    @cached_property
    def name(self) -> SubjectName:
        """What its page is called; another identity of its scenario has the same."""
        names = (self.case.name, self.shelf.family, self.shelf.machine)
        return SubjectName(id=digest(names, 12), case=names[0], family=names[1], machine=names[2])

    @property
    def key(self) -> Key:
        """What makes its values comparable."""
        return self.shelf.columns.subjects[self.number]

    @cached_property
    def rows(self) -> Integers:
        """The row of each position, -1 where nothing is stored, or after the end."""
        rows = self.shelf.rows
        return rows if self.last is None else np.where(np.arange(len(rows)) <= self.last, rows, -1)

    def has_figures(self, position: int) -> bool:
        """Tell whether it was measured at a position, and did not fail."""
        known = self.states[position] in (PLAIN, REUSED)
        return known or any(isinstance(m.outcome, Measured) for m in self.special.get(position, ()))

    @cached_property
    def states(self) -> npt.NDArray[np.uint8]:
        """What is known at each position."""
        rows = self.rows
        states: npt.NDArray[np.uint8] = np.where(rows >= 0, self.shelf.columns.states[rows, self.number], NOTHING)
        return states

    @cached_property
    def special(self) -> dict[int, tuple[Measurement, ...]]:
        """The whole story of the positions that have more to tell than values."""
        rows, cells = self.rows, self.shelf.columns.special
        positions = np.flatnonzero(self.states == SPECIAL).tolist()
        return {position: cells[int(rows[position]), self.number] for position in positions}

    @cached_property
    def special_points(self) -> dict[str, dict[int, Point]]:
        """By metric, the points of these positions."""
        built = self._series(sorted(self.special))
        return {one.metric: dict(zip(sorted(self.special), one.points, strict=True)) for one in built}

    def medians(self) -> dict[int, dict[str, int]]:
        """Return by position the values of what has more to tell than first values."""
        points = self.special_points.items()
        return {
            at: {metric: value for metric, own in points if (value := own[at].value) is not None} for at in self.special
        }

    def newest(self, metric: str) -> int | None:
        """Return the last position with a value of a metric; None where there is none."""
        known = np.flatnonzero(self.values(metric) != MISSING)
        return int(known[-1]) if known.size else None

    def environment(self, position: int) -> EnvironmentFacts | None:
        """Return the environment that it was first measured in at a position."""
        row = int(self.rows[position])
        number = -1 if row < 0 else int(self.shelf.columns.environments[row, self.number])
        return None if number < 0 else self.shelf.environments.get(self.shelf.columns.facts[number])

    def is_suspected(self, metric: str, position: int) -> bool:
        """Tell whether no measurement at a position was certain of a metric."""
        point = self.special_points.get(metric, {}).get(position)
        return point is not None and point.suspected

    def values(self, metric: str) -> Integers:
        """Return the values of a metric, the median where there are repeats, MISSING where there is none."""
        if metric not in self._values:
            self._values[metric] = self._read(metric)
        return self._values[metric]

    def _read(self, metric: str) -> Integers:
        rows = self.rows
        values: Integers = np.where(rows >= 0, self.shelf.columns.values[metric][rows, self.number], MISSING)
        for position, point in self.special_points.get(metric, {}).items():
            values[position] = MISSING if point.value is None else point.value
        return values

    def measurements(self, position: int) -> tuple[Measurement, ...]:
        """Return all repeats at a position, whole but for their observed inputs."""
        if position in self.special:
            return self.special[position]
        stored = self.shelf.measurements(self.shelf.history[position].id)
        return tuple(m for m in stored if (m.case, m.identity, m.probe) == self.key)

    def measured_at(self, position: int) -> Iterator[Measured]:
        """Yield what the repeats at a position found, explained ones last."""
        outcomes = [m.outcome for m in self.measurements(position) if isinstance(m.outcome, Measured)]
        yield from sorted(outcomes, key=lambda outcome: outcome.explained)

    def profile_ids(self, position: int) -> dict[str, str]:
        """Return by kind the profiles of a position, those of an explained repeat before others."""
        return {kind: id_ for outcome in self.measured_at(position) for kind, id_ in outcome.profiles.items()}

    def marked_profile_ids(self, position: int) -> dict[str, str]:
        """Return the profiles of a position by kind, with a + after the kind of those that explain."""
        return {
            f"{kind}+" if outcome.explained else kind: id_
            for outcome in self.measured_at(position)
            for kind, id_ in outcome.profiles.items()
        }

    def profile(self, position: int, kind: str) -> Profile | None:
        """Return one of them; None where there is none."""
        id_ = self.profile_ids(position).get(kind)
        return self.shelf.project.store.profile(id_) if id_ else None

    @cached_property
    def classes(self) -> dict[str, MetricClass]:
        """The class of each metric: repeats alone decide it."""
        return {
            metric: Series(key=self.subject, metric=metric, points=tuple(points.values())).metric_class
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
        return tuple(m for m in self.metrics if m in FLAGGING and (m != "rss_peak" or self.untraced))

    @cached_property
    def noisy_metrics(self) -> tuple[str, ...]:
        """Those of them that are judged by their levels."""
        return tuple(metric for metric in self.judged_metrics if self.classes.get(metric) == "noisy")

    def judge(self) -> tuple[Judged, ...]:
        """Judge all metrics, as `judging.judge` does with every commit at hand."""
        own = {series.metric: series for series in self._series(self.turns)}
        if self.noisy_metrics:  # levels of several commits are compared there, so all of them count
            whole = {series.metric: series for series in self._series(self.told)}
            own |= {metric: whole[metric] for metric in self.noisy_metrics}
        config = self.shelf.project.config
        return tuple(judge_case(config, self.shelf.accepted, self.case, own.values(), untraced=self.untraced))

    @cached_property
    def measured(self) -> list[int]:
        """The positions that something is stored of."""
        positions: list[int] = np.flatnonzero(self.states).tolist()
        return positions

    @property
    def told(self) -> list[int]:
        """The positions that judging looks at: where it looks at levels, all."""
        return sorted({*self.measured, *self._accepted_ends()}) if self.noisy_metrics else self.turns

    @cached_property
    def turns(self) -> list[int]:
        """The positions at which something may have moved, those beside them, and what judging refers to."""
        positions = np.array(self.measured, np.int64)
        special = self.states[positions] == SPECIAL
        told = special.copy()
        told[:1] = told[-1:] = True
        rows = self.rows[positions]
        moved = np.diff(self.shelf.columns.environments[rows, self.number]) != 0
        for metric in self.judged_metrics:
            moved |= np.diff(self.values(metric)[positions]) != 0
        told[1:] |= moved | special[:-1]
        told[:-1] |= moved | special[1:]
        return sorted({*positions[told].tolist(), *self._accepted_ends()})

    def _accepted_ends(self) -> Iterator[int]:
        """Yield where accepted changes end, measured or not, and the measured positions on both sides of there."""
        for acceptance in self.shelf.accepted:
            end = self.shelf.positions.get(acceptance.range[1])
            if acceptance.case == self.case.name and end is not None:
                at = bisect_right(self.measured, end)
                yield from (end, *self.measured[max(at - 1, 0) : at + 1])

    @cached_property
    def subject(self) -> SeriesKey:
        """What its series are about."""
        _, identity, probe = self.key
        return replace(series_key(self.shelf.project, self.case, self.shelf.family), identity=identity, probe=probe)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it is measured by."""
        return self.subject.metrics

    def _series(self, positions: Sequence[int]) -> tuple[Series, ...]:
        """Build the series of all metrics at some positions."""
        history = self.shelf.history
        known = (at for at in positions if self.states[at] != NOTHING)
        stored = {history[at].id: self.special.get(at) or (self._plain(at),) for at in known}
        return build_series(self.subject, [history[at] for at in positions], stored, self.shelf.environments)

    def _plain(self, position: int) -> Measurement:
        """Return a measurement as far as its values go."""
        columns, row = self.shelf.columns, int(self.rows[position])
        values = {metric: int(own[row, self.number]) for metric, own in columns.values.items()}
        environment = int(columns.environments[row, self.number])
        return Measurement(
            case=self.case.name,
            identity=self.key[1],
            probe=self.key[2],
            round=0,
            environment=None if environment < 0 else columns.facts[environment],
            outcome=Measured(metrics={metric: value for metric, value in values.items() if value != MISSING}),
        )
