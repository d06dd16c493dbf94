"""The course of a series in few cells, as characters, and in the table of a report at any width."""

import io
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from memharness.model.findings import Cell
from memharness.terminal.sparkline import LEVELS, sparkline
from memharness.terminal.tables import Row, draw_rows
from memharness.wording.thinning import thin

STEP: tuple[Cell, ...] = (2222976,) * 20 + (None,) * 5 + ("failed",) * 5 + (4445896,) * 10
LEAK: tuple[Cell, ...] = (0,) * 39 + (1,)

cells = st.lists(st.integers(-1000, 1 << 50) | st.sampled_from([None, "failed", 7, 8]), max_size=200)


def numbers(found: Sequence[Cell]) -> list[int]:
    return [cell for cell in found if isinstance(cell, int)]


@given(cells, st.integers(2, 60))
def test_the_lowest_and_highest_value_survive_in_their_order_at_any_width(series: list[Cell], most: int) -> None:
    thinned = thin(series, most)
    assert len(thinned) <= most
    assert len(thinned) <= len(series)
    remaining = iter(series)
    values = numbers(thinned)
    ends = {min(numbers(series), default=None), max(numbers(series), default=None)} - {None}
    assert ends <= {*values}
    assert all(cell in series for cell in thinned)
    distinct = [values[0], *(b for a, b in pairwise(values) if a != b)] if values else []
    assert all(cell in remaining for cell in distinct)  # a subsequence


@given(cells, st.integers(20, 60), st.integers(2, 20))
def test_what_was_thinned_can_be_thinned_again(series: list[Cell], more: int, fewer: int) -> None:
    again = thin(thin(series, more), fewer)
    assert len(again) <= fewer
    assert {min(numbers(series), default=0), max(numbers(series), default=0)} == {
        min(numbers(again), default=0),
        max(numbers(again), default=0),
    }


@given(st.integers(0, 999), st.integers(8, 40))
def test_a_spike_of_one_commit_and_a_step_are_seen_in_a_thousand(position: int, width: int) -> None:
    spike: list[Cell] = [100] * 1000
    spike[position] = 200
    step: list[Cell] = [200 if number > position else 100 for number in range(1001)]
    assert sparkline(spike, width).strip(LEVELS[0]) == LEVELS[-1]
    assert sparkline(step, width) == "".join(sorted(sparkline(step, width)))
    assert {*sparkline(step, width)} == {LEVELS[0], LEVELS[-1]}


@pytest.mark.parametrize(
    ("series", "most", "expected"),
    [
        ((1, 2, 3, 4), 4, (1, 2, 3, 4)),
        ((1, 9, 5, 5, 5, 5, 3, 2), 4, (1, 9, 5, 2)),
        ((1, 9, 5, 5, 5, 5, 3, 2), 5, (1, 9, 5, 2)),
        ((5, 5, "failed", None, "failed", 5), 4, (5, "failed", "failed", 5)),
        ((None, None, None, "failed", None, None), 4, (None, None, "failed", "failed")),
        ((1, "failed", 2, None, None, 3), 4, (1, 2, 3, 3)),
        ((), 4, ()),
    ],
)
def test_each_stretch_gives_two_cells(series: tuple[Cell, ...], most: int, expected: tuple[Cell, ...]) -> None:
    assert thin(series, most) == expected


@pytest.mark.parametrize(
    ("series", "line"),
    [
        ((0, 1, 2, 3, 4, 5, 6, 7), "▁▂▃▄▅▆▇█"),
        ((5, 5, 5), "▁▁▁"),
        ((0, 0), "▁▁"),
        ((7, None, "failed", 9), "▁ ✗█"),
        ((None, "failed"), " ✗"),
        ((-3, 4), "▁█"),
        ((0, 501, 1_000_000), "▁▂█"),  # a rise shows, however small beside another
        ((0, 500, 1_000_000), "▁▁█"),  # but for what repeats may differ by
        ((1_000_000, 1_000_600, 1_000_000), "▁▂▁"),  # jitter is no peak
        ((1_000_000, 1_010_000, 1_000_000), "▁▃▁"),  # 1 % may be flagged
        ((1_000_000, 1_042_000), "▁█"),
        ((), ""),
    ],
)
def test_a_line_shows_levels_gaps_and_failures(series: tuple[Cell, ...], line: str) -> None:
    assert sparkline(series, 40) == line


ROWS = (
    Text("case"),
    Row(("peak", "1023.99 KiB", "+1023.99 KiB"), Text("▲ regressed"), STEP),
    Row(("retained", "0 B", "="), Text(""), LEAK),
    Row(("growth", "16 B/call", ""), Text("▲ 2 regressed, ▼ 3 improved, ↗ drifting  noisy")),
)


def drawn(width: int, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    screen = Console(file=file, width=width, highlight=False, color_system=None)
    draw_rows(screen, ("metric", "value", "difference"), ROWS, indent=2)
    file.seek(0)
    return "\n" + file.read()


@pytest.mark.parametrize(
    ("width", "encoding", "text"),
    [
        pytest.param(
            120,
            "utf-8",
            """
  metric          value    difference  trend
case
  peak      1023.99 KiB  +1023.99 KiB  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁    ✗✗✗✗████████  ▲ regressed
  retained          0 B             =  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█
  growth      16 B/call                                                  ▲ 2 regressed, ▼ 3 improved, ↗ drifting  noisy
""",
            id="at 120 columns a trend has all the room it needs",
        ),
        pytest.param(
            80,
            "utf-8",
            """
  metric          value    difference  trend
case
  peak      1023.99 KiB  +1023.99 KiB  ▁▁▁▁▁▁▁▁▁▁▁▁  ✗✗✗█████  ▲ regressed
  retained          0 B             =  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█
  growth      16 B/call
    ▲ 2 regressed, ▼ 3 improved, ↗ drifting  noisy
""",
            id="at 80 columns it leaves room for the verdict",
        ),
        pytest.param(
            60,
            "utf-8",
            """
  metric          value    difference  trend
case
  peak      1023.99 KiB  +1023.99 KiB  ▁▁▁▁✗✗██  ▲ regressed
  retained          0 B             =  ▁▁▁▁▁▁▁█
  growth      16 B/call
    ▲ 2 regressed, ▼ 3 improved, ↗ drifting  noisy
""",
            id="at 60 columns it still has the step and the failures",
        ),
        pytest.param(
            58,
            "utf-8",
            """
  metric          value    difference
case
  peak      1023.99 KiB  +1023.99 KiB  ▲ regressed
  retained          0 B             =
  growth      16 B/call
    ▲ 2 regressed, ▼ 3 improved, ↗ drifting  noisy
""",
            id="with less room it goes before anything else",
        ),
        pytest.param(
            35,
            "utf-8",
            """
case
  peak: value 1023.99 KiB,
    difference +1023.99 KiB
    ▲ regressed
  retained: value 0 B,
    difference =
  growth: value 16 B/call
    ▲ 2 regressed, ▼ 3 improved,
      ↗ drifting  noisy
""",
            id="where figures have no room side by side they are listed",
        ),
        pytest.param(
            80,
            "latin-1",
            """
  metric          value    difference  trend
case
  peak      1023.99 KiB  +1023.99 KiB  ____________  xxx#####  ^ regressed
  retained          0 B             =  _____________________#
  growth      16 B/call
    ^ 2 regressed, v 3 improved, / drifting  noisy
""",
            id="an encoding without blocks gets ascii of the same width",
        ),
    ],
)
def test_a_table_of_trends(width: int, encoding: str, text: str) -> None:
    assert drawn(width, encoding) == text


@pytest.mark.parametrize("width", range(30, 130, 7))
def test_no_line_is_wider_than_the_console(width: int) -> None:
    assert max(map(len, drawn(width).split("\n"))) <= width
