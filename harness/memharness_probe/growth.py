"""The calls after the first: what every call leaks.

A leak is suspected by the rule of `rule`, then pursued: decided again on as many calls more, and followed without
tracing over eight times the calls, which the usual bounded caches do not survive. Those of functools and re are emptied
before and after: what is gone then was not leaked. If they grow, that is done ahead, as it may settle all.

The time-out may leave less room, and the pursuit ends when thrice the budget is spent. Four times the calls after which
a leak is suspected are enough to call it one; a cache with a bound beyond that would be taken for one, as one beyond
eight times is anyway. Where the calls are so slow that even these will not fit before the time-out, it is looked for in
the first quarter of the calls already, and the others pursue it.
"""

from __future__ import annotations

import gc
from sys import getallocatedblocks, modules

from memharness_probe import rule, survivors, tracing
from memharness_probe.calls import LEAST, NUMBERS, Calls
from memharness_probe.lines import Locator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.workload import Workload

    Lines = dict[tuple[str, int], list[int]]

_AGAIN = 2  # a suspected leak is decided again on this many times the calls, traced
_PURSUE = 8  # and must still go on after so many times the calls
_ENOUGH = 4  # or, if the time-out is near, after so many times
_UNTRACED = 6  # calls to learn what one costs without tracing
_BESIDE = 0.1  # of what was kept: caches that hold all but so much are the whole of it
_WORD = 8  # growth is told in whole words: a finer figure depends on the number of calls


class _Leak:
    """What the calls say about a leak. A slope of 0: there is none."""

    def __init__(self) -> None:
        self.slope = 0.0
        self.lines: Lines = {}  # what each added in as many calls again
        self.sample: list[survivors.Kept] = []
        self.notes: list[str] = []  # why it is not certain


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response.

    Tracing starts before the scenario is loaded: memory that was allocated before would not be credited when
    freed, and a full cache that replaces its entries would look like a leak.
    """
    most = _PURSUE * (max(request["calls"] or NUMBERS[0], LEAST) + 1)
    calls = Calls(most, request["timeout_seconds"], request["budget_seconds"])
    answer: dict[str, Any] = {"metrics": {}}
    leak = _Leak()
    tracing.settle()
    tracing.start(1)
    try:
        calls.marker = tracing.new_marker()
        work.load()
        work.setup()
        calls.call = work.bind_run()
        calls.run((LEAST + 1) // 2)
        cached = _entries_cached()
        calls.run(LEAST + 1)
        wanted = max(request["calls"] or calls.calibrated(), LEAST)
        leak = _decide(calls, wanted + 1, cached)
        answer.update(calls=wanted, profiles={"calls": {"sizes": calls.sizes(wanted + 1)}})
        answer["metrics"]["growth"] = max(round(leak.slope / _WORD), 1) * _WORD if leak.slope else 0
    finally:
        tracing.stop()
    work.rest()
    if leak.slope:
        _describe(leak, Locator(request), answer)
    work.teardown()
    return answer


def _describe(leak: _Leak, locator: Locator, answer: dict[str, Any]) -> None:
    """Put what is known of a leak into `answer`. All figures are final: from here on objects may be touched."""
    if leak.notes:
        answer["suspected"] = ["growth"]
    if leak.lines:
        rows, notes = survivors.show(leak.sample, locator)
        answer["profiles"]["leak"] = {"lines": locator.profile(leak.lines), "survivors": rows}
        leak.notes += notes
    answer["notes"] = leak.notes


def _decide(calls: Calls, number: int, cached: int) -> _Leak:
    """Make `number` calls and tell a leak from all that looks like one for a while; make as many more as that takes.

    In the beginning `cached` entries were in caches with a bound: only if there are more now, it may be they. Where the
    time-out leaves no room to go on, what the calls so far say stands, with a note.
    """
    leak = _Leak()
    few = number if calls.fit(_ENOUGH * number - calls.made) else max(number // _ENOUGH, LEAST + 1)
    for made in sorted({few, number}):
        calls.run(made)
        leak.slope = rule.leak_slope(calls.readings[:made], calls.blocks[:made])
        if leak.slope:
            break
    again = max(_AGAIN * made, number)
    if not leak.slope or (again > number and not calls.fit(again - made)):
        return _noted(leak, calls)
    before = tracing.by_line(tracing.take_counts())
    rate = rule.block_rate(calls.blocks[:made])
    if rate and _entries_cached() > cached and _is_cached(calls, rate, min(made + max(made // 2, LEAST + 1), again)):
        return _Leak()
    calls.run(again)
    readings, blocks = calls.readings[:again], calls.blocks[:again]
    leak.slope, rate = rule.leak_slope(readings, blocks), rule.block_rate(blocks)
    if not leak.slope or not rule.still_rises(blocks if rate else readings, rate or leak.slope):
        return _Leak()
    after = tracing.by_line(tracing.take_counts())
    leak.lines = _difference(before, after, number / (again - made + calls.uncounted))
    leak.sample = survivors.find(leak.lines)
    goes_on = _follow_blocks if rate else _follow_bytes
    if not goes_on(calls, rate or leak.slope, made, _PURSUE * number):
        return _Leak()
    return leak if calls.made >= _ENOUGH * made else _noted(leak, calls)


def _noted(leak: _Leak, calls: Calls) -> _Leak:
    """Say that a leak, if it is one, was not pursued far enough."""
    if leak.slope:
        leak.notes.append(
            f"growth: the leak was not pursued beyond call {calls.made}: the time-out of {calls.timeout:g} s is near"
        )
    return leak


def _follow_bytes(calls: Calls, slope: float, part: int, end: int) -> bool:
    """Tell whether the bytes go on to rise: lists that grow in place, in leaps, are traced on.

    Up to call `end`, half of it, and so on to four times `part`: the most that there is room and CPU time for.
    """
    while end > _ENOUGH * part and not (calls.fit(end - calls.made) and calls.afford(end - calls.made)):
        end //= 2
    if calls.fit(end - calls.made):
        calls.run(end)
    return rule.still_rises(calls.readings[: calls.made], slope)


def _follow_blocks(calls: Calls, rate: float, part: int, end: int) -> bool:
    """Tell whether the blocks go on to rise up to call `end`, or as far as there is room and CPU time for.

    Where every leaked thing takes new blocks, these are counted without tracing, which costs a fraction, and every
    `part` of the calls must add its share of them. Caches with a bound must not hold nearly all of it.
    """
    tracing.stop()
    began, made, stop = _blocks_without_caches(), calls.made, calls.made + part
    if calls.fit(_UNTRACED):
        calls.run_untraced(_UNTRACED)
    before = getallocatedblocks()
    while calls.fit(stop - calls.made):
        if calls.made >= _ENOUGH * part and (stop > end or not calls.afford(stop - calls.made)):
            break
        number = stop - calls.made
        calls.run_untraced(number)
        after = getallocatedblocks()
        if not rule.rises_enough(after - before, rate, number):
            return False
        before, stop = after, stop + part
    return _blocks_without_caches() - began > _BESIDE * rate * (calls.made - made)


def _is_cached(calls: Calls, rate: float, end: int) -> bool:
    """Tell whether caches with a bound hold all that the calls up to `end` add: blocks, so many per call.

    Empty before and after, they take nearly all of it with them.
    """
    before, made = _blocks_without_caches(), calls.made
    calls.run_uncounted()
    calls.run(end)
    added = _blocks_without_caches() - before
    calls.run_uncounted()
    return added <= _BESIDE * rate * (end - made)


def _bounded_caches() -> list[Any]:
    """Return the functions with a cache that has a limit by definition, however far off it is."""
    wrapper = getattr(modules.get("functools"), "_lru_cache_wrapper", None)
    if wrapper is None:
        return []
    return [thing for thing in gc.get_objects() if type(thing) is wrapper and thing.cache_info()[2] is not None]


def _entries_cached() -> int:
    entries: int = sum([cache.cache_info()[3] for cache in _bounded_caches()])
    return entries + len(getattr(modules.get("re"), "_cache", ()))


def _blocks_without_caches() -> int:
    """Empty caches with a bound; return the blocks that are left."""
    for cache in _bounded_caches():
        cache.cache_clear()
    purge = getattr(modules.get("re"), "purge", None)
    if purge is not None:
        purge()
    tracing.settle()
    return getallocatedblocks()


def _difference(before: Lines, after: Lines, share: float) -> Lines:
    """Return what each line added, times `share`."""
    added = {}
    for line, (size, number) in after.items():
        old_size, old_number = before.get(line, (0, 0))
        if size > old_size:
            added[line] = [round(share * (size - old_size)), round(share * (number - old_number))]
    return added
