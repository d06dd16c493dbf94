"""What the commands print on a terminal, drawn with rich.

In: a `Report` or stored measurements, and the commits they speak of. Untrusted text (subjects, names, source
lines) goes through `visible`, and never through rich's markup.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from memharness.findings import BlamedLine, Change, Failure, Report, Summary
from memharness.model import (
    METRICS,
    Commit,
    Failed,
    Frame,
    Measured,
    OutOfMemory,
    Profile,
    Stack,
    StoredCase,
    TimedOut,
    outcome_reason,
)
from memharness.present.text import bytes_text, difference_text, visible

TOP_LINES = 5
TOP_FRAMES = 10


def draw_report(console: Console, report: Report, commits: Mapping[str, Commit]) -> None:
    """Print the table of all series, then every change with its lines, then what failed, then the counts."""
    if report.series:
        console.print(_summary_table(report.series, report.changes))
    previous: Sequence[BlamedLine] = ()
    for change in report.changes:
        _draw_change(console, change, commits, with_lines=not _same_lines(previous, change.blame))
        previous = change.blame
    _draw_failures(console, report.failures, commits)
    for notice in report.notices:
        console.print(Text(f"note: {visible(notice)}", style="yellow"))
    console.print(_counts_line(report))


def _summary_table(series: Iterable[Summary], changes: Sequence[Change]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("case", overflow="fold")
    for heading in ("metric", "first", "last", "unflagged"):
        table.add_column(heading, justify="left" if heading == "metric" else "right", no_wrap=True)
    table.add_column("", no_wrap=True)
    flagged = [(c.case, m, c.family, c.verdict) for c in changes for m in (c.metric, *c.also)]
    previous = ""
    for row in series:
        name = f"{row.case}  {row.family}" if len({s.family for s in series}) > 1 else row.case
        verdicts = [v for case, m, family, v in flagged if (case, m, family) == (row.case, row.metric, row.family)]
        table.add_row(
            Text(visible(name) if name != previous else ""),
            row.metric,
            _value_text(row.first, row.unit),
            _value_text(row.last, row.unit),
            _delta_text(row.residual, row.unit) if METRICS[row.metric].floor is not None else "",
            _verdict_signs(verdicts),
        )
        previous = name
    return table


def _verdict_signs(verdicts: Sequence[str]) -> Text:
    text = Text()
    for verdict in verdicts:
        text.append(_SIGN[verdict], style=_STYLE[verdict])
    return text


_SIGN = {"regressed": "▲", "improved": "▼"}
_STYLE = {"regressed": "bold red", "improved": "bold green"}


def _value_text(value: int | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if unit == "objects" else bytes_text(value) + ("/call" if "call" in unit else "")


def _delta_text(value: int, unit: str) -> str:
    if value == 0:
        return "="
    return f"{value:+,}" if unit == "objects" else difference_text(value)


def _draw_change(console: Console, change: Change, commits: Mapping[str, Commit], *, with_lines: bool) -> None:
    metrics = " and ".join((change.metric, *change.also))
    head = Text("\n")
    head.append(f"{_SIGN[change.verdict]} {change.verdict}", style=_STYLE[change.verdict])
    head.append(f"  {metrics}  ", style="bold")
    head.append(visible(change.case))
    head.append(f"  ({change.confidence})", style="dim")
    console.print(head)
    share = f", {_percent(change.before, change.after)}" if change.before else ""
    before, after = _value_text(change.before, change.unit), _value_text(change.after, change.unit)
    console.print(f"  {before} → {after}  ({_delta_text(change.after - change.before, change.unit)}{share})")
    console.print(_where(change, commits))
    if not with_lines:
        console.print("  at the same lines as above")
        return
    if not change.blame:
        console.print(Text(f"  {_NO_LINES.get(change.metric, _FREED)}", style="dim"))
    else:
        console.print(Padding(_blame_table(change), (0, 0, 0, 2), expand=False))
    if change.stack is not None:
        _draw_stack(console, change.stack)


_FREED = "no line is known: what is alive at the end of the first call does not differ, so it was freed before"
_NO_LINES = {"import": "no line is known: imports are measured as a whole"}


def _percent(before: int, after: int) -> str:
    share = (after - before) / before
    return f"{share:+.1%}" if abs(share) < 10 else f"{share + 1:,.1f} x"


def _where(change: Change, commits: Mapping[str, Commit]) -> Text:
    good, bad = (commits[commit] for commit in change.range)
    text = Text("  ")
    if change.commit is not None:
        text.append(f"commit {bad.short}", style="bold")
        text.append(f"  {_date(bad)}  {visible(bad.author)}  {visible(bad.subject)}")
    else:
        text.append(f"one of {change.between} commits {good.short}..{bad.short}", style="bold")
        text.append(f"  (those between are not measured)\n  the last: {_date(bad)}  {visible(bad.author)}  ")
        text.append(visible(bad.subject))
    return text


def _date(commit: Commit) -> str:
    return datetime.fromtimestamp(commit.time, UTC).strftime("%Y-%m-%d")


def _blame_table(change: Change) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("size", "+diff", "count", "average"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("line", overflow="fold")
    for line in change.blame[:TOP_LINES]:
        table.add_row(
            bytes_text(line.size),
            difference_text(line.bytes),
            f"{line.count:+,}",
            bytes_text(round(line.bytes / line.count)) if line.count else "",
            _line_text(line),
        )
    rest = change.elsewhere + sum(line.bytes for line in change.blame[TOP_LINES:])
    if rest:
        table.add_row("", difference_text(rest), "", "", Text("elsewhere", style="dim"))
    return table


def _line_text(line: BlamedLine) -> Text:
    text = Text(f"{visible(line.path)}:{line.line}", style="bold")
    text.append(f"  {visible(line.function)}", style="not bold")
    if line.changed_here:
        text.append("  changed here", style="not bold yellow")
    text.append(f"\n  {visible(line.source)}", style="not bold cyan")
    return text


def _same_lines(one: Sequence[BlamedLine], other: Sequence[BlamedLine]) -> bool:
    return bool(one) and [(b.path, b.line, b.bytes) for b in one] == [(b.path, b.line, b.bytes) for b in other]


def _draw_stack(console: Console, stack: Stack) -> None:
    console.print(
        f"  biggest offender: {_number(stack.count, 'block')}, {bytes_text(stack.size)}, most recent call last"
    )
    frames = [frame for frame, _ in groupby(stack.frames)]  # comprehensions within one line are one frame
    for frame in frames[-TOP_FRAMES:]:
        console.print(Padding(_frame_text(frame), (0, 0, 0, 4), expand=False))


def _frame_text(frame: Frame) -> Text:
    text = Text(f'File "{visible(frame.path)}", line {frame.line}, in {visible(frame.function)}')
    text.append(f"\n  {visible(frame.source)}", style="cyan")
    return text


def _draw_failures(console: Console, failures: Sequence[Failure], commits: Mapping[str, Commit]) -> None:
    """Print each commit's failures, those of one cause together."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for failure in failures:
        grouped.setdefault((failure.commit, failure.phase, failure.reason), []).append(failure.case)
    if grouped:
        console.print()
    for (commit_id, phase, reason), cases in grouped.items():
        commit = commits[commit_id]
        text = Text()
        text.append("✗ failed", style="bold magenta")
        text.append(f"  {commit.short}", style="bold")
        text.append(f"  {_date(commit)}  {visible(commit.subject)}\n    in {phase}: {visible(reason)}")
        text.append(f"  ({cases[0]})" if len(cases) == 1 else f"  ({len(cases)} cases)", style="dim")
        console.print(text)


def _counts_line(report: Report) -> Text:
    counts = report.counts
    regressed = sum(c.verdict == "regressed" for c in report.changes)
    improved = sum(c.verdict == "improved" for c in report.changes)
    text = Text(f"\n{_number(counts.commits, 'commit')}: {counts.measured} measured now, {counts.cached} stored before")
    if counts.failed:
        text.append(f"; {counts.failed} with failures")
    text.append(f"; {regressed} regressed, {improved} improved")
    return text


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def draw_commit(console: Console, commit: Commit, stored: Iterable[StoredCase]) -> None:
    """Print all that is stored for one commit, case by case."""
    title = Text(f"commit {commit.short}", style="bold")
    title.append(f"  {_date(commit)}  {visible(commit.author)}  {visible(commit.subject)}", style="not bold")
    console.print(title)
    for case in stored:
        _draw_case(console, case)


def _draw_case(console: Console, stored: StoredCase) -> None:
    head = Text(f"\n{visible(stored.case)}", style="bold")
    head.append(f"  {stored.family}, measured {_times(stored.repeats)}", style="dim not bold")
    console.print(head)
    outcome = stored.outcome
    if not isinstance(outcome, Measured):
        _draw_failed(console, outcome)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for name, metric in METRICS.items():
        if name in outcome.metrics:
            table.add_row(name, _value_text(outcome.metrics[name], metric.unit), metric.title)
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    if outcome.gc_objects is not None:
        before, after = outcome.gc_objects
        console.print(f"  gc objects {before:,} before, {after:,} after the first call")
    for kind in outcome.types[:TOP_LINES]:
        console.print(Text(f"    {kind.after - kind.before:+,}  {visible(kind.name)}"))
    for kind_name, title in _PROFILE_TITLES.items():
        if kind_name in stored.profiles:
            _draw_profile(console, title, stored.profiles[kind_name])
    for note in outcome.notes:
        console.print(Text(f"  note: {visible(note)}", style="yellow"))


_PROFILE_TITLES = {
    "alive": "alive at the end of the first call",
    "retained": "kept after its result was dropped",
    "leak": "kept by the later calls",
}


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _draw_profile(console: Console, title: str, profile: Profile) -> None:
    total = sum(line.size for line in profile.lines)
    if not total:
        return
    console.print(Text(f"  {title}: {bytes_text(total)}", style="bold"))
    lines = sorted(profile.lines, key=lambda line: -line.size)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("size", "count", "average"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("line", overflow="fold")
    for line in lines[:TOP_LINES]:
        text = Text(f"{visible(line.path)}:{line.line}  {visible(line.function)}")
        text.append(f"\n  {visible(line.source)}", style="cyan")
        average = bytes_text(round(line.size / line.count)) if line.count else ""
        table.add_row(bytes_text(line.size), f"{line.count:,}", average, text)
    rest = sum(line.size for line in lines[TOP_LINES:])
    if rest:
        table.add_row(bytes_text(rest), "", "", Text(f"{len(lines) - TOP_LINES} more lines", style="dim"))
    console.print(Padding(table, (0, 0, 0, 4), expand=False))
    if profile.stacks:
        _draw_stack(console, profile.stacks[0])


def _draw_failed(console: Console, outcome: Failed | TimedOut | OutOfMemory) -> None:
    phase, reason = outcome_reason(outcome)
    console.print(Text(f"  ✗ failed in {phase}: {visible(reason)}", style="magenta"))
    if isinstance(outcome, Failed):
        for frame in outcome.frames:
            console.print(Padding(_frame_text(frame), (0, 0, 0, 4), expand=False))
    if outcome.output:
        console.print("  last lines of its output:")
    for line in outcome.output:
        console.print(Text(f"    {visible(line)}", style="dim"))
