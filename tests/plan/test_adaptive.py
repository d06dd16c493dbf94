import math
import random
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memharness.plan.adaptive import AdaptiveSearch, Found, Interval, Request

Completed = dict[str, dict[int, Found]]
Steps = Mapping[str, Mapping[int, float]]  # series -> position -> by how many report thresholds it moves there


class Line:
    """A history, and a search of it. A commit that is broken is so for all series."""

    def __init__(
        self, n: int, steps: Steps, broken: Collection[int] = (), starts: Mapping[str, int] | None = None
    ) -> None:
        self.n = n
        self.levels = {name: list(accumulate(moves.get(i, 0.0) for i in range(n))) for name, moves in steps.items()}
        self.broken = frozenset(broken)
        self.known: Completed = {name: {} for name in steps}
        self.tried: list[int] = []
        self.search = AdaptiveSearch(n, dict.fromkeys(steps, 0) | dict(starts or {}), self._difference)

    def _difference(self, series: str, before: int, after: int) -> float:
        assert self.known[series][before] == self.known[series][after] == "measured"
        return abs(self.levels[series][after] - self.levels[series][before])

    def answer(self, request: Request[str]) -> None:
        position = request.position
        self.tried.append(position)
        for name in self.known if position in self.broken else request.series:
            assert name not in request.series or position not in self.known[name]
            self.known[name][position] = "skip" if position in self.broken else "measured"

    def run(self, most: float = math.inf) -> "Line":
        """Answer one request after the other, to the end or until `most` commits were tried."""
        while len(self.tried) < most and (requests := self.search.next_requests(self.known)):
            (request,) = requests
            self.answer(request)
        return self

    def gaps(self, series: str = "a") -> list[int]:
        measured = sorted(p for p, found in self.known[series].items() if found == "measured")
        return [after - before for before, after in pairwise(measured)]

    def named(self) -> set[tuple[str, int, int]]:
        """Return the settled places of steps."""
        return {(i.series, i.before, i.after) for i in self.search.differing(self.known) if not i.untried}

    def planted(self) -> set[tuple[str, int, int]]:
        """Return the places of the steps as exactly as the commits that can be measured tell."""
        sound = [position for position in range(self.n) if position not in self.broken]
        return {(s, b, a) for s, levels in self.levels.items() for b, a in pairwise(sound) if levels[b] != levels[a]}


def request(position: int, *series: str) -> Request[str]:
    return Request(position=position, series=series or ("a",))


def interval(before: int, after: int, untried: int, series: str = "a") -> Interval[str]:
    return Interval(series=series, before=before, after=after, untried=untried)


def test_the_ends_come_first_and_then_the_grid() -> None:
    line = Line(1000, {"a": {}})
    assert line.search.next_requests({}, 7) == tuple(map(request, (0, 999, 500, 250, 749, 125, 375)))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 32, 33, 34, 65, 66, 100, 999, 1000, 1025, 1026, 1500, 3000])
def test_exploring_takes_no_more_than_the_gaps_need(n: int) -> None:
    line = Line(n, {"a": {}, "b": {}}).run()
    assert len(line.tried) == (math.ceil((n - 1) / 32) + 1 if n > 1 else n)
    assert max(line.gaps(), default=0) <= 32
    assert line.search.differing(line.known) == ()


@pytest.mark.parametrize("n", [1, 2, 33, 34, 1000])
def test_the_grid_is_what_is_measured_where_nothing_differs(n: int) -> None:
    line = Line(n, {"a": {}}).run()
    assert set(line.search.grid) == set(line.tried)


def test_a_step_is_found_by_halving_before_the_rest_is_explored() -> None:
    line = Line(1000, {"a": {700: 2.0}}).run(12)
    assert line.tried == [0, 999, 500, 749, 624, 687, 718, 702, 694, 698, 700, 699]
    assert line.search.differing(line.known) == (interval(699, 700, 0),)
    assert line.search.next_requests(line.known) == (request(250),)


def test_the_largest_difference_leads_and_the_oldest_of_equals() -> None:
    line = Line(1000, {"a": {100: 1.0, 900: 3.0}, "b": {100: 1.0}}).run(3)
    assert line.search.differing(line.known) == (
        interval(500, 999, 498),
        interval(0, 500, 499),
        interval(0, 500, 499, "b"),
    )
    assert line.search.next_requests(line.known, 2) == (request(749, "a", "b"), request(250, "a", "b"))
    line = Line(1000, {"a": {900: 1.0}, "b": {100: 1.0}}).run(3)
    assert line.search.next_requests(line.known) == (request(250, "a", "b"),)


def test_all_series_are_measured_on_the_grid_and_within_it_those_that_differ() -> None:
    line = Line(1000, {"a": {700: 2.0}, "b": {}, "c": {700: -1.0}}).run()
    grid = sorted(line.known["b"])
    assert (len(grid), len(line.tried)) == (33, 38)
    assert line.known["a"] == line.known["c"]
    assert sorted(set(line.known["a"]).difference(grid)) == [694, 698, 699, 700, 702]
    assert line.named() == {("a", 699, 700), ("c", 699, 700)}


@pytest.mark.parametrize(("size", "commits"), [(0.49, 33), (0.5, 38)])
def test_half_a_report_threshold_is_a_difference(size: float, commits: int) -> None:
    assert len(Line(1000, {"a": {700: size}}).run().tried) == commits


def test_two_steps_between_neighbours_of_the_grid_are_both_found() -> None:
    assert Line(30, {"a": {5: 1.0, 20: 1.0}}).run().named() == {("a", 4, 5), ("a", 19, 20)}


def test_what_comes_and_goes_within_the_gap_may_be_missed_and_longer_may_not() -> None:
    assert Line(1000, {"a": {501: 9.0, 531: -9.0}}).run().named() == set()
    assert Line(1000, {"a": {500: 9.0, 532: -9.0}}).run().named() == {("a", 499, 500), ("a", 531, 532)}


def test_a_creep_is_halved_only_while_the_ends_differ() -> None:
    line = Line(1000, {"a": dict.fromkeys(range(1, 1000), 0.01)}).run()
    assert (len(line.tried), max(line.gaps())) == (33, 32)
    steeper = Line(1000, {"a": dict.fromkeys(range(1, 1000), 0.05)}).run()
    assert (len(steeper.tried), steeper.search.differing(steeper.known)) == (129, ())


def test_the_nearest_commit_takes_the_place_of_a_broken_one() -> None:
    assert Line(65, {"a": {}}, broken={32}).run().tried == [0, 64, 32, 31, 47]
    assert Line(64, {"a": {}}, broken={32}).run().tried == [0, 63, 32, 31]
    assert Line(33, {"a": {20: 1.0}}, broken={16, 18}).run().tried == [0, 32, 16, 15, 23, 19, 21, 20]


def test_a_broken_end_gives_way_to_its_neighbours() -> None:
    line = Line(20, {"a": {10: 1.0}}, broken={0, 18, 19}).run()
    assert line.tried[:5] == [0, 1, 19, 18, 17]
    assert line.named() == {("a", 9, 10)}
    assert (min(line.gaps()), max(line.gaps())) == (1, 8)


def test_a_step_among_broken_commits_is_a_range() -> None:
    line = Line(1000, {"a": {412: 1.0}}, broken=range(410, 425)).run()
    assert line.search.differing(line.known) == (interval(409, 425, 0),)
    assert len(line.tried) == 51


def test_a_long_broken_stretch_is_left_when_its_ends_are_found() -> None:
    stepped = Line(3000, {"a": {1500: 1.0}}, broken=range(1000, 2000)).run()
    assert stepped.search.differing(stepped.known) == (interval(999, 2000, 984),)
    assert sum(position in stepped.broken for position in stepped.tried) == 16
    level = Line(3000, {"a": {}}, broken=range(2000)).run()
    assert sum(position in level.broken for position in level.tried) == 16
    assert (min(level.gaps()), max(level.gaps())) == (2, 32)


def test_a_line_that_cannot_be_measured_is_given_up() -> None:
    line = Line(1000, {"a": {}}, broken=range(1000)).run()
    assert line.tried[:8] == [0, 1, 2, 999, 998, 997, 500, 250]
    assert len(line.tried) == 16
    assert line.search.differing(line.known) == ()


def test_it_tells_at_any_time_what_is_open() -> None:
    line = Line(1000, {"a": {700: 2.0}})
    assert line.search.differing({}) == ()
    line.run(4)
    assert line.search.differing(line.known) == (interval(500, 749, 248),)
    nothing: AdaptiveSearch[str] = AdaptiveSearch(1000, {}, lambda *_: 0.0)
    assert nothing.next_requests({}) == ()


def test_several_at_once_are_those_that_no_answer_makes_needless() -> None:
    line = Line(1000, {"a": {700: 2.0}, "b": {}}).run(4)
    assert line.search.next_requests(line.known, 5) == tuple(request(at, "a", "b") for at in (624, 250, 125, 375, 874))
    line = Line(20, {"a": {10: 1.0}}).run(2)
    assert line.search.next_requests(line.known, 4) == (request(9),)  # further ones depend on this


def test_a_series_begins_where_it_applies_and_shares_the_grid() -> None:
    line = Line(1000, {"a": {}, "b": {600: 1.0}}, starts={"b": 510})
    line.known["b"][3] = "measured"  # before its time: ignored
    line.run()
    del line.known["b"][3]
    assert line.tried[:3] == [0, 510, 999]
    assert line.named() == {("b", 599, 600)}
    assert (len(line.known["a"]), len(line.tried)) == (33, 39)
    assert (min(line.known["b"]), max(line.gaps("b"))) == (510, 32)
    apart = Line(1000, {"a": {}, "b": {}}, starts={"b": 600}).run()  # their middles are, the commits are not
    assert (len(apart.tried), len(set(apart.tried))) == (34, 34)
    late = Line(10, {"a": {}}, starts={"a": 10})
    assert late.run().tried == []


@st.composite
def planted(draw: st.DrawFn, breakable: bool = True) -> Line:
    """Draw a line with levels that last 32 commits or more."""
    n = draw(st.integers(33, 200))
    source = draw(st.randoms(use_true_random=False))
    steps = {name: dict(_steps(source, n)) for name in ("a", "b", "c")}
    share = draw(st.sampled_from([0.0, 0.02, 0.1])) if breakable else 0.0
    return Line(n, steps, [position for position in range(n) if source.random() < share])


def _steps(source: random.Random, n: int) -> Sequence[tuple[int, float]]:
    steps, position = [], source.randint(32, n)
    while position <= n - 32:
        steps.append((position, source.choice((-1, 1)) * source.randint(1, 18) / 2))
        position += 32 + source.choice((0, source.randint(0, 99)))
    return steps


@given(planted())
def test_every_level_that_lasts_is_found_at_its_exact_commit(line: Line) -> None:
    assert line.run().named() == line.planted()


@given(planted(), st.randoms(use_true_random=False))
def test_a_search_makes_use_of_whatever_was_measured(line: Line, source: random.Random) -> None:
    sound = sorted(set(range(line.n)) - line.broken)
    for name in line.known:
        for position in source.sample(sound, source.randint(0, len(sound))):
            line.answer(request(position, name))
    assert line.run().named() == line.planted()


@given(planted(breakable=False), st.integers(1, 9), st.randoms(use_true_random=False))
def test_order_and_number_of_requests_do_not_change_what_is_measured(
    line: Line, count: int, source: random.Random
) -> None:
    line.run()
    expected, line.known = line.known, {name: {} for name in line.known}
    while requests := line.search.next_requests(line.known, count):
        for each in source.sample(requests, len(requests)):
            line.answer(each)
    assert line.known == expected


@given(planted(), st.integers(2, 9))
def test_several_at_once_find_the_same_among_broken_commits(line: Line, count: int) -> None:
    while requests := line.search.next_requests(line.known, count):
        for each in requests:
            line.answer(each)
    assert line.named() == line.planted()


def plant(seed: int, n: int, steps: int, share: float, series: str) -> Line:
    """Return a line whose steps lie anywhere, but last 32 commits; each letter names a series."""
    source = random.Random(seed)
    places = [p + 31 * i for i, p in enumerate(sorted(source.sample(range(1, n - 32 - 31 * (steps - 1)), steps)))]
    moves: dict[str, dict[int, float]] = {name: {} for name in series}
    for place in places:
        for name in source.sample(sorted(moves), source.randint(1, len(series))):
            moves[name][place] = source.choice((-1, 1)) * source.uniform(1, 20)
    return Line(n, moves, [position for position in range(n) if source.random() < share])


@pytest.mark.parametrize(("share", "most"), [(0.0, 48), (0.05, 60)])
@pytest.mark.parametrize("series", ["a", "abc"])
def test_1000_commits_with_3_steps_take_60_evaluations_at_most(share: float, most: int, series: str) -> None:
    lines = [plant(seed, 1000, 3, share, series).run() for seed in range(50)]
    assert all(line.named() == line.planted() for line in lines)
    assert max(len(line.tried) for line in lines) <= most
