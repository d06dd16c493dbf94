"""The working tree as a commit, in every state that a repository can be in, and that reading it leaves no trace."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memharness.checkout.lease import lease
from memharness.errors import MemharnessError
from memharness.git.history import file_edits
from memharness.git.repository import Repository, open_repository
from memharness.git.snapshot import Snapshot, snapshot
from memharness.git.working_tree import working_tree_commit
from memharness.model.history import Commit, FileEdit, Hunk
from repositories import RepositoryBuilder, facts

ALLOWED = ("-c", "protocol.file.allow=always")


def opened(path: Path) -> Repository:
    """Open a repository whose cache lies beside the folder that it is in."""
    return open_repository(str(path), path.parents[1] / "cache")


def read(path: Path) -> tuple[Commit, Snapshot]:
    """Return the working tree at a path as a commit, twice the same, and what it holds; nothing there has changed."""
    before = facts(path.parent)
    commit = working_tree_commit(opened(path))
    assert working_tree_commit(opened(path)) == commit
    held = snapshot(opened(path), commit.id)
    assert facts(path.parent) == before
    return commit, held


def texts(path: Path) -> dict[str, str]:
    """Return what the working tree at a path holds: path -> contents, links as they are."""
    _, held = read(path)
    repository = opened(path)
    files = {name: entry for name, entry in held.entries.items() if entry[:3] in ("100", "120")}
    return {name: repository.git("cat-file", "blob", entry[7:]).decode() for name, entry in files.items()}


@pytest.fixture
def work(tmp_path: Path) -> RepositoryBuilder:
    """Return a repository with two commits, in a folder of its own, which no reading may change."""
    builder = RepositoryBuilder(tmp_path / "kept" / "project")
    builder.commit({"box.py": "ROWS = 1\n", "old.py": "\n", ".gitignore": "*.log\n"})
    builder.commit({"box.py": "ROWS = 2\n", "sub/more.py": "MORE = 1\n"})
    return builder


def test_edited_added_removed_and_untracked_files_count_and_ignored_ones_do_not(work: RepositoryBuilder) -> None:
    (work.path / "box.py").write_text("ROWS = 3\n")
    (work.path / "old.py").unlink()
    (work.path / "new.py").write_text("NEW = 1\n")
    (work.path / "staged.py").write_text("STAGED = 1\n")
    work.git("add", "staged.py")
    (work.path / "noise.log").write_text("noise\n")

    commit, held = read(work.path)

    head = work.git("rev-parse", "HEAD")
    assert (commit.parents, commit.short, commit.working_tree) == ((head,), "WORKTREE", True)
    assert commit.subject == f"edits since {head[:10]}"
    assert sorted(path for path in held.entries if path != "sub") == [
        *(".gitignore", "box.py", "new.py", "staged.py", "sub/more.py")
    ]
    edits = file_edits(opened(work.path), head, commit.id)
    assert FileEdit(before="box.py", after="box.py", hunks=(Hunk(before=1, removed=1, after=1, added=1),)) in edits


def test_a_tree_without_edits_is_head_and_its_id_depends_on_contents_alone(work: RepositoryBuilder) -> None:
    commit, _ = read(work.path)
    assert (commit.id, commit.working_tree) == (work.git("rev-parse", "HEAD"), False)
    (work.path / "box.py").write_text("ROWS = 3\n")
    edited, _ = read(work.path)
    (work.path / "box.py").write_text("ROWS = 2\n")
    assert read(work.path)[0] == commit
    (work.path / "box.py").write_text("ROWS = 3\n")
    os.utime(work.path / "box.py", (1, 1))
    work.git("add", "box.py")
    assert read(work.path)[0] == edited


def conflict(work: RepositoryBuilder) -> None:
    work.branch("side", "HEAD~1")
    work.commit({"box.py": "ROWS = 5\n"})
    work.switch("main")


def stop(work: RepositoryBuilder, *arguments: str) -> None:
    """Begin what ends in conflicts."""
    with pytest.raises(subprocess.CalledProcessError):
        work.git(*arguments)


@pytest.mark.parametrize("command", [("merge", "side"), ("rebase", "side"), ("cherry-pick", "side")])
def test_conflicts_are_one_message_until_they_are_resolved(work: RepositoryBuilder, command: tuple[str, ...]) -> None:
    conflict(work)
    stop(work, *command)
    before = facts(work.path)
    with pytest.raises(MemharnessError) as raised:
        working_tree_commit(opened(work.path))
    assert raised.value.message == f"{work.path}: 1 file with unresolved conflicts: box.py"
    assert "git status" in raised.value.hint
    assert facts(work.path) == before
    (work.path / "box.py").write_text("ROWS = 7\n")
    work.git("add", "box.py")
    commit, _ = read(work.path)
    assert (texts(work.path)["box.py"], commit.parents) == ("ROWS = 7\n", (work.git("rev-parse", "HEAD"),))


def detached(work: RepositoryBuilder) -> None:
    work.switch("HEAD~1")


def stashed(work: RepositoryBuilder) -> None:
    (work.path / "box.py").write_text("ROWS = 4\n")
    work.git("stash")


def intended(work: RepositoryBuilder) -> None:
    (work.path / "intended.py").write_text("INTENDED = 1\n")
    work.git("add", "--intent-to-add", "intended.py")


def sparse(work: RepositoryBuilder) -> None:
    work.git("sparse-checkout", "set", "--no-cone", "/box.py")


def sparse_index(work: RepositoryBuilder) -> None:
    work.git("sparse-checkout", "set", "--cone", "--sparse-index")
    assert not (work.path / "sub").exists()
    assert b"sdir" in (work.path / ".git/index").read_bytes()


def split_index(work: RepositoryBuilder) -> None:
    work.git("update-index", "--split-index")
    for path in (work.path / ".git").glob("sharedindex.*"):
        os.utime(path, (1, 1))  # git touches it when it reads the index


def untracked_cache(work: RepositoryBuilder) -> None:
    work.git("update-index", "--force-untracked-cache")
    work.git("status")


def monitored(work: RepositoryBuilder) -> None:
    hook = work.path.parent / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch {work.path.parent}/ran\nprintf 'token\\0/\\0'\n")
    hook.chmod(0o755)
    work.git("config", "core.fsmonitor", str(hook))
    work.git("update-index", "--fsmonitor")
    (work.path.parent / "ran").unlink(missing_ok=True)


def hooked(work: RepositoryBuilder) -> None:
    hook = work.path / ".git/hooks/post-index-change"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {work.path.parent}/ran\n")
    hook.chmod(0o755)


def locked(work: RepositoryBuilder) -> None:
    (work.path / ".git/index.lock").touch()


def without_index(work: RepositoryBuilder) -> None:
    (work.path / ".git/index").unlink()


STATES: tuple[Callable[[RepositoryBuilder], None], ...] = (
    *(
        detached,
        stashed,
        intended,
        sparse,
        sparse_index,
        split_index,
        untracked_cache,
        monitored,
        hooked,
        locked,
        without_index,
    ),
)


@pytest.mark.parametrize("state", STATES, ids=[state.__name__ for state in STATES])
def test_an_edit_counts_in_every_state(work: RepositoryBuilder, state: Callable[[RepositoryBuilder], None]) -> None:
    state(work)
    (work.path / "box.py").write_text("ROWS = 3\n")
    (work.path / "fresh.py").write_text("FRESH = 1\n")
    found = texts(work.path)
    assert (found["box.py"], found["fresh.py"]) == ("ROWS = 3\n", "FRESH = 1\n")
    assert found.get("intended.py", "INTENDED = 1\n") == "INTENDED = 1\n"
    assert ("intended.py" in found) == (state is intended)
    assert ("sub/more.py" in found) == (state is not detached)
    assert not (work.path.parent / "ran").exists()


def test_a_file_outside_of_a_sparse_checkout_counts_if_it_is_there(work: RepositoryBuilder) -> None:
    sparse(work)
    (work.path / "sub").mkdir()
    (work.path / "sub/more.py").write_text("MORE = 2\n")
    assert texts(work.path)["sub/more.py"] == "MORE = 2\n"


def test_no_commit_needs_to_be_checked_out(work: RepositoryBuilder) -> None:
    work.git("checkout", "--quiet", "--orphan", "fresh")
    commit, held = read(work.path)
    assert (commit.parents, commit.subject) == ((), "no commit is checked out")
    assert "box.py" in held.entries


def test_a_linked_working_tree_has_its_own_files(work: RepositoryBuilder) -> None:
    linked = work.path.parent / "linked"
    work.git("worktree", "add", "--quiet", "--detach", str(linked), "HEAD~1")
    (linked / "box.py").write_text("ROWS = 9\n")
    commit, _ = read(linked)
    assert texts(linked)["box.py"] == "ROWS = 9\n"
    assert commit.parents == (work.git("rev-parse", "HEAD~1"),)
    assert not read(work.path)[0].working_tree


def test_modes_links_and_changes_of_kind_count(work: RepositoryBuilder) -> None:
    work.commit({"folder/one.py": "", "file": "x"})
    (work.path / "box.py").chmod(0o755)
    (work.path / "old.py").unlink()
    (work.path / "old.py").symlink_to("box.py")
    (work.path / "folder/one.py").unlink()
    (work.path / "folder").rmdir()
    (work.path / "folder").symlink_to("sub")
    (work.path / "file").unlink()
    (work.path / "file").mkdir()
    (work.path / "file/inner.py").write_text("INNER = 1\n")
    _, held = read(work.path)
    assert {path: entry[:6] for path, entry in held.entries.items() if path != ".gitignore"} == {
        "box.py": "100755",
        "old.py": "120000",
        "folder": "120000",
        "file": "040000",
        "file/inner.py": "100644",
        "sub": "040000",
        "sub/more.py": "100644",
    }
    work.git("config", "core.fileMode", "false")
    assert read(work.path)[1].entries["box.py"][:6] == "100644"


def test_names_that_are_no_utf8_and_files_that_are_ignored_but_tracked_count(work: RepositoryBuilder) -> None:
    odd = os.fsdecode(b"odd \xff\n'name\".py")
    (work.path / odd).write_text("ODD = 1\n")
    (work.path / "kept.log").write_text("one\n")
    work.git("add", "--force", "kept.log")
    work.git("commit", "--quiet", "--message=log")
    (work.path / "kept.log").write_text("two\n")
    found = texts(work.path)
    assert (found[odd], found["kept.log"]) == ("ODD = 1\n", "two\n")


def test_what_the_user_ignores_is_left_out(work: RepositoryBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    home = work.path.parents[1] / "home"
    (home / "git").mkdir(parents=True)
    (home / "git/ignore").write_text("*.mine\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    (work.path / ".git/info").mkdir()
    (work.path / ".git/info/exclude").write_text("*.own\n")
    for name in ("a.mine", "b.own", "c.txt"):
        (work.path / name).touch()
    assert {"a.mine", "b.own", "c.txt"} & texts(work.path).keys() == {"c.txt"}
    work.git("config", "core.excludesFile", str(home / "other"))
    (home / "other").write_text("c.txt\n")
    assert {"a.mine", "b.own", "c.txt"} & texts(work.path).keys() == {"a.mine"}


def test_no_filter_runs_and_an_edited_file_behind_one_counts_as_it_lies_there(work: RepositoryBuilder) -> None:
    work.git("config", "filter.odd.clean", f"touch {work.path.parent}/ran; tr a-z A-Z")
    work.git("config", "filter.odd.smudge", "tr A-Z a-z")
    work.commit({".gitattributes": "*.bin filter=odd\n*.txt text eol=crlf\n", "one.bin": "one", "two.bin": "two"})
    os.utime(work.path / "two.bin", (1, 1))
    work.git("add", "two.bin")  # or it were as young as the index
    (work.path.parent / "ran").unlink()
    (work.path / "one.bin").write_text("three")
    (work.path / "lines.txt").write_bytes(b"a\r\nb\r\n")
    found = texts(work.path)
    assert (found["one.bin"], found["two.bin"], found["lines.txt"]) == ("three", "TWO", "a\nb\n")
    assert not (work.path.parent / "ran").exists()


def test_a_submodule_counts_with_what_is_edited_in_it(work: RepositoryBuilder) -> None:
    parts = RepositoryBuilder(work.path.parent / "parts")
    parts.commit({"rows.py": "ROWS = 1\n", "same/file.py": ""})
    first = parts.commit({"rows.py": "ROWS = 2\n"})
    work.git(*ALLOWED, "submodule", "--quiet", "add", str(parts.path), "parts")
    head = work.commit({})
    assert read(work.path)[0].id == head
    (work.path / "parts/rows.py").write_text("ROWS = 3\n")
    commit, held = read(work.path)
    assert texts(work.path)["parts/rows.py"] == "ROWS = 3\n"
    assert (held.entries["parts"][:6], held.entries["parts/same/file.py"][:6]) == ("040000", "100644")
    repository = opened(work.path)
    changed = [(edit.after, edit.hunks) for edit in file_edits(repository, head, commit.id)]
    assert changed == [("parts/rows.py", (Hunk(before=1, removed=1, after=1, added=1),))]
    work.git("-C", "parts", "checkout", "--quiet", "--force", "HEAD~1")
    commit, held = read(work.path)
    assert texts(work.path)["parts/rows.py"] == "ROWS = 1\n"
    assert commit.id != head
    assert first not in repr(held.entries)


def test_a_repository_that_is_no_submodule_is_no_part_of_the_tree(work: RepositoryBuilder) -> None:
    RepositoryBuilder(work.path / "other").commit({"box.py": ""})
    RepositoryBuilder(work.path / "empty")
    assert not read(work.path)[0].working_tree


def test_folders_can_be_left_out(work: RepositoryBuilder) -> None:
    work.commit({"results/stored.json": "1"})
    (work.path / "results/stored.json").write_text("2")
    (work.path / "results/more.json").write_text("3")
    repository = opened(work.path)
    without = [work.path / "results", Path("/elsewhere")]
    assert not working_tree_commit(repository, without=without).working_tree
    assert working_tree_commit(repository).working_tree


def test_what_runs_in_a_checkout_of_it_finds_a_clean_repository_with_its_tags(work: RepositoryBuilder) -> None:
    work.git("tag", "v1.0")
    (work.path / "box.py").write_text("ROWS = 3\n")
    commit, _ = read(work.path)
    with lease(opened(work.path), work.path.parents[1] / "cache") as slot:
        slot.checkout(commit.id)
        asked = [["git", "describe", "--tags"], ["git", "status", "--short"]]
        version, status = (subprocess.run(one, cwd=slot.tree, capture_output=True, text=True).stdout for one in asked)
        assert (version.startswith("v1.0-1-g"), status) == (True, "")
        assert (slot.tree / "box.py").read_text() == "ROWS = 3\n"


def test_a_bare_repository_and_a_mirror_have_no_working_tree(work: RepositoryBuilder) -> None:
    bare = work.path.parent / "bare"
    work.git("clone", "--quiet", "--bare", str(work.path), str(bare))
    for location in (str(bare), f"file://{work.path}"):
        with pytest.raises(MemharnessError, match="has no working tree"):
            working_tree_commit(open_repository(location, work.path.parents[1] / "cache"))


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(work: RepositoryBuilder) -> None:
    (work.path / "secret.py").write_text("x")
    (work.path / "secret.py").chmod(0)
    if os.access(work.path / "secret.py", os.R_OK):
        (work.path / "secret.py").unlink()
        (work.path / "box.py").unlink()
        (work.path / "box.py").symlink_to("/proc/self/mem")
        assert texts(work.path)["box.py"] == "/proc/self/mem"
        return
    with pytest.raises(MemharnessError, match=r"secret\.py"):
        working_tree_commit(opened(work.path))


def test_ids_of_sha256(tmp_path: Path) -> None:
    work = RepositoryBuilder(tmp_path / "kept" / "project")
    (work.path / ".git/config").unlink()
    work.git("init", "--quiet", "--object-format=sha256")
    work.commit({"box.py": "ROWS = 1\n", "old.py": ""})
    (work.path / "box.py").write_text("ROWS = 2\n")
    (work.path / "old.py").unlink()
    commit, held = read(work.path)
    assert (len(commit.id), [*held.entries]) == (64, ["box.py"])


WRITER = """
import os, sys
print(flush=True)
number = 0
while True:
    number += 1
    with open("box.new", "w") as file:
        file.write(f"ROWS = {number}\\n" * 1000)
    os.replace("box.new", "box.py")
"""


def id_or_message(path: Path) -> str:
    """Return the id of the working tree, or the message where it cannot be read."""
    try:
        return working_tree_commit(opened(path)).id
    except MemharnessError as error:
        return error.message


def test_files_that_are_written_meanwhile_are_whole_or_an_error(work: RepositoryBuilder) -> None:
    work.commit({".gitignore": "*.new\n"})
    writer = subprocess.Popen([sys.executable, "-c", WRITER], cwd=work.path, stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(3):
            found = id_or_message(work.path)
            if "files change each time that they are read: box.py" not in found:
                lines = opened(work.path).git("cat-file", "blob", f"{found}:box.py").splitlines()
                assert (len(lines), len(set(lines))) in ((1000, 1), (1, 1))
    finally:
        writer.kill()
        writer.communicate()
    assert read(work.path)[0].working_tree
