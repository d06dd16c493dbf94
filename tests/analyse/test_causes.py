"""Which changes are one finding."""

import pytest
from msgspec.structs import replace

from memharness.analyse.causes import group_by_cause
from memharness.model.findings import BlamedLine, Change, ModuleChange
from memharness.model.measurements import ModuleCost

PEAK = Change(
    case="waste[rows=100]",
    metric="peak",
    family="cpython-3.11.7-auto",
    verdict="regressed",
    confidence="confirmed",
    commit="b",
    range=("a", "b"),
    between=1,
    before=1000,
    after=2000,
    unit="bytes",
)


def line(number: int, size: int) -> BlamedLine:
    return BlamedLine(
        path="a.py", line=number, function="f", source="", size=size, bytes=size, count=1, changed_here=True
    )


def module(name: str, size: int) -> ModuleChange:
    return ModuleChange(module=ModuleCost(name=name, origin="", path="", line=0, size=size), before=0, after=size)


def at(*sizes: tuple[int, int], **known: object) -> Change:
    """Return a change with blamed lines (number, bytes)."""
    return replace(PEAK, blame=tuple(line(*size) for size in sizes), **known)


def test_metrics_cases_and_environments_that_blame_the_same_line_are_one_finding() -> None:
    changes = (
        at((1, 900), (2, 100)),
        at((1, 900), (2, 100), metric="result"),
        at((1, 4900), (3, 100), case="other", after=6000),
        at((1, 990), family="cpython-3.13.1-auto", confidence="located"),
    )
    assert group_by_cause(changes) == ((0, 1, 2, 3),)


def test_a_leak_is_one_finding_whatever_metric_shows_it() -> None:
    growth = at((7, 8), metric="growth", unit="bytes per call", before=0, after=8, confidence="suspected")
    assert group_by_cause((at((1, 1000)), at((7, 1000), metric="retained"), growth)) == ((0,), (1, 2))


def test_a_rise_that_only_a_part_of_another_explains_is_a_finding_of_its_own() -> None:
    """The second line holds 40 % of the peak, and all of what stays."""
    assert group_by_cause((at((1, 600), (2, 400)), at((2, 1000), metric="retained"))) == ((0,), (1,))


def test_parts_that_moved_the_other_way_explain_nothing() -> None:
    assert group_by_cause((at((1, 900), (2, -900)), at((3, 900), (2, -900)))) == ((0,), (1,))


def test_a_fall_is_explained_by_what_fell() -> None:
    falls = [at((1, -900), (number, 400), verdict="improved", after=0) for number in (2, 3)]
    assert group_by_cause(falls) == ((0, 1),)


def test_a_line_that_is_gone_is_not_the_one_that_has_its_number_now() -> None:
    gone = replace(line(1, -900), status="gone")
    fall = at((1, -900), verdict="improved", after=0)
    assert group_by_cause((fall, replace(fall, metric="result", blame=(gone,)))) == ((0,), (1,))


def test_imports_of_the_same_modules_are_one_finding() -> None:
    first, same, other = (
        replace(PEAK, metric="import", case=case, modules=modules)
        for case, modules in [
            ("one", (module("numpy", 600), module("json", 400))),
            ("two", (module("numpy", 900), module("re", 100))),
            ("three", (module("numpy", 200), module("re", 800))),
        ]
    )
    assert group_by_cause((first, same, other)) == ((0, 1), (2,))


@pytest.mark.parametrize(
    "known",
    [
        {"range": ("a", "c")},
        {"commit": None},
        {"merge": "m"},
        {"verdict": "accepted", "reason": "wanted"},
        {"verdict": "transient", "undone_by": "d"},
        {"verdict": "drifting", "drift": True},
        {"after": 1},
    ],
)
def test_changes_that_became_something_else_are_other_findings(known: dict[str, object]) -> None:
    assert group_by_cause((at((1, 1000)), at((1, 1000), **known))) == ((0,), (1,))


def test_without_an_explanation_only_the_parameters_and_environments_of_a_scenario_are_one() -> None:
    changes = (
        replace(PEAK, metric="rss_peak"),
        replace(PEAK, metric="rss_peak", case="waste[rows=200]", family="cpython-3.13.1-auto"),
        replace(PEAK, metric="rss_peak", case="other"),
        PEAK,
        at((1, 1000)),
        at((1, 300), metric="rss_peak"),  # which is not most of it
    )
    assert group_by_cause(changes) == ((0, 1, 5), (2,), (3,), (4,))
