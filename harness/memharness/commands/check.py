"""`memharness check`: judges stored results without measuring."""

from collections.abc import Iterator, Sequence

import click
from msgspec.structs import replace

from memharness.commands.exit_code import exit_code, with_advice
from memharness.commands.options import configured, json_option, selecting, verbose_option
from memharness.commands.printing import print_advice, print_notices, print_report
from memharness.config.configuration import Config
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings.explained import unexplained
from memharness.findings.project import Selection
from memharness.findings.report import commits_of, former_only, judged_against, make_report, report_newest
from memharness.findings.results import Results, load_results
from memharness.findings.series_parts import parts_of
from memharness.findings.still_open import with_still_open
from memharness.model.findings import Change
from memharness.model.measurements import Skipped
from memharness.model.scenarios import Case
from memharness.plan.tasks import runs_on
from memharness.wording.text import names_text, number_text


@click.command()
@selecting
@json_option
@verbose_option
@configured
@click.pass_context
def command(context: click.Context, /, config: Config, selection: Selection, *, as_json: bool, verbose: bool) -> None:
    """Judge stored results without measuring.

    Without a range, the newest commit is judged against what is stored before it; with one, every change in it counts.
    The exit code is 1 for a regression or an exceeded limit, and 3 if the newest commit failed or is not measured, or
    if nothing before it is measured.
    """
    results = load_results(config, selection)
    ranged = _has_range(selection)
    gaps = _gaps(results, where=" in the range" if ranged else "")
    report = make_report(results) if ranged else report_newest(results)
    report = with_advice(report, former_only(results), option="`memharness run --retry-failed`")
    notices = (*report.notices, *gaps, *_unexplained(results, report.changes))
    report = with_still_open(replace(report, notices=notices), results)
    if ranged or as_json:
        print_report(report, commits_of(results, report), as_json=as_json, verbose=verbose)
    else:
        from memharness.terminal.console import output_console
        from memharness.terminal.report import draw_newest

        commits = commits_of(results, report)
        draw_newest(output_console(), report, commits, results.commits[-1], judged_against(results), verbose=verbose)
    print_advice(report)
    code = exit_code(report, needed={results.commits[-1].id})
    context.exit(code or (INCOMPLETE if gaps else 0))


def _unexplained(results: Results, changes: Sequence[Change]) -> Iterator[str]:
    """Say how many changes are not explained on both sides, and how to get that."""
    lacking = unexplained(results, changes)
    if lacking:
        good, bad = (commit[:10] for commit in lacking[0].range)
        are = "change is" if len(lacking) == 1 else "changes are"
        yield (
            f"{len(lacking):,} {are} not explained: `memharness run` over the same commits measures what is missing, "
            f"`memharness compare {good} {bad}` that of {lacking[0].metric} of {lacking[0].case}"
        )


def _gaps(results: Results, where: str) -> tuple[str, ...]:
    """Return a remark on each result that a judgement of the newest commit lacks `where` it was looked for.

    Raises MemharnessError where nothing is stored for that commit.
    """
    newest = results.commits[-1]
    stored = _stored_at_newest(results)
    if not stored:
        print_notices(results.notices)
        raise MemharnessError(
            f"commit {newest.short} ({newest.subject}) is not measured",
            hint="Measure it with `memharness run --new`. See `memharness help ci`.",
            exit_code=INCOMPLETE,
        )
    missing = [case.name for case in results.project.cases if _belongs(results, case) and case.name not in stored]
    unmeasured = [_on(missing, "is", "are", f"not measured at {newest.short}")] if missing else []
    return (*unmeasured, *_without_past(results, where))


def _on(names: Sequence[str], verb: str, verbs: str, what: str) -> str:
    """Return what is true of one case or several, in one line."""
    if len(names) == 1:
        return f"{names[0]} {verb} {what}"
    return f"{number_text(len(names), 'case')} {verbs} {what}: {names_text(names)}"


def _stored_at_newest(results: Results) -> set[str]:
    """Return the names of the cases that have a stored result at the newest commit, in any environment."""
    newest = results.commits[-1].id
    return {
        case.name
        for case in results.project.cases
        if any(results.repeats(family, newest, case.name, case.scenario.identity) for family in results.measurements)
    }


def _belongs(results: Results, case: Case) -> bool:
    """Tell whether the case applies to the newest commit and runs on an interpreter that was used."""
    runs = not case.scenario.requires_python or any(runs_on(case, f.python) for f in results.environments.values())
    return runs and results.starts.get(case.scenario.name, 0) < len(results.commits)


def _without_past(results: Results, where: str) -> Iterator[str]:
    """Yield a remark on the cases of each family for which nothing before the newest commit is stored."""
    if not results.commits[-1].parents and not results.project.repository.shallow:
        return
    for family in results.measurements:
        alone = [case.name for case in results.cases(family) if _is_without_past(results, family, case)]
        if alone:
            what = f"nothing stored before {results.commits[-1].short}{where} to be judged against ({family})"
            yield _on(alone, "has", "have", what)


def _is_without_past(results: Results, family: str, case: Case) -> bool:
    """Tell whether a case was not skipped at the newest commit, and nothing before it is stored."""
    *earlier, newest = (commit.id for commit in results.commits)
    stored = results.series(family, case.name, case.scenario.identity)
    if newest not in stored or isinstance(stored[newest][0].outcome, Skipped):
        return False
    return stored.keys().isdisjoint(earlier) and len(parts_of(results, family, case)) == 1


def _has_range(selection: Selection) -> bool:
    return any((selection.since, selection.base, selection.last, selection.tags, selection.every))
