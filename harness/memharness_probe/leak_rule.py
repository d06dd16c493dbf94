"""The leak rule: from one reading after each call, whether every call leaves something behind, and how much.

Pure: numbers in, numbers out. `readings[i]` is what is alive after call i, in bytes or in blocks of memory; of their
number the last whole power of two is used. What counts is the least reading of each of the last four windows
[2**j, 2**(j+1)), so that noise, sawteeth and what is built and dropped do not count at all.

A leak rises from window to window, so the first reading of the last but one that is as low as all of the window before
settles that there is none, after 5 of 16 calls or 33 of 128: it is the verdict that all of them would give.

Calls without tracing would not settle it. A count of blocks includes every new object, whatever its size, but neither
what grows in place or is replaced by something larger (lists, sets, dictionaries, text, buffers), nor what libraries
report to tracemalloc alone, such as the contents of numpy's arrays. Bytes tell of a list of n slots when it is resized,
after n / 8 more, of a dictionary or a set after n or more. So a table that was large before the calls may take in what
exists already, unseen by both.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FASTER = 1.3  # a window rises so much more than the one before, of half its width; a steady leak doubles
_LEAST_SLOPE = 4  # bytes per call: a list's slot is 8, over-allocated by an eighth
_LEAP = 3  # times the mean rise of a call at once
_FEWEST_BLOCKS = 3  # fewer new ones say nothing
_SHARE = 0.25  # of the expected rise is enough: lists and dicts grow in leaps


def leak_slope(sizes: Sequence[int], blocks: Sequence[int]) -> float:
    """Bytes leaked per call, 0 where no leak is to be suspected.

    Either the bytes rise steadily, or they rise and the number of blocks rises steadily: the table of a set grows
    fourfold at once, so that of two neighbouring windows one has the leap and the other has not.

    The last two windows tell the slope best, because warm-up counts least in them. Not so where memory is taken in
    leaps: then it is the mean of two slopes, each over a factor of four in calls, which is one leap of a set and two
    of a dict. So it depends little on where in its growth a table is.

    Not seen: less than 4 bytes per call, less than one block on every tenth, and a set that gains only objects which
    exist already, because a rare leap with nothing in between might be the last.
    """
    m = _lows(sizes)
    rises = m[0] <= m[1] < m[2] < m[3]
    if not (_rises_steadily(m) or _rises_by_steps(sizes) or (rises and block_rate(blocks))):
        return 0.0
    width = _width(sizes)
    slope = (m[3] - m[2]) / width
    if _greatest_step(sizes[width:]) > _LEAP * slope:
        slope = ((m[3] - m[1]) / (1.5 * width) + (m[2] - m[0]) / (0.75 * width)) / 2
    return slope if slope >= _LEAST_SLOPE else 0.0


def is_settled(readings: Sequence[int], last: int, end: int) -> bool:
    """Tell whether `end` calls will show no leak, whatever comes after the reading `last`.

    It is in one of the last two windows, and as low as all of the window before. To be asked between readings, this
    keeps no memory.
    """
    top = end.bit_length() - 1
    if not 1 << (top - 2) <= last < 1 << top:
        return False
    window = 1 << (last.bit_length() - 1)
    return all(readings[i] >= readings[last] for i in range(window // 2, window))


def block_rate(blocks: Sequence[int]) -> float:
    """Blocks added per call, 0 where they do not rise steadily or are too few to go by."""
    m = _lows(blocks)
    added = m[3] - m[2]
    return added / _width(blocks) if added >= _FEWEST_BLOCKS and _rises_by_steps(blocks) else 0.0


def still_rises(readings: Sequence[int], rate: float) -> bool:
    """Tell a leak from a cache that was filled within the last window: the last quarter must rise as well."""
    quarter = len(readings) // 4
    rise = min(readings[3 * quarter :]) - min(readings[2 * quarter : 3 * quarter])
    return rises_enough(rise, rate, quarter)


def rises(sizes: Sequence[int]) -> bool:
    """Tell whether the second half of the readings lies above the first by what could be a leak."""
    half = len(sizes) // 2
    return min(sizes[half:]) - min(sizes[:half]) >= _LEAST_SLOPE * half


def rises_enough(rise: float, rate: float, calls: int) -> bool:
    """Tell whether so many calls added a fair share of what they should."""
    return rise >= _SHARE * rate * calls


def _lows(readings: Sequence[int]) -> list[int]:
    top = len(readings).bit_length() - 1
    return [min(readings[2**j : 2 ** (j + 1)]) for j in range(top - 4, top)]


def _width(readings: Sequence[int]) -> int:
    """Return the calls from the begin of the last window but one to that of the last."""
    top = len(readings).bit_length() - 1
    width: int = 2 ** (top - 2)
    return width


def _rises_steadily(m: list[int]) -> bool:
    a, b, c = m[1] - m[0], m[2] - m[1], m[3] - m[2]
    return a > 0 and b >= _FASTER * a and c >= _FASTER * b


def _rises_by_steps(readings: Sequence[int]) -> bool:
    """Tell whether readings rise steadily to within one step: some leaks happen on every tenth call only."""
    m = _lows(readings)
    a, b, c = m[1] - m[0], m[2] - m[1], m[3] - m[2]
    step = _greatest_step(readings[len(readings) // 2 :])
    return a >= 0 and b > 0 and c >= step and b >= _FASTER * a - step and c >= _FASTER * b - step


def _greatest_step(readings: Sequence[int]) -> int:
    """Return the greatest rise at one call that was not undone later."""
    low, greatest = readings[-1], 0
    for reading in reversed(readings):
        if reading < low:
            greatest = max(greatest, low - reading)
            low = reading
    return greatest
