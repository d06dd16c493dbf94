import textwrap

import pytest

from memharness.analyse.blame.edits import Edits, Function, Position, functions_of
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame


def edited(*hunks: tuple[int, int, int, int], before: str | None = "a.py", after: str | None = "a.py") -> FileEdit:
    return FileEdit(
        before=before,
        after=after,
        hunks=tuple(Hunk(before=b, removed=r, after=a, added=n) for b, r, a, n in hunks),
    )


def text(source: str) -> str:
    return textwrap.dedent(source).lstrip("\n")


RENAMED = Edits([edited((2, 1, 2, 3), (5, 0, 8, 1), (7, 2, 9, 0), after="b.py")])


def test_untouched_lines_stand_on_the_other_side() -> None:
    there = [RENAMED.before.across(("a.py", line)) for line in range(1, 11)]
    lines = [1, None, 5, 6, 7, 9, None, None, 10, 11]
    assert there == [line and ("b.py", line) for line in lines]
    back = [RENAMED.after.across(("b.py", line)) for line in range(1, 12)]
    assert back == [line and ("a.py", line) for line in [1, None, None, None, 3, 4, 5, None, 6, 9, 10]]


def test_other_files_stand_where_they_stood_and_of_libraries_nothing_is_known() -> None:
    view = RENAMED.before
    assert view.across(("c.py", 3)) == ("c.py", 3)
    assert view.across(("<scenarios>/waste.py", 3)) == ("<scenarios>/waste.py", 3)
    assert view.across(("<stdlib>/json/decoder.py", 3)) is None
    assert view.across(("/tmp/x.py", 3)) is None
    assert (view.other_path("a.py"), view.other_path("c.py")) == ("b.py", "c.py")


def test_a_file_that_is_gone_or_new_has_no_other_side() -> None:
    gone = Edits([edited((1, 9, 0, 0), after=None), edited((0, 0, 1, 2), before=None, after="new.py")])
    assert gone.before.other_path("a.py") is None
    assert gone.before.across(("a.py", 30)) is None
    assert gone.after.across(("new.py", 1)) is None
    assert gone.after.touched(("new.py", 1))


def test_positions_are_the_same_on_both_sides() -> None:
    edits = Edits([edited(after="c.py", before="d.py"), edited((4, 2, 6, 2), (9, 1, 11, 2))])
    assert edits.before.position(("a.py", 5)) == Position(file=1, hunk=0, line=1, even=True)
    assert edits.after.position(("a.py", 7)) == Position(file=1, hunk=0, line=1, even=True)
    assert edits.after.position(("a.py", 12)) == Position(file=1, hunk=1, line=1, even=False)
    assert edits.before.position(("a.py", 6)) is None
    assert edits.before.position(("a.py", 1)) is None


OLD = text(
    '''
    LIMIT = 10


    def keep():
        """Keep."""
        rows = []
        for _ in range(LIMIT):
            rows.append(make())
        return rows


    class Store:
        @property
        def size(self):
            return 1

        def fill(self):
            def inner():
                return 1
            return inner
    '''
)
NEW = text(
    '''
    LIMIT = 20


    def keep():
        """Keep them all."""
        rows = []
        for _ in range(LIMIT):
            rows.append(make())
        return rows


    class Store:
        @property
        def size(self):
            # Rather much.
            return 1

        def fill(self):
            def inner():
                return 2
            return inner
    '''
)
CHANGED = Edits(
    [edited((1, 1, 1, 1), (5, 1, 5, 1), (14, 0, 15, 1), (19, 1, 20, 1))], before={"a.py": OLD}, after={"a.py": NEW}
)


def test_functions_are_named_as_in_profiles_and_hold_their_own_lines() -> None:
    assert functions_of(OLD) == (
        Function(
            name="keep",
            first=4,
            last=9,
            text=("def keep():", "rows = []", "for _ in range(LIMIT):", "rows.append(make())", "return rows"),
        ),
        Function(name="Store.size", first=13, last=15, text=("@property", "def size(self):", "return 1")),
        Function(name="Store.fill", first=17, last=20, text=("def fill(self):", "return inner")),
        Function(name="Store.fill.<locals>.inner", first=18, last=19, text=("def inner():", "return 1")),
    )


@pytest.mark.parametrize("source", ["def f(:\n", "x = '\0'\n", "match x:\n"])
def test_of_a_file_that_cannot_be_parsed_no_functions_are_known(source: str) -> None:
    assert functions_of(source) == ()
    edits = Edits([edited((1, 0, 1, 1))], before={"a.py": ""}, after={"a.py": source})
    assert edits.after.changed_around(("a.py", 1)) is None


def test_only_functions_with_other_code_have_changed() -> None:
    changed = {n: f.name for n in range(1, 22) if (f := CHANGED.after.changed_around(("a.py", n)))}
    assert changed == {19: "Store.fill.<locals>.inner", 20: "Store.fill.<locals>.inner"}
    assert [n for n in range(1, 22) if CHANGED.after.touched(("a.py", n))] == [1, 20]
    assert [n for n in range(1, 22) if CHANGED.before.touched(("a.py", n))] == [1, 19]


def test_without_sources_every_line_of_a_hunk_is_touched_and_no_function_is_known() -> None:
    edits = Edits([edited((1, 1, 1, 1), (5, 1, 5, 1))])
    assert edits.after.touched(("a.py", 5))
    assert edits.after.changed_around(("a.py", 5)) is None
    assert edits.after.nearest_change(("a.py", 6)) is None
    assert edits.after.changed_around(("c.py", 1)) is None


def test_what_moved_as_a_whole_to_another_file_was_not_edited() -> None:
    files = [
        edited((4, 6, 3, 0)),
        edited((0, 0, 1, 7), before=None, after="new.py"),
    ]
    moved = "LIMIT = 10\n" + "".join(OLD.splitlines(keepends=True)[3:9])
    edits = Edits(files, before={"a.py": OLD}, after={"a.py": OLD, "new.py": moved})
    assert [n for n in range(1, 8) if edits.after.touched(("new.py", n))] == []
    assert edits.after.changed_around(("new.py", 5)) is None
    grown = Edits(files, before={"a.py": OLD}, after={"a.py": OLD, "new.py": moved.replace("rows = []", "rows = [0]")})
    assert [n for n in range(1, 8) if grown.after.touched(("new.py", n))] == [3, 4]  # the doc string counts for nothing
    function = grown.after.changed_around(("new.py", 5))
    assert function is not None
    assert function.name == "keep"


def test_a_function_that_now_reads_like_another_has_changed_all_the_same() -> None:
    old = "def f():\n    return 1\n\n\nclass A:\n    def f():\n        return 2\n"
    new = "def f():\n    return 2\n\n\nclass A:\n    def f():\n        return 2\n"
    edits = Edits([edited((2, 1, 2, 1))], before={"a.py": old}, after={"a.py": new})
    assert edits.after.touched(("a.py", 2))


def test_the_nearest_change_is_the_edited_line_of_the_function() -> None:
    old = "def f(n):\n    rows = []\n    for _ in range(n):\n        rows.append(make())\n    return rows\n"
    new = "def f(n):\n    rows = []\n    for _ in range(2 * n):\n\n        rows.append(make())\n    return rows\n"
    edits = Edits([edited((3, 1, 3, 2))], before={"a.py": old}, after={"a.py": new})
    found = Frame(path="a.py", line=3, function="f", source="for _ in range(2 * n):")
    assert edits.after.nearest_change(("a.py", 5)) == found
    assert edits.before.nearest_change(("a.py", 4)) == Frame(
        path="a.py", line=3, function="f", source="for _ in range(n):"
    )


def test_where_lines_only_went_from_a_function_the_line_stands_for_the_change() -> None:
    old = "def f():\n    rows = make()\n    rows.clear()\n    return rows\n"
    new = "def f():\n    rows = make()\n    return rows\n"
    edits = Edits([edited((3, 1, 2, 0))], before={"a.py": old}, after={"a.py": new})
    assert edits.after.nearest_change(("a.py", 2)) == Frame(path="a.py", line=2, function="f", source="rows = make()")
    assert edits.after.nearest_change(("a.py", 9)) is None
