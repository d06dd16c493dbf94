"""The changes of a report as text: which metric moved at which commit, and the lines, modules and types behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from memharness.model.findings import BlamedLine, Change
from memharness.model.history import Commit
from memharness.model.measurements import TypeCount
from memharness.terminal.lines import (
    TOP_LINES,
    add_below,
    commit_text,
    draw_holders,
    draw_stack,
    draw_survivors,
    module_text,
    place_text,
    verdict_text,
)
from memharness.terminal.tables import Row, draw_items, draw_rows, draw_text
from memharness.wording.text import (
    average_text,
    bytes_text,
    delta_text,
    number_text,
    percent_text,
    share_text,
    value_text,
    visible,
)
from memharness.wording.verdicts import certainty, confidence_text

_NO_LINES: Final = {
    "import": "no line is known: imports are measured as a whole",
    "rss_peak": "no line is known: resident memory is measured untraced",
}
_TOP_AGAINST = 2  # lines that moved the other way
_FREED: Final = "no line is known: what is alive at the end of the first call does not differ, so it was freed before"


def draw_changes(
    console: Console,
    changes: Sequence[Change],
    commits: Mapping[str, Commit],
    *,
    with_family: bool,
    span: tuple[str, str] | None = None,
) -> None:
    """Print every change with what explains it, but not again what the change before had as well.

    `span` are two commits that are compared with each other alone: a change between them is printed without its range.
    """
    previous: Change | None = None
    imported: Change | None = None  # the last change with modules
    for change in changes:
        _draw_head(console, change, with_family=with_family, whole=change.range == span)
        if change.range != span:
            _draw_where(console, change, commits)
        _draw_judgement(console, change, commits)
        _draw_causes(console, change, previous)
        _draw_share(console, change)
        _draw_types(console, change, previous)
        _draw_modules(console, change, imported)
        draw_survivors(console, change.survivors)
        if change.stack is not None and (previous is None or change.stack != previous.stack):
            draw_stack(console, change.stack)
        previous = change
        imported = change if change.modules else imported


def _draw_head(console: Console, change: Change, *, with_family: bool, whole: bool) -> None:
    console.print()
    head = Text().append_text(verdict_text(change))
    head.append(f"  {' and '.join((change.metric, *change.also))}  ", style="bold")
    head.append(visible(change.case))
    if with_family:
        head.append(f"  {visible(change.family)}")
    if change.confidence != "suspected" and not (whole and change.confidence == "range"):
        head.append(f" {confidence_text(change)}", style="dim")
    draw_text(console, head)
    before, after = value_text(change.before, change.unit), value_text(change.after, change.unit)
    share = f", {percent_text(change.before, change.after)}" if change.before > 0 else ""
    difference = delta_text(change.after - change.before, change.unit)
    draw_text(console, Text(f"{before} → {after}  ({difference}{share})"), indent=2)


def _draw_where(console: Console, change: Change, commits: Mapping[str, Commit]) -> None:
    if change.commit is not None:
        draw_text(
            console, Text().append("commit ", style="bold").append_text(commit_text(change.commit, commits)), indent=2
        )
        return
    good, bad = change.range
    number = number_text(change.between, "commit")
    text = Text().append(f"{'over' if change.drift else 'one of'} {number} {good[:10]}..{bad[:10]}", style="bold")
    if not change.drift:
        text.append("  (those between are not measured)")
    draw_text(console, text, indent=2)
    draw_text(console, Text("the last: ").append_text(commit_text(bad, commits)), indent=2)


def _draw_judgement(console: Console, change: Change, commits: Mapping[str, Commit]) -> None:
    if change.confidence == "suspected":
        draw_text(console, Text(certainty(change.metric), style="yellow"), indent=2)
    if change.merge is not None:
        merge = commit_text(change.merge, commits, with_author=False)
        draw_text(console, Text("on the branch merged by ").append_text(merge), indent=2)
    if change.undone_by is not None:
        undone = commit_text(change.undone_by, commits, with_author=False)
        draw_text(console, Text("taken back by ").append_text(undone), indent=2)
    if change.reason is not None:
        draw_text(console, Text(f"accepted: {visible(change.reason)}", style="cyan"), indent=2)


def _draw_causes(console: Console, change: Change, previous: Change | None) -> None:
    """Print the blamed lines and what keeps the memory alive, what changed of the two first."""
    held = () if previous is not None and previous.holders == change.holders else change.holders
    words = "kept alive by" if change.after > change.before else "was kept alive by"
    if any(holder.changed_here for holder in held):
        draw_holders(console, held, words)
        _draw_lines(console, change, previous)
    else:
        _draw_lines(console, change, previous)
        draw_holders(console, held, words)


def _draw_lines(console: Console, change: Change, previous: Change | None) -> None:
    """Print the blamed lines and what they leave over, which add up to the difference."""
    if not change.blame:
        if not change.modules:
            draw_text(console, Text(_no_lines(change), style="dim"), indent=2)
    elif previous is not None and _same_lines(previous, change):
        draw_text(console, Text(f"at the same lines as above{_elsewhere(change.elsewhere)}"), indent=2)
    else:
        with_it = [line for line in change.blame if line.bytes * (change.after - change.before) > 0]
        against = change.blame[len(with_it) :]
        rows = [_line_row(line) for line in (*with_it[:TOP_LINES], *against[:_TOP_AGAINST])]
        hidden = [line.bytes for line in (*with_it[TOP_LINES:], *against[_TOP_AGAINST:])]
        rows += _rest(change, len(rows), hidden, "line", change.elsewhere, columns=4)
        draw_rows(console, ("size", "+diff", "count", "average"), rows, indent=2, label="line")


def _draw_share(console: Console, change: Change) -> None:
    share = None if change.explained is None else share_text(change.explained)
    if share is not None:
        draw_text(console, Text(f"lines explain {share} of the peak", style="dim"), indent=2)


def _draw_types(console: Console, change: Change, previous: Change | None) -> None:
    """Print the types that grew, unless the lines named theirs, or the change before had the same."""
    repeated = previous is not None and previous.types == change.types
    if not repeated and not any(line.types for line in change.blame):
        draw_items(console, "objects", _type_items(change.types), indent=2)


def _no_lines(change: Change) -> str:
    if change.metric in {"peak", "warm_peak"}:
        return _FREED if change.explained is None else "no line is known: those that hold the peak do not differ"
    return _NO_LINES.get(change.metric, "no line is known")


def _same_lines(one: Change, other: Change) -> bool:
    def parts(change: Change) -> list[object]:
        return [(b.path, b.line, b.library, b.bytes, b.types) for b in change.blame]

    return parts(one) == parts(other)


def _line_row(line: BlamedLine) -> Row:
    """Return the row of a line; where a caller or a constant changed instead, that comes first."""
    via = None if line.changed_here else line.caller
    cause = via or line
    text = place_text(cause.path, cause.line, cause.function, "" if via else line.library)
    if via or line.changed_here:
        text.append("  changed here", style="yellow")
    if line.status == "gone":
        text.append("  gone", style="dim")
    add_below(text, cause.source, "cyan")
    if via:
        library = f" by {line.library}" if line.library else ""
        how = "used" if via.function == "<module>" else "allocated"
        add_below(text, f"{how}{library} at {line.path}:{line.line}: {line.source}")
    add_below(text, ", ".join(_type_items(line.types)))
    size, difference = bytes_text(line.size), delta_text(line.bytes, "bytes")
    count, average = delta_text(line.count, "objects"), average_text(line.size, line.blocks)
    return Row((size, difference, count, average), text)


def _type_items(types: Iterable[TypeCount]) -> list[str]:
    return [f"{kind.after - kind.before:+,} {visible(kind.name)}" for kind in types if kind.after != kind.before]


def _draw_modules(console: Console, change: Change, imported: Change | None) -> None:
    """Print the modules whose import costs more or less, and what they leave over.

    Those that `imported` printed already, as another case imports the same, are not repeated.
    """
    if not change.modules:
        return
    sizes = [row.module.size for row in change.modules]
    rest = change.after - change.before - sum(sizes)
    if imported is not None and _costs(imported) == _costs(change):
        draw_text(console, Text(f"at the same modules as above{_elsewhere(rest)}"), indent=2)
        return
    rows = [
        Row((bytes_text(row.after), delta_text(row.module.size, "bytes")), module_text(row.module))
        for row in change.modules[:TOP_LINES]
    ]
    rows += _rest(change, len(rows), sizes[TOP_LINES:], "module", rest, columns=2)
    draw_rows(console, ("size", "+diff"), rows, indent=2, label="module")


def _costs(change: Change) -> list[tuple[str, int, int]]:
    return [(row.module.name, row.before, row.after) for row in change.modules]


def _elsewhere(size: int) -> str:
    return f", and {delta_text(size, 'bytes')} elsewhere" if size else ""


def _rest(
    change: Change, shown: int, hidden: Sequence[int], noun: str, elsewhere: int, *, columns: int
) -> Iterator[Row]:
    """Yield rows for the parts that are not shown, for what is elsewhere, and for the sum if there are several."""
    parts = []
    if hidden:
        parts.append((sum(hidden), number_text(len(hidden), f"more {noun}")))
    if elsewhere:
        parts.append((elsewhere, "elsewhere"))
    if shown > 1 or parts:
        parts.append((change.after - change.before, "together"))
    for size, words in parts:
        yield Row(("", delta_text(size, "bytes"), *[""] * (columns - 2)), Text(words, style="dim"))
