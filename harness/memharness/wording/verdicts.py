"""Verdicts as signs and words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.text import Text

from memharness.model.findings import Change, Exceeded, Verdict
from memharness.wording.text import number_text

_SIGNS: Final[Mapping[Verdict, tuple[str, str]]] = {  # for a rise and for a fall
    "regressed": ("▲", "▲"),
    "improved": ("▼", "▼"),
    "accepted": ("✓", "✓"),
    "transient": ("↺", "↺"),
    "drifting": ("↗", "↘"),
}


def sign(change: Change) -> str:
    """Return the character that stands for the verdict."""
    return _SIGNS[change.verdict][change.after < change.before]


def style(change: Change) -> str:
    """Return the colour: red and green tell where memory went for good, yellow and cyan ask for no action."""
    match change.verdict:
        case "accepted":
            return "cyan"
        case "transient":
            return "yellow"
        case _:
            return "bold red" if change.after > change.before else "bold green"


def verdict_text(change: Change) -> Text:
    """Return sign and word, "▲ regressed"."""
    return Text(f"{sign(change)} {change.verdict}", style=style(change))


def verdicts_text(changes: Sequence[Change]) -> Text:
    """Return sign and word of one series' changes, those of a verdict counted: "▲ 4 regressed, ▼ improved"."""
    counts = Counter((sign(change), change.verdict, style(change)) for change in changes)
    return Text(", ").join(
        Text(f"{shape} {f'{count:,} ' if count > 1 else ''}{verdict}", style=color)
        for (shape, verdict, color), count in counts.items()
    )


def failed_text() -> Text:
    """Return sign and word of what could not be measured."""
    return Text("✗ failed", style="bold magenta")


def confidence_text(change: Change) -> str:
    """Return how sure a change is as " (confirmed)"; nothing for the range of a drift, which is all of it."""
    return "" if change.drift and change.confidence == "range" else f" ({change.confidence})"


def certainty(metric: str) -> str:
    """Return why a suspected value is no more than that."""
    return "suspected: may still be a cache that fills up" if metric == "growth" else "suspected: not certain yet"


def counts_text(changes: Iterable[Change], over_limit: Sequence[Exceeded]) -> str:
    """Return how many changes there are of each verdict, and limits exceeded: "2 regressed, 1 limit exceeded"."""
    changes = tuple(changes)
    parts = []
    for verdict in _SIGNS:
        found = [change for change in changes if change.verdict == verdict]
        if found:
            parts.append(f"{len(found)} {verdict}" + _unsure(sum(c.confidence == "suspected" for c in found)))
    if over_limit:
        unsure = _unsure(sum(over.suspected for over in over_limit))
        parts.append(f"{number_text(len(over_limit), 'limit')} exceeded{unsure}")
    return ", ".join(parts) or "no change"


def _unsure(number: int) -> str:
    return f" ({number} only suspected)" if number else ""
