"""Verdicts, commits, source lines and call stacks as coloured text, for all that is drawn on a terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Final

from rich.console import Console
from rich.text import Text

from memharness.model.findings import BlamedHolder, Change, ModuleChange
from memharness.model.history import Commit
from memharness.model.measurements import Frame, Holder, ModuleCost, Stack, Survivor
from memharness.terminal.tables import draw_text
from memharness.wording.modules import module_name
from memharness.wording.text import bytes_text, number_text, visible
from memharness.wording.verdicts import sign

TOP_LINES: Final = 5
TOP_FRAMES: Final = 10
_IMPORTING = "<stdlib>/importlib/_bootstrap"


def place_text(path: str, line: int, function: str, library: str = "") -> Text:
    """Return "a.py:12  function", and "in json" where a library allocated on behalf of the line."""
    text = Text().append(f"{visible(path)}:{line}", style="bold").append(f"  {visible(function)}")
    return text.append(f"  in {visible(library)}") if library else text


def add_below(text: Text, line: str, style: str = "") -> None:
    """Add a line to the text of a place, indented; nothing where it is empty."""
    if line:
        text.append(f"\n  {visible(line)}", style=style)


def module_text(row: ModuleCost | ModuleChange) -> Text:
    """Return "json  stdlib, imported at a.py:3", without the parts that are not known."""
    module = row.module if isinstance(row, ModuleChange) else row
    place = f"imported at {visible(module.path)}:{module.line}" if module.path else ""
    known = ", ".join(filter(None, (module.origin, place)))
    return Text().append(visible(module_name(row)), style="bold").append(f"  {known}" if known else "")


def _style(change: Change) -> str:
    """Return the colour: red and green tell where memory went for good, others ask for no action."""
    match change.verdict:
        case "accepted":
            return "cyan"
        case "transient":
            return "yellow"
        case "moved":
            return "bold"
        case _:
            return "bold red" if change.after > change.before else "bold green"


def verdict_text(change: Change) -> Text:
    """Return sign and word, "▲ regressed"."""
    return Text(f"{sign(change)} {change.verdict}", style=_style(change))


def verdicts_text(changes: Sequence[Change]) -> Text:
    """Return sign and word of one series' changes, those of a verdict counted: "▲ 4 regressed, ▼ improved"."""
    counts = Counter((sign(change), change.verdict, _style(change)) for change in changes)
    return Text(", ").join(
        Text(f"{shape} {f'{count:,} ' if count > 1 else ''}{verdict}", style=color)
        for (shape, verdict, color), count in counts.items()
    )


def failed_text(side: str = "") -> Text:
    """Return sign and word of what could not be measured, of a comparison with its side: "✗ before failed"."""
    return Text(f"✗ {side} failed" if side else "✗ failed", style="bold magenta")


def commit_text(commit_id: str, commits: Mapping[str, Commit], *, with_author: bool = True) -> Text:
    """Return short id, date, author and subject of a commit, or the id alone if the commit is not among `commits`.

    Of the working tree: the words, the short id of its contents, and since when it is edited.
    """
    text = Text().append(commit_id[:10], style="bold")
    commit = commits.get(commit_id)
    if commit is not None and commit.working_tree:
        return Text("working tree  ", style="bold").append_text(text).append(f"  {visible(commit.subject)}")
    if commit is not None:
        author = f"{visible(commit.author)}  " if with_author else ""
        text.append(f"  {_date(commit)}  {author}{visible(commit.subject)}")
    return text


def titled_commit_text(commit_id: str, commits: Mapping[str, Commit]) -> Text:
    """Return the text of a commit after the word "commit"; that of the working tree says itself what it is."""
    is_working_tree = commit_id in commits and commits[commit_id].working_tree
    return Text("" if is_working_tree else "commit ", style="bold").append_text(commit_text(commit_id, commits))


def _date(commit: Commit) -> str:
    try:
        return datetime.fromtimestamp(commit.time, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):  # git takes any number for a time
        return "no date"


def draw_survivors(console: Console, survivors: Iterable[Survivor]) -> None:
    """Print a sample of the objects that calls left alive, equal ones once with their number."""
    alike: dict[tuple[str, str], list[Survivor]] = {}
    for survivor in survivors:
        alike.setdefault((survivor.name, survivor.text), []).append(survivor)
    for survivor, *others in islice(alike.values(), TOP_LINES):
        text = Text(f"left alive: {visible(survivor.name)} from {visible(survivor.path)}:{survivor.line}")
        text.append(f", and {len(others):,} more like it" if others else "")
        add_below(text, survivor.text, "cyan")
        draw_text(console, text, indent=2)


def draw_holders(console: Console, holders: Sequence[Holder | BlamedHolder], words: str = "kept alive by") -> None:
    """Print in one line what keeps objects alive, the nearest holder first; nothing where none is known."""
    if holders:
        draw_text(console, Text(f"{words} ").append_text(Text(" <- ").join(map(_holder_text, holders))), indent=2)


def _holder_text(holder: Holder | BlamedHolder) -> Text:
    text = Text().append(visible(holder.text), style="bold")
    if holder.line:
        text.append(f" at {visible(holder.path)}:{holder.line}")
    if isinstance(holder, BlamedHolder) and holder.changed_here:
        text.append(", changed here", style="yellow")
    if isinstance(holder, BlamedHolder) and holder.filled:
        text.append(f", filled from {visible(holder.filled.path)}:{holder.filled.line}")
        text.append(", changed here", style="yellow")
    return text


def draw_stack(console: Console, stack: Stack) -> None:
    """Print the call stack that holds most, without the frames of the import system."""
    held = f"{number_text(stack.count, 'block')}, {bytes_text(stack.size)}"
    draw_text(console, Text(f"biggest offender: {held}, most recent call last"), indent=2)
    frames = [frame for frame, _ in groupby(stack.frames)]  # comprehensions within one line are one frame
    own = [frame for frame in frames if not frame.path.startswith(_IMPORTING)]
    draw_frames(console, (own or frames)[-TOP_FRAMES:])


def draw_frames(console: Console, frames: Iterable[Frame]) -> None:
    """Print the entries of a traceback."""
    for frame in frames:
        text = Text(f'File "{visible(frame.path)}", line {frame.line}, in {visible(frame.function)}')
        add_below(text, frame.source, "cyan")
        draw_text(console, text, indent=4)
