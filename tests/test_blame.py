from memharness.analyse.blame import Edits, LineDifference, biggest_offender, blame, line_differences, subtract
from memharness.findings import BlamedLine
from memharness.model import Frame, Profile, Stack
from values import stat


def test_a_moved_line_contributes_nothing() -> None:
    before = [stat(10, 500, source="x = make()")]
    after = [stat(90, 500, source="x = make()")]
    assert line_differences(before, after) == ()


def test_a_line_moved_to_another_file_or_function_contributes_nothing() -> None:
    before = [stat(1, 5, source="a"), stat(2, 6, source="b"), stat(3, 7, source="c")]
    after = [
        stat(1, 5, source="a", path="new.py"),
        stat(2, 6, source="b", function="g"),
        stat(3, 7, source="c", path="new.py", function="g"),
    ]
    assert line_differences(before, after) == ()


def test_an_edited_line_is_compared_with_what_its_function_lost() -> None:
    before = [stat(4, 100, source="self.data = urandom(100)", count=1)]
    after = [stat(5, 250, source="self.data = urandom(250)", count=1)]
    assert line_differences(before, after) == (LineDifference(stat=after[0], now=250, size=150, count=0),)


def test_new_and_gone_lines_stand_alone() -> None:
    gone = stat(1, 100, function="old", source="p", count=2)
    new = stat(9, 40, function="new", source="q", count=1)
    assert line_differences([gone], [new]) == (
        LineDifference(stat=new, now=40, size=40, count=1),
        LineDifference(stat=gone, now=0, size=-100, count=-2, gone=True),
    )


def test_equal_lines_of_one_function_are_one_difference_at_the_larger() -> None:
    before = [stat(1, 10, source="x()")]
    after = [stat(1, 10, source="x()"), stat(2, 30, source="x()")]
    assert line_differences(before, after) == (LineDifference(stat=after[1], now=40, size=30, count=1),)


def test_a_change_of_count_alone_is_a_difference() -> None:
    (difference,) = line_differences([stat(1, 10, count=1)], [stat(1, 10, count=2)])
    assert (difference.size, difference.count) == (0, 1)


def test_subtract_keeps_what_only_one_side_has() -> None:
    whole = Profile(lines=(stat(1, 100, count=5), stat(2, 50), stat(3, 7)))
    part = Profile(lines=(stat(1, 40, count=2), stat(2, 50), stat(9, 3)))
    assert subtract(whole, part) == (stat(1, 60, count=3), stat(3, 7), stat(9, -3, count=-1))


def test_blame_lists_what_moved_with_the_total_and_the_rest_is_elsewhere() -> None:
    differences = line_differences([stat(3, 40)], [stat(1, 100), stat(2, 10)])
    lines, elsewhere = blame(70, differences, Edits(added={"a.py": {2}}), most=5)
    assert [(line.line, line.bytes, line.changed_here) for line in lines] == [(1, 60, False), (2, 10, True)]
    assert elsewhere == 0


def test_blame_of_a_fall_lists_what_shrank() -> None:
    lines, elsewhere = blame(-90, line_differences([stat(1, 100, source="grid")], []), Edits(removed={"a.py": {1}}))
    assert lines == (
        BlamedLine(path="a.py", line=1, function="f", source="grid", size=0, bytes=-100, count=-1, changed_here=True),
    )
    assert elsewhere == 10


def stack(size: int, source: str) -> Stack:
    return Stack(size=size, count=1, frames=(Frame(path="a.py", line=1, function="f", source=source),))


def test_the_biggest_offender_is_the_stack_that_gained_most() -> None:
    before = Profile(stacks=(stack(900, "old"), stack(5, "new")))
    after = Profile(stacks=(stack(910, "old"), stack(100, "new")))
    assert biggest_offender(before, after) == stack(100, "new")
    assert biggest_offender(before, Profile()) is None


def test_after_a_fall_the_offender_is_the_stack_that_went() -> None:
    before = Profile(stacks=(stack(900, "kept"), stack(50, "gone")))
    after = Profile(stacks=(stack(900, "kept"),))
    assert biggest_offender(before, after, growing=False) == stack(50, "gone")


def test_no_stack_is_named_where_none_gained() -> None:
    profile = Profile(stacks=(stack(900, "kept"),))
    assert biggest_offender(profile, profile) is None
