"""`memharness check`: a verdict on what is stored, without measuring."""

import click
from msgspec.structs import replace

from memharness.commands.options import configured, json_option, selecting
from memharness.commands.printing import output_console, print_json
from memharness.commands.run import exit_code
from memharness.config import Config
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings import Report
from memharness.pipeline.project import Selection
from memharness.pipeline.reports import make_report
from memharness.pipeline.results import Results, load_results


@click.command()
@selecting
@json_option
@configured
@click.pass_context
def command(context: click.Context, /, config: Config, selection: Selection, *, as_json: bool) -> None:
    """Judge what is stored and measure nothing.

    Without a range the newest commit is judged against its parent; with one, every change in it counts. The exit
    code is 1 for a regression or an exceeded limit, and 3 where the newest commit is not measured or failed.
    """
    results = load_results(config, selection)
    newest = results.commits[-1]
    unmeasured = _unmeasured(results)
    if len(unmeasured) == len(results.project.cases):
        raise MemharnessError(
            f"commit {newest.short} ({newest.subject}) is not measured",
            hint="Measure it with `memharness run --new`.",
            exit_code=INCOMPLETE,
        )
    report = make_report(results)
    if not _has_range(selection):
        report = _about(report, newest.id)
    notices = (*report.notices, *(f"{case} is not measured at {newest.short}" for case in unmeasured))
    report = replace(report, notices=notices)
    if as_json:
        print_json(report)
    else:
        from memharness.present.report import draw_report

        draw_report(output_console(), report, {commit.id: commit for commit in results.commits})
    code = exit_code(report, newest=newest.id)
    context.exit(code or (INCOMPLETE if unmeasured else 0))


def _unmeasured(results: Results) -> list[str]:
    """Return the cases for which nothing is stored at the newest commit, in any environment."""
    newest = results.commits[-1].id
    return [
        case.name
        for case in results.project.cases
        if not any(results.of(family, newest, case.name, case.scenario.identity) for family in results.measurements)
    ]


def _has_range(selection: Selection) -> bool:
    return any((selection.since, selection.base, selection.last, selection.tags, selection.new, selection.every))


def _about(report: Report, newest: str) -> Report:
    """Return what a report says of its newest commit."""
    return replace(
        report,
        changes=tuple(change for change in report.changes if change.range[1] == newest),
        failures=tuple(failure for failure in report.failures if failure.commit == newest),
        exceeded=tuple(over for over in report.exceeded if over.open),
    )
