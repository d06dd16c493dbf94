"""What explains changes as text: all lines, modules, types, survivors and the call stack of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from memharness.model.findings import BlamedLine, Change
from memharness.model.measurements import Frame, TypeCount
from memharness.terminal.lines import (
    TOP_LINES,
    add_below,
    draw_holders,
    draw_stack,
    draw_survivors,
    module_text,
    place_text,
)
from memharness.terminal.tables import Row, draw_items, draw_rows, draw_text
from memharness.wording.leading import lead_of, moved_along
from memharness.wording.text import average_text, bytes_text, delta_text, names_text, number_text, share_text, visible
from memharness.wording.verdicts import holding_text

_NO_LINES: Final = {
    "import": "no line is known: imports are measured as a whole",
    "rss_peak": "no line is known: resident memory is measured untraced",
}
_TOP_AGAINST: Final = 2  # lines that moved the other way
_TOP_TYPES: Final = 5
_BEFORE: Final = " of the commit before"  # whose number it is, where a line is no longer there
_FREED: Final = "no line is known: what is alive at the end of the first call does not differ, so it was freed before"


def draw_explanations(console: Console, changes: Sequence[Change]) -> None:
    """Print all that explains each change, but not again what the change before had as well."""
    previous: Change | None = None
    for change in changes:
        draw_subject(console, change, changes)
        new = _without_known(change, previous)
        draw_with_holders(console, new, partial(_draw_lines, console, change, previous))
        draw_share(console, change)
        draw_types(console, new)
        _draw_modules(console, change, previous)
        draw_survivors(console, change.survivors)
        if new.stack is not None:
            draw_stack(console, new.stack)
        previous = change


def _without_known(change: Change, previous: Change | None) -> Change:
    """Return a change without the holders, types and stack that the previous one had as well."""
    nothing = {"holders": (), "types": (), "stack": None}
    known = {name: none for name, none in nothing.items() if getattr(change, name) == getattr(previous, name, none)}
    return replace(change, **known)


def draw_subject(console: Console, change: Change, changes: Sequence[Change]) -> None:
    """Print which of several changes is explained below, by what they do not have in common."""
    if len(changes) == 1:
        return
    case = f" of {visible(change.case)}" if len({one.case for one in changes}) > 1 else ""
    family = f" ({visible(change.family)})" if len({one.family for one in changes}) > 1 else ""
    draw_text(console, Text(f"behind {change.metric}{case}{family}:"), indent=2)


def draw_with_holders(console: Console, change: Change, draw_rest: Callable[[], None]) -> None:
    """Print what keeps the memory of a change alive: before the rest where the commit edited a holder, else after."""
    words = holding_text(change)
    edited = any(holder.edited for holder in change.holders)
    if edited:
        draw_holders(console, change.holders, words)
    draw_rest()
    if not edited:
        draw_holders(console, change.holders, words)


def _draw_lines(console: Console, change: Change, previous: Change | None) -> None:
    """Print the blamed lines and what they leave over, which add up to the difference."""
    if not change.blame:
        if not change.modules:
            draw_text(console, Text(no_lines_text(change), style="dim"), indent=2)
    elif previous is not None and _same_lines(previous, change):
        draw_text(console, Text(f"at the same lines as above{_elsewhere(change.elsewhere)}"), indent=2)
    else:
        along = moved_along(change)
        against = change.blame[len(along) :]
        rows = [_line_row(line) for line in (*along[:TOP_LINES], *against[:_TOP_AGAINST])]
        hidden = [line.bytes for line in (*along[TOP_LINES:], *against[_TOP_AGAINST:])]
        rows += _rest(change, len(rows), hidden, "line", change.elsewhere, columns=4)
        draw_rows(console, ("size", "+diff", "count", "average"), rows, indent=2, label="line")


def draw_share(console: Console, change: Change) -> None:
    """Print what share of a peak is explained, unless it is all."""
    share = None if change.explained is None else share_text(change.explained)
    if share is not None:
        draw_text(console, Text(f"lines explain {share} of the peak", style="dim"), indent=2)


def draw_types(console: Console, change: Change) -> None:
    """Print the types that grew, unless the lines named theirs."""
    if not any(line.types for line in change.blame):
        draw_items(console, "objects", _type_items(change.types), indent=2)


def no_lines_text(change: Change) -> str:
    """Return why no line is known for a change."""
    if change.metric in {"peak", "warm_peak"}:
        return _FREED if change.explained is None else "no line is known: those that hold the peak do not differ"
    return _NO_LINES.get(change.metric, "no line is known")


def _same_lines(one: Change, other: Change) -> bool:
    def parts(change: Change) -> list[object]:
        return [(b.path, b.line, b.library, b.bytes, b.types) for b in change.blame]

    return parts(one) == parts(other)


def _line_row(line: BlamedLine) -> Row:
    size, difference = bytes_text(line.size), delta_text(line.bytes, "bytes")
    count, average = delta_text(line.count, "objects"), average_text(line.size, line.blocks)
    return Row((size, difference, count, average), explanation_text([line]))


def explanation_text(lines: Sequence[BlamedLine]) -> Text:
    """Return the place that leads some lines of a change, then where they allocate if that is elsewhere, and types.

    All of the lines are gone, or none is.
    """
    own = [line for line in lines if lead_of(line) is line]
    called = [line for line in lines if lead_of(line) is not line]
    lead = lead_of((own or called)[0])
    text = place_text(lead.path, lead.line, lead.function, _libraries_text(own))
    text.append(_edit_text(lead, lines), style="yellow")
    text.append("  gone" if own and lines[0].status == "gone" else "", style="dim")
    add_below(text, lead.source, "cyan")
    for edit in _edits_beside(own):
        add_below(text, f"in the same function, {edit}", "yellow")
    for line in called:
        add_below(text, _allocation_text(line, lead, sized=len(lines) > 1))
    add_below(text, ", ".join(_type_items(_moved_types(lines))))
    return text


def _edits_beside(lines: Sequence[BlamedLine]) -> Iterator[str]:
    """Yield the edited lines in the functions of unchanged ones, each once."""
    former = [line.caller for line in lines if line.caller_gone]
    for edited in dict.fromkeys(line.caller for line in lines if line.caller and not line.changed_here):
        yield f"line {edited.line}{_BEFORE if edited in former else ''} changed here: {edited.source}"


def _libraries_text(lines: Sequence[BlamedLine]) -> str:
    return names_text([*dict.fromkeys(line.library for line in lines if line.library)])


def _moved_types(lines: Sequence[BlamedLine]) -> list[TypeCount]:
    """Return the types that moved most over all lines. Those of one line are the same for each of its libraries."""
    moved = Counter[str]()
    for line in {(line.path, line.line): line for line in lines}.values():
        moved.update({kind.name: kind.after - kind.before for kind in line.types})
    most = sorted(moved.items(), key=lambda item: -abs(item[1]))[:_TOP_TYPES]
    return [TypeCount(name=name, before=0, after=count) for name, count in most]


def _edit_text(lead: BlamedLine | Frame, lines: Sequence[BlamedLine]) -> str:
    """Return what the commit edited: the very line that leads `lines`, or only the function around it."""
    if isinstance(lead, BlamedLine):
        return "  changed here" if lead.changed_here else ""
    edited = "  changed here" if any(line.caller_changed for line in lines) else "  function changed here"
    return f"{edited}, line{_BEFORE}" if all(line.caller_gone for line in lines) else edited


def _allocation_text(line: BlamedLine, lead: BlamedLine | Frame, *, sized: bool) -> str:
    size = f"{delta_text(line.bytes, 'bytes')} " if sized else ""
    words = "used" if lead.function == "<module>" else "allocated"
    library = f" in {line.library}" if line.library else ""
    return f"{size}{words} at {line.path}:{line.line}{library}: {line.source}"


def _type_items(types: Iterable[TypeCount]) -> list[str]:
    return [f"{kind.after - kind.before:+,} {visible(kind.name)}" for kind in types if kind.after != kind.before]


def _draw_modules(console: Console, change: Change, previous: Change | None) -> None:
    """Print the modules whose import costs more or less, and what they leave over, unless `previous` has the same."""
    if not change.modules:
        return
    sizes = [row.module.size for row in change.modules]
    rest = change.after - change.before - sum(sizes)
    if previous is not None and _costs(previous) == _costs(change):
        draw_text(console, Text(f"at the same modules as above{_elsewhere(rest)}"), indent=2)
        return
    rows = [
        Row((bytes_text(row.after), delta_text(row.module.size, "bytes")), module_text(row))
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
