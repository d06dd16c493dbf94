"""The files of a results folder; every failure of the disk, and whatever is no plain file, as a MemharnessError.

All writers hold the store's lock, so a temporary file that another one finds was left by a dead process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from memharness.errors import MemharnessError, os_refusal
from memharness.files.folder import Folder, NotPlain, TooLarge

_HINT_NOT_PLAIN = "Remove it if you do not know it, or choose another folder for the results."
_HINT = "Check the path, or choose another folder for the results."


@contextmanager
def reporting(action: str, path: Path) -> Iterator[None]:
    """Raise MemharnessError where the system refuses to `action` (a verb) `path`."""
    try:
        yield
    except (NotPlain, TooLarge) as error:
        message = f"cannot {action} {error.filename}: {error.strerror}"
        raise MemharnessError(message, hint=_HINT_NOT_PLAIN) from error
    except OSError as error:
        raise os_refusal(f"cannot {action} {path}", error, hint=_HINT) from error


class ResultFiles:
    """The files below a results folder, by their whole paths."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)

    def read(self, path: Path) -> bytes | None:
        """Return the contents of a file, None where there is none.

        Raises NotPlain or TooLarge for what is there in place of a file of ours.
        """
        with reporting("read", path):
            try:
                return self._folder.read(path)
            except (NotPlain, TooLarge) as error:
                if Path(str(error.filename)) != path:
                    raise
                fault = error
        raise fault

    def is_file(self, path: Path) -> bool:
        """Tell whether there is a regular file."""
        with reporting("read", path):
            return self._folder.is_file(path)

    def is_folder(self, path: Path) -> bool:
        """Tell whether there is a folder, and no link to one."""
        with reporting("read", path):
            return self._folder.is_folder(path)

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in a folder, none where it does not exist."""
        with reporting("read", folder):
            return self._folder.names(folder)

    def stamps(self, folder: Path) -> dict[str, tuple[int, int]]:
        """Return mtime (ns) and size of each file in a folder by name, sorted; none where it does not exist."""
        with reporting("read", folder):
            return {name: (found.st_mtime_ns, found.st_size) for name, found in self._folder.files(folder).items()}

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file so that even a power failure leaves the old contents or the new, never a part."""
        with reporting("write", path):
            self._folder.write(path, content)

    def prepare_lock(self, path: Path) -> None:
        """Make the folder of a lock's file; raise MemharnessError where taking the lock could empty another file."""
        with reporting("create", path.parent):
            self._folder.make(path.parent)
        with reporting("lock", path):
            self._folder.check_lock(path)

    def set_aside(self, path: Path) -> Path:
        """Rename a damaged file to `<name>.damaged`, numbered when taken; return the new path."""
        with reporting("rename", path):
            taken = set(self._folder.names(path.parent))
            numbered = (f"{path.name}.damaged-{number}" for number in count(2))
            name = next(name for name in chain([f"{path.name}.damaged"], numbered) if name not in taken)
            self._folder.rename(path, name)
        return path.with_name(name)

    def sweep(self, folder: Path, depth: int) -> None:
        """Remove what killed writers left in a folder, as deep as they write. The caller holds the lock."""
        with reporting("remove", folder):
            self._folder.sweep(folder, depth)
