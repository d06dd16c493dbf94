import importlib.util
import itertools
import os
import py_compile
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memharness.checkout.lease import SLOT_PATH_BYTES, lease
from memharness.checkout.slot import Slot
from memharness.child.interpreter import compile_bytecode
from memharness.errors import MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.files.removal import remove
from memharness.git.repository import Repository, open_repository
from memharness.model.history import Checkout
from memharness_probe import bytecode
from repositories import RepositoryBuilder, contents

TAG = str(sys.implementation.cache_tag)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(builder: RepositoryBuilder, cache: Path) -> Repository:
    return open_repository(str(builder.path), cache)


def files(slot: Slot) -> dict[str, str]:
    found = contents(slot.tree).items()
    return {name: data.decode() for name, data in found if not name.startswith(".git/") and "__pycache__" not in name}


def compile_pending(slot: Slot) -> list[str]:
    """Do what the caller does: compile what is pending, unchecked, and say so."""
    names = slot.uncompiled(TAG)
    for name in names:
        py_compile.compile(name, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    slot.mark_compiled(TAG)
    return [os.path.relpath(name, slot.tree) for name in names]


def value_of(slot: Slot, expression: str) -> str:
    """Import from the tree in a child that trusts byte code."""
    module = expression.rpartition(".")[0]
    code = f"import sys; sys.path.insert(0, {str(slot.tree)!r}); import {module}; print({expression})"
    done = subprocess.run([sys.executable, "-B", "-S", "-c", code], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_checkout_is_the_commit_and_the_repository_is_untouched(builder: RepositoryBuilder, cache: Path) -> None:
    first = builder.commit({"pkg/__init__.py": "X = 1\n", "gone.py": "", "data.txt": "a\r\n"}, tag="v1.0")
    second = builder.commit({"pkg/__init__.py": "X = 22\n", "gone.py": None, "new.py": ""})
    (builder.path / "dirty.txt").write_text("uncommitted")
    before = contents(builder.path)
    with lease(opened(builder, cache), cache) as slot:
        assert slot.checkout(first, packages=("pkg",)) == Checkout(
            tree=str(slot.tree), commit=first, import_root=".", packages=("pkg",)
        )
        assert files(slot) == {"pkg/__init__.py": "X = 1\n", "gone.py": "", "data.txt": "a\r\n"}
        slot.checkout(second)
        assert files(slot) == {"pkg/__init__.py": "X = 22\n", "new.py": "", "data.txt": "a\r\n"}
        describe = subprocess.run(
            ["git", "describe", "--tags", "--dirty"], cwd=slot.tree, capture_output=True, text=True
        )
        assert describe.stdout == f"v1.0-1-g{second[:7]}\n"
    assert contents(builder.path) == before


def test_leftovers_go_and_valid_byte_code_stays(builder: RepositoryBuilder, cache: Path) -> None:
    first = builder.commit(
        {"pkg/__init__.py": "", "pkg/a.py": "X = 1\n", "pkg/b.py": "", ".gitignore": "*.log\nbuild/\n"}
    )
    second = builder.commit({"pkg/a.py": "X = 2\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(first, packages=("pkg",))
        assert compile_pending(slot) == ["pkg/__init__.py", "pkg/a.py", "pkg/b.py"]
        assert slot.uncompiled(TAG) == ()
        assert len(slot.uncompiled("cpython-38")) == 3
        (slot.tree / "run.log").write_text("ignored")
        (slot.tree / "build").mkdir()
        (slot.tree / "build/x.py").write_text("")
        (slot.tree / "left" / "__pycache__").mkdir(parents=True)
        (slot.tree / "left" / "x.py").write_text("")
        (slot.tree / "left" / "__pycache__" / f"x.{TAG}.pyc").write_text("")
        (slot.tree / "pkg/b.py").write_text("spoilt")
        slot.checkout(second, packages=("pkg",))
        assert sorted(files(slot)) == [".gitignore", "pkg/__init__.py", "pkg/a.py", "pkg/b.py"]
        kept = [f"__init__.{TAG}.pyc", f"b.{TAG}.pyc"]
        assert sorted(contents(slot.tree / "pkg/__pycache__")) == kept
        assert (slot.tree / "pkg/b.py").read_text() == ""
        assert not (slot.tree / "left").exists()
        assert compile_pending(slot) == ["pkg/a.py"]


def test_an_edit_of_equal_size_is_seen(builder: RepositoryBuilder, cache: Path) -> None:
    ids = [builder.commit({"mod.py": f"X = {number}\n"}) for number in range(1, 4)]
    with lease(opened(builder, cache), cache) as slot:
        for number in (1, 2, 3, 1):
            slot.checkout(ids[number - 1], packages=("mod",))
            assert compile_pending(slot) == ["mod.py"]
            assert value_of(slot, "mod.X") == str(number)
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(ids[1], packages=("mod",))
        assert value_of(slot, "mod.X") == "2"


def test_a_removed_package_cannot_be_imported(builder: RepositoryBuilder, cache: Path) -> None:
    first = builder.commit({"pkg/sub/x.py": "X = 1\n", "other.py": "X = 1\n"})
    second = builder.commit({"pkg/sub/x.py": None})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(first, packages=("other", "pkg"))
        compile_pending(slot)
        slot.checkout(second, packages=("other",))
        assert not (slot.tree / "pkg").exists()
        assert value_of(slot, "pkg.__name__") == "ModuleNotFoundError: No module named 'pkg'"
        slot.checkout(first, packages=("other", "pkg"))
        assert compile_pending(slot) == ["pkg/sub/x.py"]


def test_pending_is_bounded_by_the_import_root(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    scenarios = tmp_path / "scenarios"
    (scenarios / "__pycache__").mkdir(parents=True)
    (scenarios / "a.py").write_text("")
    commit = builder.commit({"src/pkg/a.py": "", "src/b.py": "", "setup.py": "", "docs/conf.py": ""})
    with lease(opened(builder, cache), cache, scenarios=scenarios) as slot:
        copied = str(slot.scenarios / "a.py")
        assert contents(slot.scenarios) == {"a.py": b""}
        assert slot.uncompiled(TAG) == (copied,)
        slot.checkout(commit, import_root="src", packages=("b", "pkg"))
        assert slot.uncompiled(TAG) == (copied, str(slot.tree / "src/b.py"), str(slot.tree / "src/pkg/a.py"))
        slot.checkout(commit, import_root=".", packages=("src",))
        assert slot.uncompiled(TAG) == (copied, str(slot.tree / "src/b.py"), str(slot.tree / "src/pkg/a.py"))


def test_generated_files_come_along(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    first = builder.commit({"src/pkg/__init__.py": "", "src/pkg/v.py": "V = 'tracked'\n"})
    second = builder.commit({"src/pkg/v.py": None})
    third = builder.commit({"src/pkg/__init__.py": "# changed"})
    made = {}
    for name in ("old", "new"):
        made[name] = tmp_path / name / "v.py"
        made[name].parent.mkdir()
        made[name].write_text(f"V = {name!r}\n")
    extra = tmp_path / "c.so"
    extra.write_text("binary")
    with lease(opened(builder, cache), cache) as slot:

        def arrive(commit: str, generated: dict[str, str]) -> list[str]:
            slot.checkout(commit, import_root="src", packages=("pkg",))
            slot.link_generated(generated)
            return compile_pending(slot)

        assert arrive(first, {}) == ["src/pkg/__init__.py", "src/pkg/v.py"]
        old = {"src/pkg/v.py": str(made["old"]), "src/gen/deep/w.py": str(made["old"]), "src/pkg/c.so": str(extra)}
        assert arrive(second, old) == ["src/gen/deep/w.py", "src/pkg/v.py"]
        assert files(slot)["src/pkg/c.so"] == "binary"
        assert arrive(third, old) == ["src/pkg/__init__.py"]  # byte code of placed files stays valid
        assert (slot.tree / f"src/gen/deep/__pycache__/w.{TAG}.pyc").exists()
        assert arrive(third, {"src/pkg/v.py": str(made["new"])}) == ["src/pkg/v.py"]
        assert not (slot.tree / "src/gen").exists()
        slot.link_generated({})
        assert not (slot.tree / "src/pkg/v.py").exists()
        assert arrive(third, {"src/pkg/v.py": str(made["new"])}) == ["src/pkg/v.py"]
        assert arrive(first, {}) == ["src/pkg/__init__.py", "src/pkg/v.py"]
        assert (slot.tree / "src/pkg/v.py").read_text() == "V = 'tracked'\n"
    assert made["new"].read_text() == "V = 'new'\n"


def test_nothing_is_placed_where_a_link_of_the_commit_leads_out_of_the_tree(
    builder: RepositoryBuilder, cache: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "native.so").write_text("kept")
    (builder.path / "link").symlink_to(outside)
    (builder.path / "alias").symlink_to("src")
    commit = builder.commit({"src/a.py": ""})
    with lease(open_repository(str(builder.path), cache), cache) as slot:
        slot.checkout(commit)
        slot.link_generated({f"{folder}/native.so": f"{tmp_path}/built" for folder in ("link", "alias", "new")})
        assert (outside / "native.so").read_text() == "kept"
        placed = [path for path in (slot.tree / "src/native.so", slot.tree / "new/native.so") if path.is_symlink()]
        assert len(placed) == 2


def test_a_rewritten_source_is_covered_and_comes_back(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    first = builder.commit({"mod.py": "V = 'own'\n"})
    second = builder.commit({"new.py": ""})
    (tmp_path / "built.py").write_text("V = 'made'\n")
    cover = {"mod.py": str(tmp_path / "built.py")}
    seen = []
    with lease(opened(builder, cache), cache) as slot:
        for commit, generated in (
            (first, {}),
            (first, cover),
            (second, cover),
            (second, {}),
            (first, cover),
            (first, {}),
        ):
            slot.checkout(commit, packages=("mod", "new"))
            slot.link_generated(generated)
            compile_pending(slot)
            seen.append(value_of(slot, "mod.V"))
        slot.link_generated(cover)
        slot.link_generated({})  # with no checkout between
        compile_pending(slot)
        seen.append(value_of(slot, "mod.V"))
    assert seen == ["own", "made", "made", "own", "made", "own", "own"]


def test_two_runs_take_two_slots_of_equal_length(builder: RepositoryBuilder, cache: Path) -> None:
    builder.commit({"a.py": ""})
    repository = opened(builder, cache)
    with lease(repository, cache) as first, lease(repository, cache) as second:
        paths = [str(first.tree.parent), str(second.tree.parent)]
        assert [len(os.fsencode(path)) for path in paths] == [max(SLOT_PATH_BYTES, len(os.fsencode(p))) for p in paths]
        assert len(paths[0]) == len(paths[1])
        assert paths[0] != paths[1]
    with lease(repository, cache) as again:
        assert str(again.tree.parent) == paths[0]


def test_the_slot_of_a_killed_process_is_free_and_repaired(builder: RepositoryBuilder, cache: Path) -> None:
    commit = builder.commit({"a.py": "X = 1\n"})
    code = (
        "import sys, time, pathlib\nfrom memharness.git.repository import open_repository\n"
        "from memharness.checkout.lease import lease\ncache = pathlib.Path(sys.argv[2])\n"
        "with lease(open_repository(sys.argv[1], cache), cache) as slot:\n"
        "    slot.checkout('HEAD')\n    print(slot.tree, flush=True)\n    time.sleep(600)\n"
    )
    repository = opened(builder, cache)
    child = subprocess.Popen(
        [sys.executable, "-c", code.replace("'HEAD'", repr(commit)), str(builder.path), str(cache)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        tree = Path(child.stdout.readline().strip())
        with lease(repository, cache) as slot:
            assert slot.tree != tree
        child.send_signal(signal.SIGKILL)
    (tree / ".git/index.lock").write_text("")
    (tree / "a.py").write_text("spoilt")
    with lease(repository, cache) as slot:
        assert slot.tree == tree
        slot.checkout(commit)
        assert files(slot) == {"a.py": "X = 1\n"}


@pytest.mark.parametrize("harm", ["index", "HEAD", "config", "objects", "everything"])
def test_a_broken_slot_is_rebuilt(builder: RepositoryBuilder, cache: Path, harm: str) -> None:
    first = builder.commit({"a.py": "X = 1\n", "b.py": ""})
    second = builder.commit({"a.py": "X = 2\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(first, packages=("a", "b"))
        compile_pending(slot)
        git_dir = slot.tree.parent / "git"
        if harm == "everything":
            remove(slot.tree)
        elif harm == "objects":
            remove(git_dir / "objects")
        else:
            (git_dir / harm).write_bytes(b"\0garbage")
        slot.checkout(second, packages=("a", "b"))
        assert files(slot) == {"a.py": "X = 2\n", "b.py": ""}
        assert compile_pending(slot) == ["a.py", "b.py"]


def spoil(git_dir: Path, how: str, evil: Path) -> None:
    """Do to a repository what only whoever means harm, or a workload that uses git, would do."""
    settings = f'[core]\n\tfsmonitor = {evil}\n\thooksPath = {git_dir}/hooks\n[filter "x"]\n\tsmudge = {evil}\n'
    if how == "config":
        (git_dir / "config").write_text(settings)
    elif how == "include":
        (git_dir / "more").write_text(settings)
        (git_dir / "config").write_text(f"[include]\n\tpath = {git_dir}/more\n")
    elif how == "worktree":
        (git_dir / "config").write_text(f"[extensions]\n\tworktreeConfig = true\n[core]\n\tworktree = {evil.parent}\n")
        (git_dir / "config.worktree").write_text(settings)
    elif how == "attributes":
        (git_dir / "info/attributes").write_text("* filter=x working-tree-encoding=UTF-16\n")
        (git_dir / "info/exclude").write_text("*\n")
    elif how == "hooks":
        (git_dir / "hooks").mkdir()
        (git_dir / "hooks/post-checkout").symlink_to(evil)
    elif how == "alternates":
        (git_dir / "objects/info/alternates").write_text(f"{evil.parent}\n")
        (git_dir / "commondir").write_text(f"{evil.parent}\n")
    elif how == "file":
        remove(git_dir)
        git_dir.write_text(f"gitdir: {evil.parent}\n")
    elif how == "link":
        git_dir.rename(evil.parent / f"moved {time.time_ns()}")
        git_dir.symlink_to(next(evil.parent.glob("moved*")))
    elif how == "index":
        (git_dir / "index").write_bytes(b"DIRC")
        (git_dir / "index.lock").write_text("")
    else:
        for command in (["commit", "--quiet", "--all", "--message=child"], ["tag", "child"], ["gc", "--quiet"]):
            work = ["-c", "user.name=x", "-c", "user.email=x", f"--work-tree={git_dir.parent / 'tree'}"]
            work = work if git_dir.name == "git" else work[:4]
            subprocess.run(["git", *work, *command], cwd=git_dir.parent, check=False, env={"PATH": os.environ["PATH"]})


@pytest.mark.parametrize(
    "how",
    ["config", "include", "worktree", "attributes", "hooks", "alternates", "file", "link", "index", "commands"],
)
@pytest.mark.parametrize("where", ["tree/.git", "git"])
def test_what_a_child_does_to_the_repository_of_a_slot_is_undone_and_runs_nothing(
    builder: RepositoryBuilder, cache: Path, tmp_path: Path, how: str, where: str
) -> None:
    first = builder.commit({"a.py": "X = 1\n", ".gitattributes": "*.txt filter=x\n", "b.txt": "b"}, tag="v1")
    second = builder.commit({"a.py": "X = 2\n"})
    evil = tmp_path / "evil" / "run.sh"
    evil.parent.mkdir()
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    evil.chmod(0o755)
    with lease(opened(builder, cache), cache) as slot:
        git_dir = slot.tree.parent / where

        def state() -> dict[str, bytes]:
            return {name: data for name, data in contents(git_dir).items() if name != "index"}

        slot.checkout(first, packages=("a",))
        compile_pending(slot)
        before = state()
        spoil(git_dir, how, evil)
        slot.restore()
        assert not git_dir.is_symlink()
        assert state() == before
        compile_pending(slot)
        spoil(git_dir, how, evil)
        slot.checkout(second, packages=("a",))
        assert files(slot) == {"a.py": "X = 2\n", ".gitattributes": "*.txt filter=x\n", "b.txt": "b"}
        describe = ["git", "describe", "--tags", "--dirty"]
        done = subprocess.run(describe, cwd=slot.tree, capture_output=True, text=True)
        assert done.stdout == f"v1-1-g{second[:7]}\n"
    assert not (tmp_path / "ran").exists()


def test_an_unknown_commit_is_an_error(builder: RepositoryBuilder, cache: Path) -> None:
    builder.commit({"a.py": ""})
    with lease(opened(builder, cache), cache) as slot, pytest.raises(MemharnessError) as caught:
        slot.checkout("0" * 40)
    assert caught.value.message == f"{builder.path}: git ls-tree failed: fatal: not a tree object"


def test_shallow_bare_and_sha256_sources(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    builder.commit({"a.py": "1"})
    newest = builder.commit({"a.py": "2"}, tag="v2")
    builder.git("clone", "--quiet", "--depth=1", f"file://{builder.path}", str(tmp_path / "shallow"))
    builder.git("clone", "--quiet", "--bare", str(builder.path), str(tmp_path / "bare.git"))
    for location in (tmp_path / "shallow", tmp_path / "bare.git"):
        with lease(open_repository(str(location), cache), cache) as slot:
            slot.checkout(newest)
            assert files(slot) == {"a.py": "2"}
            log = subprocess.run(["git", "describe", "--tags"], cwd=slot.tree, capture_output=True, text=True)
            assert log.stdout == "v2\n"
    builder.git("init", "--quiet", "--object-format=sha256", str(tmp_path / "long"))
    long = RepositoryBuilder(tmp_path / "long")
    commit = long.commit({"a.py": "3"})
    with lease(opened(long, cache), cache) as slot:
        slot.checkout(commit)
        assert files(slot) == {"a.py": "3"}


def test_no_hook_or_filter_runs(
    builder: RepositoryBuilder, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    (hooks / "post-checkout").chmod(0o755)
    configuration = tmp_path / "gitconfig"
    configuration.write_text(
        f'[core]\nhooksPath = {hooks}\n[filter "loud"]\nsmudge = touch {tmp_path}/filter-ran; cat\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    commit = builder.commit({"a.txt": "1", ".gitattributes": "*.txt filter=loud\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(commit)
        assert (slot.tree / "a.txt").read_text() == "1"
    assert sorted(tmp_path.glob("*-ran")) == []


def everything(slot: Slot) -> dict[str, bytes]:
    found = contents(slot.tree.parent)
    return {name: data for name, data in found.items() if not name.startswith(("tree/.git/", "git/"))}


def test_what_a_child_leaves_is_gone_before_the_next(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    (scenarios / "a.py").write_text("A = 1\n")
    (tmp_path / "made.py").write_text("V = 'made'\n")
    files = {"pkg/__init__.py": "", "pkg/x.py": "X = 1\n", "pkg/data/y.txt": "1", ".gitignore": "*.cache\n"}
    commit = builder.commit(files)
    with lease(opened(builder, cache), cache, scenarios=scenarios) as slot:
        slot.checkout(commit, packages=("pkg",))
        slot.link_generated({"pkg/v.py": str(tmp_path / "made.py")})
        compile_pending(slot)
        before = everything(slot)
        (slot.tree / "pkg/x.cache").write_text("ignored")
        (slot.tree / "pkg/__pycache__/x.nbi").write_text("foreign")
        (slot.tree / f"pkg/__pycache__/x.{TAG}.opt-1.pyc").write_text("foreign")
        (slot.tree / "empty").mkdir()
        (slot.tree / "new/deep").mkdir(parents=True)
        (slot.tree / "new/deep/z.py").write_text("")
        (slot.tree / "new").chmod(0)
        (slot.scenarios / "a.json").write_text("cached")
        slot.restore()
        assert everything(slot) == before
        assert not list(slot.tree.glob("[en]*"))
        assert compile_pending(slot) == []

        (slot.tree / "pkg/x.py").write_text("X = 2\n")
        (slot.tree / "pkg/__init__.py").unlink()
        (slot.tree / "pkg/data").rename(slot.tree / "pkg/moved")
        (slot.tree / "pkg/v.py").unlink()
        slot.restore()
        assert everything(slot) == before
        assert (slot.tree / "pkg/v.py").readlink() == tmp_path / "made.py"
        assert compile_pending(slot) == []

        for name in ("x", "v"):
            (slot.tree / f"pkg/__pycache__/{name}.{TAG}.pyc").write_bytes(before[f"tree/pkg/__pycache__/x.{TAG}.pyc"])
        (slot.scenarios / "a.py").write_text("A = 2\n")
        slot.restore()
        copied = os.path.relpath(slot.scenarios / "a.py", slot.tree)
        assert compile_pending(slot) == [copied, "pkg/v.py", "pkg/x.py"]
        assert everything(slot) == before

        remove(slot.tree / "pkg")
        (slot.tree.parent / "git/index").write_text("spoilt")
        slot.restore()
        assert compile_pending(slot) == [copied, "pkg/__init__.py", "pkg/v.py", "pkg/x.py"]  # rebuilt: all is in doubt
        assert everything(slot) == before
        remove(slot.tree / "pkg/__pycache__")
        slot.restore()
        assert compile_pending(slot) == ["pkg/__init__.py", "pkg/v.py", "pkg/x.py"]
        assert everything(slot) == before


def test_tidying_an_untouched_slot_starts_no_process(
    builder: RepositoryBuilder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = builder.commit({"a.py": "X = 1\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.restore()
        slot.checkout(commit, packages=("a",))
        slot.restore()
        compile_pending(slot)
        monkeypatch.setenv("PATH", "")
        (slot.tree / "__pycache__/foreign").write_text("")
        slot.restore()
        assert sorted(contents(slot.tree / "__pycache__")) == [f"a.{TAG}.pyc"]


def test_a_checkout_leaves_nothing_foreign_beside_byte_code(builder: RepositoryBuilder, cache: Path) -> None:
    first = builder.commit({"a.py": "X = 1\n", "b.py": "X = 1\n", "c.py": ""})
    second = builder.commit({"c.py": "X = 2\n"})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(first, packages=("a", "b", "c"))
        compile_pending(slot)
        (slot.tree / "__pycache__/a.nbi").write_text("foreign")
        (slot.tree / f"__pycache__/b.{TAG}.pyc").write_text("stale")
        slot.checkout(second, packages=("a", "b", "c"))
        assert sorted(contents(slot.tree / "__pycache__")) == [f"a.{TAG}.pyc"]
        assert compile_pending(slot) == ["b.py", "c.py"]


def test_byte_code_of_a_commit_is_never_used(builder: RepositoryBuilder, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "mod.py").write_text("X = 'stale'\n")
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    tracked = f"__pycache__/mod.{TAG}.pyc"
    py_compile.compile(str(tmp_path / "mod.py"), str(tmp_path / "pyc"), invalidation_mode=unchecked)
    stale = (tmp_path / "pyc").read_bytes()
    commits = [
        builder.commit({"mod.py": "X = 1\n"}, tag="v1"),
        builder.commit({tracked: stale}),
        builder.commit({"mod.py": "X = 3\n"}),
        builder.commit({tracked: stale + b"0"}),
        builder.commit({tracked: None}),
    ]
    values = ["1", "1", "3", "3", "3"]
    for _ in range(2):  # the second lease finds what the first left
        with lease(opened(builder, cache), cache) as slot:
            for index in (1, 0, 1, 2, 3, 4, 3, 2, 1, 1, 0, 4, 0, 1):
                slot.checkout(commits[index], packages=("mod",))
                compile_pending(slot)
                assert value_of(slot, "mod.X") == values[index]
                (slot.tree / "mod.py").unlink()
                slot.restore()
                compile_pending(slot)
                assert value_of(slot, "mod.X") == values[index]
            describe = ["git", "describe", "--tags", "--dirty"]
            done = subprocess.run(describe, cwd=slot.tree, capture_output=True, text=True)
            assert done.stdout == f"v1-1-g{commits[1][:7]}\n"


def test_work_is_empty_for_each_child(builder: RepositoryBuilder, cache: Path) -> None:
    builder.commit({})
    with lease(opened(builder, cache), cache) as slot:
        (slot.work / "cwd/left").mkdir()
        (slot.work / "cwd/left").chmod(0)
        assert slot.clear_work() == slot.work
        assert sorted(path.name for path in slot.work.rglob("*")) == ["cwd", "home", "tmp"]


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MEMHARNESS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "memharness"


def test_a_cache_that_cannot_be_written(builder: RepositoryBuilder, tmp_path: Path) -> None:
    builder.commit({})
    (tmp_path / "file").write_text("")
    repository = opened(builder, tmp_path)
    with pytest.raises(MemharnessError, match="cannot be used for checkouts"), lease(repository, tmp_path / "file"):
        pass


def test_a_process_that_a_killed_run_left_in_a_slot_is_ended(builder: RepositoryBuilder, cache: Path) -> None:
    builder.commit({"a.py": ""})
    with lease(opened(builder, cache), cache) as slot:
        work, tree = slot.work, slot.tree

    def start(**environment: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)

    orphans = [start(HOME=f"{work}/home"), start(A="", TMPDIR=f"{work}/tmp")]
    others = [
        start(HOME="/", PWD=str(tree), OLDPWD=f"{work}/home"),
        start(HOME=f"{work}/home2"),
        start(X=f"HOME={work}/home"),
    ]
    try:
        with lease(opened(builder, cache), cache) as slot:
            assert slot.work == work
            assert [orphan.wait(timeout=60) for orphan in orphans] == [-signal.SIGKILL] * 2
            assert [other.poll() for other in others] == [None] * 3
    finally:
        for process in (*orphans, *others):
            process.kill()
            process.wait()


def test_a_run_spares_itself_and_those_that_started_it(builder: RepositoryBuilder, cache: Path) -> None:
    builder.commit({"a.py": ""})
    repository = opened(builder, cache)
    with lease(repository, cache) as slot:
        home = slot.work / "home"
    code = (
        "import sys, pathlib\nfrom memharness.git.repository import open_repository\n"
        "from memharness.checkout.lease import lease\ncache = pathlib.Path(sys.argv[2])\n"
        "with lease(open_repository(sys.argv[1], cache), cache) as slot: print(slot.work / 'home')\n"
    )
    shell = ["sh", "-c", '"$@"; echo done', "sh", sys.executable, "-c", code, str(builder.path), str(cache)]
    done = subprocess.run(shell, env={**os.environ, "HOME": str(home)}, capture_output=True, text=True)
    assert done.stdout == f"{home}\ndone\n"


def test_where_byte_code_folders_are_follows_from_the_commit_alone(
    builder: RepositoryBuilder, cache: Path, tmp_path: Path
) -> None:
    layouts: dict[str, tuple[str, tuple[str, ...]]] = {}

    def committed(changes: dict[str, str | None], root: str = ".", packages: tuple[str, ...] = ("pkg",)) -> None:
        layouts[builder.commit(changes)] = (root, packages)

    committed({"pkg/__init__.py": "", "pkg/data/a.py": "x = 1\n", "pkg/data/x.json": "", "pkg/odd/a.py": "x =\n"})
    committed({"pkg/data/a.py": None, "pkg/odd/b.py": "x = 1\n"})
    committed({"pkg/odd/b.py": None, "pkg/data/a.py": "x =\n"})
    committed({"pkg/data/a.py": None, "pkg/data/dir.py/x.txt": ""})
    committed({"pkg/data/dir.py/x.txt": None, "pkg/odd/a.py": None})
    (builder.path / "pkg/data/dir.py").rmdir()
    committed({"pkg/data/dir.py": "x = 1\n"})
    committed({"pkg/data/dir.py": None, "other/a.py": ""}, packages=("other", "pkg"))
    committed({"src/b/c.py": "x =\n"})
    committed({"pkg/odd/x.txt": ""}, "src")
    expected = {}

    def look(slot: Slot, commit: str) -> list[str]:
        root, packages = layouts[commit]
        slot.checkout(commit, import_root=root, packages=packages)
        for source in slot.uncompiled(TAG):  # as the probe does in a process of its own
            target = importlib.util.cache_from_source(source)
            bytecode.make_folder(target)
            if code := bytecode.byte_code(source):
                bytecode.write(target, code)
        slot.mark_compiled(TAG)
        before = everything(slot)
        found = sorted(str(path.parent.relative_to(slot.tree)) for path in slot.tree.rglob("__pycache__"))
        slot.restore()  # none of these is taken for a child's
        assert (everything(slot), slot.uncompiled(TAG)) == (before, ())
        return found

    for number, commit in enumerate(layouts):
        with lease(opened(builder, tmp_path / f"{number}"), tmp_path / f"{number}") as slot:
            expected[commit] = look(slot, commit)
    assert list(expected.values()) == [
        ["pkg", "pkg/data", "pkg/odd"],
        ["pkg", "pkg/odd"],
        ["pkg", "pkg/data", "pkg/odd"],
        ["pkg", "pkg/odd"],
        ["pkg"],
        ["pkg", "pkg/data"],
        ["other", "pkg"],
        ["pkg"],
        ["src/b"],
    ]
    commits, walk = list(layouts), []
    for number, commit in enumerate(commits):  # every commit follows every one, each once
        walk += [commit, *(step for later in commits[number + 1 :] for step in (commit, later))]
    assert len({*itertools.pairwise(walk), (walk[-1], walk[0])}) == len(commits) ** 2 == len(walk)
    with lease(opened(builder, cache), cache) as slot:
        for commit in (*walk, walk[0]):
            assert look(slot, commit) == expected[commit]


def test_a_byte_code_folder_that_a_child_removed_comes_back(builder: RepositoryBuilder, cache: Path) -> None:
    commit = builder.commit({"pkg/bad.py": "x =\n", "other/a.py": ""})
    with lease(opened(builder, cache), cache) as slot:
        slot.checkout(commit, packages=("other", "pkg"))
        compile_bytecode(sys.executable, slot.uncompiled(TAG))
        slot.mark_compiled(TAG)
        (slot.tree / "pkg/__pycache__").rmdir()
        slot.restore()
        assert slot.uncompiled(TAG) == (str(slot.tree / "pkg/bad.py"),)


def test_a_byte_code_folder_of_no_source_is_a_childs(builder: RepositoryBuilder, cache: Path) -> None:
    commits = [builder.commit({"pkg/a.py": "", "pkg/x.json": ""}), builder.commit({"pkg/a.py": None})]
    with lease(opened(builder, cache), cache) as slot:
        for commit in commits:
            slot.checkout(commit, packages=("pkg",))
            compile_pending(slot)
        (slot.tree / "pkg/__pycache__").mkdir()
        slot.restore()
        assert not (slot.tree / "pkg/__pycache__").exists()


def test_a_damaged_repository_is_said_to_be_one(builder: RepositoryBuilder, cache: Path) -> None:
    commit = builder.commit({"pkg/__init__.py": "X = 1\n", "data.txt": "spoilt\n"})
    blob = subprocess.check_output(["git", "-C", builder.path, "rev-parse", f"{commit}:data.txt"], text=True).strip()
    path = builder.path / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o600)
    path.write_bytes(b"no object")
    with lease(opened(builder, cache), cache) as slot, pytest.raises(MemharnessError) as failure:
        slot.checkout(commit)
    assert f"lacks objects of commit {commit[:10]}" in failure.value.message
    assert "fsck" in failure.value.hint
