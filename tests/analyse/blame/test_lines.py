import pytest
from msgspec.structs import replace

from memharness.analyse.blame.edits import Edits
from memharness.analyse.blame.lines import LineDifference, blame, line_differences, subtract
from memharness.model.findings import BlamedLine
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame, LineInstances, Profile, ProfileLine, Stack, TypeCount
from values import stat

NONE = Edits()


def edited(*hunks: tuple[int, int, int, int], before: str | None = "a.py", after: str | None = "a.py") -> FileEdit:
    return FileEdit(
        before=before,
        after=after,
        hunks=tuple(Hunk(before=b, removed=r, after=a, added=n) for b, r, a, n in hunks),
    )


def sizes(before: list[ProfileLine], after: list[ProfileLine], *files: FileEdit) -> list[tuple[str, int, int]]:
    """Return path, line and size of each difference."""
    return [(d.stat.path, d.stat.line, d.size) for d in line_differences(before, after, Edits(files))]


# --- lines that moved ------------------------------------------------------------------------------------


def test_a_moved_line_contributes_nothing() -> None:
    assert sizes([stat(10, 500, source="x = make()")], [stat(90, 500, source="x = make()")]) == []


def test_a_line_moved_to_another_file_or_function_contributes_nothing() -> None:
    before = [stat(1, 5, source="a"), stat(2, 6, source="b"), stat(3, 7, source="c")]
    after = [
        stat(1, 5, source="a", path="new.py"),
        stat(2, 6, source="b", function="g"),
        stat(3, 7, source="c", path="new.py", function="g"),
    ]
    split = (edited((1, 3, 1, 2)), edited((0, 0, 1, 5), before=None, after="new.py"))
    assert sizes(before, after, *split) == []


def test_lines_of_a_renamed_file_and_of_a_renamed_function_are_the_same() -> None:
    before = [stat(3, 70, source="x"), stat(9, 5, source="y", function="old")]
    after = [stat(3, 80, source="x", path="b.py"), stat(10, 5, source="y", function="new", path="b.py")]
    assert sizes(before, after, edited((8, 1, 8, 2), after="b.py")) == [("b.py", 3, 10)]


def test_a_line_that_stands_where_it_stood_has_not_moved() -> None:
    """Another line that reads alike came to hold memory: that is growth there, not a move."""
    before = [stat(3, 500, source="rows = []", function="f")]
    after = [stat(30, 600, source="rows = []", function="g")]
    assert sizes(before, after) == [("a.py", 30, 600), ("a.py", 3, -500)]
    moved = edited((3, 1, 2, 0), (30, 0, 30, 1))
    assert sizes(before, after, moved) == [("a.py", 30, 100)]


def test_lines_of_a_library_are_known_by_their_function_and_never_move_to_another_file() -> None:
    path = "<site-packages>/lib.py"
    before = [stat(10, 5, source="a", path=path), stat(11, 5, source="b", path=path)]
    after = [stat(20, 5, source="a", path=path), stat(21, 7, source="b", path="<stdlib>/lib.py")]
    assert sizes(before, after) == [("<stdlib>/lib.py", 21, 7), (path, 11, -5)]


def test_generated_lines_without_text_are_not_alike() -> None:
    before = [replace(stat(1, 5, function="f"), source="")]
    after = [replace(stat(5, 5, function="g"), source="")]
    assert sizes(before, after, edited((1, 1, 0, 0), (5, 0, 5, 1))) == [("a.py", 5, 5), ("a.py", 1, -5)]


# --- equal lines -----------------------------------------------------------------------------------------


def test_of_equal_lines_the_one_that_git_maps_is_the_one_that_grew() -> None:
    before = [stat(3, 100, source="x()"), stat(7, 200, source="x()")]
    assert sizes(before, [stat(4, 200, source="x()"), stat(8, 400, source="x()")], edited((1, 0, 2, 1))) == [
        ("a.py", 8, 200),
        ("a.py", 4, 100),
    ]
    added = [stat(3, 100, source="x()"), stat(5, 30, source="x()"), stat(8, 200, source="x()")]
    assert sizes(before, added, edited((4, 0, 5, 1))) == [("a.py", 5, 30)]


def test_an_equal_line_that_came_from_another_function_is_told_by_its_size() -> None:
    """The diff maps the old line of `g` to the one that came, since both read alike."""
    before = [stat(2, 100, source="x()", function="f"), stat(8, 500, source="x()", function="g")]
    after = [stat(7, 100, source="x()", function="g"), stat(8, 500, source="x()", function="g")]
    assert sizes(before, after, edited((2, 1, 1, 0), (8, 0, 8, 1))) == []


def test_equal_lines_that_all_moved_are_matched_by_size_and_then_in_order() -> None:
    before = [stat(1, 10, source="x()"), stat(2, 20, source="x()"), stat(3, 30, source="x()")]
    after = [stat(11, 20, source="x()"), stat(12, 11, source="x()"), stat(13, 32, source="x()")]
    assert sizes(before, after, edited((1, 3, 0, 0), (10, 0, 11, 3))) == [("a.py", 13, 2), ("a.py", 12, 1)]


# --- edited lines ----------------------------------------------------------------------------------------


def test_an_edited_line_is_compared_with_the_one_that_it_was() -> None:
    before = [stat(4, 100, source="self.data = urandom(100)", count=1)]
    after = [stat(5, 250, source="self.data = urandom(250)", count=1)]
    expected = LineDifference(
        stat=after[0], now=250, size=150, count=0, old=(("a.py", 4),), new=(("a.py", 5),), blocks=1
    )
    for edits in (Edits([edited((4, 1, 5, 1))]), Edits([edited((1, 9, 0, 0)), edited((5, 1, 5, 1), before="a.py")])):
        assert line_differences(before, after, edits) == (expected,)


def test_edited_lines_of_a_hunk_are_matched_by_likeness_also_in_another_function() -> None:
    before = [stat(4, 10, source="data = bytearray(10)"), stat(5, 50, source="rows = list(range(50))")]
    after = [
        stat(4, 70, source="rows = list(range(70))", function="g"),
        stat(6, 11, source="data = bytearray(11)", function="g"),
    ]
    assert sizes(before, after, edited((4, 2, 4, 3))) == [("a.py", 4, 20), ("a.py", 6, 1)]


def test_lines_that_read_differently_face_each_other_in_a_hunk_of_equal_sides() -> None:
    before = [stat(4, 10, source="one"), stat(5, 50, source="2")]
    after = [stat(4, 12, source="uno", function="g"), stat(5, 55, source="dos", function="g")]
    assert sizes(before, after, edited((4, 2, 4, 2))) == [("a.py", 5, 5), ("a.py", 4, 2)]


def test_the_only_lines_left_of_a_hunk_are_one() -> None:
    before = [stat(4, 10, source="one")]
    assert sizes(before, [stat(6, 12, source="uno", function="g")], edited((4, 1, 4, 3))) == [("a.py", 6, 2)]


def test_a_hunk_too_long_to_compare_line_by_line_is_left_to_its_functions() -> None:
    before = [stat(n, 1, source=f"old line {n}") for n in range(1, 61)]
    after = [stat(n, 2, source=f"new line {n}") for n in range(1, 71)]
    assert sizes(before, after, edited((1, 60, 1, 70))) == [("a.py", 1, 80)]


def test_what_is_left_of_a_function_on_both_sides_is_one_entry_at_its_biggest_line() -> None:
    before = [stat(4, 10, source="one"), stat(5, 50, source="two")]
    after = [stat(7, 300, source="uno"), stat(8, 5, source="dos"), stat(9, 5, source="tres")]
    (difference,) = line_differences(before, after, Edits([edited((4, 2, 7, 3))]))
    assert difference == LineDifference(
        stat=after[0],
        now=310,
        size=250,
        count=1,
        old=(("a.py", 4), ("a.py", 5)),
        new=(("a.py", 7), ("a.py", 8), ("a.py", 9)),
        blocks=3,
    )


def test_new_and_gone_lines_stand_alone() -> None:
    gone = stat(1, 100, function="old", source="p", count=2)
    new = stat(9, 40, function="new", source="q", count=1)
    assert line_differences([gone], [new], NONE) == (
        LineDifference(stat=new, now=40, size=40, count=1, new=(("a.py", 9),), blocks=1),
        LineDifference(stat=gone, now=0, size=-100, count=-2, gone=True, old=(("a.py", 1),)),
    )


def test_a_change_of_count_alone_is_a_difference() -> None:
    (difference,) = line_differences([stat(1, 10, count=1)], [stat(1, 10, count=2)], NONE)
    assert (difference.size, difference.count) == (0, 1)


# --- libraries -------------------------------------------------------------------------------------------


def used(library: str, line: int, size: int, *, source: str = "x = load()") -> ProfileLine:
    return replace(stat(line, size, source=source), library=library)


def test_each_library_of_a_line_is_shown_for_itself() -> None:
    before = [used("", 3, 10), used("json", 3, 100), used("re", 3, 4)]
    after = [used("", 4, 30), used("json", 4, 400), used("re", 4, 4)]
    differences = line_differences(before, after, Edits([edited((1, 0, 2, 1))]))
    assert [(d.stat, d.now, d.size) for d in differences] == [(after[1], 400, 300), (after[0], 30, 20)]


def test_a_library_in_the_place_of_another_is_one_difference() -> None:
    before = [used("", 3, 10), used("json", 3, 100, source="x = json.load()")]
    after = [used("", 3, 10), used("orjson", 3, 150, source="x = orjson.load()")]
    (difference,) = line_differences(before, after, Edits([edited((3, 1, 3, 1))]))
    assert (difference.stat.library, difference.now, difference.size, difference.count) == ("orjson", 160, 50, 0)
    assert not difference.gone
    (difference,) = line_differences(after, before, Edits([edited((3, 1, 3, 1))]))
    assert (difference.stat.library, difference.now, difference.size, difference.count) == ("orjson", 110, -50, 0)


def test_a_library_that_a_line_uses_no_more_is_shown_where_the_line_stands() -> None:
    (difference,) = line_differences(
        [used("", 3, 10), used("json", 3, 100)], [used("", 9, 10)], Edits([edited((1, 0, 2, 6))])
    )
    assert difference == LineDifference(
        stat=replace(used("json", 9, 0), count=0), now=0, size=-100, count=-1, old=(("a.py", 3),)
    )


# --- libraries that lines share --------------------------------------------------------------------------


def shared(before: list[ProfileLine], after: list[ProfileLine]) -> list[tuple[int, str, int, int]]:
    """Return line, library, size and count of each difference."""
    differences = line_differences(before, after, NONE, shared=True)
    return [(d.stat.line, d.stat.library, d.size, d.count) for d in differences]


def test_a_shared_library_that_went_to_another_line_counts_with_its_net_alone() -> None:
    before = [used("json", 2, 50, source="import json"), replace(used("re", 2, 400, source="import json"), count=7)]
    after = [
        used("html", 1, 300, source="import html"),
        replace(used("re", 1, 403, source="import html"), count=9),
        used("json", 2, 50, source="import json"),
    ]
    assert shared(before, after) == [(1, "html", 300, 1), (1, "re", 3, 2)]
    assert shared(after, before) == [(1, "re", -3, -2), (1, "html", -300, -1)]
    assert len(line_differences(before, after, NONE)) == 3


def test_of_lines_that_gained_the_one_that_gained_most_took_a_shared_library_over() -> None:
    own = [stat(line, 1) for line in range(1, 5)]
    before, after = (
        [replace(stat(n, size), library="re") for n, size in side]
        for side in ([(1, 100), (3, 10)], [(2, 100), (3, 30), (4, 95)])
    )
    assert shared(own + before, own + after) == [(4, "re", 95, 1), (3, "re", 20, 0)]


def test_what_a_line_gained_beside_a_shared_library_that_left_it_is_a_difference_of_its_own() -> None:
    before = [used("json", 2, 50, source="import json"), used("re", 2, 400, source="import json")]
    after = [used("re", 1, 400, source="import html"), used("json", 2, 58, source="import json")]
    assert shared(before, after) == [(2, "json", 8, 0)]


def test_the_own_code_of_a_project_is_no_shared_library() -> None:
    before, after = [stat(1, 10), stat(2, 90)], [stat(1, 50), stat(2, 40)]
    assert shared(before, after) == [(1, "", 40, 0), (2, "", -50, 0)]


# --- profiles --------------------------------------------------------------------------------------------


def test_subtract_keeps_what_only_one_side_has() -> None:
    whole = Profile(lines=(stat(1, 100, count=5), stat(2, 50), used("json", 2, 9), stat(3, 7)))
    part = Profile(lines=(stat(1, 40, count=2), stat(2, 50), stat(9, 3)))
    assert subtract(whole, part) == (stat(1, 60, count=3), used("json", 2, 9), stat(3, 7), stat(9, -3, count=-1))


# --- blame -----------------------------------------------------------------------------------------------


def test_blame_lists_what_moved_with_the_total_and_the_rest_is_elsewhere() -> None:
    edits = Edits([edited((1, 0, 2, 1))])
    differences = line_differences([stat(1, 40)], [stat(1, 100), stat(2, 10)], edits)
    lines, elsewhere = blame(70, differences, edits, Profile(), Profile(), most=5)
    assert [(line.line, line.bytes, line.changed_here) for line in lines] == [(1, 60, False), (2, 10, True)]
    assert elsewhere == 0


def named(sign: int, total: int, *parts: int) -> tuple[list[int], int]:
    """Blame lines that hold `parts` of a rise, or with a `sign` of -1 of a fall."""
    differences = [
        LineDifference(stat=stat(number, 0), now=0, size=sign * size, count=0) for number, size in enumerate(parts)
    ]
    lines, elsewhere = blame(sign * total, differences, NONE, Profile(), Profile())
    return [sign * line.bytes for line in lines], sign * elsewhere


@pytest.mark.parametrize("sign", [1, -1])
def test_next_to_nothing_is_named_only_where_it_is_the_greatest(sign: int) -> None:
    assert named(sign, 1_000_000, 900_000, 1000, 999) == ([900_000, 1000], 99_000)
    assert named(sign, 1_000_000, 80, 79) == ([80], 999_920)


@pytest.mark.parametrize("sign", [1, -1])
def test_as_many_lines_are_named_as_it_takes_to_name_nearly_all(sign: int) -> None:
    assert named(sign, 2000, *[100] * 20) == ([100] * 19, 100)
    assert named(sign, 2000, 1900, *[5] * 20) == ([1900, *[5] * 9], 55)
    assert named(sign, 8000, *[100] * 80) == ([100] * 50, 3000)


def test_blame_of_a_fall_lists_what_shrank() -> None:
    edits = Edits([edited((1, 1, 0, 0))])
    differences = line_differences([stat(1, 100, source="grid")], [], edits)
    lines, elsewhere = blame(-90, differences, edits, Profile(), Profile())
    assert lines == (
        BlamedLine(
            path="a.py",
            line=1,
            function="f",
            source="grid",
            size=0,
            bytes=-100,
            count=-1,
            changed_here=True,
            status="gone",
        ),
    )
    assert elsewhere == 10


def call(line: int, source: str = "build()") -> Frame:
    return Frame(path="a.py", line=line, function="main", source=source)


def held(size: int, *frames: Frame) -> Stack:
    return Stack(size=size, count=1, frames=(*frames, Frame(path="a.py", line=2, function="f", source="line 2")))


@pytest.mark.parametrize("grows", [True, False])
def test_an_unchanged_line_comes_with_its_changed_caller_and_its_types(grows: bool) -> None:
    small = Profile(
        lines=(stat(2, 10),),
        stacks=(held(10, call(20)),),
        types=(
            LineInstances(path="a.py", line=2, name="Row", count=1),
            LineInstances(path="a.py", line=9, name="Row", count=9),
        ),
    )
    big = Profile(
        lines=(stat(2, 90, count=4),),
        stacks=(held(90, call(20)),),
        types=(
            LineInstances(path="a.py", line=2, name="Row", count=3),
            LineInstances(path="a.py", line=2, name="Cell", count=1),
        ),
    )
    before, after = (small, big) if grows else (big, small)
    edits = Edits([edited((20, 1, 20, 1))])
    (line,), elsewhere = blame(
        80 if grows else -80, line_differences(before.lines, after.lines, edits), edits, before, after
    )
    types = (TypeCount(name="Row", before=1, after=3), TypeCount(name="Cell", before=0, after=1))
    assert elsewhere == 0
    assert line == BlamedLine(
        path="a.py",
        line=2,
        function="f",
        source="line 2",
        size=90 if grows else 10,
        bytes=80 if grows else -80,
        count=3 if grows else -3,
        changed_here=False,
        status="grown" if grows else "shrunk",
        caller=call(20),
        caller_changed=True,
        caller_gone=not grows,
        types=types if grows else tuple(TypeCount(name=t.name, before=t.after, after=t.before) for t in types),
        blocks=4 if grows else 1,
    )


def test_a_line_is_not_its_own_caller() -> None:
    old, new = "def f():\n    return a()\n", "def f():\n    b()\n    return a()\n"
    added = FileEdit(before="a.py", after="a.py", hunks=(Hunk(before=1, removed=0, after=2, added=1),))
    edits = Edits([added], before={"a.py": old}, after={"a.py": new})
    before, after = [stat(1, 90, source="def f():")], [stat(1, 10, source="def f():")]
    (blamed,), _ = blame(-80, line_differences(before, after, edits), edits, Profile(), Profile())
    assert (blamed.line, blamed.caller) == (1, None)


def test_a_line_that_is_still_there_has_its_present_number_and_is_not_gone() -> None:
    old, new = "def f():\n    a()\n    return b()\n", "def f():\n    c()\n    a()\n    return d()\n"
    hunks = (Hunk(before=1, removed=0, after=2, added=1), Hunk(before=3, removed=1, after=4, added=1))
    file = FileEdit(before="a.py", after="a.py", hunks=hunks)
    edits = Edits([file], before={"a.py": old}, after={"a.py": new})
    before = [stat(2, 90, source="a()"), stat(3, 40, source="return b()"), stat(7, 20, path="other.py")]
    lines, _ = blame(-150, line_differences(before, [], edits), edits, Profile(), Profile())
    assert [(line.path, line.line, line.status) for line in lines] == [
        ("a.py", 3, "shrunk"),
        ("a.py", 3, "gone"),
        ("other.py", 7, "shrunk"),
    ]
    assert lines[0].caller == Frame(path="a.py", line=3, function="f", source="return b()")
    assert lines[0].caller_gone


def test_what_moved_against_the_total_comes_last_and_next_to_nothing_is_elsewhere() -> None:
    before = [stat(1, 1000, source="old", function="g"), stat(2, 5000, source="cache"), stat(3, 100, source="few")]
    after = [stat(2, 4500, source="cache"), stat(3, 101, source="few"), stat(4, 9000, source="new")]
    edits = Edits([edited((1, 1, 0, 0), (3, 0, 4, 1))])
    differences = line_differences(before, after, edits)
    lines, elsewhere = blame(7501, differences, edits, Profile(), Profile())
    assert [(line.source, line.bytes, line.status) for line in lines] == [
        ("new", 9000, "new"),
        ("old", -1000, "gone"),
        ("cache", -500, "shrunk"),
    ]
    assert elsewhere == 1
