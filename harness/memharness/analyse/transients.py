"""Transients: rises that a later commit took back."""

from collections.abc import Callable, Sequence

from memharness.analyse.series import Series
from memharness.analyse.steps import Rule, Step


def find_undone(series: Series, steps: Sequence[Step], rule: Rule, alike: Callable[[int, int], bool]) -> dict[int, int]:
    """Map the index (in `steps`) of each rise that was taken back to the index of the fall that did it.

    The value after the fall must differ from the one before the rise by less than `rule` flags, on the same scale, and
    `alike(good index of the rise, bad index of the fall)` must hold: the same memory by coincidence is no undoing.
    Other steps, and pairs of them, may lie between; a fall takes back the latest rise that it fits, and only one. What
    is suspected is never paired, as it may not be there.
    """
    undone: dict[int, int] = {}
    scale = {index: number for number, run in enumerate(series.runs()) for index in run}
    certain = [(index, step) for index, step in enumerate(steps) if step.confidence != "suspected"]
    for later, fall in certain:
        for earlier, rise in reversed([(index, step) for index, step in certain if index < later]):
            fits = rise.before < rise.after and fall.after < fall.before and earlier not in undone
            back = abs(fall.after - rise.before) < rule.needed(rise.before) and scale[rise.good] == scale[fall.bad]
            if fits and back and alike(rise.good, fall.bad):
                undone[earlier] = later
                break
    return undone
