"""Transients: rises that a later commit took back."""

from collections.abc import Callable, Sequence

from memharness.analyse.series import Series
from memharness.analyse.steps import Rule, Step


def find_undone(series: Series, steps: Sequence[Step], rule: Rule, alike: Callable[[int, int], bool]) -> dict[int, int]:
    """Map the index (in `steps`) of each step that was taken back to the index of the fall that did it.

    A fall that brings the value back to the level before a rise takes back all steps since that are still open: the
    rise, those on top of it, and lesser falls on the way. Back is a value that differs from the level by less than
    `rule` flags, on the same scale, with `alike(good index of the rise, bad index of the fall)`: the same memory by
    coincidence is no undoing. The latest rise that fits is taken.

    What is shown must add up: the steps since the rise and the fall cancel out, to less than the rule flags, so that
    leaving them out of the total is right. What is suspected may not be there: it neither takes back nor is taken back,
    and where it is a part of the rise the rest does not cancel out.
    """
    undone: dict[int, int] = {}
    scale = {index: number for number, run in enumerate(series.runs) for index in run}
    for later, fall in enumerate(steps):
        if fall.after >= fall.before or fall.confidence == "suspected":
            continue
        since, total = [later], fall.after - fall.before
        for earlier in reversed(range(later)):
            rise = steps[earlier]
            if earlier in undone or earlier in undone.values() or rise.confidence == "suspected":
                continue
            since.append(earlier)
            total += rise.after - rise.before
            back = max(abs(fall.after - rise.before), abs(total)) < rule.needed(rise.before)
            fits = rise.before < rise.after and back and scale[rise.good] == scale[fall.bad]
            if fits and alike(rise.good, fall.bad):
                undone |= dict.fromkeys(since[1:], later)
                break
    return undone
