"""What is written in folders, as the kernel tells."""

from contextlib import closing
from pathlib import Path

from memharness.files.folder_events import WRITTEN, FolderEvent, FolderEvents


def test_files_that_are_written_moved_and_removed_and_nothing_that_is_read(tmp_path: Path) -> None:
    folder, inner = str(tmp_path), tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "old").write_text("x")
    with closing(FolderEvents(WRITTEN)) as events:
        assert events.watch(folder)
        assert events.watch(f"{folder}/absent")
        assert not events.watch(f"{folder}/{'x' * 300}")
        assert not events.wait(0)
        (tmp_path / "old").read_text()
        (inner / "unwatched").write_text("x")
        assert not events.wait(0)
        with (tmp_path / "old").open("a") as file:
            file.write("y")
        (tmp_path / "old").rename(tmp_path / "new")
        (tmp_path / "new").unlink()
        (tmp_path / "made").mkdir()
        assert events.wait()
        written, moved_from, moved_to, removed, made = events.take() or []
        assert written == moved_from == FolderEvent(folder, "old", is_folder=False)
        assert moved_to == removed == FolderEvent(folder, "new", is_folder=False)
        assert made == FolderEvent(folder, "made", is_folder=True)
        assert events.take() == []
    assert events.take() is None
    assert not events.watch(folder)
