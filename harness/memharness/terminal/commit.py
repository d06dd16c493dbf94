"""What `show` prints on a terminal: all that is stored for one commit, case by case."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Final

from rich.console import Console
from rich.text import Text

from memharness.model.history import Commit
from memharness.model.measurements import (
    Failed,
    Measured,
    ModuleCost,
    Outcome,
    OutOfMemory,
    Profile,
    ProfileLine,
    Skipped,
    StoredCase,
    TimedOut,
    outcome_reason,
)
from memharness.model.metrics import METRICS
from memharness.terminal.lines import (
    TOP_LINES,
    add_below,
    draw_frames,
    draw_holders,
    draw_stack,
    draw_survivors,
    module_text,
    place_text,
    titled_commit_text,
)
from memharness.terminal.tables import Row, draw_items, draw_rows, draw_text
from memharness.wording.modules import REMAINDER, module_name
from memharness.wording.text import (
    average_text,
    bytes_text,
    number_text,
    share_text,
    value_text,
    visible,
)
from memharness.wording.verdicts import certainty

_MOST_CASES: Final = 20  # of which all are printed
_TOP_CHAINS: Final = 3  # of holders
_PROFILE_TITLES: Final = {
    "import": "kept by the imports",
    "peak": "at the peak",
    "alive": "alive at the end of the first call",
    "retained": "kept after its result was dropped",
    "leak": "kept by the later calls",
}


def draw_commit(console: Console, commit: Commit, stored: Sequence[StoredCase], *, verbose: bool = False) -> None:
    """Print all that is stored for one commit, case by case; of many only the foremost ones, unless `verbose`."""
    draw_text(console, titled_commit_text(commit.id, {commit.id: commit}))
    shown = stored if verbose or len(stored) <= _MOST_CASES else _foremost(stored)
    for case in shown:
        _draw_case(console, case)
    if len(shown) < len(stored):
        rest = f"{number_text(len(stored) - len(shown), 'more case')}, none larger; --verbose or -k shows them"
        console.print()
        draw_text(console, Text(rest, style="dim"))


def _foremost(stored: Sequence[StoredCase]) -> Sequence[StoredCase]:
    """Return the cases that are printed where there are many, in their order: what failed, then the largest."""
    ranked = sorted(range(len(stored)), key=lambda at: _size(stored[at].outcome), reverse=True)
    return [stored[at] for at in sorted(ranked[:_MOST_CASES])]


def _size(outcome: Outcome) -> float:
    """Return what a case is ranked by: its peak, or the largest figure where that is not measured."""
    if isinstance(outcome, Skipped):
        return -1
    if not isinstance(outcome, Measured) or outcome.failed_passes:
        return inf
    return outcome.metrics.get("peak", max(outcome.metrics.values(), default=0))


def _draw_case(console: Console, stored: StoredCase) -> None:
    outcome = stored.outcome
    how = "measured once" if stored.repeats == 1 else f"measured {stored.repeats} times"
    if isinstance(outcome, Measured) and outcome.reused_from is not None:
        how = f"reused from commit {outcome.reused_from[:10]}"
    console.print()
    head = Text().append(visible(stored.case), style="bold")
    draw_text(console, head.append(f"  {visible(stored.family)}, {how}", style="dim"))
    match outcome:
        case Measured():
            _draw_measured(console, outcome, stored.profiles)
        case Skipped():
            draw_text(console, Text(f"skipped: {visible(outcome.reason)}"), indent=2)
        case _:
            _draw_failed(console, outcome)


def _draw_measured(console: Console, outcome: Measured, profiles: Mapping[str, Profile]) -> None:
    _draw_metrics(console, outcome)
    for kind, title in _PROFILE_TITLES.items():
        if kind in profiles:
            _draw_profile(console, kind, title, profiles[kind], outcome)
    if "calls" in profiles:
        _draw_calls(console, profiles["calls"].sizes)
    for name, failed in outcome.failed_passes.items():
        _draw_failed(console, failed, f"the {visible(name)} pass")
    for note in outcome.notes:
        draw_text(console, Text(f"note: {visible(note)}", style="yellow"), indent=2)


def _draw_metrics(console: Console, outcome: Measured) -> None:
    rows = []
    for name, metric in METRICS.items():
        if name in outcome.metrics:
            title = Text(metric.title, style="dim")
            if name in outcome.suspected:
                title.append(f" ({certainty(name)})", style="yellow")
            rows.append(Row((name, value_text(outcome.metrics[name], metric.unit)), title))
    draw_rows(console, ("", ""), rows, indent=2)
    if outcome.gc_objects is not None:
        before, after = outcome.gc_objects
        objects = f"gc objects {before:,} before, {after:,} after the first call"
        draw_text(console, Text(objects), indent=2)
    for kind in outcome.types[:TOP_LINES]:
        draw_text(console, Text(f"{kind.after - kind.before:+,}  {visible(kind.name)}"), indent=4)


def _draw_profile(console: Console, kind: str, title: str, profile: Profile, outcome: Measured) -> None:
    total = sum(line.size for line in profile.lines) or sum(module.size for module in profile.modules)
    if not total:
        return
    head = Text().append(f"{title}: {bytes_text(total)}", style="bold")
    explained = share_text(total / outcome.metrics["peak"]) if kind == "peak" and outcome.metrics.get("peak") else None
    if explained is not None:
        head.append(f", lines explain {explained}")
    draw_text(console, head, indent=2)
    _draw_modules(console, profile.modules)
    _draw_lines(console, profile)
    draw_survivors(console, profile.survivors)
    for chain in profile.holders[:_TOP_CHAINS]:
        draw_holders(console, chain.holders, f"from {visible(chain.path)}:{chain.line} kept alive by")
    if profile.stacks:
        draw_stack(console, profile.stacks[0])


def _draw_modules(console: Console, modules: Sequence[ModuleCost]) -> None:
    """Print what the imports of each origin keep, and the modules that keep most."""
    if not modules:
        return
    sums: Counter[str] = Counter()
    for module in modules:
        sums[_origin(module)] += module.size
    origins = [f"{origin} {bytes_text(size)}" for origin, size in sums.most_common()]
    draw_items(console, "by origin", origins, indent=4)
    largest = sorted((module for module in modules if module.name != REMAINDER), key=lambda module: -module.size)
    rows = [Row((bytes_text(module.size),), module_text(module)) for module in largest[:TOP_LINES]]
    rows += _rest(largest, "module", columns=1)
    rows += [
        Row((bytes_text(module.size),), Text(_origin(module), style="dim"))
        for module in modules
        if module.name == REMAINDER
    ]
    draw_rows(console, ("size",), rows, indent=4, label="module")


def _origin(module: ModuleCost) -> str:
    """Return whose a module is, or what a row without a module stands for."""
    return module.origin or module_name(module).strip("()")


def _draw_lines(console: Console, profile: Profile) -> None:
    """Print the lines that hold most, the types of their instances beside them."""
    if not profile.lines:
        return
    types: dict[tuple[str, int], list[str]] = {}
    for kind in profile.types:
        types.setdefault((kind.path, kind.line), []).append(f"{kind.count:,} {visible(kind.name)}")
    rows = []
    lines = sorted(profile.lines, key=lambda line: -line.size)
    for line in lines[:TOP_LINES]:
        text = place_text(line.path, line.line, line.function, line.library)
        add_below(text, line.source, "cyan")
        add_below(text, ", ".join(types.pop((line.path, line.line), ())))  # once, where libraries share the line
        rows.append(Row((bytes_text(line.size), f"{line.count:,}", average_text(line.size, line.count)), text))
    rows += _rest(lines, "line", columns=3)
    draw_rows(console, ("size", "count", "average"), rows, indent=4, label="line")


def _rest(largest_first: Sequence[ProfileLine | ModuleCost], noun: str, *, columns: int) -> Iterator[Row]:
    hidden = [one.size for one in largest_first[TOP_LINES:]]
    if hidden:
        more = Text(number_text(len(hidden), f"more {noun}"), style="dim")
        yield Row((bytes_text(sum(hidden)), *[""] * (columns - 1)), more)


def _draw_calls(console: Console, sizes: Sequence[int]) -> None:
    """Print what is alive after call 1, 2, 4, 8 and so on, and after the last one."""
    if len(set(sizes)) == 1:
        same = f"alive after each of {number_text(len(sizes), 'call')}: {bytes_text(sizes[0])}"
        draw_text(console, Text(same), indent=2)
        return
    calls = sorted({*(1 << power for power in range(len(sizes).bit_length())), len(sizes)} - {0})
    items = [f"{call:,}: {bytes_text(sizes[call - 1])}" for call in calls]
    draw_items(console, "alive after calls", items, indent=2)


def _draw_failed(console: Console, outcome: Failed | TimedOut | OutOfMemory, what: str = "") -> None:
    phase, reason = outcome_reason(outcome)
    subject = f"{what} failed" if what else "failed"
    draw_text(console, Text(f"✗ {subject} in {phase}: {visible(reason)}", style="magenta"), indent=2)
    if isinstance(outcome, Failed):
        draw_frames(console, outcome.frames)
    if outcome.output:
        draw_text(console, Text("last lines of its output:"), indent=2)
    for line in outcome.output:
        draw_text(console, Text(visible(line), style="dim"), indent=4)
