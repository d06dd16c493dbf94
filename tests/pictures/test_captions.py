import pytest
from msgspec.structs import replace

from drawings import DOUBLED, blamed_line, change
from memharness.model.findings import Change, ModuleChange
from memharness.model.measurements import ModuleCost
from memharness.pictures.captions import difference_parts, note_text, shortened, size_text


def test_the_end_of_a_path_is_kept_where_that_is_wanted() -> None:
    assert shortened("folder/box.py:4", 9, keep_end=True) == "…box.py:4"
    assert shortened("box.py:4", 8, keep_end=True) == "box.py:4"


def test_foreign_text_is_shortened_after_it_is_made_visible() -> None:
    assert shortened("\u202e" + "x" * 9, 9) == r"\u202exx…"
    assert shortened("exactly", 7) == "exactly"


def test_parts_add_up_to_the_difference() -> None:
    lines = [blamed_line(number, 100 - number) for number in range(8)]
    assert difference_parts(change(0, 1000, *lines)) == [
        ("+100 B", "box.py:0", "fill"),
        ("+99 B", "box.py:1", "fill"),
        ("+98 B", "box.py:2", "fill"),
        ("+97 B", "box.py:3", "fill"),
        ("+96 B", "box.py:4", "fill"),
        ("+510 B", "in 3 more lines and elsewhere", ""),
    ]


def test_of_imports_the_modules_are_named_and_of_a_library_its_caller() -> None:
    modules = tuple(
        ModuleChange(module=ModuleCost(name=name, origin="library", path=path, line=3, size=size), before=0, after=size)
        for name, path, size in (("json", "box.py", 70), ("the rest", "", 30))
    )
    imported = replace(change(0, 100, metric="import"), modules=modules)
    assert difference_parts(imported) == [
        ("+70 B", "box.py:3", "import of json"),
        ("+30 B", "(no line)", "import of the rest"),
    ]
    called = change(0, 9, replace(blamed_line(4, 9), library="json"))
    assert difference_parts(called) == [("+9 B", "box.py:4", "fill in json")]
    assert difference_parts(change(0, 9)) == [("", "no line is known", "")]


@pytest.mark.parametrize(
    ("before", "after", "unit", "text"),
    [
        (100, 150, "bytes", "+50 B, +50.0%"),
        (0, 1536, "bytes", "+1.5 KiB"),
        (3000, 1000, "objects", "-2,000, -66.6%"),
    ],
)
def test_the_head_is_the_difference_and_its_share(before: int, after: int, unit: str, text: str) -> None:
    assert size_text(change(before, after, unit=unit)) == text


@pytest.mark.parametrize(
    ("found", "note"),
    [
        (replace(DOUBLED, also=("warm_peak",)), "regressed (confirmed), warm_peak likewise"),
        (
            replace(DOUBLED, commit=None, confidence="range", between=3),
            "regressed (range), at one of 3 commits up to this one",
        ),
        (
            replace(DOUBLED, commit=None, verdict="drifting", drift=True, confidence="range", between=9),
            "drifting, over 9 commits up to this one",
        ),
        (
            replace(DOUBLED, merge="ab" * 20, verdict="accepted", reason="worth it"),
            "accepted (confirmed), on the branch merged by ababababab, worth it",
        ),
        (
            replace(DOUBLED, verdict="transient", undone_by="cd" * 20),
            "transient (confirmed), taken back by cdcdcdcdcd",
        ),
    ],
)
def test_the_note_says_what_is_known_of_a_change(found: Change, note: str) -> None:
    assert note_text(found, with_family=False) == note
    assert note_text(found, with_family=True) == f"{note}, cpython-3.11.7-auto"
