"""Which commits of a history a picture shows."""

from functools import cache
from itertools import pairwise

import pytest
from msgspec.structs import replace

import site_values as values
from memharness.site.picturing import newest_pictured
from memharness.site.values import Mark, TrendSummary

LONG = (1001, 1600, 5000, 20_000)


@cache
def _row() -> TrendSummary:
    return values.index().rows[0]


def rows(marks: tuple[Mark, ...] = ()) -> list[TrendSummary]:
    """Return a row of each of 64 subjects."""
    row = _row()
    return [replace(row, subject=replace(row.subject, id=f"{number:012x}"), marks=marks) for number in range(64)]


@pytest.mark.parametrize("commits", [1, 2, 1000])
def test_of_a_short_history_all_are_shown(commits: int) -> None:
    assert {newest_pictured(row, commits) for row in rows()} == {commits - 1}


@pytest.mark.parametrize("commits", LONG)
def test_of_a_long_history_a_fiftieth_may_be_missing(commits: int) -> None:
    missing = [commits - 1 - newest_pictured(row, commits) for row in rows()]
    assert min(missing) >= 0
    assert max(missing) < commits / 50


@pytest.mark.parametrize("commits", LONG)
def test_few_pictures_are_due_at_once(commits: int) -> None:
    own = rows()
    shown = [[newest_pictured(row, number) for row in own] for number in range(commits, commits + 500)]
    due = []
    for before, after in pairwise(shown):
        assert all(old <= new for old, new in zip(before, after, strict=True))
        due.append(sum(old != new for old, new in zip(before, after, strict=True)))
    assert max(due) <= len(own) / 4
    assert sum(map(bool, due)) <= len(due) / 4 + 1
    assert all(first != last for first, last in zip(shown[0], shown[-1], strict=True))


def test_a_change_is_always_shown() -> None:
    mark = Mark(position=4999, before=1, after=2, status="open", entry="0")
    assert {newest_pictured(row, 5000) for row in rows((mark,))} == {4999}
