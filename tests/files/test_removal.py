"""Removing what workloads leave, whatever they did to it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from children import without_power_over_files
from memharness.files.removal import remove, scratch

_DEPTH = 3000  # three times what a recursion may, and longer than any path


def nest(folder: Path, depth: int) -> None:
    """Make a folder with one in another, each with a file, in a process of its own: it goes where no path leads."""
    text = "import os, sys\nos.makedirs(sys.argv[1]); os.chdir(sys.argv[1])\n"
    text += "for _ in range(int(sys.argv[2])): os.mkdir('d'); open('f', 'w').close(); os.chdir('d')"
    subprocess.run([sys.executable, "-S", "-c", text, str(folder), str(depth)], check=True, timeout=60)


@pytest.mark.usefixtures("shallow")
def test_folders_may_be_nested_deeper_than_any_path(tmp_path: Path) -> None:
    nest(tmp_path / "work", _DEPTH)
    remove(tmp_path / "work")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "made",
    [
        "mkdir -p work/a/b && touch work/a/b/f && chmod 0 work/a/b work/a work",
        "mkdir -p work/a/b && touch work/a/f && chmod 400 work/a && chmod 600 work",
        "mkdir -p work/a && touch work/a/f && chmod 500 work/a work .",
        "mkfifo work",
        "mkdir work && mkfifo work/f",
        "ln -s kept work",
        "mkdir work && ln -s ../kept work/link",
        "ln -s work work",
        "touch work",
        "true",
    ],
)
def test_everything_goes_and_nothing_else(tmp_path: Path, made: str) -> None:
    kept = tmp_path / "kept" / "file"
    kept.parent.mkdir()
    kept.touch()
    with without_power_over_files():
        subprocess.run(["sh", "-c", made], cwd=tmp_path, check=True, timeout=60)
        remove(tmp_path / "work")
        remove(tmp_path / "none" / "below")
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
    assert kept.exists()


@pytest.mark.parametrize("place", ["work/a/b", "work/a", "work"])
def test_what_is_mounted_is_not_emptied(tmp_path: Path, place: str) -> None:
    kept = tmp_path / "kept" / "file"
    kept.parent.mkdir()
    kept.touch()
    (tmp_path / "work/a/b").mkdir(parents=True)
    mount = subprocess.run(["mount", "--bind", kept.parent, tmp_path / place], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("this user may not mount")
    try:
        remove(tmp_path / "work")
    finally:
        subprocess.run(["umount", tmp_path / place], capture_output=True, check=False)
    assert kept.exists()
    assert not (tmp_path / "work").exists()


def test_what_is_immutable_goes_where_the_user_may_change_that(tmp_path: Path) -> None:
    file = tmp_path / "work/a/f"
    file.parent.mkdir(parents=True)
    file.touch()
    if subprocess.run(["chattr", "+i", file, file.parent], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make files immutable")
    remove(tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_what_cannot_be_deleted_is_set_aside(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can make another user's folder")
    foreign = tmp_path / "work/a"
    foreign.mkdir(parents=True)
    (foreign / "f").touch()
    foreign.chmod(0o555)
    os.chown(foreign, 12345, 12345)
    with without_power_over_files():
        with pytest.raises(PermissionError):
            remove(tmp_path / "work")
        remove(tmp_path / "work", tmp_path / "aside")
    assert [entry.name for entry in tmp_path.iterdir()] == ["aside"]
    (moved,) = (tmp_path / "aside").iterdir()
    assert (moved / "a/f").exists()


def test_scratch_folders_of_killed_processes_are_removed_and_of_others_kept(tmp_path: Path) -> None:
    text = """
import os, sys
from pathlib import Path
from memharness.files.removal import scratch
with scratch(Path(sys.argv[1]), "copy-") as folder:
    (folder / "inside").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", text, str(tmp_path)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living,
    ):
        assert killed.stdout
        assert living.stdout
        left, used = Path(killed.stdout.readline().strip()), Path(living.stdout.readline().strip())
        killed.kill()
        killed.wait(timeout=60)
        with scratch(tmp_path, "copy-") as own:
            assert not left.exists()
            assert (used / "inside").exists()
        assert not own.exists()
    assert list(tmp_path.iterdir()) == []
