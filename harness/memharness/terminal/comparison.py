"""What `compare` prints on a terminal: how the environments differ, then every metric, then what explains it."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from memharness.model.findings import Change, EnvironmentDifference, Report, Summary
from memharness.model.history import Commit
from memharness.terminal.lines import commit_text, failed_text, verdicts_text
from memharness.terminal.report import draw_findings, draw_series
from memharness.terminal.tables import Row, draw_items, draw_text
from memharness.wording.text import delta_text, value_text, visible


def draw_comparison(console: Console, report: Report, before: Commit, after: Commit, *, verbose: bool = False) -> None:
    """Print what differs between two commits; the series of `report` hold their values as first and last."""
    commits = {before.id: before, after.id: after}
    draw_text(console, Text("before  ").append_text(commit_text(before.id, commits)))
    draw_text(console, Text("after   ").append_text(commit_text(after.id, commits)))
    _draw_environments(console, report.environments)
    if report.series:
        console.print()
        draw_series(console, report, ("before", "after", "difference"), _row, verbose=verbose)
    draw_findings(console, report, commits, span=(before.id, after.id), verbose=verbose)


def _draw_environments(console: Console, differences: Sequence[EnvironmentDifference]) -> None:
    families = list(dict.fromkeys(row.family for row in differences))
    for family in families:
        title = "environments differ" if len(families) == 1 else f"environments differ ({visible(family)})"
        items = [
            f"{visible(row.name)} {visible(row.before or 'absent')} → {visible(row.after or 'absent')}"
            for row in differences
            if row.family == family
        ]
        draw_items(console, title, items, indent=0)


def _row(row: Summary, changes: Sequence[Change]) -> Row:
    difference = "" if row.first is None or row.last is None else delta_text(row.last - row.first, row.unit)
    cells = (row.metric, value_text(row.first, row.unit), value_text(row.last, row.unit), difference)
    if changes:
        return Row(cells, verdicts_text(changes))
    if not difference:
        sides = [side for side, cell in zip(("before", "after"), row.trend, strict=False) if cell == "failed"]
        return Row(cells, failed_text(" and ".join(sides)) if sides else Text("missing", style="dim"))
    quiet = difference == "=" or row.residual is None
    return Row(cells, Text("" if quiet else "not flagged", style="dim"))
