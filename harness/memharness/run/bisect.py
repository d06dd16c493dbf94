"""The first bad commit by halving: few measurements, around commits that cannot be measured."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from memharness.analyse.bisection import Found
from memharness.analyse.steps import RELATIVE, Rule, find_steps, rule_for, step_between
from memharness.config.configuration import Config
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings.branch_search import SHARE, Question, Unmeasured, answer, search
from memharness.findings.judge import Judged, judge
from memharness.findings.project import Project, Selection
from memharness.findings.report import make_report
from memharness.findings.results import Results
from memharness.git.history import RevisionRange, find_commit, refuse_former_working_tree, select_commits
from memharness.git.repository import Repository
from memharness.model.findings import Change, Report, Summary
from memharness.model.history import Commit
from memharness.model.metrics import METRICS
from memharness.model.values import Value
from memharness.run.listener import Listener
from memharness.run.session import Session, open_session

_MARK: Final = re.compile(r"^# (\S+): \[([0-9a-f]+)\]", re.MULTILINE)


class Bisection(Value):
    """What a search found: the commits that it was about, oldest first, and the report of the two that it ended at.

    The report holds one change: what `question` asks for, as it moved between these two.
    """

    line: tuple[Commit, ...]
    question: Question
    report: Report


def bisect(
    config: Config, good: str, bad: str, selection: Selection, metric: str, *, listener: Listener | None = None
) -> Bisection:
    """Find the commit on the first-parent line from `good` to `bad` that moved `metric`.

    Of several selected cases the one is searched whose metric moved most. Raises MemharnessError where an end
    cannot be measured, and where the ends do not differ.
    """
    with open_session(config, selection, listener=listener) as session:
        line = select_commits(session.project.repository, RevisionRange(since=good, until=bad))
        refuse_former_working_tree(line[-1], bad)
        question = _question(session, (line[0], line[-1]), metric)
        while isinstance(found := search(session.project, question, line), Unmeasured):
            session.measure_missing(session.load_stored([found.commit]), (METRICS[metric].measured_in,))
        assert found is not None
        judging = partial(_judge_pair, question=question)
        results = session.confirm(session.measure_missing(session.load_stored(found)), judging)
        return Bisection(line=line, question=question, report=_report(results, question, line))


def _report(results: Results, question: Question, line: Sequence[Commit]) -> Report:
    """Report on the two commits that a search of `line` ended at, with one change: what was asked for."""
    asked = [one for one in _judge_pair(results, question) if _is_about(one, question)]
    report = make_report(results, described=asked)
    measured = {commit for _, commit, _ in results.fresh}
    return replace(
        report,
        series=tuple(_accounted_for(report, question)),
        counts=replace(report.counts, commits=len(line), measured=len(measured)),
        notices=(*report.notices, *_other_parts(question, report.changes[0])),
    )


def _judge_pair(results: Results, question: Question) -> tuple[Judged, ...]:
    """Judge the two commits that a search ended at; what it asked for is a step in any case."""
    return tuple(_as_found(results.project, one) if _is_about(one, question) else one for one in judge(results))


def _as_found(project: Project, judged: Judged) -> Judged:
    """Return the judgement with the difference between the two commits as its step, however small it is."""
    rule = _rule(project, judged) or Rule(relative=RELATIVE, absolute=1)
    return replace(judged, rule=rule, steps=(step_between(judged.series, 0, 1),), drifts=())


def _is_about(judged: Judged, question: Question) -> bool:
    return (judged.series.key, judged.series.metric) == (question.key, question.metric)


def _rule(project: Project, judged: Judged) -> Rule | None:
    """Return the thresholds of a metric, even of one that is not judged unless it is asked for."""
    return judged.rule or rule_for(judged.series.metric, judged.case.scenario.thresholds, project.config.thresholds)


def _accounted_for(report: Report, question: Question) -> Iterator[Summary]:
    """Yield the series of a report; of the one asked about the change accounts for everything."""
    own = (question.key.case, question.key.family, question.metric)
    for row in report.series:
        yield replace(row, residual=0) if (row.case, row.family, row.metric) == own else row


def _other_parts(question: Question, change: Change) -> Iterator[str]:
    """Yield a notice where the change found is only a part of the difference between the ends."""
    if question.share(change.before, change.after) < SHARE:
        first = "the leak begins" if question.metric == "growth" and not question.before else "it passes the middle"
        yield (
            f"{question.metric} of {question.key.case} goes from {question.before:,} to {question.after:,} between "
            f"the ends; found is where {first}, the rest came with other commits (see `memharness run`)"
        )


def judge_commit(config: Config, good: str | None, bad: str | None, selection: Selection, metric: str) -> Found:
    """Tell on which side the commit lies that git bisect has checked out; "skip" where it cannot be measured.

    `good` and `bad` are by default the commits that git bisect was started with.
    """
    with open_session(config, selection) as session:
        repository = session.project.repository
        started = {} if good and bad else _started_with(repository)
        ends = (find_commit(repository, good or started["good"]), find_commit(repository, bad or started["bad"]))
        question = _question(session, ends, metric)
        head = "BISECT_HEAD" if Path(repository.git_dir, "BISECT_HEAD").exists() else "HEAD"
        commit = find_commit(repository, head)
        session.measure_missing(session.load_stored([commit]), (METRICS[metric].measured_in,))
        return answer(session.project, question, commit) or "skip"


def _started_with(repository: Repository) -> dict[str, str]:
    """Return the first "good" and the first "bad" commit of git's log of the bisection under way."""
    folder = Path(repository.git_dir)
    try:
        log = (folder / "BISECT_LOG").read_text(errors="replace")
        terms = (folder / "BISECT_TERMS").read_text(errors="replace").split()
    except OSError:
        log, terms = "", []
    found = dict(reversed(_MARK.findall(log)))
    if len(terms) != 2 or not set(terms) <= found.keys():
        raise MemharnessError(
            f"git bisect knows no good and bad commit in {repository.location}",
            hint="Start it with `git bisect start BAD GOOD`, or give --good and --bad.",
        )
    return {"bad": found[terms[0]], "good": found[terms[1]]}


def _question(session: Session, ends: tuple[Commit, Commit], metric: str) -> Question:
    """Measure `metric` at both ends, narrow the work to the case that it moved most in, and return what to search."""
    results = session.measure_missing(session.load_stored(ends), (METRICS[metric].measured_in,))
    judged = [one for one in judge(results) if one.series.metric == metric and not one.closed]
    moves = [_move(one, _rule(session.project, one)) for one in judged]
    if not any(moves):
        raise _no_question(judged, ends, metric)
    chosen = judged[moves.index(max(moves))]
    _narrow(session, chosen)
    before, after = (point.value for point in chosen.series.points)
    assert before is not None
    assert after is not None
    return Question(key=chosen.series.key, metric=metric, before=before, after=after)


def _narrow(session: Session, judged: Judged) -> None:
    """Leave nothing to measure but the case and the environment of one series."""
    own = (suite for suite in session.suites if suite.spec.family == judged.series.key.family)
    session.suites = tuple(replace(suite, cases=(judged.case,)) for suite in own)


def _move(judged: Judged, rule: Rule | None) -> float:
    """Return how far the metric moved between the ends, relative to the smaller; 0 where that is no step by `rule`."""
    before, after = (point.value for point in judged.series.points)
    if before is None or after is None or (rule is not None and not find_steps(judged.series, rule)):
        return 0.0
    return abs(after - before) / max(min(before, after), 1)


def _no_question(judged: Sequence[Judged], ends: tuple[Commit, Commit], metric: str) -> MemharnessError:
    for one in judged:
        for point in one.series.points:
            if point.value is None:
                reason = ": ".join(point.failure) if point.failure else "nothing was measured"
                return MemharnessError(
                    f"{metric} of {one.case.name} is not known at {point.commit.short} ({reason})",
                    hint="Name another commit near it that can be measured"
                    + (", or measure it again with `memharness run --retry-failed`." if point.failure else "."),
                    exit_code=INCOMPLETE,
                )
    if not judged:
        return MemharnessError(
            f"{metric} is not measured: no chosen scenario has it among its metrics", hint="See `memharness list`."
        )
    values = "; ".join(
        f"{one.case.name}: {one.series.points[0].value} and {one.series.points[1].value}" for one in judged
    )
    return MemharnessError(
        f"{metric} does not differ between {ends[0].short} and {ends[1].short} by what the thresholds ask ({values})",
        hint="Name two commits that differ, or another scenario (-k) or metric (-m).",
    )
