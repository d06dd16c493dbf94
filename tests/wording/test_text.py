from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memharness.wording.text import (
    average_text,
    bytes_text,
    delta_text,
    difference_text,
    on_cases,
    percent_text,
    value_text,
    visible,
)

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50, "EiB": 1 << 60}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (12, "12 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1025, "1.00 KiB"),
        (1536, "1.5 KiB"),
        (20 << 10, "20 KiB"),
        ((1 << 20) - 1, "1023.99 KiB"),
        (1 << 20, "1 MiB"),
        (2222976, "2.12 MiB"),
        (-2222976, "-2.12 MiB"),
        (5 << 30, "5 GiB"),
        (1 << 80, "1048576 EiB"),
    ],
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert bytes_text(size) == text


@given(st.integers(-(1 << 70), 1 << 70))
def test_a_size_claims_nothing_false(size: int) -> None:
    """Within half a hundredth of its unit (a whole one just below the next unit), exact when not to two decimals."""
    number, unit = bytes_text(size).split(" ")
    error = abs(Fraction(number) * UNITS[unit] - size)
    below_next = abs(size) >= UNITS[unit] * Fraction("1023.99")
    assert error <= Fraction(UNITS[unit], 100 if below_next else 200)
    assert (error == 0) or number[-3] == "."
    assert (number == "0") == (size == 0)
    assert abs(Fraction(number)) < 1024 or unit in ("B", "EiB")


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50))
def test_more_is_never_shown_as_less(one: int, other: int) -> None:
    shown = []
    for size in sorted((one, other)):
        number, unit = bytes_text(size).split(" ")
        shown.append(Fraction(number) * UNITS[unit])
    assert shown[0] <= shown[1]


@pytest.mark.parametrize(("size", "text"), [(12, "+12 B"), (-2222976, "-2.12 MiB"), (0, "0 B")])
def test_differences_carry_their_sign(size: int, text: str) -> None:
    assert difference_text(size) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é and 日本\u3000語", "plain text, é and 日本\u3000語"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("user\u202etxt.exe\u2069", r"user\u202etxt.exe\u2069"),
        ("a\nb\tc\r\x00\x7f\x85", r"a\nb\tc\r\x00\x7f\x85"),
        ("\udc80\ufeff\u2028\U000e0041", r"\udc80\ufeff\u2028\U000e0041"),
        ("## head ##[add-mask]x ###vso[a.b]", r"## head #\x23[add-mask]x ##\x23vso[a.b]"),
    ],
)
def test_nothing_in_a_text_can_hide(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1000, 1998, "+99.8%"),
        (100_000, 199_998, "+99.9%"),
        (100_000, 1, "-99.9%"),
        (100, 0, "-100.0%"),
        (100, 100, "+0.0%"),
        (100, 200, "+100.0%"),
        (100_000, 100_001, "+<0.1%"),
        (100_000, 99_999, "-<0.1%"),
        (1000, 1001, "+0.1%"),
        (10, 109, "+990.0%"),
        (1000, 1_234_999, "1,234.9 x"),
    ],
)
def test_a_percentage_claims_no_more_than_there_is(before: int, after: int, text: str) -> None:
    assert percent_text(before, after) == text


@pytest.mark.parametrize(
    ("size", "count", "text"),
    [(1330000, 10000, "133 B"), (-90, -2, "45 B"), (1, 2, "< 1 B"), (5, 0, ""), (5, -1, ""), (0, 3, "")],
)
def test_an_average_is_given_where_it_means_something(size: int, count: int, text: str) -> None:
    assert average_text(size, count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (42_000_000, "42"), (-500_000, "-0.5"), (1_234_000_001, "1,234.000001"), (-1, "-0.000001")],
)
def test_millionths_are_shown_as_the_number_that_they_are(value: int, text: str) -> None:
    assert value_text(value, "millionths") == text
    assert delta_text(value, "millionths") == ("=" if value == 0 else f"+{text}" if value > 0 else text)


def test_a_remark_on_several_cases_is_one_line() -> None:
    remarks = [*((f"case {number}", "slow") for number in range(7)), ("case 0", "odd"), ("case 1", "slow")]
    assert [*on_cases(remarks)] == ["case 0, case 1, case 2, case 3, case 4 and 2 more: slow", "case 0: odd"]
