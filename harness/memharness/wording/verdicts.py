"""Verdicts as signs and words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from memharness.model.findings import Change, Exceeded, Verdict
from memharness.wording.text import number_text

MOVED: Final = "nothing was freed: what the result held is retained now"
_SIGNS: Final[Mapping[Verdict, tuple[str, str]]] = {  # for a rise and for a fall
    "regressed": ("▲", "▲"),
    "improved": ("▼", "▼"),
    "moved": ("⇄", "⇄"),
    "accepted": ("✓", "✓"),
    "transient": ("↺", "↺"),
    "drifting": ("↗", "↘"),
}


def sign(change: Change) -> str:
    """Return the character that stands for the verdict."""
    return _SIGNS[change.verdict][change.after < change.before]


def confidence_text(change: Change) -> str:
    """Return " (confirmed)", " (located)" and so on; nothing for a drift, which is known by its range."""
    return "" if change.drift and change.confidence == "range" else f" ({change.confidence})"


def certainty(metric: str) -> str:
    """Return why a value is only suspected."""
    return "suspected: may still be a cache that fills up" if metric == "growth" else "suspected: not certain yet"


def holding_text(change: Change) -> str:
    """Return the words for what holds the memory of a change."""
    if change.verdict == "moved":
        return "now held by"
    return "kept alive by" if change.after > change.before else "was kept alive by"


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
