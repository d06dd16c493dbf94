"""What pages call things: dates, statuses as sign and word, and how sure a change is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from memharness.model.history import Commit
from memharness.model.measurements import Survivor
from memharness.site.values import ChangeEntry, Status, TrendSummary
from memharness.wording.text import number_text, percent_text
from memharness.wording.verdicts import certainty, sign


class Label(NamedTuple):
    """A status as people see it. `tone` is the class of its colour, `rank` its place where rows are sorted by it."""

    sign: str
    word: str
    tone: str
    rank: int


OVER_LIMIT: Final = Label("⊘", "over its limit", "bad", 1)
_FAILED: Final = Label("✗", "failed", "failed", 0)
_UNMEASURED: Final = Label("…", "not measured", "calm", 9)
_NOT_JUDGED: Final = Label("·", "not judged", "calm", 8)
_STEADY: Final = Label("=", "steady", "calm", 7)
_STATUSES: Final[dict[Status, Label]] = {
    "open": Label("▲", "regressed, open", "bad", 2),
    "suspected": Label("?", "suspected", "unsure", 3),
    "accepted": Label("✓", "accepted", "known", 4),
    "fixed": Label("△", "regressed, fixed", "good", 5),
    "transient": Label("↺", "transient", "unsure", 5),
    "improved": Label("▼", "improved", "good", 6),
    "moved": Label("⇄", "moved", "calm", 6),
}
_URGENT: Final[tuple[Status, ...]] = ("open", "suspected")


def entry_label(entry: ChangeEntry) -> Label:
    """Return the status of a change; a drift says that it is one."""
    label = _STATUSES[entry.status]
    if not entry.change.drift:
        return label
    shape = sign(entry.change) if entry.change.verdict == "drifting" else label.sign
    return label._replace(sign=shape, word=f"drifting, {entry.status}")


def row_labels(row: TrendSummary) -> list[Label]:
    """Return what there is to say of a trend: all that calls for action, or else what became of its last change."""
    labels = [_FAILED] if row.failed_now else []
    if row.over_limit:
        labels.append(OVER_LIMIT)
    last = {row.last.status: entry_label(row.last)} if row.last else {}
    statuses = {mark.status for mark in row.marks} | last.keys()
    labels += [(_STATUSES | last)[status] for status in _URGENT if status in statuses]
    return labels or [_calm_label(row)]


def _calm_label(row: TrendSummary) -> Label:
    if row.now is None:
        return _UNMEASURED
    if row.last:
        return entry_label(row.last)
    return _STEADY if row.judged else _NOT_JUDGED


def relative_text(before: int, after: int) -> str:
    """Return the change in per cent, nothing where there is none or nothing to relate it to."""
    return percent_text(before, after) if before > 0 and before != after else ""


def uncertainty_text(entry: ChangeEntry) -> str:
    """Return how certain a change is, and why it is less than certain or placed less than exactly."""
    change = entry.change
    match change.confidence:
        case "suspected":
            return certainty(change.metric)
        case "range" if change.drift:
            return f"over {number_text(change.between, 'commit')}"
        case "range":
            return f"one of {number_text(change.between, 'commit')}" if change.between > 1 else "a range of commits"
        case "located":
            return "located: measured once"
        case "confirmed":
            return "confirmed"


def date_text(commit: Commit) -> str:
    """Return the day of a commit, 2025-03-14."""
    moment = _moment(commit)
    return f"{moment:%Y-%m-%d}" if moment else "no date"


def iso_time(commit: Commit) -> str:
    """Return the time of a commit in ISO form; the beginning of time where git holds what is none."""
    return f"{_moment(commit) or datetime.fromtimestamp(0, UTC):%Y-%m-%dT%H:%M:%SZ}"


def author_text(commit: Commit) -> str:
    """Return who wrote a commit, without the address."""
    return commit.author.partition(" <")[0] or commit.author


def _moment(commit: Commit) -> datetime | None:
    try:
        return datetime.fromtimestamp(commit.time, UTC)
    except (ValueError, OverflowError, OSError):  # git takes any number for a time
        return None


def folded(survivors: Sequence[Survivor]) -> list[tuple[Survivor, int]]:
    """Return survivors that differ, at most eight, with how many there are of each in the sample."""
    alike: dict[tuple[str, str], list[Survivor]] = {}
    for survivor in survivors:
        alike.setdefault((survivor.name, survivor.text), []).append(survivor)
    return [(same[0], len(same)) for same in alike.values()][:8]
