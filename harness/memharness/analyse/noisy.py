"""Jumps between the levels of a noisy series.

In: the repeats at each commit, oldest first, on one scale. Out: where the level changed, and whether that is certain.

The medians are fitted with a piecewise constant function (the Potts model of `asv.step_detect`, which weighs
absolute deviations, so single outliers do not bend it). The noise `sigma` is estimated from the differences of
neighbours, which a few true jumps hardly touch: 1.4826 * MAD / sqrt(2), the deviations taken from 0, because values
that alternate between two states would otherwise seem to have none. A short series may look calm by chance, so sigma is
at least the scatter of the medians of its repeats, and that alone where there are too few commits for two levels.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise, takewhile
from statistics import median

from memharness.model.values import Value

LEAST_COMMITS = 3  # that make a level; fewer may be an outlier
SPREAD_SIGMAS = 4  # the spread of five repeats in standard deviations of their median, for normal noise
LEAST_SIGMA = 0.0005  # of the value: quieter than this would be an exact metric
SIGMAS = 3  # that two levels must be apart, and within which two places of a jump are equally good


class Jump(Value):
    """The level changed from `before` to `after` between the positions `good` and `bad`.

    It is suspected where the new level has too few commits to be one.
    """

    good: int
    bad: int
    before: int
    after: int
    suspected: bool = False


def find_jumps(repeats: Sequence[Sequence[int]], relative: float, absolute: int) -> tuple[Jump, ...]:
    """Return the jumps of at least `relative` of the level before, `absolute` and three sigma, oldest first."""
    values = [median(values) for values in repeats]
    sigma = _sigma(values, repeats)
    levels = [range(1)] if len(values) < LEAST_COMMITS else _levels(values, sigma)
    jumps = []
    for left, right in pairwise(levels):
        before, after = _median(values, left), _median(values, right)
        if abs(after - before) >= _needed(before, relative, absolute, sigma):
            good, bad = _place(values, range(left.start, right.stop), before, after, SIGMAS * sigma)
            jumps.append(Jump(good=good, bad=bad, before=before, after=after))
    level = _median(values, levels[-1])
    newest = _newest(repeats, levels[-1].start, level, _needed(level, relative, absolute, sigma))
    return (*jumps, newest) if newest else tuple(jumps)


def _needed(before: int, relative: float, absolute: int, sigma: float) -> float:
    return max(relative * abs(before), absolute, SIGMAS * sigma, 1)


def _sigma(values: Sequence[float], repeats: Sequence[Sequence[int]]) -> float:
    between = median(
        [abs(after - before) for before, after in pairwise(values)] if len(values) >= 2 * LEAST_COMMITS else [0]
    )
    within = median(max(values) - min(values) for values in repeats)
    return max(1.4826 * between / math.sqrt(2), within / SPREAD_SIGMAS, LEAST_SIGMA * abs(median(values)))


def _levels(values: Sequence[float], sigma: float) -> list[range]:
    """Return the positions of each level; what was left with too few commits to be one is in none of them."""
    # Imported here because it takes a quarter of a second, and most projects have no noisy metric.
    from asv.step_detect import solve_potts_approx  # type: ignore[import-untyped]  # asv has no annotations

    ends, _, _ = solve_potts_approx(
        [float(value) for value in values],
        [1.0] * len(values),
        gamma=2 * sigma * math.log(len(values)),
        min_size=LEAST_COMMITS,
    )
    # It moves ends once more after the fit, past the least size.
    pieces = [range(start, end) for start, end in pairwise([0, *ends])]
    return [piece for piece in pieces if len(piece) >= LEAST_COMMITS]


def _median(values: Sequence[float], positions: range) -> int:
    return round(median(values[position] for position in positions))


def _place(values: Sequence[float], positions: range, before: int, after: int, slack: float) -> tuple[int, int]:
    """Return the last position that surely belongs to the level before, and the first of the one after.

    The costs of all places for the jump are compared; those within `slack` of the best are equally good, so they
    lie between the two.
    """
    costs = accumulate(abs(values[i] - before) - abs(values[i] - after) for i in positions[:-1])
    by_place = dict(zip(positions[1:], costs, strict=True))
    best = min(by_place.values())
    places = [place for place, cost in by_place.items() if cost <= best + slack]
    return min(places) - 1, max(places)


def _newest(repeats: Sequence[Sequence[int]], start: int, level: int, needed: float) -> Jump | None:
    """Return the jump to the newest values if they left `level`, which began at position `start`.

    All their repeats must be `needed` away from it, and beyond all repeats of the commits just before: a median alone
    would often be off by chance.
    """
    for sign in (1, -1):
        distances = [[sign * (value - level) for value in values] for values in repeats]
        newest = list(takewhile(lambda values: min(values) >= needed, reversed(distances[start + 1 :])))
        bad = len(repeats) - len(newest)
        before = distances[max(start, bad - LEAST_COMMITS) : bad]
        if newest and min(map(min, newest)) > max(map(max, before)):
            after = round(median(chain.from_iterable(repeats[bad:])))
            return Jump(good=bad - 1, bad=bad, before=level, after=after, suspected=True)
    return None
