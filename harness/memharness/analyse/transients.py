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
    still_open: list[int] = []
    for number, step in enumerate(steps):
        if step.confidence == "suspected":
            continue
        total = step.after - step.before
        for at in reversed(range(len(still_open) if total < 0 else 0)):
            rise = steps[still_open[at]]
            total += rise.after - rise.before
            ends = rise.good, step.bad
            if _cancel_out(rise, step, total, rule) and _on_one_scale(series, *ends) and alike(*ends):
                undone |= dict.fromkeys(still_open[at:], number)
                del still_open[at:]
                break
        else:
            still_open.append(number)
    return undone


def _on_one_scale(series: Series, one: int, other: int) -> bool:
    return any(one in run and other in run for run in series.runs)


def _cancel_out(rise: Step, fall: Step, total: int, rule: Rule) -> bool:
    """Tell whether a fall leads back to the value before a rise, and all from one to the other have no `total`."""
    off = max(abs(fall.after - rise.before), abs(total))
    return rise.before < rise.after and off < rule.needed(rise.before)
