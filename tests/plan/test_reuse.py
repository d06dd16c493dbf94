import pytest

from memharness.model.measurements import ObservedInputs
from memharness.model.metrics import PassName
from memharness.plan.reuse import CommitTree, ReusableResults, ReuseKey

KEY = ReuseKey(
    family="cpython-3.11.7-auto",
    case="waste",
    identity="a1",
    environment="e1",
    import_root="src",
    packages=("box",),
)
OBSERVED = ObservedInputs(paths=("src/box/__init__.py", "src/box/fast.py", "src/other"), folders=("src", "src/box"))
FILES = {
    ".gitattributes": "100644 0a",
    "README": "100644 01",
    "data.bin": "100644 02",
    "link": "120000 03",
    "src": "040000 aa",
    "src/box": "040000 ab",
    "src/box/__init__.py": "100644 04",
    "src/box/fast.py": "100644 05",
    "sub": "160000 06",
}


def proof(changes: dict[str, str | None], observed: ObservedInputs = OBSERVED) -> str | None:
    entries = {path: entry for path, entry in {**FILES, **changes}.items() if entry is not None}
    return CommitTree(entries).proof(observed)


SAME: list[dict[str, str | None]] = [
    {},
    {"README": "100644 99"},
    {"README": None},
    {"docs": "040000 77", "docs/new.rst": "100644 78"},
    {"src": "040000 00", "src/box": "040000 11"},  # folders have other ids where anything in them changed
    {"data.bin": "100755 99"},
    {"sub": "160000 99"},
]
DIFFERENT: list[dict[str, str | None]] = [
    {"src/box/fast.py": "100644 99"},
    {"src/box/fast.py": "100755 05"},
    {"src/box/fast.py": None},
    {"src/box/new.py": "100644 01"},
    {"src/other": "100644 01"},
    {"src/other": "040000 01", "src/other/x.py": "100644 01"},
    {"src/third": "040000 01", "src/third/x.py": "100644 01"},
    {".gitattributes": "100644 99"},
    {"src/.gitattributes": "100644 99"},
    {"src/box/fast.py": "040000 01", "src/box/fast.py/x": "100644 01"},
]


@pytest.mark.parametrize("changes", SAME)
def test_what_nobody_saw_changes_no_proof(changes: dict[str, str | None]) -> None:
    assert proof(changes) == proof({}) is not None


@pytest.mark.parametrize("changes", DIFFERENT)
def test_what_was_seen_changes_the_proof(changes: dict[str, str | None]) -> None:
    assert proof(changes) not in {proof({}), None}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"data.bin": "100644 99"}, False),
        ({"src/box/unseen.pyi": "100644 1"}, False),
        ({"src/b.py": "100644 1"}, True),
        ({"src/b.py": "120000 1"}, False),
    ],
)
def test_a_library_that_is_not_pythons_own_may_read_all_but_sources(
    changes: dict[str, str | None], *, same: bool
) -> None:
    native = ObservedInputs(paths=("src/box/fast.py",), native=True)
    assert (proof(changes, native) == proof({}, native)) is same


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"data.bin": "100644 99"}, True),
        ({"src/box/fast.py": "100644 99"}, False),
        ({"data.bin": "100755 99"}, False),
        ({"data.bin": None}, False),
        ({"link": "120000 99"}, False),
        ({"src/box/unseen.pyi": "100644 1"}, False),
        ({"src/b.py": "100644 1"}, True),
        ({"src/b.py": "120000 1"}, False),
    ],
)
def test_such_a_library_may_still_ask_for_names_where_all_that_it_opened_is_known(
    changes: dict[str, str | None], *, same: bool
) -> None:
    watched = ObservedInputs(paths=("src/box/fast.py",), native=True, watched=True)
    assert (proof(changes, watched) == proof({}, watched)) is same


@pytest.mark.parametrize(
    "observed",
    [
        ObservedInputs(paths=("link",)),
        ObservedInputs(paths=("link/x.py",)),
        ObservedInputs(folders=("link",)),
        ObservedInputs(folders=("link/deep",)),
    ],
)
def test_nothing_is_proven_through_a_symbolic_link(observed: ObservedInputs) -> None:
    assert proof({}, observed) is None


def test_the_tree_itself_and_missing_folders_can_be_listed() -> None:
    top, none = ObservedInputs(folders=("",)), ObservedInputs(folders=("nowhere",))
    assert proof({"new": "100644 1"}, top) != proof({}, top)
    assert proof({"README": "100644 99"}, top) == proof({}, top)
    assert proof({"nowhere": "040000 1", "nowhere/x": "100644 1"}, none) != proof({}, none)
    assert proof({"nowhere": "100644 1"}, none) != proof({}, none)  # listing a file is another error


@pytest.mark.parametrize(
    ("changes", "name", "same"),
    [
        ({"README": "100644 99"}, "src/", True),
        ({"src": "040000 99", "src/box/new/deep.txt": "100644 1"}, "src/", False),  # its id is that of all it holds
        ({"src": None}, "src/", False),
        ({"link": "120000 99"}, "link/", False),
        ({"link": "040000 99"}, "link/", False),
        ({"sub": "160000 99"}, "sub/", False),
        ({"data.bin": "100644 99"}, "data.bin/", False),
        ({"new": "100644 1"}, "new/", False),
        ({"new": "100644 1"}, "./", False),
        ({}, "./", True),
    ],
)
def test_of_what_a_build_took_in_everything_counts(changes: dict[str, str | None], name: str, *, same: bool) -> None:
    observed = ObservedInputs(paths=(name,))
    assert proof({}, observed) is not None
    assert (proof(changes, observed) == proof({}, observed)) is same


def test_an_entry_is_mode_and_id() -> None:
    assert [CommitTree(FILES).entry(path) for path in ("src/box", "README", "nothing")] == [
        "040000 ab",
        "100644 01",
        "",
    ]


def test_files_are_what_has_contents_and_folders_hold_something() -> None:
    assert set(CommitTree({**FILES, "empty": "040000 07"}).folders) == {"", "src", "src/box"}
    assert CommitTree(FILES).files == {
        ".gitattributes": "0a",
        "README": "01",
        "data.bin": "02",
        "link": "03",
        "src/box/__init__.py": "04",
        "src/box/fast.py": "05",
    }


FIRST: frozenset[PassName] = frozenset({"first"})


def test_a_result_holds_where_all_passes_saw_the_same() -> None:
    results = ReusableResults()
    tree, changed = CommitTree(FILES), CommitTree({**FILES, "data.bin": "100644 99"})
    data = ObservedInputs(paths=("data.bin",))
    results.add(KEY, {"first": OBSERVED, "rss": data}, tree, "one")
    assert results.find(KEY, frozenset({"first", "rss"}), tree) == {"first": "one", "rss": "one"}
    assert results.find(KEY, FIRST, changed) == {"first": "one"}
    assert results.find(KEY, frozenset({"first", "rss"}), changed) is None
    assert results.find(KEY, frozenset({"growth"}), tree) is None
    results.add(KEY, {"rss": data}, changed, "two")
    assert results.find(KEY, frozenset({"first", "rss"}), changed) == {"first": "one", "rss": "two"}


@pytest.mark.parametrize("other", [{"environment": "e2"}, {"identity": "b"}, {"import_root": "."}, {"packages": ()}])
def test_a_result_holds_nowhere_else(other: dict[str, object]) -> None:
    results = ReusableResults()
    results.add(KEY, {"first": OBSERVED}, CommitTree(FILES), "one")
    elsewhere = ReuseKey(**{**{name: getattr(KEY, name) for name in KEY.__struct_fields__}, **other})
    assert results.find(elsewhere, FIRST, CommitTree(FILES)) is None


def test_the_first_of_equal_commits_and_the_latest_inputs_go_before() -> None:
    results = ReusableResults()
    narrow = ObservedInputs(paths=("README",))
    for commit in ("one", "two"):
        results.add(KEY, {"first": OBSERVED}, CommitTree(FILES), commit)
    assert results.find(KEY, FIRST, CommitTree(FILES)) == {"first": "one"}
    results.add(KEY, {"first": narrow}, CommitTree(FILES), "three")
    assert results.find(KEY, FIRST, CommitTree(FILES)) == {"first": "three"}


def test_no_inputs_are_forgotten() -> None:
    results = ReusableResults()
    results.add(KEY, {"first": OBSERVED}, CommitTree(FILES), "one")
    for number in range(100):
        results.add(
            KEY,
            {"first": ObservedInputs(paths=(f"{number}.txt", "README"))},
            CommitTree({"README": "100644 99"}),
            "two",
        )
    assert results.find(KEY, FIRST, CommitTree(FILES)) == {"first": "one"}


def test_what_leads_through_a_link_is_not_taken_in() -> None:
    results = ReusableResults()
    results.add(KEY, {"first": ObservedInputs(paths=("link",))}, CommitTree(FILES), "one")
    assert results.find(KEY, FIRST, CommitTree(FILES)) is None
    results.add(KEY, {"first": OBSERVED}, CommitTree(FILES), "one")
    linked = CommitTree({**FILES, "src/other": "120000 07"})
    assert results.find(KEY, FIRST, linked) is None
