import pytest
from msgspec.structs import replace

from memharness.analyse.blame.callers import biggest_offender, fold_lines, nearest_change
from memharness.analyse.blame.edits import DiffSide, Edits
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame, Profile, Stack
from values import stat


def frame(line: int, function: str = "f", *, path: str = "a.py", source: str = "") -> Frame:
    return Frame(path=path, line=line, function=function, source=source or f"line {line}")


def stack(size: int, *frames: Frame) -> Stack:
    return Stack(size=size, count=1, frames=frames)


def touched(*lines: int) -> DiffSide:
    """Return the later side of a commit that edited these lines of a.py."""
    hunks = tuple(Hunk(before=line, removed=1, after=line, added=1) for line in lines)
    return Edits([FileEdit(before="a.py", after="a.py", hunks=hunks)]).after


RUN = frame(5, "run", path="<scenarios>/waste.py")
MAIN, CALL, LINE = frame(20, "main"), frame(10, "g"), frame(2)
DECODE = frame(7, "decode", path="<stdlib>/json/decoder.py")
GENERATED = frame(1, "__init__", path="<attrs generated init a.Row>")

# --- callers ---------------------------------------------------------------------------------------------


def test_the_nearest_of_the_changed_callers_is_named() -> None:
    profile = Profile(stacks=(stack(9, RUN, MAIN, CALL, LINE),))
    assert nearest_change(profile, Profile(), touched(10, 20), [("a.py", 2)]) == CALL
    assert nearest_change(profile, Profile(), touched(20), [("a.py", 2)]) == MAIN
    assert nearest_change(profile, Profile(), touched(30), [("a.py", 2)]) is None
    assert nearest_change(profile, Profile(), touched(20), [("a.py", 3)]) is None
    assert nearest_change(Profile(), Profile(), touched(20), [("a.py", 2)]) is None


def test_of_several_changed_callers_it_is_the_one_that_holds_most() -> None:
    other = frame(30, "other")
    profile = Profile(
        stacks=(stack(90, RUN, LINE), stack(30, MAIN, LINE), stack(20, other, LINE), stack(20, other, LINE, DECODE))
    )
    assert nearest_change(profile, Profile(), touched(20, 30), [("a.py", 2)]) == other


def test_the_caller_that_made_the_difference_comes_before_one_that_holds_as_much() -> None:
    view = touched(20, 30)
    old, new = stack(90, MAIN, LINE), stack(80, frame(30, "other"), LINE)
    profile = Profile(stacks=(old, new))
    assert nearest_change(profile, Profile(stacks=(old,)), view, [("a.py", 2)]) == frame(30, "other")
    assert nearest_change(profile, Profile(), view, [("a.py", 2)]) == MAIN


def test_a_change_in_the_function_of_the_line_comes_first() -> None:
    old = "def f():\n    return make(1)\n\n\ndef g():\n    for _ in range(1):\n        f()\n"
    new = "def f():\n    return make(1)\n\n\ndef g():\n    for _ in range(2):\n        f()\n"
    hunks = (Hunk(before=6, removed=1, after=6, added=1),)
    edits = Edits([FileEdit(before="a.py", after="a.py", hunks=hunks)], before={"a.py": old}, after={"a.py": new})
    profile = Profile(stacks=(stack(9, frame(7, "g"), LINE),))
    assert nearest_change(profile, Profile(), edits.after, [("a.py", 2)]) == frame(7, "g")
    assert nearest_change(profile, Profile(), edits.after, [("a.py", 7)]) == frame(6, "g", source="for _ in range(2):")


# --- folding ---------------------------------------------------------------------------------------------


def test_a_line_of_a_library_counts_at_the_line_that_called_it_most() -> None:
    deep = Profile(stacks=(stack(10, RUN, CALL, DECODE), stack(30, RUN, MAIN, GENERATED, DECODE)))
    lines = (
        stat(7, 500, path="<stdlib>/json/decoder.py", function="decode", count=5),
        stat(2, 40),
        stat(3, 6, path="<stdlib>/re.py"),
    )
    assert fold_lines(lines, deep) == (
        replace(stat(20, 500, function="main", count=5), library="json"),
        stat(2, 40),
        stat(3, 6, path="<stdlib>/re.py"),
    )
    assert fold_lines(lines, Profile()) == lines


def test_lines_of_one_library_that_fold_into_one_line_are_one() -> None:
    scan = frame(9, "scan", path="<stdlib>/json/scanner.py")
    deep = Profile(stacks=(stack(10, RUN, DECODE), stack(10, RUN, scan), stack(10, RUN, MAIN, GENERATED)))
    lines = (
        stat(7, 500, path="<stdlib>/json/decoder.py", count=5),
        stat(9, 30, path="<stdlib>/json/scanner.py", count=2),
        stat(1, 8, path=GENERATED.path),
    )
    assert fold_lines(lines, deep) == (
        replace(stat(5, 530, path=RUN.path, function="run", count=7), library="json"),
        stat(20, 8, function="main"),
    )


def test_where_no_caller_is_in_the_project_a_library_keeps_its_line() -> None:
    deep = Profile(stacks=(stack(10, DECODE),))
    lines = (stat(7, 500, path=DECODE.path),)
    assert fold_lines(lines, deep) == lines


# --- the biggest offender --------------------------------------------------------------------------------


def old_and_new(size: int, source: str) -> Stack:
    return stack(size, frame(1, source=source))


def test_the_biggest_offender_is_the_stack_that_gained_most() -> None:
    before = Profile(stacks=(old_and_new(900, "old"), old_and_new(5, "new")))
    after = Profile(stacks=(old_and_new(910, "old"), old_and_new(100, "new")))
    assert biggest_offender(before, after) == old_and_new(100, "new")
    assert biggest_offender(before, Profile()) is None


@pytest.mark.parametrize(("line", "expected"), [(2, 10), (3, 50), (4, 50)])
def test_stacks_of_the_first_blamed_line_come_first(line: int, expected: int) -> None:
    after = Profile(stacks=(stack(50, MAIN, frame(3)), stack(10, MAIN, LINE), stack(5, CALL, LINE)))
    found = biggest_offender(Profile(), after, {("a.py", line)})
    assert found is not None
    assert found.size == expected


def test_a_stack_of_a_renamed_file_is_the_same() -> None:
    before = Profile(stacks=(old_and_new(900, "kept"), old_and_new(5, "grown")))
    moved = stack(900, frame(8, path="b.py", source="kept"))
    assert biggest_offender(before, Profile(stacks=(moved, old_and_new(9, "grown")))) == old_and_new(9, "grown")


def test_after_a_fall_the_offender_is_the_stack_that_went() -> None:
    before = Profile(stacks=(old_and_new(900, "kept"), old_and_new(50, "gone")))
    after = Profile(stacks=(old_and_new(900, "kept"),))
    assert biggest_offender(before, after, growing=False) == old_and_new(50, "gone")


def test_no_stack_is_named_where_none_gained() -> None:
    profile = Profile(stacks=(old_and_new(900, "kept"),))
    assert biggest_offender(profile, profile) is None
