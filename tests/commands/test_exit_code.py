import pytest
from msgspec.structs import replace

from memharness.commands.exit_code import exit_code
from memharness.model.findings import Counts, Exceeded, Failure, Report
from values import commit

NEWEST = commit(9).id
OVER = Exceeded(
    case="waste",
    metric="growth",
    family="f",
    unit="bytes per call",
    limit=0,
    value=8,
    first=NEWEST,
    last=NEWEST,
    open=True,
)


def code(*exceeded: Exceeded, failures: tuple[Failure, ...] = ()) -> int:
    report = Report(counts=Counts(), changes=(), failures=failures, series=(), exceeded=exceeded)
    return exit_code(report, needed={NEWEST})


@pytest.mark.parametrize(
    ("exceeded", "expected"),
    [
        ((), 0),
        ((OVER,), 1),
        ((replace(OVER, open=False),), 0),
        ((replace(OVER, suspected=True),), 0),
        ((replace(OVER, suspected=True), OVER), 1),
    ],
)
def test_a_limit_fails_where_the_newest_value_is_certainly_above_it(
    exceeded: tuple[Exceeded, ...], expected: int
) -> None:
    assert code(*exceeded) == expected


def test_a_suspected_excess_hides_no_failure() -> None:
    failure = Failure(commit=NEWEST, case="waste", family="f", phase="run", reason="")
    assert code(replace(OVER, suspected=True), failures=(failure,)) == 3
