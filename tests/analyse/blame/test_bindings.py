import textwrap

import pytest

from memharness.analyse.blame.bindings import Binding, bindings_of, changed_binding
from memharness.analyse.blame.edits import Edits
from memharness.analyse.blame.lines import blame, line_differences
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame, Profile
from values import stat

ORDERS = """\
import os
from shop.config import DEPTH as depth, HEIGHT
from . import config
import shop.config
WIDTH = 10
PLAIN = 1
ROWS = {
    "a": WIDTH,
    "b": 2,
}


def book(count, PLAIN=3):
    names = ROWS
    return bytearray(WIDTH * count)


def deep():
    return [depth, config.HEIGHT]


def dotted():
    return [shop.config.DEPTH]


def local(PLAIN):
    def inner():
        return [PLAIN]
    return inner


TABLE = [
    WIDTH,
]
"""
CONFIG = """\
try:
    from fast import DEPTH
except ImportError:
    DEPTH = 10
HEIGHT = 20
"""


def hunk(line: int, *, removed: int = 1, added: int = 1) -> Hunk:
    return Hunk(before=line, removed=removed, after=line, added=added)


def found(line: int, old: str, new: str, *, path: str = "src/shop/orders.py") -> tuple[str, int, str] | None:
    """Return path, line and text of what the edit of one line of a file changed for a line of the orders."""
    files = {"src/shop/orders.py": ORDERS, "src/shop/config.py": CONFIG}
    assert files[path].count(old) == 1
    at = files[path][: files[path].index(old)].count("\n") + 1
    after = files | {path: files[path].replace(old, new)}
    edit = FileEdit(
        before=path, after=path, hunks=(hunk(at, removed=old.count("\n") or 1, added=new.count("\n") or 1),)
    )
    edits = Edits([edit], read=(lambda name: files.get(name, ""), lambda name: after.get(name, "")))
    frame = changed_binding(edits.after, [("src/shop/orders.py", line)])
    assert frame is None or frame.function == "<module>"
    return None if frame is None else (frame.path.removeprefix("src/shop/"), frame.line, frame.source)


@pytest.mark.parametrize(
    ("line", "old", "new", "expected"),
    [
        (15, "WIDTH = 10\n", "WIDTH = 900\n", ("orders.py", 5, "WIDTH = 900")),
        (15, '    "b": 2,\n', '    "b": 3,\n', ("orders.py", 9, '"b": 3,')),  # used in the function
        (33, "WIDTH = 10\n", "WIDTH = 900\n", ("orders.py", 5, "WIDTH = 900")),
        (32, "WIDTH = 10\n", "WIDTH = 900\n", ("orders.py", 5, "WIDTH = 900")),  # used in the statement
        (15, "WIDTH = 10\n", "WIDTH  =  (10)\n", None),
        (15, "PLAIN = 1\n", "PLAIN = 2\n", None),  # a parameter
        (28, "PLAIN = 1\n", "PLAIN = 2\n", None),  # of the function around
        (12, "WIDTH = 10\n", "WIDTH = 900\n", None),  # an empty line
        (19, "DEPTH as depth", "HEIGHT as depth", ("orders.py", 2, "from shop.config import HEIGHT as depth, HEIGHT")),
    ],
)
def test_a_statement_that_binds_a_used_name_is_found_where_it_changed(
    line: int, old: str, new: str, expected: tuple[str, int, str] | None
) -> None:
    assert found(line, old, new) == expected


@pytest.mark.parametrize("line", [19, 23])
def test_a_name_from_another_file_is_looked_up_there(line: int) -> None:
    expected = ("config.py", 4, "DEPTH = 90")
    assert found(line, "DEPTH = 10", "DEPTH = 90", path="src/shop/config.py") == expected
    assert found(15, "DEPTH = 10", "DEPTH = 90", path="src/shop/config.py") is None


def test_a_name_of_a_module_of_the_same_package_is_looked_up_there() -> None:
    expected = ("config.py", 5, "HEIGHT = 90")
    assert found(19, "HEIGHT = 20", "HEIGHT = 90", path="src/shop/config.py") == expected
    assert found(23, "HEIGHT = 20", "HEIGHT = 90", path="src/shop/config.py") is None


def test_the_names_of_the_line_itself_come_first() -> None:
    old = "A = 1\nB = 1\n\n\ndef f():\n    print(A)\n    return B\n"
    new = old.replace("1", "2")
    edit = FileEdit(before="a.py", after="a.py", hunks=(hunk(1, removed=2, added=2),))
    edits = Edits([edit], before={"a.py": old}, after={"a.py": new})
    lines = [frame.line for n in (6, 7) if (frame := changed_binding(edits.after, [("a.py", n)]))]
    assert lines == [1, 2]
    assert changed_binding(edits.before, [("a.py", 7)]) == Frame(
        path="a.py", line=2, function="<module>", source="B = 1"
    )


def test_where_lines_only_went_from_a_statement_it_is_its_first_line() -> None:
    old = "A = [\n    1,\n    2,\n]\ndef f():\n    return A\n"
    edit = FileEdit(before="a.py", after="a.py", hunks=(Hunk(before=3, removed=1, after=2, added=0),))
    edits = Edits([edit], before={"a.py": old}, after={"a.py": old.replace("    2,\n", "")})
    frame = changed_binding(edits.after, [("a.py", 5)])
    assert frame == Frame(path="a.py", line=1, function="<module>", source="A = [")


def test_a_statement_that_moved_with_its_file_has_not_changed() -> None:
    source = "A = 1\ndef f():\n    return A\n"
    edits = Edits(
        [
            FileEdit(before="a.py", after=None, hunks=(hunk(1, removed=3, added=0),)),
            FileEdit(before=None, after="b.py", hunks=(Hunk(before=0, removed=0, after=1, added=3),)),
        ],
        before={"a.py": source},
        after={"b.py": source},
    )
    assert changed_binding(edits.after, [("b.py", 3)]) is None


def test_of_files_that_are_unknown_or_cannot_be_parsed_nothing_is_known() -> None:
    edits = Edits([FileEdit(before="a.py", after="a.py", hunks=(hunk(1),))], after={"a.py": "def f(:\n"})
    assert changed_binding(edits.after, [("a.py", 1), ("b.py", 1), ("<stdlib>/re.py", 1)]) is None


def test_bindings_are_those_outside_of_functions_and_classes() -> None:
    source = textwrap.dedent("""\
        import os.path, json as j
        A: int = 1
        A += 2
        (B, C.d), E[0] = 1, 2
        def f():
            G = 1
        class H:
            K = 1
        match A:
            case 1:
                L = 1
        """)
    assert [(b.name, b.first, b.last) for b in bindings_of(source)] == [
        ("os.path", 1, 1),
        ("j", 1, 1),
        ("A", 2, 2),
        ("A", 3, 3),
        ("B", 4, 4),
        ("L", 11, 11),
    ]
    assert bindings_of(source)[1] == Binding(
        name="j", first=1, last=1, text=repr((0, "json", "")), origin=(0, "json", "")
    )


@pytest.mark.parametrize("grows", [True, False])
def test_an_unchanged_line_is_blamed_on_the_constant_that_it_uses(grows: bool) -> None:
    small, big = "WIDTH = 1\ndef f():\n    return WIDTH * [0]\n", "WIDTH = 9\ndef f():\n    return WIDTH * [0]\n"
    old, new = (small, big) if grows else (big, small)
    edits = Edits([FileEdit(before="a.py", after="a.py", hunks=(hunk(1),))], before={"a.py": old}, after={"a.py": new})
    sizes = (10, 90) if grows else (90, 10)
    before, after = ([stat(3, size, source="return WIDTH * [0]")] for size in sizes)
    (line,), _ = blame(sizes[1] - sizes[0], line_differences(before, after, edits), edits, Profile(), Profile())
    assert line.caller == Frame(path="a.py", line=1, function="<module>", source="WIDTH = 9")


def test_a_constant_that_was_put_under_a_condition_has_changed() -> None:
    old = "A = 1\nif fast():\n    A = 2\n    A = 3\ndef f():\n    return A\n"
    new = old.replace("    A = 3", "A = 3")
    edits = Edits([FileEdit(before="a.py", after="a.py")], before={"a.py": old}, after={"a.py": new})
    for view in (edits.before, edits.after):
        found = changed_binding(view, [("a.py", 6)])
        assert found == Frame(path="a.py", line=4, function="<module>", source="A = 3")
    assert changed_binding(edits.after, [("a.py", 2)]) is None
