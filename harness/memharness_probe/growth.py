"""The calls after the first: what every call leaks.

They end early where what remains of them cannot make it a leak any more: equal readings after a quarter of the calls.

`leak_rule` suspects a leak. It is then pursued: decided again on as many more calls, and followed without tracing over
eight times the calls, by which the usual bounded caches are full. What new entries of bounded caches of functools and
re hold is subtracted from the readings: it was not leaked. A forked copy of the process takes them out to learn how
much that is; here nothing is emptied.

The time-out may leave less room, and the pursuit ends when three times the budget is spent. Four times the calls after
which a leak is suspected are enough to call it one; a cache with a bound beyond that looks like one, as one beyond
eight times does in any case. Where the calls are so slow that not even these fit before the time-out, the first quarter
of the calls must do for the suspicion, and the others pursue it.
"""

from __future__ import annotations

from sys import getallocatedblocks

from memharness_probe import holders, leak_rule, survivors, tracing
from memharness_probe.caches import BoundedCaches, CacheContents
from memharness_probe.calls import LEAST, NUMBERS, TIMED, Calls
from memharness_probe.locator import Locator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from memharness_probe.workload import Workload

    Lines = dict[tuple[str, int], list[int]]

_AGAIN = 2  # a suspected leak is decided again on this many times the calls, traced
_PURSUE = 8  # and must still go on after so many times the calls
_ENOUGH = 4  # or, if the time-out is near, after so many times
_UNTRACED = 6  # calls to learn what one costs without tracing
_BESIDE = 0.1  # of what stays alive: where caches hold all but so much, nothing else is leaked
_WORD = 8  # growth is rounded to whole words: a finer figure depends on the number of calls


class _Verdict:
    """What the calls say about a leak. A slope of 0: there is none."""

    def __init__(self, slope: float = 0.0, notes: Sequence[str] = ()) -> None:
        self.slope = slope  # bytes per call
        self.lines: Lines = {}  # what each added in as many calls again
        self.sample: list[survivors.Sampled] = []
        self.notes = list(notes)  # why it is not certain


def measure(work: Workload, request: dict[str, Any]) -> dict[str, Any]:
    """Run the pass and return the fields of the response.

    Tracing starts before the scenario is loaded: memory that was allocated before would not be credited when
    freed, and a full cache that replaces its entries would look like a leak.
    """
    most = _PURSUE * (max(request["calls"] or NUMBERS[0], LEAST) + 1)
    limits = request["timeout"], request["wall_seconds"], request["growth_budget"]
    calls = Calls(most, *limits, work if work.fresh else None)
    answer: dict[str, Any] = {"metrics": {}}
    leak = _Verdict()
    work.end_user_code()  # once ahead: up to 3.10 a function's first call allocates its frame
    work.begin_user_code()
    tracing.settle()
    tracing.start(1)
    try:
        calls.marker = tracing.new_marker()
        work.load()
        if not work.fresh:
            work.setup()
        calls.call = work.bind_run()
        wanted = request["calls"] and max(request["calls"], LEAST)
        calls.run(TIMED, wanted + 1 if wanted else 0)
        wanted = wanted or calls.calibrated()
        if not calls.settled:
            leak = _Search(work, calls).decide(wanted + 1)
        answer.update(calls=wanted, profiles={"calls": {"sizes": calls.sizes(wanted + 1)}})
        answer["metrics"]["growth"] = max(round(leak.slope / _WORD), 1) * _WORD if leak.slope else 0
    finally:
        tracing.stop()
    work.end_user_code()
    if leak.slope:
        _describe(leak, Locator(request), answer)
    work.teardown()
    return answer


def _describe(leak: _Verdict, locator: Locator, answer: dict[str, Any]) -> None:
    """Put the leak into `answer`. All figures are final, so code of the workload's objects may run."""
    if leak.notes:
        answer["suspected"] = ["growth"]
    if leak.lines:
        alive = survivors.still_alive(leak.sample)
        held = holders.find(leak.sample, alive, locator)
        rows, notes = survivors.show(leak.sample, alive, locator)
        answer["profiles"]["leak"] = {"lines": locator.profile(leak.lines), "survivors": rows, "holders": held}
        leak.notes += notes
    answer["notes"] = leak.notes


class _Search:
    """Distinguishes a leak from what looks like one for a while. To be created before there are many calls."""

    def __init__(self, work: Workload, calls: Calls) -> None:
        self._work = work
        self._calls = calls
        self._notes: list[str] = []
        self._of_setup: Lines = {}  # what each added in so many calls of it alone
        self._setups = 1
        self._caches = BoundedCaches(len(calls.readings))

    def decide(self, number: int) -> _Verdict:
        """Make `number` calls, and as many more as it takes to decide.

        Where the time-out leaves no room to go on, the calls so far decide, with a note.
        """
        calls = self._calls
        suspected, made = self._suspect(number)
        if not suspected:
            return _Verdict()
        again = max(_AGAIN * made, number)
        if again > number and not calls.fit(again - made):
            return _Verdict(suspected, [self._not_pursued()])
        before = tracing.by_line(tracing.take_counts())
        earlier = survivors.addresses()
        slope, rate, held = self._confirm(made, again)
        if not slope:
            return _Verdict()
        leak = _Verdict(slope)
        leak.lines = self._added(before, held, again - made, number)
        leak.sample = survivors.find(leak.lines, earlier)
        goes_on = self._follow_blocks if rate else self._follow_bytes
        if not goes_on(rate or slope, made, _PURSUE * number):
            return _Verdict()
        leak.notes = [*self._notes, *([] if calls.made >= _ENOUGH * made else [self._not_pursued()])]
        return leak

    def _suspect(self, number: int) -> tuple[float, int]:
        """Return the slope of a suspected leak, 0 without one, and the number of calls made by then.

        Where four times the calls will not fit before the time-out, the first quarter of them is judged first.
        """
        calls, slope, made = self._calls, 0.0, 0
        calls.run(LEAST + 1, number)
        few = number if calls.fit(_ENOUGH * number - calls.made) else max(number // _ENOUGH, LEAST + 1)
        for made in sorted({few, number}):
            calls.run(made, number)
            if calls.settled:
                break
            slope = leak_rule.leak_slope(calls.readings[:made], calls.blocks[:made])
            if slope and calls.fresh is not None:
                slope = self._slope_beside_setup(made)
            if slope:
                break
        return slope, made

    def _confirm(self, made: int, again: int) -> tuple[float, float, CacheContents]:
        """Judge the leak again after calls up to `again`; return bytes and blocks per call, and what caches hold.

        Where bounded caches got entries, only the calls after the suspicion are judged: all is known of these.
        """
        calls = self._calls
        cached = self._caches.has_grown()
        self._watch_caches()
        for end in sorted({min(made + max(made // 2, LEAST + 1), again), again}):
            calls.run(end)
            held = self._held(by_line=end == again)
            cached = cached or held.size > 0
            sizes, blocks = self._without(held, range(made, end)) if cached else calls.without_setup(range(end))
            slope, rate = leak_rule.leak_slope(sizes, blocks), leak_rule.block_rate(blocks)
            if cached and not leak_rule.rises(sizes):
                return 0.0, 0.0, held
        if slope and leak_rule.still_rises(blocks if rate else sizes, rate or slope):
            return slope, rate, held
        return 0.0, 0.0, held

    def _added(self, before: Lines, held: CacheContents, calls: int, number: int) -> Lines:
        """Return what each line added since `before`, in so many calls, less caches and `setup`; per `number` calls."""
        after = _difference(held.lines, tracing.by_line(tracing.take_counts()))
        after = _difference(_difference({}, self._of_setup, calls / self._setups), after)
        return _difference(before, after, number / calls)

    def _slope_beside_setup(self, made: int) -> float:
        """Return the slope less what `setup` alone leaves, learnt by calling it alone; 0 where nothing remains.

        What it leaves may come in leaps, so a tenth of it counts as nothing.
        """
        calls = self._calls
        self._setups = made if calls.fit(made) else LEAST + 1
        before = tracing.by_line(tracing.take_counts())
        calls.try_setup(self._setups)
        self._of_setup = _difference(before, tracing.by_line(tracing.take_counts()))
        slope = leak_rule.leak_slope(*calls.without_setup(range(made)))
        return slope if slope > _BESIDE * calls.setup[0] else 0.0

    def _not_pursued(self) -> str:
        return f"growth: the leak was not pursued beyond call {self._calls.made}: {self._calls.near} is near"

    def _watch_caches(self) -> None:
        """Count entries that come from now on as new."""
        self._caches = BoundedCaches(len(self._calls.readings))
        self._calls.note = self._caches.note

    def _held(self, *, by_line: bool = False) -> CacheContents:
        """Return what the new entries of bounded caches hold; nothing, with a note, where that cannot be known."""
        self._work.end_user_code()
        held = self._caches.held(by_line=by_line)
        self._work.begin_user_code()
        if isinstance(held, str):
            self._notes = [f"growth: what caches with a bound hold of it is not known: {held}"]
            return CacheContents()
        return held

    def _without(self, held: CacheContents, calls: range) -> tuple[Sequence[int], Sequence[int]]:
        return self._caches.without(held, *self._calls.without_setup(calls), calls)

    def _follow_bytes(self, slope: float, part: int, end: int) -> bool:
        """Tell whether the bytes go on to rise: lists that grow in place, in leaps, are traced on.

        Up to call `end`, half of it, and so on to four times `part`: the most that there is room and CPU time for.
        """
        calls = self._calls
        begin = calls.made
        self._watch_caches()
        while end > _ENOUGH * part and not (calls.fit(end - calls.made) and calls.afford(end - calls.made)):
            end //= 2
        if calls.fit(end - calls.made):
            calls.run(end)
        held = self._held()
        sizes = (
            self._without(held, range(begin, calls.made)) if held.size else calls.without_setup(range(calls.made))
        )[0]
        return leak_rule.still_rises(sizes, slope)

    def _follow_blocks(self, rate: float, part: int, end: int) -> bool:
        """Tell whether the blocks go on to rise up to call `end`, or as far as there is room and CPU time for.

        Where every leaked thing takes new blocks, these are counted without tracing, which costs a fraction, and every
        `part` of the calls must add its share of them. Caches with a bound must not hold nearly all of it.
        """
        calls = self._calls
        tracing.stop()
        self._watch_caches()
        tracing.settle()
        began, made, stop = getallocatedblocks(), calls.made, calls.made + part
        if calls.fit(_UNTRACED):
            calls.run_untraced(_UNTRACED)
        before = getallocatedblocks()
        while calls.fit(stop - calls.made):
            if calls.made >= _ENOUGH * part and (stop > end or not calls.afford(stop - calls.made)):
                break
            number = stop - calls.made
            calls.run_untraced(number)
            after = getallocatedblocks()
            if not leak_rule.rises_enough(after - before - number * calls.setup[1], rate, number):
                return False
            before, stop = after, stop + part
        number = calls.made - made
        added = getallocatedblocks() - began - self._held().blocks - number * calls.setup[1]
        return added > _BESIDE * rate * number


def _difference(before: Lines, after: Lines, share: float = 1) -> Lines:
    """Return what each line added, times `share`."""
    added = {}
    for line, (size, number) in after.items():
        old_size, old_number = before.get(line, (0, 0))
        if size > old_size:
            added[line] = [round(share * (size - old_size)), round(share * (number - old_number))]
    return added
