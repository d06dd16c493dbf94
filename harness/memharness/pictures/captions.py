"""The words in pictures: titles, labels, and short descriptions of a change. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from memharness.model.findings import Change, Trend, TrendChange
from memharness.model.metrics import METRICS
from memharness.wording.text import delta_text, difference_text, number_text, percent_text, visible
from memharness.wording.verdicts import confidence_text

_SUBJECT_CHARACTERS: Final = 44
_MOST_PARTS: Final = 5


class DifferencePart(NamedTuple):
    """A line (or a module, or the rest) and what it adds to a difference, as foreign text that is not yet visible."""

    size: str
    place: str
    function: str = ""


def shortened(text: str, length: int, *, keep_end: bool = False) -> str:
    """Return visible text of at most `length` characters, the beginning or the end of a longer one."""
    text = visible(text)
    if len(text) <= length:
        return text
    return f"…{text[len(text) - length + 1 :].lstrip()}" if keep_end else f"{text[: length - 1].rstrip()}…"


def metric_title(metric: str) -> str:
    """Return what a metric is, or its name where it is not known."""
    return METRICS[metric].title if metric in METRICS else metric


def trend_title(trend: Trend) -> str:
    """Return case and metric, which may be foreign text."""
    return f"{trend.case}: {metric_title(trend.metric)}"


def change_label(trend: Trend, change: TrendChange, *, with_subject: bool) -> str:
    """Return "+1.06 MiB at 1a2b3c4d5e" ("up to" if it may be an earlier commit), on request with the subject below."""
    difference = change.after - change.before
    size = difference_text(difference) if trend.unit.startswith("bytes") else delta_text(difference, trend.unit)
    point = trend.points[change.index]
    head = f"{size} {'at' if change.exact else 'up to'} {visible(point.commit)}"
    return f"{head}\n{shortened(point.subject, _SUBJECT_CHARACTERS)}" if with_subject and point.subject else head


def left_out_text(number: int) -> str:
    """Return how many changes have no label."""
    return f"{number_text(number, 'change')} not labelled"


def size_text(change: Change) -> str:
    """Return "+2.12 MiB, +99.8%", without the share where the value before is 0."""
    size = delta_text(change.after - change.before, change.unit)
    return f"{size}, {percent_text(change.before, change.after)}" if change.before > 0 else size


def note_text(change: Change, *, with_family: bool) -> str:
    """Return the verdict, how sure it is, and what else is known of the change."""
    return ", ".join(_notes(change, with_family=with_family))


def _notes(change: Change, *, with_family: bool) -> Iterator[str]:
    yield f"{change.verdict}{confidence_text(change)}"
    if change.also:
        yield f"{' and '.join(change.also)} likewise"
    if change.commit is None:
        yield f"{'over' if change.drift else 'at one of'} {number_text(change.between, 'commit')} up to this one"
    if change.merge is not None:
        yield f"on the branch merged by {change.merge[:10]}"
    if change.undone_by is not None:
        yield f"taken back by {change.undone_by[:10]}"
    if change.reason is not None:
        yield change.reason
    if with_family:
        yield change.family


def difference_parts(change: Change) -> list[DifferencePart]:
    """Return the lines (or modules) with the largest parts of a difference, and the rest: together the difference."""
    parts = _line_parts(change) or _module_parts(change)
    if not parts:
        return [DifferencePart("", "no line is known")]
    shown = [DifferencePart(delta_text(size, "bytes"), *names) for size, *names in parts[:_MOST_PARTS]]
    rest = change.after - change.before - sum(size for size, *_ in parts[:_MOST_PARTS])
    hidden = len(parts) - len(shown)
    if hidden:
        more = number_text(hidden, "more line" if change.blame else "more module")
        shown.append(DifferencePart(delta_text(rest, "bytes"), f"in {more} and elsewhere"))
    elif rest:
        shown.append(DifferencePart(delta_text(rest, "bytes"), "elsewhere"))
    return shown


def _line_parts(change: Change) -> Sequence[tuple[int, str, str]]:
    return [
        (b.bytes, f"{b.path}:{b.line}", f"{b.function} in {b.library}" if b.library else b.function)
        for b in change.blame
    ]


def _module_parts(change: Change) -> Sequence[tuple[int, str, str]]:
    modules = [row.module for row in change.modules]
    return [(m.size, f"{m.path}:{m.line}" if m.path else "(no line)", f"import of {m.name}") for m in modules]
