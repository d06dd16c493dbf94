import pytest

from memharness.analyse.limits import find_exceeded, untraced_dominates
from memharness.model.findings import Exceeded
from serieses import MIB, series
from values import commit


def exceeded(first: int, last: int, value: int, *, open_: bool) -> Exceeded:
    return Exceeded(
        case="waste",
        metric="peak",
        family="f",
        unit="bytes",
        limit=100,
        value=value,
        first=commit(first).id,
        last=commit(last).id,
        open=open_,
    )


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([(100,)], ()),
        ([(101,)], (exceeded(0, 0, 101, open_=True),)),  # also the first and only commit
        ([(500,), (100,)], (exceeded(0, 0, 500, open_=False),)),
        ([(0,), (200,), (), (300,), (250,), (0,), (101,), ()],
         (exceeded(1, 4, 300, open_=False), exceeded(6, 6, 101, open_=True))),
        ([(0, 200, 300)], (exceeded(0, 0, 200, open_=True),)),  # the median of repeats
        ([(), ()], ()),
        ([], ()),
    ],
)  # fmt: skip
def test_each_run_above_the_limit_is_found(values: list[tuple[int, ...]], found: tuple[Exceeded, ...]) -> None:
    assert find_exceeded(series(*values), 100) == found


@pytest.mark.parametrize(
    ("doubtful", "suspected"),
    [(set(), [False, False]), ({0}, [False, False]), ({0, 1}, [True, False]), ({2, 3}, [False, True])],
)
def test_an_excess_is_suspected_where_no_value_of_it_is_certain(doubtful: set[int], suspected: list[bool]) -> None:
    values = series((101,), (102,), (0,), (101,), suspected=doubtful)
    assert [over.suspected for over in find_exceeded(values, 100)] == suspected


def test_a_limit_of_zero_holds_for_growth() -> None:
    (found,) = find_exceeded(series((0,), (8,), metric="growth"), 0)
    assert (found.unit, found.value, found.first, found.open) == ("bytes per call", 8, commit(1).id, True)


@pytest.mark.parametrize(
    ("peaks", "resident", "dominates"),
    [
        ([1], [9], True),
        ([1], [8], False),  # less than 8 MiB more
        ([20], [39], False),  # less than twice as much
        ([20], [40], True),
        ([1, 1, 1], [64, 64, 2], True),
        ([1, 1, 1], [64, 2, 2], False),  # the median commit decides
        ([1, None, 1, None], [64, 2, None, None], True),  # commits with both
        ([None, 1], [64, None], False),
    ],
)
def test_untraced_memory_dominates_in_proportion_and_in_size(
    peaks: list[int | None], resident: list[int | None], dominates: bool
) -> None:
    def of(mebibytes: list[int | None]) -> list[int | None]:
        return [None if m is None else m * MIB for m in mebibytes]

    assert untraced_dominates(of(peaks), of(resident)) is dominates
