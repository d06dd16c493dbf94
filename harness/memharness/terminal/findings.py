"""Findings as text: what moved at which commit, by how much, and the changed lines behind it."""

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from rich.console import Console
from rich.text import Text

from memharness.model.findings import Change
from memharness.model.history import Commit
from memharness.terminal.changes import (
    draw_explanations,
    draw_share,
    draw_subject,
    draw_types,
    draw_with_holders,
    explanation_text,
    no_lines_text,
)
from memharness.terminal.lines import commit_text, module_text, titled_commit_text, verdict_text
from memharness.terminal.tables import Row, draw_rows, draw_text
from memharness.wording.leading import ENOUGH, leading_change, main_causes, moved_along, sum_of
from memharness.wording.text import and_text, delta_text, number_text, percent_text, value_text, visible
from memharness.wording.verdicts import MOVED, certainty, confidence_text

_MOST_ROWS: Final = 6
_MOST_MODULES: Final = 3


def draw_finding(
    console: Console,
    changes: Sequence[Change],
    commits: Mapping[str, Commit],
    *,
    with_family: bool,
    span: tuple[str, str] | None,
    limited: Container[tuple[str, str, str]],
    verbose: bool,
) -> None:
    """Print the changes of one cause, and what explains the greatest of them; if `verbose`, each of them.

    `span` are two commits that are compared with each other alone: the range of a change between them is not printed.
    Changes that exceed a limit, `limited` by case, metric and family, are always among those printed.
    """
    lead = leading_change(changes)
    _draw_head(console, changes, with_family=with_family, whole=lead.range == span)
    if len(changes) == 1:
        draw_text(console, Text(_figures_text(lead)), indent=2)
    if lead.range != span:
        _draw_where(console, lead, commits)
    _draw_judgement(console, changes, commits)
    if len(changes) > 1:
        _draw_table(console, changes, limited, most=len(changes) if verbose else _MOST_ROWS)
    if verbose:
        draw_explanations(console, changes)
        return
    draw_subject(console, lead, changes)
    held = next((change for change in (lead, *changes) if change.holders), lead)
    draw_with_holders(console, held, partial(_draw_parts, console, lead))
    _draw_others(console, lead, changes)


def _draw_others(console: Console, lead: Change, changes: Sequence[Change]) -> None:
    """Say how many changes have more than a little at lines, or in modules, that `lead` does not have."""
    others = sum(_is_explained_otherwise(change, lead) for change in changes)
    if others:
        where = "in other modules" if lead.modules else "at other lines"
        more = f"{others} of these {'has' if others == 1 else 'have'} more {where}; --verbose names them"
        draw_text(console, Text(more, style="dim"), indent=2)


def _is_explained_otherwise(change: Change, lead: Change) -> bool:
    sizes, known = _sizes(change), _sizes(lead)
    return sum(size for place, size in sizes.items() if place in known) < ENOUGH * sum(sizes.values())


def _sizes(change: Change) -> Counter[Hashable]:
    """Return how much moved with a change at each line, or in each module."""
    sign = 1 if change.after > change.before else -1
    sizes = Counter[Hashable]({row.module.name: max(row.module.size * sign, 0) for row in change.modules})
    if not change.modules:
        for line in moved_along(change):
            sizes[line.path, line.line, line.status == "gone"] += abs(line.bytes)
    return sizes


def _draw_head(console: Console, changes: Sequence[Change], *, with_family: bool, whole: bool) -> None:
    console.print()
    head = Text().append_text(verdict_text(changes[0]))
    metrics = dict.fromkeys(metric for change in changes for metric in (change.metric, *change.also))
    head.append(f"  {and_text([*metrics])}", style="bold")
    cases = list(dict.fromkeys(change.case for change in changes))
    families = list(dict.fromkeys(change.family for change in changes)) if with_family else []
    scenario = visible(_scenario(cases)) if len(cases) > 1 else ""
    words = (scenario, one_or_number(cases, "case"), one_or_number(families, "environment"))
    head.append("".join(f"  {word}" for word in words if word))
    if not _differ_in_confidence(changes):
        head.append(_sureness_text(changes[0], whole=whole), style="dim")
    draw_text(console, head)


def one_or_number(names: Sequence[str], noun: str) -> str:
    """Return the only name, or how many there are; nothing for none."""
    if len(names) <= 1:
        return "".join(map(visible, names))
    return number_text(len(names), noun)


def _sureness_text(change: Change, *, whole: bool) -> str:
    """Return the confidence; "" where a line below says it, and for a range that is looked at as a `whole`."""
    known = change.confidence == "suspected" or (whole and change.confidence == "range")
    return "" if known else f" {confidence_text(change)}"


def _scenario(cases: Iterable[str]) -> str:
    """Return the scenario that all cases are of, "" where there are several."""
    names = {case.partition("[")[0] for case in cases}
    return names.pop() if len(names) == 1 else ""


def _differ_in_confidence(changes: Sequence[Change]) -> bool:
    return len({change.confidence for change in changes}) > 1


def _figures_text(change: Change) -> str:
    before, after = value_text(change.before, change.unit), value_text(change.after, change.unit)
    share = f", {percent_text(change.before, change.after)}" if change.before > 0 else ""
    return f"{before} → {after}  ({delta_text(change.after - change.before, change.unit)}{share})"


def _draw_where(console: Console, change: Change, commits: Mapping[str, Commit]) -> None:
    if change.commit is not None:
        draw_text(console, titled_commit_text(change.commit, commits), indent=2)
        return
    draw_text(console, _drift_text(change) if change.drift else _range_text(change), indent=2)
    draw_text(console, Text("the last: ").append_text(commit_text(change.range[1], commits)), indent=2)


def _range_text(change: Change) -> Text:
    good, bad = change.range
    text = Text().append(f"one of {number_text(change.between, 'commit')} {good[:10]}..{bad[:10]}", style="bold")
    return text.append("  (those between are not measured)")


def _drift_text(change: Change) -> Text:
    """Return over how many commits a metric crept, and from where to where."""
    text = Text().append(f"over {number_text(change.between, 'commit')}", style="bold")
    (good, before), (bad, after) = zip(change.range, (change.before, change.after), strict=True)
    ends = f"{value_text(before, change.unit)} at {good[:10]} to {value_text(after, change.unit)} at {bad[:10]}"
    return text.append(f": {change.metric} crept from {ends}, flagged steps aside")


def _draw_judgement(console: Console, changes: Sequence[Change], commits: Mapping[str, Commit]) -> None:
    change = changes[0]
    if change.confidence == "suspected" and not _differ_in_confidence(changes):
        draw_text(console, Text(certainty(change.metric), style="yellow"), indent=2)
    if change.verdict == "moved":
        draw_text(console, Text(MOVED), indent=2)
    if change.merge is not None:
        merge = commit_text(change.merge, commits, with_author=False)
        draw_text(console, Text("on the branch merged by ").append_text(merge), indent=2)
    if change.undone_by is not None:
        undone = commit_text(change.undone_by, commits, with_author=False)
        draw_text(console, Text("taken back by ").append_text(undone), indent=2)
    if change.reason is not None:
        draw_text(console, Text(f"accepted: {visible(change.reason)}", style="cyan"), indent=2)


def _draw_table(
    console: Console, changes: Sequence[Change], limited: Container[tuple[str, str, str]], *, most: int
) -> None:
    """Print a row for each change: metrics, values, and in what else the changes differ."""
    shown = _largest(changes, limited, most)
    values = [[value_text(size, change.unit) for size in (change.before, change.after)] for change in shown]
    widths = [max(map(len, column)) for column in zip(*values, strict=True)]
    rows = []
    for change, (before, after) in zip(shown, values, strict=True):
        moved = delta_text(change.after - change.before, change.unit)
        moved = percent_text(change.before, change.after) if change.before > 0 else moved
        metrics, figures = ", ".join((change.metric, *change.also)), f"{before:>{widths[0]}} → {after:>{widths[1]}}"
        rows.append(Row((metrics, figures, moved), Text("  ").join(_distinctions(change, changes))))
    draw_rows(console, ["", "", ""], rows, indent=2)
    if len(shown) < len(changes):
        more = f"and {len(changes) - len(shown)} more; --verbose has them"
        draw_text(console, Text(more, style="dim"), indent=2)


def _largest(changes: Sequence[Change], limited: Container[tuple[str, str, str]], most: int) -> list[Change]:
    """Return changes by metric: those that are over a limit, and of each metric those that moved most."""
    positions = range(len(changes))
    ranks = {}
    count = Counter[str]()
    for at in sorted(positions, key=lambda at: -abs(changes[at].after - changes[at].before)):
        ranks[at] = count[changes[at].metric]
        count[changes[at].metric] += 1
    over = {at for at in positions if (changes[at].case, changes[at].metric, changes[at].family) in limited}
    first = sorted(positions, key=lambda at: (at not in over, ranks[at], at))[: max(most, len(over))]
    metrics = list(dict.fromkeys(change.metric for change in changes))
    return [changes[at] for at in sorted(first, key=lambda at: (metrics.index(changes[at].metric), at))]


def _distinctions(change: Change, changes: Sequence[Change]) -> Iterator[Text]:
    """Yield case, environment family and confidence of a change where other changes of the finding have others."""
    cases = {one.case for one in changes}
    if len(cases) > 1:
        yield Text(visible(change.case.removeprefix(_scenario(cases))))
    if len({one.family for one in changes}) > 1:
        yield Text(visible(change.family))
    if _differ_in_confidence(changes):
        unsure = change.confidence == "suspected"
        yield Text(certainty(change.metric), style="yellow") if unsure else Text(change.confidence, style="dim")


def _draw_parts(console: Console, change: Change) -> None:
    """Print the lines that hold most of a difference, or else the modules, and what they leave over."""
    total = change.after - change.before
    if change.blame:
        causes = main_causes(change)
        rows = [Row((delta_text(sum_of(lines), "bytes"),), explanation_text(lines)) for lines in causes]
        shown, size = sum(map(len, causes)), sum(map(sum_of, causes))
        hidden = number_text(len(change.blame) - shown, "more line")
        named = total - change.elsewhere
    elif change.modules:
        sizes = [row.module.size for row in change.modules]
        main = change.modules[:_MOST_MODULES]
        rows = [Row((delta_text(row.module.size, "bytes"),), module_text(row)) for row in main]
        size, named = sum(sizes[:_MOST_MODULES]), sum(sizes)
        hidden = number_text(len(sizes) - len(main), "more module")
    else:
        draw_text(console, Text(no_lines_text(change), style="dim"), indent=2)
        return
    draw_rows(console, [""], rows, indent=2, label="line")
    rest = [(named - size, f"in {hidden}"), (total - named, "elsewhere")]
    words = ", ".join(f"{delta_text(size, 'bytes')} {where}" for size, where in rest if size)
    draw_text(console, Text(words, style="dim"), indent=2)
    draw_share(console, change)
    draw_types(console, change)
