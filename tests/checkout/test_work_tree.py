"""How a slot moves from commit to commit: over a history of odd changes, and with few processes."""

import contextlib
import importlib.util
import os
import py_compile
import random
import shutil
import stat
import sys
from _imp import source_hash
from collections.abc import Callable
from pathlib import Path

import pytest

from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.git.repository import Repository, open_repository
from memharness.git.snapshot import snapshot
from repositories import RepositoryBuilder

TAG = str(sys.implementation.cache_tag)
TOPS = ("a", "b", "d e", "é", "gen")
PATHS = ("a", "a.py", "a/b.py", "a/c/d.py", "b.py", "b/__init__.py", "b/x.txt", "d e/f.py", "é/ü.py", "é/\n.txt")


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put a git on PATH that notes its commands; return what was noted since the call before."""
    (tmp_path / "bin").mkdir()
    log, git = tmp_path / "log", tmp_path / "bin/git"
    git.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")

    def commands() -> list[str]:
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [next(word for word in line.split() if not word.startswith("-")) for line in lines]

    return commands


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(builder: RepositoryBuilder, cache: Path) -> Repository:
    return open_repository(str(builder.path), cache)


def compile_pending(slot: Slot) -> list[str]:
    names = slot.uncompiled(TAG)
    for name in names:
        with contextlib.suppress(OSError):  # a link that leads nowhere
            py_compile.compile(name, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    slot.mark_compiled(TAG)
    return [os.path.relpath(name, slot.tree) for name in names]


State = dict[str, tuple[int, bytes]]


def state(folder: Path) -> State:
    """Every path but .git: its mode, and its target or contents."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if not f"{name}/".startswith(".git/"):
            held = os.fsencode(path.readlink()) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
            found[name] = (path.lstat().st_mode, held)
    return found


def files(found: State) -> State:
    return {name: held for name, held in found.items() if "__pycache__" not in name and not stat.S_ISDIR(held[0])}


def stale(tree: Path, found: State) -> list[str]:
    """Return the byte code that is not of the source beside it."""
    key = int.from_bytes(importlib.util.MAGIC_NUMBER, "little")
    wrong = []
    for name, (_, held) in found.items():
        if name.endswith(".pyc"):
            source = tree / name.replace("__pycache__/", "").replace(f".{TAG}.pyc", ".py")
            if not source.is_file() or held[8:16] != source_hash(key, source.read_bytes()):
                wrong.append(name)
    return wrong


def change_anything(tree: Path, chance: random.Random) -> None:
    """Write, remove, link or change the mode of some of PATHS, a folder by a file and a file by a folder."""
    for name in chance.sample(PATHS, 3):
        path = tree / name
        for parent in reversed(path.relative_to(tree).parents[:-1]):
            if (tree / parent).is_symlink() or (tree / parent).is_file():
                (tree / parent).unlink()
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        what = chance.choice(("write", "write", "write", "remove", "link"))
        path.unlink(missing_ok=True)
        if what != "remove":
            path.parent.mkdir(parents=True, exist_ok=True)
        if what == "link":
            path.symlink_to(chance.choice(("b.py", "nowhere")))
        elif what == "write":
            path.write_text(f"X = {chance.randrange(1000, 10_000)}\n")
            path.chmod(chance.choice((0o644, 0o755)))


@pytest.mark.parametrize("seed", range(4))
def test_any_history_leaves_the_commit_with_its_byte_code_and_nothing_else(
    builder: RepositoryBuilder, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    made = str(tmp_path / "made.py")
    Path(made).write_text("X = 'made'\n")
    links: list[dict[str, str]] = [{}, {"b.py": made}, {"gen/deep/h.py": made, "gen/i.so": made}, {"gen/j.py": made}]
    expected = {}
    for _ in range(25):
        change_anything(builder.path, chance)
        expected[builder.commit({})] = files(state(builder.path))
    path = os.environ["PATH"]
    with lease(opened(builder, cache), cache) as slot:
        for commit in chance.choices(list(expected), k=60):
            slot.checkout(commit, packages=TOPS)
            assert files(state(slot.tree)) == expected[commit]
            slot.link_generated(chance.choice(links))
            compile_pending(slot)
            assert slot.uncompiled(TAG) == ()
            before = state(slot.tree)
            assert stale(slot.tree, before) == []
            monkeypatch.setenv("PATH", "")  # no git may start: nothing of this is taken for a child's doing
            slot.restore()
            monkeypatch.setenv("PATH", path)
            assert state(slot.tree) == before


def test_few_processes_move_the_tree(
    builder: RepositoryBuilder, cache: Path, started: Callable[[], list[str]], tmp_path: Path
) -> None:
    commits = [builder.commit({"a.py": f"X = {number}\n", "b.py": ""}) for number in range(4)]
    repository = opened(builder, cache)
    for commit in commits:
        snapshot(repository, commit)  # whoever plans has looked before
    with lease(repository, cache) as slot:
        slot.checkout(commits[0], packages=("a",))
        started()
        slot.checkout(commits[1], packages=("a",))
        assert started() == ["checkout"]
        compile_pending(slot)
        (slot.tree / "left").write_text("by a child")
        slot.checkout(commits[2], packages=("a",))
        assert started() == ["checkout"]
        compile_pending(slot)
        slot.checkout(commits[2], packages=("b",))
        assert started() == []
        (slot.tree / "b.py").unlink()
        compile_pending(slot)
        slot.checkout(commits[2], packages=("a",))
        assert started() == ["checkout"]
        slot.link_generated({"a.py": "/dev/null"})
        slot.checkout(commits[2], packages=("a",))
        assert (started(), (slot.tree / "a.py").read_text()) == (["checkout"], "X = 2\n")


def test_a_file_changed_in_the_second_of_its_checkout_is_put_back_by_the_next_run(
    builder: RepositoryBuilder, cache: Path
) -> None:
    first = builder.commit({"a.py": "X = 1\n"})
    second = builder.commit({"a.py": "X = 2\n"})
    times: set[int] = set()
    while len(times) != 1:
        with lease(opened(builder, cache), cache) as slot:
            slot.checkout(first)
            slot.checkout(second)
            file = slot.tree / "a.py"
            times = {int(file.stat().st_mtime)}
            file.write_text("X = 3\n")  # the same size, and file, and second: git would have to read it
            times.add(int(file.stat().st_mtime))
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(second)
        assert file.read_text() == "X = 2\n"


def test_what_a_killed_run_left_in_the_tree_is_removed_by_the_next(builder: RepositoryBuilder, cache: Path) -> None:
    commit = builder.commit({"a.py": "X = 1\n", ".gitignore": "*.log\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(commit)
        before = state(slot.tree)
        for name in ("left.log", "new/__pycache__/x.pyc", "new/deep/x.py"):
            (slot.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (slot.tree / name).write_text("")
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(commit)
        assert state(slot.tree) == before


def test_a_link_of_the_commit_comes_back_when_it_was_covered(builder: RepositoryBuilder, cache: Path) -> None:
    (builder.path / "b.py").symlink_to("a.py")
    commit = builder.commit({"a.py": "X = 1\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(commit)
        for _ in range(2):
            slot.link_generated({"b.py": "/dev/null"})
        slot.checkout(commit)
        assert (slot.tree / "b.py").readlink() == Path("a.py")


def test_scenarios_survive_the_first_checkout(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/one.py").write_text("X = 1\n")
    commit = builder.commit({"a.py": ""})
    with lease(opened(builder, cache), cache, scenarios=tmp_path / "scenarios") as slot:
        assert compile_pending(slot) == ["../scenarios/one.py"]
        slot.checkout(commit, packages=("a",))
        assert (slot.scenarios / "one.py").read_text() == "X = 1\n"


def test_byte_code_that_went_with_its_folder_is_written_again(
    builder: RepositoryBuilder, cache: Path, tmp_path: Path
) -> None:
    first = builder.commit({"pkg/other.py": "", "z.py": ""})
    second = builder.commit({"pkg/other.py": None})
    (tmp_path / "made.py").write_text("")
    with lease(opened(builder, cache), cache) as slot:
        for commit, pending in ((first, ["pkg/made.py", "pkg/other.py"]), (second, ["pkg/made.py"])):
            slot.checkout(commit, packages=("pkg",))
            slot.link_generated({"pkg/made.py": str(tmp_path / "made.py")})
            assert compile_pending(slot) == pending
            assert (slot.tree / f"pkg/__pycache__/made.{TAG}.pyc").is_file()
