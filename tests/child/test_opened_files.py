"""What any process opens in some folders, as the kernel tells."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from memharness.child.opened_files import Opened, OpenedFiles

MOST_EVENTS = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


@pytest.fixture
def opened() -> Iterator[OpenedFiles]:
    files = OpenedFiles()
    yield files
    files.close()


def test_what_another_process_opens_is_known_and_nothing_from_before(opened: OpenedFiles, tmp_path: Path) -> None:
    inner, aside = tmp_path / "inner", tmp_path / "aside"
    inner.mkdir()
    aside.mkdir()
    for path in (tmp_path / "a", inner / "b", inner / "unread", aside / "c"):
        path.write_text("x")
    opened.folders = (str(tmp_path), str(inner))
    opened.begin()
    subprocess.run(["cat", tmp_path / "a", inner / "b", aside / "c", inner / "absent"], check=False)
    assert opened.opened() == Opened(frozenset({f"{tmp_path}/a", f"{inner}/b"}), frozenset())
    (tmp_path / "a").read_text()
    opened.begin()
    list(inner.iterdir())
    (inner / "unread").stat()
    assert opened.opened() == Opened(frozenset(), frozenset({str(inner)}))


def test_a_folder_that_is_made_anew_is_watched_again(opened: OpenedFiles, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    opened.folders = (str(folder),)
    for _ in range(2):
        folder.mkdir()
        (folder / "a").write_text("x")
        opened.begin()
        (folder / "a").read_text()
        assert opened.opened() == Opened(frozenset({f"{folder}/a"}), frozenset())
        (folder / "a").unlink()
        folder.rmdir()


def test_a_folder_of_the_commit_before_is_not_reported(opened: OpenedFiles, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    opened.folders = (str(tmp_path),)
    opened.begin()
    opened.folders = ()
    opened.begin()
    (tmp_path / "a").read_text()
    assert opened.opened() == Opened(frozenset(), frozenset())


def test_nothing_is_known_where_the_kernel_dropped_events(opened: OpenedFiles, tmp_path: Path) -> None:
    """It joins equal events in a row, so two files take turns."""
    opened.folders = (str(tmp_path),)
    pair = [tmp_path / "a", tmp_path / "b"]
    for path in pair:
        path.write_text("x")
    opened.begin()
    for i in range(MOST_EVENTS + 2):
        pair[i % 2].open().close()
    assert opened.opened() is None
    opened.begin()
    assert opened.opened() == Opened(frozenset(), frozenset())


def test_nothing_is_known_of_a_folder_that_cannot_be_watched(opened: OpenedFiles, tmp_path: Path) -> None:
    opened.folders = (str(tmp_path), str(tmp_path / ("x" * 300)))
    opened.begin()
    assert opened.opened() is None
    opened.close()
    opened.begin()
    assert opened.opened() is None
