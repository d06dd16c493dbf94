"""What `run` and `check` print on a terminal, drawn with rich.

In: a `Report`, and the commits that it names. Untrusted text (subjects, names, source lines) goes through `visible`,
and never through rich's markup.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import dropwhile
from typing import Final

from rich.console import Console
from rich.text import Text

from memharness.model.findings import Change, Exceeded, Report, Summary
from memharness.model.history import Commit
from memharness.terminal.findings import draw_finding, one_or_number
from memharness.terminal.lines import commit_text, failed_text, verdicts_text
from memharness.terminal.tables import Row, draw_rows, draw_text
from memharness.wording.text import and_text, delta_text, names_text, number_text, percent_text, value_text, visible
from memharness.wording.thinning import MOST_SERIES
from memharness.wording.verdicts import certainty, counts_text

_MOST_OPEN: Final = 10  # lines
_LIMITS: Final = "a limit stands in the metadata of its scenario; accepting a change does not lift it"


def draw_report(console: Console, report: Report, commits: Mapping[str, Commit], *, verbose: bool = False) -> None:
    """Print the table of all series, then every finding, then limits and failures, then the counts."""
    if report.series:
        draw_series(console, report, ("first", "last", "unflagged"), _summary_row, verbose=verbose)
    draw_findings(console, report, commits, verbose=verbose)


def draw_newest(
    console: Console,
    report: Report,
    commits: Mapping[str, Commit],
    newest: Commit,
    before: Sequence[Commit],
    *,
    verbose: bool = False,
) -> None:
    """Print what was found at the `newest` commit, whose values are compared with those of the commits `before`."""
    if before:
        draw_text(console, Text("before  ").append_text(commit_text(before[0].id, commits)))
    if len(before) > 1:
        draw_text(console, Text("some series were measured last at an earlier commit", style="dim"), indent=8)
    draw_text(console, Text("newest  ").append_text(commit_text(newest.id, commits)))
    if report.series:
        console.print()
        draw_series(console, report, ("before", "newest", "unflagged"), _summary_row, verbose=verbose)
    draw_findings(console, report, commits, verbose=verbose)


def _summary_row(row: Summary, changes: Sequence[Change]) -> Row:
    residual = "" if row.residual is None or row.first is None else delta_text(row.residual, row.unit)
    cells = (row.metric, value_text(row.first, row.unit), value_text(row.last, row.unit), residual)
    return Row(cells, verdicts_text(changes), row.trend)


def draw_series(
    console: Console,
    report: Report,
    headings: tuple[str, str, str],
    row_of: Callable[[Summary, Sequence[Change]], Row],
    *,
    verbose: bool,
) -> None:
    """Print a table of the series, those of a case below its name, with the class of each that is not exact.

    Where there are many, unless `verbose`, only those with changes or above a limit are printed, and of the others
    that moved or are new the foremost, as far as there is room.
    """
    every = verbose or len(report.series) <= MOST_SERIES
    shown = report.series if every else _foremost(report)
    if shown:
        draw_rows(console, ("metric", *headings), [*_series_rows(report, shown, row_of)], indent=2)
    if len(shown) < len(report.series):
        draw_text(console, Text(_rest_text(report, shown), style="dim"))


def _foremost(report: Report) -> Sequence[Summary]:
    """Return the series that are printed where there are many, in their order."""
    found = {*_leading_series(report), *((over.case, over.metric, over.family) for over in report.exceeded)}
    below = set(report.below_floors)
    others = [row for row in report.series if _key(row) not in found and row.case not in below and not _stayed(row)]
    others.sort(key=_weight, reverse=True)
    found.update(map(_key, others[: max(MOST_SERIES - len(found), 0)]))
    return [row for row in report.series if _key(row) in found]


def _leading_series(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield case, metric and family of the changes of every finding, of many those that moved most."""
    for finding in report.findings:
        changes = sorted((report.changes[at] for at in finding), key=lambda change: -abs(change.after - change.before))
        for change in changes[:MOST_SERIES]:
            yield from ((change.case, metric, change.family) for metric in (change.metric, *change.also))


def _key(row: Summary) -> tuple[str, str, str]:
    return row.case, row.metric, row.family


def _weight(row: Summary) -> tuple[bool, float, int]:
    """Return what a series is ranked by: judged ones first, then by how far they moved, then by size."""
    values = [cell for cell in row.trend if isinstance(cell, int)] or [0]
    moved = (max(values) - min(values)) / max(abs(min(values)), 1)
    return row.residual is not None, moved, row.last or 0


def _rest_text(report: Report, shown: Sequence[Summary]) -> str:
    """Return how many series and cases are not printed, and why."""
    printed, below = {_key(row) for row in shown}, set(report.below_floors)
    rest = [row for row in report.series if _key(row) not in printed and row.case not in below]
    changed = sum(map(_changes_by_series(report).__contains__, map(_key, rest)))
    stayed = sum(map(_stayed, rest))
    parts = [f"{changed:,} more changed, as the findings below say"] if changed else []
    if stayed:
        parts.append(f"{stayed:,} other series stayed as they were")
    if len(rest) > changed + stayed:
        parts.append(f"{len(rest) - changed - stayed:,} moved less or are smaller")
    if below:
        parts.append(f"no judged figure of {number_text(len(below), 'case')} reaches its floor")
    return f"{and_text(parts)}; --verbose or -k shows them"


def _series_rows(
    report: Report, series: Sequence[Summary], row_of: Callable[[Summary, Sequence[Change]], Row]
) -> Iterator[Row | Text]:
    previous, changes = "", _changes_by_series(report)
    for row in series:
        name = f"{row.case}  {row.family}" if several_families(report) else row.case
        if name != previous:
            yield Text(visible(name), style="bold")
            previous = name
        drawn = row_of(row, changes.get(_key(row), ()))
        if row.metric_class != "exact":
            drawn.text.append(f"{'  ' if drawn.text else ''}{row.metric_class}", style="dim")
        yield drawn


def _stayed(row: Summary) -> bool:
    """Tell whether a series has one value only, at several commits, and failed at none since the first of them."""
    known = [cell for cell in row.trend if cell is not None]
    values = [*dropwhile(lambda cell: cell == "failed", known)]
    return len(values) > 1 and set(values) == {row.last}


def several_families(report: Report) -> bool:
    """Tell whether series of more than one environment family are reported, so that each must be named."""
    return len({row.family for row in report.series}) > 1


def _changes_by_series(report: Report) -> dict[tuple[str, str, str], list[Change]]:
    """Return the changes of each series by case, metric and family."""
    found: dict[tuple[str, str, str], list[Change]] = {}
    for change in report.changes:
        for metric in (change.metric, *change.also):
            found.setdefault((change.case, metric, change.family), []).append(change)
    return found


def draw_findings(
    console: Console,
    report: Report,
    commits: Mapping[str, Commit],
    *,
    span: tuple[str, str] | None = None,
    verbose: bool = False,
) -> None:
    """Print findings, limits, failures, notices and counts; `span` and `verbose` are as in `draw_finding`."""
    limited = {(over.case, over.metric, over.family) for over in report.exceeded}
    for finding in report.findings:
        draw_finding(
            console,
            [report.changes[position] for position in finding],
            commits,
            with_family=several_families(report),
            span=span,
            limited=limited,
            verbose=verbose,
        )
    _draw_exceeded(console, report, commits)
    _draw_failures(console, report, commits, {span[0]: "before", span[1]: "after"} if span else {})
    _draw_still_open(console, report, commits)
    for notice in report.notices:
        draw_text(console, Text(f"note: {visible(notice)}", style="yellow"))
    console.print()
    draw_text(console, _counts_line(report))


def _draw_exceeded(console: Console, report: Report, commits: Mapping[str, Commit]) -> None:
    if report.exceeded:
        console.print()
    for exceeded in report.exceeded:
        was, style = ("", "bold red") if exceeded.open else ("was ", "dim")
        head = Text().append(f"✗ {was}over its limit", style=style)
        head.append(f"  {exceeded.metric} {_over(exceeded)}", style="bold").append(f"  {visible(exceeded.case)}")
        if several_families(report):
            head.append(f"  {visible(exceeded.family)}")
        draw_text(console, head)
        draw_text(console, _since(exceeded, commits), indent=4)
        if exceeded.suspected:
            draw_text(console, Text(certainty(exceeded.metric), style="yellow"), indent=4)
    if any(exceeded.open for exceeded in report.exceeded):
        draw_text(console, Text(_LIMITS, style="dim"))


def _since(exceeded: Exceeded, commits: Mapping[str, Commit]) -> Text:
    """Return where a limit was exceeded: since when, or from which commit to which."""
    first, last = (commit_text(commit, commits, with_author=False) for commit in (exceeded.first, exceeded.last))
    if exceeded.open:
        return Text("first seen at ").append_text(first)
    if exceeded.first == exceeded.last:
        return Text("only at ").append_text(first)
    return Text("from ").append_text(first).append("\n  to ").append_text(last)


def _over(exceeded: Exceeded) -> str:
    """Return "9.1 MiB > 8 MiB", to the byte where both would read the same."""
    value, limit = (value_text(size, exceeded.unit) for size in (exceeded.value, exceeded.limit))
    return f"{value} > {limit}" if value != limit else f"{exceeded.value:,} > {exceeded.limit:,} {exceeded.unit}"


def _draw_still_open(console: Console, report: Report, commits: Mapping[str, Commit]) -> None:
    """Print a line for each regression of earlier commits, changes of one cause together, the largest first."""
    if report.still_open:
        console.print()
    findings = [[report.still_open[position] for position in finding] for finding in report.open_findings]
    findings.sort(key=lambda finding: -max(map(_relative_rise, finding)))
    for finding in findings[:_MOST_OPEN]:
        text = Text("still open", style="bold red").append(f": {_open_text(finding)} since ")
        text.append_text(_began_at(finding[0], commits))
        if several_families(report):
            families = {change.family for change in finding}
            text.append(f"  {one_or_number([*families], 'environment')}")
        draw_text(console, text)
    if len(findings) > _MOST_OPEN:
        draw_text(console, Text(f"and {len(findings) - _MOST_OPEN} more; see `memharness check --all`", style="dim"))


def _began_at(change: Change, commits: Mapping[str, Commit]) -> Text:
    """Return the commit since which a change is open, or the range that holds it where what is between has no value."""
    since = change.range[0] if change.drift else change.commit
    if since is None:
        return Text("one of {}..{}".format(*(commits[id_].short for id_ in change.range)))
    return commit_text(since, commits, with_author=False)


def _relative_rise(change: Change) -> float:
    return (change.after - change.before) / max(change.before, 1)


def _open_text(finding: Sequence[Change]) -> str:
    """Return "peak of waste +40.0%", of several changes the rise of that which rose most."""
    largest = max(finding, key=_relative_rise)
    gained = f"+{value_text(largest.after, largest.unit)}"  # where there was nothing
    rise = percent_text(largest.before, largest.after) if largest.before else gained
    metrics = and_text([*dict.fromkeys(change.metric for change in finding)])
    cases = one_or_number([*dict.fromkeys(change.case for change in finding)], "case")
    return f"{metrics} of {cases} {'up to ' if len(finding) > 1 else ''}{rise}"


def _draw_failures(console: Console, report: Report, commits: Mapping[str, Commit], sides: Mapping[str, str]) -> None:
    """Print each commit's failures, those of one cause together, and which cases have figures nevertheless.

    `sides` names the two commits of a comparison.
    """
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for failure in report.failures:
        grouped.setdefault((failure.commit, failure.phase, failure.reason), []).append(failure.case)
    if grouped:
        console.print()
    last = {key[0]: key for key in grouped}
    for (commit_id, phase, reason), cases in grouped.items():
        text = Text().append_text(failed_text(sides.get(commit_id, ""))).append("  ")
        text.append_text(commit_text(commit_id, commits, with_author=False))
        draw_text(console, text)
        text = Text(f"in {phase}: {visible(reason)}")
        text.append(f"  ({visible(cases[0])})" if len(cases) == 1 else f"  ({len(cases)} cases)", style="dim")
        draw_text(console, text, indent=4)
        if last[commit_id] == (commit_id, phase, reason) and commit_id in report.figures:
            draw_text(console, Text(_figures_text(commit_id, report), style="dim"), indent=4)


def _figures_text(commit_id: str, report: Report) -> str:
    """Return how many cases failed at a commit, and which have figures nevertheless."""
    failed = {failure.case for failure in report.failures if failure.commit == commit_id}
    stored = report.figures[commit_id]
    failed_text = f"{len(failed)} of {number_text(len(failed.union(stored)), 'case')} failed"
    return f"{failed_text}; figures of {names_text(stored)} are stored"


def _counts_line(report: Report) -> Text:
    counts = report.counts
    text = Text(f"{number_text(counts.commits, 'commit')}: {counts.measured} measured now")
    if counts.reused:
        text.append(f", {counts.reused} reused")
    text.append(f", {counts.cached} stored before")
    if left := counts.commits - counts.measured - counts.reused - counts.cached:
        text.append(f", {left} not measured")
    if counts.failed:
        text.append(f"; {counts.failed} with failures")
    return text.append(f"; {_found_text(report)}")


def _found_text(report: Report) -> str:
    """Return how many changes and exceeded limits there are, and of what there are none where something failed."""
    over_limit = [over for over in report.exceeded if over.open]
    if report.changes or over_limit or not report.failures:
        several = len(report.findings) < len(report.changes)
        return f"{number_text(len(report.findings), 'finding')}: " * several + counts_text(report.changes, over_limit)
    known = any(None not in (row.first, row.last) for row in report.series)
    return "no change in what was measured" if known else "nothing could be compared"
