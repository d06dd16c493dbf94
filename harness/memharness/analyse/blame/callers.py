"""Callers: where a line was called from, by the stacks of a deep profile.

A stack counts at its innermost frame in the project, else in the scenario, else where it allocates, as the probe folds
the lines of deep profiles.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Hashable, Sequence
from operator import itemgetter

from msgspec.structs import replace

from memharness.analyse.blame.edits import DiffSide, Place, in_project, in_scenario
from memharness.model.measurements import Frame, Profile, ProfileLine, Stack

_LIBRARIES = ("<stdlib>/", "<site-packages>/")


def nearest_change(profile: Profile, other: Profile, view: DiffSide, places: Sequence[Place]) -> Frame | None:
    """Return the nearest frame up from the line at `places` that the commit changed, or whose function it changed.

    Within the line's own function that is the changed line, further up it is the call. Where several callers changed it
    is the one through which most came in comparison with the `other` side, a changed line before a changed
    function. None where none changed or no stack of the line is known.
    """
    for place in places:
        own = view.nearest_change(place)
        if own is not None:
            return own
    called = [(frame, stack) for stack in profile.stacks if (frame := _changed_caller(stack, places, view))]
    if not called:
        return None
    known = _sizes(other)
    gained: Counter[Frame] = Counter()
    for frame, stack in called:
        gained[frame] += max(stack.size - known[_texts(stack)], 0)
    return max(gained, key=lambda frame: (gained[frame], view.touched(_place(frame))))


def _changed_caller(stack: Stack, places: Sequence[Place], view: DiffSide) -> Frame | None:
    """Return the nearest changed frame above the one where a stack counts; None where it does not count at `places`."""
    at = _owner(stack)
    if _place(stack.frames[at]) not in places:
        return None
    return next((frame for frame in reversed(stack.frames[:at]) if _touched(view, _place(frame))), None)


def _touched(view: DiffSide, place: Place) -> bool:
    return view.touched(place) or view.changed_around(place) is not None


def _owner(stack: Stack) -> int:
    """Return the index of the frame at which the blocks of a stack count."""
    for owns in (in_project, in_scenario):
        for at in reversed(range(len(stack.frames))):
            if owns(stack.frames[at].path):
                return at
    return len(stack.frames) - 1


def _library(stack: Stack) -> str:
    """Return the top-level module that allocated; code that was generated lies in none and is passed by."""
    for frame in reversed(stack.frames):
        folder, found, below = frame.path.partition(">/")
        if found and f"{folder}>/" in _LIBRARIES:
            return below.partition("/")[0].partition(".")[0]
    return ""


def _place(frame: Frame) -> Place:
    return frame.path, frame.line


def fold_lines(lines: Sequence[ProfileLine], deep: Profile) -> tuple[ProfileLine, ...]:
    """Count lines outside the project at the line that called them, where a stack of `deep` shows it.

    Where there are several it is the one that holds most there. `library` names what allocated then.
    """
    callers: dict[Place, Counter[tuple[Frame, str]]] = defaultdict(Counter)
    for stack in deep.stacks:
        owner = stack.frames[_owner(stack)]
        if in_project(owner.path) or in_scenario(owner.path):
            callers[_place(stack.frames[-1])][owner, _library(stack)] += stack.size
    rows: dict[tuple[str, int, str], ProfileLine] = {}
    for line in lines:
        row = line
        if not in_project(line.path) and (line.path, line.line) in callers:
            (owner, library), _ = callers[line.path, line.line].most_common(1)[0]
            whose = {"path": owner.path, "line": owner.line, "function": owner.function, "source": owner.source}
            row = replace(line, **whose, library=library)
        key = row.path, row.line, row.library
        known = rows.get(key)
        rows[key] = replace(row, size=row.size + known.size, count=row.count + known.count) if known else row
    return tuple(sorted(rows.values(), key=lambda row: (-row.size, row.path, row.line, row.library)))


def biggest_offender(
    before: Profile,
    after: Profile,
    places: Container[Place] = (),
    *,
    growing: bool = True,
    anywhere: bool = True,
) -> Stack | None:
    """Return the call stack that gained most between two deep profiles; None where none gained.

    Where memory fell it is the one that lost most, with its old size. Stacks of the line at `places`, on the side with
    more memory, come first; others count where it may be `anywhere`.
    """
    if not growing:
        before, after = after, before
    old = _sizes(before)
    gained = [(stack.size - old[_texts(stack)], stack) for stack in after.stacks]
    at_line = [(size, stack) for size, stack in gained if _place(stack.frames[_owner(stack)]) in places]
    for found in (at_line, gained if anywhere else []):
        size, most = max(found, key=itemgetter(0), default=(0, None))
        if size > 0:
            return most
    return None


def _sizes(profile: Profile) -> Counter[Hashable]:
    sizes: Counter[Hashable] = Counter()
    for stack in profile.stacks:
        sizes[_texts(stack)] += stack.size
    return sizes


def _texts(stack: Stack) -> Hashable:
    """Return what stays the same where files are renamed and lines move."""
    return tuple((frame.function, frame.source) for frame in stack.frames)
