import textwrap
from difflib import SequenceMatcher

import pytest

from memharness.analyse.blame.edits import DiffPosition, Edits
from memharness.analyse.blame.statements import functions_of
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
    assert edits.before.position(("a.py", 5)) == DiffPosition(file=1, hunk=0, line=1, even=True)
    assert edits.after.position(("a.py", 7)) == DiffPosition(file=1, hunk=0, line=1, even=True)
    assert edits.after.position(("a.py", 12)) == DiffPosition(file=1, hunk=1, line=1, even=False)
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
NEW = (
    OLD.replace("LIMIT = 10", "LIMIT = 20")
    .replace("Keep.", "Keep them all.")
    .replace("        return 1\n\n", "        # Rather much.\n        return 1\n\n")
    .replace("            return 1\n", "            return 2\n")
)
CHANGED = Edits(
    [edited((1, 1, 1, 1), (5, 1, 5, 1), (14, 0, 15, 1), (19, 1, 20, 1))], before={"a.py": OLD}, after={"a.py": NEW}
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
    assert [n for n in range(1, 8) if grown.after.touched(("new.py", n))] == [4]  # the doc string counts for nothing
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


# --- blocks and layout -----------------------------------------------------------------------------------


def differing(old: str, new: str) -> Edits:
    """Return the edits between two texts of one file, with the hunks of a diff that ignores white space."""
    one, other = ([" ".join(line.split()) for line in source.splitlines()] for source in (old, new))
    opcodes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    hunks = [(b + (e > b), e - b, a + (z > a), z - a) for tag, b, e, a, z in opcodes if tag != "equal"]
    return Edits([edited(*hunks)], before={"a.py": old}, after={"a.py": new})


LOOP = "def work(n):\n    for _ in range(n):\n        prepare()\n    rows.append(make())\n    return rows\n"
NESTED = (
    "def f():\n    def inner(n):\n        with lock:\n            prepare()\n        rows = make()\n    return inner\n"
)
MODULE = "rows = []\nif fast():\n    prepare()\nrows.append(make())\n"
INDENTED = {
    "into a loop": (LOOP, LOOP.replace("    rows.append", "        rows.append")),
    "into a new loop": (LOOP, LOOP.replace("    rows.append", "    while more():\n        rows.append")),
    "out of a guard": ("def f(n):\n    if n:\n        use(make())\n", "def f(n):\n    use(make())\n"),
    "from one block to another": (
        "def f(n):\n    if n:\n        g()\n        for m in n:\n            a()\n        make()\n",
        "def f(n):\n    if n:\n        g()\n    for m in n:\n        a()\n        make()\n",
    ),
    "into a try": (
        "def f(n):\n    make()\n    g()\n",
        "def f(n):\n    try:\n        make()\n        g()\n    finally:\n        h()\n",
    ),
    "into a handler": (
        "def f(n):\n    try:\n        g()\n    except E:\n        h()\n    make()\n",
        "def f(n):\n    try:\n        g()\n    except E:\n        h()\n        make()\n",
    ),
    "into an else": (
        "def f(n):\n    if n:\n        g()\n    else:\n        h()\n    make()\n",
        "def f(n):\n    if n:\n        g()\n    else:\n        h()\n        make()\n",
    ),
    "into a case": (
        "def f(n):\n    match n:\n        case 1:\n            h()\n    make()\n",
        "def f(n):\n    match n:\n        case 1:\n            h()\n            make()\n",
    ),
    "in a nested function": (NESTED, NESTED.replace("        rows", "            rows")),
    "into a nested function": (
        "def f():\n    def g():\n        h()\n    make()\n    return g\n",
        "def f():\n    def g():\n        h()\n        make()\n    return g\n",
    ),
    "into a comprehension": (
        "def f(n):\n    return list(\n        make()\n    )\n",
        "def f(n):\n    return list(\n        make()\n        for _ in n\n    )\n",
    ),
    "into a dict of many": (
        "def f(n):\n    return {\n        1:\n        make()\n    }\n",
        "def f(n):\n    return {\n        1:\n        make()\n        for _ in n\n    }\n",
    ),
    "into a lambda": (
        "def f(n):\n    return (\n        make()\n    )\n",
        "def f(n):\n    return (\n        lambda:\n        make()\n    )\n",
    ),
    "of a module": (MODULE, MODULE.replace("rows.append", "    rows.append")),
    "of a module into a function": ("def f():\n    g()\nmake()\n", "def f():\n    g()\n    make()\n"),
}


@pytest.mark.parametrize("how", INDENTED)
def test_a_line_that_was_put_into_other_blocks_has_changed(how: str) -> None:
    old, new = INDENTED[how]
    edits = differing(old, new)
    for view, source in ((edits.before, old), (edits.after, new)):
        touched = [line for number, line in enumerate(source.split("\n"), 1) if view.touched(("a.py", number))]
        assert "make()" in "".join(touched)
        assert not {"    return rows", "    return inner", "def work(n):", "rows = []"} & set(touched)


def test_a_function_in_which_a_call_was_indented_has_changed_around_it() -> None:
    edits = differing(*INDENTED["into a loop"])
    function = edits.after.changed_around(("a.py", 3))
    assert function is not None
    found = edits.after.nearest_change(("a.py", 3))
    assert found == Frame(path="a.py", line=4, function="work", source="rows.append(make())")


WRAPPED = """\
class Shop:
\tdef work(self, n):
\t\t'''Work.'''
\t\trows = [make(1) for _ in range(n)]
\t\tif n: return rows
\t\telif rows: return 'none'
\t\telse:
\t\t\tif self: return use(rows, n, names={'a': 1})
"""
FORMATTED = '''\
class Shop:
    def work(self, n):
        """Work well."""
        # All of them.
        rows = [
            make(1)
            for _ in range(n)
        ]

        if n:
            return rows
        elif rows:
            return "none"
        elif self:
            return use(
                rows,
                n,
                names={"a": 1},
            )
'''


def lines_touched(edits: Edits, source: str) -> list[int]:
    return [line for line in range(1, source.count("\n") + 1) if edits.after.touched(("a.py", line))]


def test_formatting_changes_no_line_and_no_function() -> None:
    edits = differing(WRAPPED, FORMATTED)
    assert lines_touched(edits, FORMATTED) == []
    assert [edits.after.changed_around(("a.py", line)) for line in range(1, 20)] == [None] * 19
    grown = FORMATTED.replace("make(1)", "make(2)")
    assert lines_touched(differing(WRAPPED, grown), grown) == [5, 6, 7, 8]
    assert lines_touched(differing(FORMATTED, grown), grown) == [6]


def test_doc_strings_count_for_nothing() -> None:
    old = '"""Shop:\n  sells."""\nclass Shop:\n  """A\n    large."""\n  def work(self):\n    """Work\n      hard."""\n'
    for new in (
        old.replace("  ", "    "),
        old.replace("sells", "buys").replace("large", "small").replace("hard", "easy"),
    ):
        edits = differing(old, new)
        assert (lines_touched(edits, new), edits.after.changed_around(("a.py", 7))) == ([], None)


def test_moving_functions_into_other_blocks_changes_none_of_their_lines() -> None:
    inside = "\n    def work(self):\n        rows = make()\n        return rows\n"
    plain = "def work(self):\n    rows = make()\n    return rows\n"
    for old, new in ((plain, f"class Shop:{inside}"), (plain, f"if fast():{inside}"), (plain, f"def shop():{inside}")):
        edits = differing(old, new)
        assert lines_touched(edits, new) == [1]
        grown = new.replace("return rows", "return [rows]")
        assert lines_touched(differing(old, grown), grown) == [1, 4]


def test_a_further_branch_changes_none_of_those_that_were_there() -> None:
    old = "def f(n):\n    if n:\n        a()\n    else:\n        make()\n"
    new = "def f(n):\n    if n:\n        a()\n    elif n is None:\n        b()\n    else:\n        make()\n"
    assert lines_touched(differing(old, new), new) == [4, 5]
    loop = "def f(n):\n    while n:\n        a()\n"
    assert lines_touched(differing(loop, loop.replace("while n:", "for n in n:")), loop) == [2]


def test_statements_in_another_order_have_changed() -> None:
    old = "def f():\n    a()\n    b()\n    c()\n"
    new = "def f():\n    b()\n    a()\n    c()\n"
    assert len(lines_touched(differing(old, new), new)) == 1
    twice = "def f(n):\n    for m in n:\n        keep()\n    keep()\n"
    both = twice.replace("    keep()\n", "        keep()\n").replace("            ", "        ")
    assert lines_touched(differing(twice, both), both) == [4]


@pytest.mark.parametrize(
    ("hunk", "touched"),
    [((1, 0, 2, 2), [2, 3]), ((2, 0, 3, 2), [3, 4])],
)
def test_of_equal_statements_the_one_that_the_diff_shows_is_new(
    hunk: tuple[int, int, int, int], touched: list[int]
) -> None:
    old = "def f(out):\n    out.append(make())\n    go()\n    return out\n"
    new = "def f(out):\n    out.append(make())\n    start()\n    out.append(make())\n    go()\n    return out\n"
    assert lines_touched(Edits([edited(hunk)], before={"a.py": old}, after={"a.py": new}), new) == touched


def test_what_cannot_be_parsed_has_the_lines_of_the_diff() -> None:
    old, new = "print 1\nprint 2\n", "print 1\n    print 2\nprint 3\n"
    assert lines_touched(differing(old, new), new) == [3]
    mended = "if x():\n  use()\n"
    assert lines_touched(differing("print 1\nuse()\n", mended), mended) == [1]
