"""What a commit consists of: submodules wherever their objects are, files behind filters, and what the clone lacks."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.errors import MemharnessError
from memharness.files.removal import remove
from memharness.git.history import BlobReader, file_edits, select_commits
from memharness.git.history import RevisionRange as Range
from memharness.git.repository import Repository, open_repository, prune_derived
from memharness.git.snapshot import clear_snapshots, snapshot
from memharness.git.submodules import fetch_submodules
from memharness.model.history import FileEdit, Hunk
from repositories import RepositoryBuilder, contents

ALLOWED = ("-c", "protocol.file.allow=always")


@pytest.fixture
def parts(tmp_path: Path) -> RepositoryBuilder:
    """A repository to be a submodule, with two commits."""
    parts = RepositoryBuilder(tmp_path / "parts")
    parts.commit({"rows.py": "ROWS = 1\n", "gone.py": ""})
    parts.commit({"rows.py": "ROWS = 2\n", "gone.py": None})
    return parts


def opened(path: Path, tmp_path: Path) -> Repository:
    return open_repository(str(path), tmp_path / "cache")


def files(slot: Slot) -> dict[str, str]:
    found = contents(slot.tree).items()
    return {name: data.decode(errors="replace") for name, data in found if not name.startswith((".git/", ".gitmod"))}


def checked_out(repository: Repository, tmp_path: Path, *commits: str) -> list[dict[str, str]]:
    """Return the files of commits, one after the other in one slot, where git finds nothing changed."""
    with lease(repository, tmp_path / "cache") as slot:
        found = []
        for commit in commits:
            slot.checkout(commit)
            found.append(files(slot))
            clean = subprocess.run(["git", "status", "--short"], cwd=slot.tree, capture_output=True, text=True)
            assert clean.stdout + clean.stderr == ""
    return found


def three_commits(builder: RepositoryBuilder, parts: RepositoryBuilder, how: str) -> list[str]:
    """Make commits that have a submodule at its first commit, at its second, and none, kept in the way `how`."""
    name = ["--name", "other/name"] if how == "named" else []
    if how == "embedded":
        builder.git("clone", "--quiet", str(parts.path), "app/parts")
    else:
        builder.git(*ALLOWED, "submodule", "--quiet", "add", *name, str(parts.path), "app/parts")
    commits = []
    for revision in ("HEAD~1", "HEAD"):
        builder.git("-C", "app/parts", "checkout", "--quiet", revision if revision == "HEAD~1" else "main")
        commits.append(builder.commit({"app/__init__.py": ""}))
    if how == "moved":
        builder.git("mv", "app/parts", "app/pieces")
        builder.commit({})
    builder.git("rm", "--quiet", "--force", "app/pieces" if how == "moved" else "app/parts", *["--cached"])
    builder.git("commit", "--quiet", "--message=none")
    return [*commits, builder.git("rev-parse", "HEAD")]


@pytest.mark.parametrize("how", ["plain", "named", "moved", "embedded", "linked", "absorbed later"])
def test_submodules_come_from_the_repositories_that_the_clone_has(
    builder: RepositoryBuilder, parts: RepositoryBuilder, tmp_path: Path, how: str
) -> None:
    first, second, none = three_commits(builder, parts, how)
    place = builder.path
    if how == "linked":
        place = tmp_path / "worktree"
        builder.git("worktree", "add", "--quiet", "--detach", str(place), second)
    before = contents(builder.path / ".git")
    repository = opened(place, tmp_path)
    one, two = {"app/parts/rows.py": "ROWS = 1\n", "app/parts/gone.py": ""}, {"app/parts/rows.py": "ROWS = 2\n"}
    rest = {"app/__init__.py": ""}
    assert checked_out(repository, tmp_path, first, second, none, first) == [rest | one, rest | two, rest, rest | one]
    assert snapshot(repository, first).missing == {}
    edits = {edit.after or edit.before: edit for edit in file_edits(repository, first, second)}
    hunk = Hunk(before=1, removed=1, after=1, added=1)
    assert edits["app/parts/rows.py"] == FileEdit(before="app/parts/rows.py", after="app/parts/rows.py", hunks=(hunk,))
    with BlobReader(repository) as blobs:
        assert blobs.read(first, "app/parts/rows.py") == b"ROWS = 1\n"
        assert blobs.read(first, "app/parts/none.py") is None
    assert contents(builder.path / ".git") == before


def test_a_clone_may_have_any_number_of_submodules(
    builder: RepositoryBuilder, parts: RepositoryBuilder, tmp_path: Path
) -> None:
    first, *_ = three_commits(builder, parts, "plain")
    for number in range(600):
        for kept in ("objects", "refs"):
            (builder.path / ".git/modules" / f"{number:0200}" / kept).mkdir(parents=True)
    (found,) = checked_out(opened(builder.path, tmp_path), tmp_path, first)
    assert found["app/parts/rows.py"] == "ROWS = 1\n"


def test_submodules_of_submodules_and_what_a_change_of_one_changes(
    builder: RepositoryBuilder, parts: RepositoryBuilder, tmp_path: Path
) -> None:
    middle = RepositoryBuilder(tmp_path / "middle")
    middle.git(*ALLOWED, "submodule", "--quiet", "add", str(parts.path), "inner")
    middle.commit({"m.py": ""})
    builder.git(*ALLOWED, "submodule", "--quiet", "add", str(middle.path), "sub")
    builder.git(*ALLOWED, "submodule", "--quiet", "update", "--init", "--recursive")
    first = builder.commit({"a.py": ""})
    middle.git("-C", "inner", "checkout", "--quiet", "HEAD~1")
    middle.commit({})
    builder.git("-C", "sub", *ALLOWED, "fetch", "--quiet", "--no-recurse-submodules")
    builder.git("-C", "sub", "checkout", "--quiet", "--no-recurse-submodules", "origin/main")
    second = builder.commit({})
    repository = opened(builder.path, tmp_path)
    found = checked_out(repository, tmp_path, first, second)
    assert [tree["sub/inner/rows.py"] for tree in found] == ["ROWS = 2\n", "ROWS = 1\n"]
    old, new = (snapshot(repository, commit).entries for commit in (first, second))
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    assert {"sub/inner/rows.py", "sub/inner/gone.py"} == {path for path in changed if path.endswith(".py")}


@pytest.mark.parametrize("relative", [False, True])
def test_submodules_that_are_not_at_hand_are_fetched_where_git_may(
    builder: RepositoryBuilder,
    parts: RepositoryBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    relative: bool,
) -> None:
    url = "../parts" if relative else f"file://{parts.path}"
    builder.git(*ALLOWED, "submodule", "--quiet", "add", f"file://{parts.path}", "parts")
    builder.git("config", "--file", ".gitmodules", "submodule.parts.url", url)
    commit = builder.commit({})
    id_ = parts.git("rev-parse", "HEAD")
    builder.git("clone", "--quiet", str(builder.path), str(tmp_path / "clone"))
    for cache in ("refused", "allowed"):
        repository = open_repository(str(tmp_path / "clone"), tmp_path / cache)
        reason = f"the submodule is missing: no repository of this clone has its commit {id_[:10]}"
        assert snapshot(repository, commit).missing["parts"].startswith(reason)
        if cache == "refused":
            continue
        for number, (key, value) in enumerate({"protocol.file.allow": "always"}.items()):
            monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
            monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
            monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
        assert fetch_submodules(repository, commit)
        snapshot.cache_clear()
        whole = snapshot(repository, commit)
        assert (whole.missing, "parts/rows.py" in whole.entries) == ({}, True)


def test_a_submodule_that_git_does_not_fetch_is_missing_and_says_why(
    builder: RepositoryBuilder, parts: RepositoryBuilder, tmp_path: Path
) -> None:
    builder.git(*ALLOWED, "submodule", "--quiet", "add", f"file://{parts.path}", "parts")
    commit = builder.commit({"a.py": ""})
    builder.git("clone", "--quiet", str(builder.path), str(tmp_path / "clone"))
    repository = opened(tmp_path / "clone", tmp_path)
    assert fetch_submodules(repository, commit)
    assert not fetch_submodules(repository, commit)  # each is tried once
    whole = snapshot(repository, commit)
    assert "file://" in whole.missing["parts"]
    assert "transport 'file' not allowed" in whole.missing["parts"]
    assert "git submodule update --init --recursive" in whole.missing["parts"]
    assert whole.commit == commit
    assert checked_out(repository, tmp_path, commit) == [{"a.py": ""}]


def pointer(data: bytes) -> str:
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(data).hexdigest()}\nsize {len(data)}\n"
    )


def keep(storage: Path, data: bytes) -> Path:
    """Put an object where Git LFS keeps it."""
    oid = hashlib.sha256(data).hexdigest()
    place = storage / "objects" / oid[:2] / oid[2:4] / oid
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


LFS = "*.dat filter=lfs diff=lfs merge=lfs -text\n"


@pytest.mark.parametrize("where", ["clone", "configured", "borrowed"])
def test_files_of_git_lfs_are_what_the_filter_gives(builder: RepositoryBuilder, tmp_path: Path, where: str) -> None:
    small, large = b"word\r\n" * 10, b"word\r\n" * 1000
    commits = [
        builder.commit(
            {".gitattributes": LFS, "a/b.dat": pointer(data), "raw.dat": "no pointer", "c.txt": pointer(data)}
        )
        for data in (small, large)
    ]
    path, storage = builder.path, builder.path / ".git/lfs"
    if where == "configured":
        storage = tmp_path / "elsewhere"
        builder.git("config", "lfs.storage", str(storage))
    elif where == "borrowed":
        path = tmp_path / "clone"
        builder.git("clone", "--quiet", "--shared", "--no-checkout", str(builder.path), str(path))
    for data in (small, large):
        keep(storage, data)
    found = checked_out(opened(path, tmp_path), tmp_path, *commits, commits[0])
    assert [tree["a/b.dat"].encode() for tree in found] == [small, large, small]
    assert [tree["raw.dat"] for tree in found] == ["no pointer"] * 3
    remove(tmp_path / "cache/objects")  # by whoever cleans the cache folder
    assert checked_out(opened(path, tmp_path), tmp_path, commits[0]) == found[:1]
    assert found[0]["c.txt"] == pointer(small)


def test_what_is_derived_from_commits_is_kept_as_long_as_it_is_used(tmp_path: Path) -> None:
    def derived(name: str) -> Path:
        """Have the repository `name` derive a commit, as a process of its own does."""
        builder = RepositoryBuilder(tmp_path / name)
        keep(builder.path / ".git/lfs", name.encode())
        commit = builder.commit({".gitattributes": LFS, "a.dat": pointer(name.encode())})
        repository = opened(builder.path, tmp_path)
        clear_snapshots()
        prune_derived.cache_clear()
        assert snapshot(repository, commit).commit != commit
        return Path(repository.derived_repository())

    def objects(folder: Path) -> set[Path]:
        return {path for path in (folder / "objects").rglob("*") if re.fullmatch("[0-9a-f]{38}", path.name)}

    first = derived("first")
    used, unused = objects(first), first / "objects/12" / ("3" * 38)
    unused.parent.mkdir(exist_ok=True)
    shutil.copyfile(min(used), unused)
    assert derived("first") == first
    assert objects(first) > used  # nothing is old
    for path in objects(first):
        os.utime(path, (0, 0))
    derived("first")
    assert (objects(first) >= used, unused.exists()) == (True, False)
    shutil.rmtree(tmp_path / "first")
    second = derived("second")
    assert [path for path in first.parent.iterdir() if path.is_dir()] == [second]


def test_files_of_filters_that_were_not_applied_are_named(builder: RepositoryBuilder, tmp_path: Path) -> None:
    short, absent, whole, damaged = b"short of this", b"absent", b"whole", b"damaged"
    keep(builder.path / ".git/lfs", short).write_bytes(b"short")
    keep(builder.path / ".git/lfs", damaged).write_bytes(b"damagee")
    keep(builder.path / ".git/lfs", whole)
    builder.git("config", "filter.strip.clean", "false")
    builder.git("config", "filter.crypt.smudge", f"touch {tmp_path}/ran")
    attributes = LFS + "*.key filter=crypt\n*.ipynb filter=strip\n*.txt text eol=crlf\n*.foo filter=foo ident\n"
    commit = builder.commit(
        {
            ".gitattributes": attributes,
            **{f"{data.split()[0].decode()}.dat": pointer(data) for data in (short, absent, whole, damaged)},
            "long.dat": pointer(whole).replace("oid", "ext-0-x sha256:0\noid"),
            "secret.key": "\0GITCRYPT",
            "notes.ipynb": "{}",
            "a.txt": "one\n",
            "x.foo": "$Id$",
        }
    )
    repository = opened(builder.path, tmp_path)
    lacking = "this clone has only its Git LFS pointer: get it with `git lfs fetch --all`"
    assert snapshot(repository, commit).missing == {
        **dict.fromkeys(("short.dat", "absent.dat", "long.dat"), lacking),
        "damaged.dat": "its contents in Git LFS are damaged: run `git lfs fsck`, then `git lfs fetch --all`",
        "secret.key": "the filter 'crypt', which .gitattributes names, was not applied",
        "x.foo": "the filter 'foo', which .gitattributes names, was not applied",
    }
    (found,) = checked_out(repository, tmp_path, commit)
    assert (found["whole.dat"], found["absent.dat"], found["a.txt"]) == ("whole", pointer(absent), "one\r\n")
    assert found["x.foo"].startswith("$Id: ")
    assert not (tmp_path / "ran").exists()


def test_attributes_are_files_and_hold_in_their_own_repository(
    builder: RepositoryBuilder, parts: RepositoryBuilder, tmp_path: Path
) -> None:
    inner, outer = b"of the submodule", b"of the project"
    parts.commit({".gitattributes": LFS, "own.dat": pointer(inner), "a.key": "key", "inner.png": pointer(outer)})
    parts.commit({"lost.dat": pointer(b"lost"), "__pycache__/x.txt": ""})
    builder.git(*ALLOWED, "submodule", "--quiet", "add", str(parts.path), "parts")
    (builder.path / "link").mkdir()
    (builder.path / "link/.gitattributes").symlink_to("../.gitattributes")
    commit = builder.commit(
        {
            ".gitattributes": "*.key filter=crypt\n*.png filter=lfs\n",
            "folder/.gitattributes/a.py": "",
            "outer.png": pointer(outer),
            "own.dat": pointer(inner),
        }
    )
    keep(builder.path / ".git/modules/parts/lfs", inner)
    keep(builder.path / ".git/lfs", outer)
    repository = opened(builder.path, tmp_path)
    assert snapshot(repository, commit).missing.keys() == {"parts/lost.dat"}
    (found,) = checked_out(repository, tmp_path, commit)
    assert found == {
        "folder/.gitattributes/a.py": "",
        "outer.png": outer.decode(),
        "own.dat": pointer(inner),
        "parts/a.key": "key",
        "parts/inner.png": pointer(outer),
        "parts/lost.dat": pointer(b"lost"),
        "parts/own.dat": inner.decode(),
        "parts/rows.py": "ROWS = 2\n",
    } | {name: text for name, text in found.items() if name.endswith(".gitattributes")}


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_what_a_partial_clone_lacks_is_fetched_at_once_or_said(
    builder: RepositoryBuilder, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.git("config", "uploadpack.allowFilter", "true")
    commits = [builder.commit({f"a/b/{n}.py": f"X = {n}{number}\n" for n in range(3)}) for number in range(3)]
    clone = tmp_path / "clone"
    builder.git("clone", "--quiet", f"--filter={kind}", "--no-checkout", f"file://{builder.path}", str(clone))
    found = checked_out(opened(clone, tmp_path), tmp_path, *commits[:2])
    assert [tree["a/b/2.py"] for tree in found] == ["X = 20\n", "X = 21\n"]
    builder.path.rename(tmp_path / "gone")
    with pytest.raises(MemharnessError, match="is a partial clone, and what it lacks of commit") as caught:
        checked_out(opened(clone, tmp_path), tmp_path, commits[2])
    assert "from origin: fatal: " in caught.value.message
    assert "git fetch --refetch" in caught.value.hint
    monkeypatch.setattr("memharness.git.repository.FETCH_SECONDS", 0.2)
    monkeypatch.setenv("GIT_SSH_COMMAND", "exec sleep 1000; true")  # a remote that does not answer
    subprocess.run(["git", "-C", str(clone), "config", "remote.origin.url", "ssh://host/x"], check=True)
    with pytest.raises(MemharnessError, match=r"cannot be fetched from origin: Timeout"):
        checked_out(opened(clone, tmp_path), tmp_path, commits[2])


def test_what_a_partial_clone_of_a_submodule_lacks_is_fetched(
    builder: RepositoryBuilder, parts: RepositoryBuilder, tmp_path: Path
) -> None:
    parts.git("config", "uploadpack.allowFilter", "true")
    clone = (*ALLOWED, "clone", "--quiet", "--filter=blob:none", "--no-checkout")
    builder.git(*ALLOWED, "submodule", "--quiet", "add", f"file://{parts.path}", "parts")
    builder.git("-C", "parts", "checkout", "--quiet", "HEAD~1")
    commit = builder.commit({})
    remove(builder.path / ".git/modules/parts")
    builder.git(*clone, "--bare", f"file://{parts.path}", ".git/modules/parts")
    (found,) = checked_out(opened(builder.path, tmp_path), tmp_path, commit)
    assert found == {"parts/rows.py": "ROWS = 1\n", "parts/gone.py": ""}


def test_replacements_and_settings_of_the_environment_are_honoured(
    builder: RepositoryBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = builder.commit({"a.py": "1"}, "first")
    second = builder.commit({"a.py": "2"}, "second")
    third = builder.commit({"a.py": "3"}, "third")
    builder.git("replace", second, third)
    builder.git("replace", "--graft", third, first)

    def seen() -> tuple[list[str], str]:
        repository = opened(builder.path, tmp_path)
        snapshot.cache_clear()
        (found,) = checked_out(repository, tmp_path, second)
        return [commit.subject for commit in select_commits(repository, Range())], found["a.py"]

    assert seen() == (["first", "third"], "3")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.useReplaceRefs")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "false")
    assert seen() == (["first", "second", "third"], "2")


@pytest.mark.parametrize("name", ["with space", "new\nline", "-dash", 'colon:"quote"\\', os.fsdecode(b"latin\xe9")])
def test_repositories_at_odd_paths_are_read(tmp_path: Path, name: str) -> None:
    builder = RepositoryBuilder(tmp_path / name)
    commit = builder.commit({"a.py": "1"})
    assert checked_out(opened(builder.path, tmp_path), tmp_path, commit) == [{"a.py": "1"}]


def test_odd_names_in_a_commit_are_files_or_named(builder: RepositoryBuilder, tmp_path: Path) -> None:
    blob = subprocess.run(["git", "hash-object", "-w", "--stdin"], cwd=builder.path, input=b"x", capture_output=True)
    id_ = blob.stdout.decode().strip()
    names = [b"caf\xe9.txt", b"new\nline", b"A", b"a", b"x" * 300, b".git", b"git~1", b"back\\slash"]
    listing = b"".join(b"100644 blob %s\t%s\0" % (id_.encode(), name) for name in names)
    tree = subprocess.run(["git", "mktree", "-z"], cwd=builder.path, input=listing, capture_output=True, check=True)
    commit = builder.git("commit-tree", "-m", "odd", tree.stdout.decode().strip())
    builder.git("reset", "--quiet", "--soft", commit)
    repository = opened(builder.path, tmp_path)
    assert snapshot(repository, commit).missing == {
        "x" * 300: "its name is too long for a file system",
        ".git": "git refuses to write it, because of its name",
    }
    with lease(repository, tmp_path / "cache") as slot:
        slot.checkout(commit)
        assert sorted(files(slot)) == ["A", "a", "back\\slash", os.fsdecode(b"caf\xe9.txt"), "git~1", "new\nline"]


def test_files_that_the_repository_lacks_are_named(builder: RepositoryBuilder, tmp_path: Path) -> None:
    commit = builder.commit({"app/__init__.py": "", "film.bin": "lost"})
    lost = builder.git("rev-parse", f"{commit}:film.bin").strip()
    Path(builder.path, ".git/objects", lost[:2], lost[2:]).unlink()
    repository = opened(builder.path, tmp_path)
    assert "the repository lacks its contents" in snapshot(repository, commit).missing["film.bin"]
    assert checked_out(repository, tmp_path, commit) == [{"app/__init__.py": ""}]


def test_snapshots_differ_in_the_paths_that_git_names(builder: RepositoryBuilder, tmp_path: Path) -> None:
    names = ("same", "edited", "mode", "gone", "link", "file", "folder/one", "folder/two")
    commits = [builder.commit(dict.fromkeys(names, "before\n"))]
    Path(builder.path, "mode").chmod(0o755)
    Path(builder.path, "link").unlink()
    Path(builder.path, "link").symlink_to("same")
    commits.append(builder.commit({"edited": "after\n", "gone": None, "odd \u00fc\n": "", "folder/one": None}))
    Path(builder.path, "file").unlink()
    commits.append(builder.commit({"file/inside": ""}))
    before, *_, after = (snapshot(opened(builder.path, tmp_path), commit) for commit in commits)
    named = builder.git("diff-tree", "-r", "-z", "--no-renames", "--name-only", commits[0], commits[-1])
    assert after.differs_from(before) == before.differs_from(after) == sorted(named.split("\0")[:-1])
    assert len(named.split("\0")[:-1]) == 8
