import pytest

from memharness.errors import MemharnessError
from memharness.pictures.look import Look


@pytest.mark.parametrize(
    ("name", "value", "shown", "bounds"),
    [
        ("width", 2.9, "2.9", "3 to 40 inches"),
        ("width", float("nan"), "nan", "3 to 40 inches"),
        ("height", 20.5, "20.5", "1 to 20 inches"),
        ("height", float("inf"), "inf", "1 to 20 inches"),
        ("dpi", 35, "35", "36 to 600 dots per inch"),
        ("dpi", 601, "601", "36 to 600 dots per inch"),
    ],
)
def test_what_is_out_of_bounds_is_an_error_that_names_them(name: str, value: float, shown: str, bounds: str) -> None:
    with pytest.raises(MemharnessError) as raised:
        Look(**{name: value})  # type: ignore[arg-type]  # one of several fields
    assert (raised.value.message, raised.value.hint) == (f"--{name} {shown} is out of bounds", f"Choose from {bounds}.")


def test_the_bounds_themselves_are_allowed() -> None:
    assert [Look(width=width, height=height, dpi=dpi).dpi for width, height, dpi in ((3, 1, 36), (40, 20, 600))] == [
        36,
        600,
    ]


def test_an_unknown_theme_is_an_error() -> None:
    with pytest.raises(MemharnessError, match="there is no theme 'pink'"):
        Look(theme="pink")
