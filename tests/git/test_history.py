import subprocess
from pathlib import Path

import pytest

from memharness.errors import MemharnessError
from memharness.git.history import BlobReader, RevisionRange, blob_ids, commit_ids, file_edits, resolve, select_commits
from memharness.git.repository import open_repository
from memharness.model.history import Commit, FileEdit, Hunk
from repositories import FIRST_TIME, RepositoryBuilder, contents


def subjects(builder: RepositoryBuilder, wanted: RevisionRange) -> list[str]:
    repository = open_repository(str(builder.path), builder.path.parent / "cache")
    return [commit.subject for commit in select_commits(repository, wanted)]


def line_of_four(builder: RepositoryBuilder) -> list[str]:
    return [
        builder.commit({"a.py": str(number)}, subject, tag=tag)
        for number, (subject, tag) in enumerate((("one", "v1.0"), ("two", None), ("three", "v1.1"), ("four", None)))
    ]


def test_commits_carry_everything(builder: RepositoryBuilder, tmp_path: Path) -> None:
    first = builder.commit({"a.py": "1"}, "one \x1f ünïcode, subject", tag="v1.0")
    builder.git("tag", "--annotate", "v1.0-final", "--message", "final")
    second = builder.commit({"a.py": "2"}, "two")
    before = contents(builder.path)
    repository = open_repository(str(builder.path), tmp_path / "cache")
    assert select_commits(repository, RevisionRange()) == (
        Commit(
            id=first,
            parents=(),
            author="Ada",
            time=FIRST_TIME,
            subject="one \x1f ünïcode, subject",
            tags=("v1.0", "v1.0-final"),
        ),
        Commit(id=second, parents=(first,), author="Ada", time=FIRST_TIME + 60, subject="two"),
    )
    assert contents(builder.path) == before


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RevisionRange(), ["one", "two", "three", "four"]),
        (RevisionRange(since="v1.0"), ["one", "two", "three", "four"]),
        (RevisionRange(since="v1.1"), ["three", "four"]),
        (RevisionRange(since="HEAD"), ["four"]),
        (RevisionRange(base="v1.1"), ["three", "four"]),
        (RevisionRange(last=2), ["three", "four"]),
        (RevisionRange(last=9), ["one", "two", "three", "four"]),
        (RevisionRange(tags=True), ["one", "three"]),
        (RevisionRange(since="v1.0", until="v1.1"), ["one", "two", "three"]),
        (RevisionRange.parse("v1.0..v1.1"), ["one", "two", "three"]),
        (RevisionRange.parse("v1.1.."), ["three", "four"]),
        (RevisionRange.parse("..v1.1"), ["one", "two", "three"]),
        (RevisionRange(until="HEAD~2"), ["one", "two"]),
    ],
)
def test_ranges(builder: RepositoryBuilder, wanted: RevisionRange, expected: list[str]) -> None:
    line_of_four(builder)
    assert subjects(builder, wanted) == expected


def test_the_line_goes_by_first_parents(builder: RepositoryBuilder, tmp_path: Path) -> None:
    builder.commit({"a.py": "1"}, "one", tag="v1.0")
    builder.branch("side")
    side = builder.commit({"b.py": "1"}, "side", tag="side-tag")
    builder.switch("main")
    two = builder.commit({"a.py": "2"}, "two")
    merged = builder.merge("side", "merged")
    repository = open_repository(str(builder.path), tmp_path / "cache")
    commits = select_commits(repository, RevisionRange(since="v1.0"))
    assert [(commit.subject, commit.parents[1:]) for commit in commits] == [
        ("one", ()),
        ("two", ()),
        ("merged", (side,)),
    ]
    assert commit_ids(repository) == (merged, two, resolve(repository, "v1.0"))
    with pytest.raises(MemharnessError, match="side-tag is not on the first-parent line of HEAD") as caught:
        select_commits(repository, RevisionRange(since="side-tag"))
    assert "another branch" in caught.value.hint


@pytest.mark.parametrize(
    ("wanted", "message", "hint"),
    [
        (RevisionRange(since="v1.O"), "'v1.O' is no revision", "Did you mean v1.1 or v1.0?"),
        (RevisionRange(since="--all"), "'--all' is not a revision", "no dash in front"),
        (RevisionRange(until="-n1"), "'-n1' is not a revision", "no dash in front"),
        (RevisionRange(since=" "), "' ' is not a revision", "no dash in front"),
        (RevisionRange(since="unheard"), "'unheard' is no revision", "git tag"),
        (RevisionRange(since="v1.0:a.py"), "'v1.0:a.py' is no revision", "Did you mean"),
        (RevisionRange(since="v1.1", until="v1.0"), "v1.1 is not before v1.0", "older revision first"),
        (RevisionRange(tags=True, since="HEAD"), "no tagged commits between HEAD and HEAD", "wider range"),
        (RevisionRange(since="double"), "'double' is ambiguous", "refs/tags/double"),
    ],
)
def test_bad_ranges(builder: RepositoryBuilder, wanted: RevisionRange, message: str, hint: str) -> None:
    line_of_four(builder)
    builder.git("branch", "double")
    builder.git("tag", "double", "HEAD~1")
    if wanted.tags:
        builder.git("tag", "--delete", "double")
    with pytest.raises(MemharnessError) as caught:
        subjects(builder, wanted)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_malformed_range() -> None:
    with pytest.raises(MemharnessError, match=r"'a\.\.\.b' is not a range"):
        RevisionRange.parse("a...b")


def test_shallow_clone_says_how_to_get_the_rest(builder: RepositoryBuilder, tmp_path: Path) -> None:
    ids = line_of_four(builder)
    clone = RepositoryBuilder(tmp_path / "clone")
    clone.git("fetch", "--quiet", "--depth=2", f"file://{builder.path}", "main:refs/remotes/origin/main")
    clone.git("fetch", "--quiet", "--depth=1", f"file://{builder.path}", "refs/tags/v1.0:refs/tags/v1.0")
    clone.git("checkout", "--quiet", "--detach", ids[3])
    assert subjects(clone, RevisionRange()) == ["three", "four"]
    with pytest.raises(MemharnessError, match=r"ends before v1\.0") as caught:
        subjects(clone, RevisionRange(since="v1.0"))
    assert "git fetch --unshallow" in caught.value.hint
    with pytest.raises(MemharnessError) as caught:
        subjects(clone, RevisionRange(since="0123456789"))
    assert "git fetch --unshallow --tags" in caught.value.hint


def test_file_edits(builder: RepositoryBuilder, tmp_path: Path) -> None:
    body = "".join(f"line {number}\n" for number in range(1, 9))
    first = builder.commit(
        {
            "a.py": body,
            "old name.py": body,
            "a/moved \t.py": body + "whole\n",
            "spaces.py": body,
            'in\t"dented.py': body,
            "stub.pyi": body,
            "gone.py": body.upper(),
            'ünï\t"x.py': "1\n",
            "with space.py": "1\n",
            "trap.py": "old",
            "binary.bin": b"\0\1",
        }
    )
    second = builder.commit(
        {
            "a.py": body.replace("line 3\n", "++ b/fake.py\n@@ -1 +1 @@\n")
            .replace("line 7\n", "")
            .replace("line 8", "line eight"),
            "old name.py": None,
            "new/näme.py": body.replace("line 5\n", "line five\n"),
            "a/moved \t.py": None,
            "b/moved .py": body + "whole\n",
            "spaces.py": body.replace("line 2", "    line  2"),
            'in\t"dented.py': body.replace("line 2", "    line 2"),
            "stub.pyi": body.replace("line 2", "    line 2"),
            "gone.py": None,
            'ünï\t"x.py': "2\n",
            "with space.py": "1\n2",
            "trap.py": "++ b/fake.py",
            "binary.bin": b"\0\2",
            "fresh.py": "x\ny\n",
        }
    )
    builder.git("config", "diff.noprefix", "true")
    repository = open_repository(str(builder.path), tmp_path / "cache")

    def edit(path: str, *hunks: tuple[int, int, int, int], before: str | None = "") -> FileEdit:
        found = tuple(Hunk(before=b, removed=r, after=a, added=n) for b, r, a, n in hunks)
        return FileEdit(before=path if before == "" else before, after=path, hunks=found)

    edits = {edit.after or edit.before: edit for edit in file_edits(repository, first, second)}
    assert edits == {
        "a.py": edit("a.py", (3, 1, 3, 2), (7, 2, 8, 1)),
        "new/näme.py": edit("new/näme.py", (5, 1, 5, 1), before="old name.py"),
        "b/moved .py": edit("b/moved .py", before="a/moved \t.py"),
        "gone.py": FileEdit(before="gone.py", after=None, hunks=(Hunk(before=1, removed=8, after=0, added=0),)),
        'ünï\t"x.py': edit('ünï\t"x.py', (1, 1, 1, 1)),
        "with space.py": edit("with space.py", (1, 0, 2, 1)),
        "trap.py": edit("trap.py", (1, 1, 1, 1)),
        "fresh.py": edit("fresh.py", (0, 0, 1, 2), before=None),
        "spaces.py": edit("spaces.py"),
        'in\t"dented.py': edit('in\t"dented.py'),
    }
    assert file_edits(repository, second, second) == ()


def test_paths_and_blobs(builder: RepositoryBuilder, tmp_path: Path) -> None:
    commit = builder.commit({"src/ünï \n.py": "1\n", "b.txt": ""})
    repository = open_repository(str(builder.path / "src"), tmp_path / "cache")
    assert blob_ids(repository, commit) == {
        "src/ünï \n.py": builder.git("hash-object", "src/ünï \n.py"),
        "b.txt": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    }
    assert repository.git("cat-file", "blob", f"{commit}:src/ünï \n.py") == b"1\n"
    with pytest.raises(MemharnessError, match="git cat-file failed"):
        repository.git("cat-file", "blob", f"{commit}:absent.py")


def test_every_kind_of_location(builder: RepositoryBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = line_of_four(builder)
    (builder.path / "sub").mkdir()
    builder.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), ids[1])
    builder.git("clone", "--quiet", "--bare", str(builder.path), str(tmp_path / "bare.git"))
    other = RepositoryBuilder(tmp_path / "other")
    other.commit({}, "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))  # as in a hook
    for location, newest in [
        (str(builder.path), 3),
        (str(builder.path / "sub"), 3),
        (str(builder.path / "a.py"), 3),
        (str(tmp_path / "linked"), 1),
        (str(tmp_path / "bare.git"), 3),
        (f"file://{builder.path}", 3),
    ]:
        repository = open_repository(location, tmp_path / "cache")
        assert commit_ids(repository) == tuple(reversed(ids[: newest + 1])), location


def test_url_is_mirrored_and_fetched_again(builder: RepositoryBuilder, tmp_path: Path) -> None:
    ids = line_of_four(builder)
    url = f"file://{builder.path}"
    first = open_repository(url, tmp_path / "cache")
    assert first.location == url
    builder.git("branch", "--move", "main", "trunk")
    fifth = builder.commit({"a.py": "5"}, "five", tag="v2.0")
    second = open_repository(url, tmp_path / "cache")
    assert second == first
    assert commit_ids(second) == (fifth, *reversed(ids))
    assert resolve(second, "v2.0") == fifth
    assert not (Path(first.git_dir) / "FETCH_HEAD").exists()


def test_bad_locations(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    empty = RepositoryBuilder(tmp_path / "empty")
    for location, message in [
        (str(tmp_path / "absent"), "no such folder"),
        (str(tmp_path / "plain"), "not a git repository"),
        (str(empty.path), "the repository has no commits"),
        (f"file://{tmp_path}/absent.git", "cannot be fetched: fatal: "),
    ]:
        with pytest.raises(MemharnessError) as caught:
            open_repository(location, tmp_path / "cache")
        assert message in caught.value.message
        assert caught.value.hint


def test_a_clone_whose_branch_is_not_born_yet_has_the_commits_of_others(
    builder: RepositoryBuilder, tmp_path: Path
) -> None:
    commit = builder.commit({"a.py": "1"})
    builder.git("checkout", "--quiet", "--orphan", "next")
    repository = open_repository(str(builder.path), tmp_path / "cache")
    assert resolve(repository, "main") == commit
    with pytest.raises(MemharnessError, match="'HEAD' is no revision"):
        resolve(repository, "HEAD")


@pytest.mark.parametrize("password", ["s3cret", "p@s3cret"])
def test_credentials_are_neither_shown_nor_stored(tmp_path: Path, password: str) -> None:
    with pytest.raises(MemharnessError) as caught:
        open_repository(f"https://user:{password}@127.0.0.1:9/x.git", tmp_path / "cache")
    assert caught.value.message.startswith("https://127.0.0.1:9/x.git: cannot be fetched: fatal: ")
    assert "s3cret" not in caught.value.message + caught.value.hint
    found = subprocess.run(["grep", "-r", "s3cret", str(tmp_path)], capture_output=True)
    assert (found.returncode, found.stdout) == (1, b"")


def test_git_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder: RepositoryBuilder) -> None:
    builder.commit({"a.py": "1"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MemharnessError, match="git was not found"):
        open_repository(str(builder.path), tmp_path / "cache")


def test_repository_of_another_user(
    builder: RepositoryBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.commit({"a.py": "1"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for testing this
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(MemharnessError, match="belongs to another user") as caught:
        open_repository(str(builder.path), tmp_path / "cache")
    assert f"safe.directory {builder.path}" in caught.value.hint


def test_many_files_are_read_through_one_process(builder: RepositoryBuilder, tmp_path: Path) -> None:
    content = b"one\n\0two\n" * 100_000  # more than a pipe holds
    files: dict[str, str | bytes | None] = {"a.py": content, "empty": "", "no blob 12": "\n", "\udcff": "3", "x/y": "4"}
    commit = builder.commit(files)
    repository = open_repository(str(builder.path), tmp_path / "cache")
    asked = [*files, "x", "no blob 13", "missing", "a.py\nx/y", "a.py"]
    with BlobReader(repository) as blobs:
        found = [blobs.read(commit, path) for path in asked]
        assert blobs.read("0" * 40, "a.py") is None
    assert found == [content, b"", b"\n", b"3", b"4", None, None, None, None, content]


def test_a_reader_that_ends_early_is_an_error(builder: RepositoryBuilder, tmp_path: Path) -> None:
    commit = builder.commit({"a.py": "1"})
    repository = open_repository(str(builder.path), tmp_path / "cache")
    (builder.path / ".git" / "HEAD").unlink()
    with (
        BlobReader(repository) as blobs,
        pytest.raises(MemharnessError, match=r"git ended while it read a\.py") as raised,
    ):
        blobs.read(commit, "a.py")
    assert "fsck" in raised.value.hint
