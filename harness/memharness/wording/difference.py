"""The words of a change where there is room for few: its size, its verdict, and the parts of the difference. Pure."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from memharness.model.findings import Change
from memharness.wording.text import delta_text, number_text, percent_text
from memharness.wording.verdicts import confidence_text

MOST_CHANGES: Final = 4  # of one commit
_MOST_PARTS: Final = 5


class Part(NamedTuple):
    """A line (or a module, or the rest) with its part of a difference, as foreign text that is not yet visible."""

    size: str
    place: str
    function: str = ""


def largest_share_first(changes: Sequence[Change]) -> list[Change]:
    """Return changes by how much they differ from what was before; from nothing is the most, and then bytes decide."""

    def share(change: Change) -> tuple[bool, Fraction, int]:
        size = abs(change.after - change.before)
        return change.before == 0, Fraction(size, abs(change.before) or 1), size

    return sorted(changes, key=share, reverse=True)


def head_text(change: Change) -> str:
    """Return "+2.12 MiB, +99.8%"; the share is left out where nothing was before."""
    size = delta_text(change.after - change.before, change.unit)
    return f"{size}, {percent_text(change.before, change.after)}" if change.before > 0 else size


def note_text(change: Change, *, with_family: bool) -> str:
    """Return the verdict, how sure it is, and what else is to be known of the change."""
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


def difference_parts(change: Change) -> list[Part]:
    """Return the lines that hold most of a difference and, if they are not all, the rest: together the difference."""
    parts = [
        (
            line.bytes,
            f"{line.path}:{line.line}",
            f"{line.function} in {line.library}" if line.library else line.function,
        )
        for line in change.blame
    ] or [
        (row.module.size, _origin(row.module.path, row.module.line), f"import of {row.module.name}")
        for row in change.modules
    ]
    if not parts:
        return [Part("", "no line is known")]
    shown = [Part(delta_text(size, "bytes"), place, function) for size, place, function in parts[:_MOST_PARTS]]
    rest = change.after - change.before - sum(size for size, _, _ in parts[:_MOST_PARTS])
    hidden = len(parts) - len(shown)
    if rest or hidden:
        where = f"in {number_text(hidden, 'more line' if change.blame else 'more module')} and elsewhere"
        shown.append(Part(delta_text(rest, "bytes"), where if hidden else "elsewhere"))
    return shown


def _origin(path: str, line: int) -> str:
    return f"{path}:{line}" if path else "(no line)"
