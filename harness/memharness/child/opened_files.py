"""The files that any process opens below a folder, as the kernel tells: native code is seen as well."""

from collections.abc import Collection
from typing import NamedTuple

from memharness.files.folder_events import OPENED, FolderEvents


class Opened(NamedTuple):
    """Absolute paths of files that were opened, and of folders, which are opened to be listed."""

    files: frozenset[str]
    folders: frozenset[str]


class OpenedFiles:
    """Watches folders for the children of one worker. Where the kernel has no room left, nothing is known."""

    def __init__(self) -> None:
        self._events = FolderEvents(OPENED)
        self.folders: Collection[str] = ()  # absolute; of the folders below, only those that are named
        self._complete = False

    def begin(self) -> None:
        """Report what is opened in `folders` from now on."""
        unwatched = [folder for folder in self.folders if not self._events.watch(folder)]
        self._complete = not unwatched
        self._events.take()

    def opened(self) -> Opened | None:
        """Return what was opened since `begin`; None where it is not known."""
        events = self._events.take() if self._complete else None
        if events is None:
            return None
        chosen = frozenset(self.folders)
        files: set[str] = set()
        folders: set[str] = set()
        for event in events:
            if event.folder in chosen:
                path = f"{event.folder}/{event.name}" if event.name else event.folder
                (folders if event.is_folder else files).add(path)
        return Opened(frozenset(files), frozenset(folders))

    def close(self) -> None:
        """Watch nothing any more."""
        self._events.close()
        self._complete = False
