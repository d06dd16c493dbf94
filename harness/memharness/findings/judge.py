"""Judges series: finds their steps and drifts, and what is to be measured again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from memharness.analyse.acceptance import find_drifts
from memharness.analyse.limits import untraced_dominates
from memharness.analyse.series import Series, SeriesKey, build_series
from memharness.analyse.steps import Rule, Step, find_steps, needs_repeats, rule_for
from memharness.analyse.transients import find_undone
from memharness.config.configuration import Config
from memharness.findings.branch_search import Question
from memharness.findings.project import Project
from memharness.findings.results import Results
from memharness.findings.series_parts import SeriesPart, all_parts
from memharness.model.findings import Acceptance
from memharness.model.measurements import PROBE_METHOD
from memharness.model.scenarios import Case
from memharness.model.values import Value


class Judged(Value):
    """A series with what was found in it. `rule` is None where the metric does not flag; nothing is found then.

    A `closed` series ends where another one goes on; nothing more is measured for it.
    """

    case: Case
    series: Series
    rule: Rule | None
    steps: tuple[Step, ...] = ()
    drifts: tuple[Step, ...] = ()  # accepted ones, and the one since
    closed: bool = False

    @property
    def findings(self) -> tuple[Step, ...]:
        """The steps, and the drifts between their ends."""
        return self.steps + self.drifts

    @property
    def reaches_floor(self) -> bool:
        """Tell whether a value is as large as the least difference that counts; of what is not judged, none is."""
        if self.rule is None:
            return False
        return any(abs(value) >= self.rule.absolute for point in self.series.points for value in point.values)

    @property
    def newest(self) -> int | None:
        """The last measured point."""
        return max((index for index, point in enumerate(self.series.points) if point.values), default=None)

    @property
    def flagged(self) -> frozenset[int]:
        """The points on both sides of every finding, and the newest one where it is above a limit.

        Of a fall that takes a rise back only the later point: the change is the rise.
        """
        limit, newest = self.case.scenario.limits.get(self.series.metric), self.newest
        above = newest is not None and limit is not None and (self.series.points[newest].value or 0) > limit
        falls = self.taking_back
        sides = [i for step in self.findings for i in ([step.good] * (step not in falls) + [step.bad])]
        return frozenset(sides + [newest or 0] * above)

    @property
    def taking_back(self) -> Sequence[Step]:
        """The falls that take rises back, as far as values tell."""
        undone = find_undone(self.series, self.steps, self.rule, lambda _good, _bad: True) if self.rule else {}
        return [self.steps[number] for number in undone.values()]

    def repeats(self, *, ends: bool = False) -> Mapping[int, int]:
        """Return how often points are to be measured in all, `ends` as in `needs_repeats`."""
        if self.rule is None or self.closed:
            return {}
        return dict.fromkeys(self.flagged, 1) | dict(needs_repeats(self.series, self.findings, ends=ends))


_RESIDENT: Final = ("peak", "rss_peak")  # traced and resident memory, which are compared


@lru_cache(maxsize=1)
def judge(results: Results) -> tuple[Judged, ...]:
    """Return every series of `results` with what is found in it."""
    return tuple(one for part in all_parts(results) for one in _judge_part(results, part))


def _judge_part(results: Results, part: SeriesPart) -> Iterator[Judged]:
    """Judge one part of a case's series."""
    key = replace(series_key(results.project, part.case, part.family), identity=part.key[0], probe=part.key[1])
    stored = {commit: repeats for commit, repeats in part.stored.items() if results.positions[commit] <= part.last}
    series = build_series(key, results.commits, stored, results.environments)
    values = {one.metric: [point.value for point in one.points] for one in series if one.metric in _RESIDENT}
    untraced = len(values) == len(_RESIDENT) and untraced_dominates(*(values[metric] for metric in _RESIDENT))
    for one in judge_case(results.project.config, results.accepted, part.case, series, untraced=untraced):
        yield replace(one, closed=True) if part.closed else one


def judge_case(
    config: Config, accepted: Sequence[Acceptance], case: Case, own: Iterable[Series], *, untraced: bool
) -> Iterator[Judged]:
    """Judge the series of one case; `rss_peak` only where most memory is not traced."""
    for series in own:
        rule = rule_for(series.metric, case.scenario.thresholds, config.thresholds, metric_class=series.metric_class)
        flagged = case.scenario.flagged is None or series.metric in case.scenario.flagged
        if rule is None or not flagged or (series.metric == "rss_peak" and not untraced):
            yield Judged(case=case, series=series, rule=None)
            continue
        steps = find_steps(series, rule)
        drifts = find_drifts(series, steps, rule, accepted)
        yield Judged(case=case, series=series, rule=rule, steps=steps, drifts=drifts)


def series_key(project: Project, case: Case, family: str) -> SeriesKey:
    """Return the key that the series of a case in a family share."""
    return SeriesKey(
        case=case.name,
        identity=case.scenario.identity,
        probe=PROBE_METHOD,
        family=family,
        metrics=project.metrics_of(case),
    )


def question_of(judged: Judged, step: Step) -> Question:
    """Return what to search for between the commits of `step`, or on a branch merged there."""
    series = judged.series
    return Question(key=series.key, metric=series.metric, before=step.before, after=step.after)
