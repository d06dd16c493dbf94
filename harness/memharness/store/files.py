"""The files of a results folder; every failure of the disk, and what is no plain file, as a MemharnessError.

All writers hold the store's lock, so a temporary file that another one finds was left by a dead process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from memharness.errors import MemharnessError, os_refusal
from memharness.files.folder import Folder, NotPlain, TooLarge

_HINT_NOT_PLAIN = "Remove it if you do not know it, or choose another folder for the results."


def failure(action: str, path: Path, error: OSError) -> MemharnessError:
    """Return the error to raise when the system refuses to `action` (a verb) `path`."""
    if isinstance(error, NotPlain | TooLarge):
        return MemharnessError(f"cannot {action} {error.filename}: {error.strerror}", hint=_HINT_NOT_PLAIN)
    return os_refusal(
        f"cannot {action} {path}", error, hint="Check the path, or choose another folder for the results."
    )


class Files:
    """The files below a results folder, by their whole paths."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)

    def read(self, path: Path) -> bytes | None:
        """Return the contents of a file, None where there is none.

        Raises NotPlain or TooLarge for what is there in place of a file of ours.
        """
        try:
            return self._folder.read(path)
        except (NotPlain, TooLarge) as error:
            if Path(str(error.filename)) == path:
                raise
            raise failure("read", path, error) from error
        except OSError as error:
            raise failure("read", path, error) from error

    def is_file(self, path: Path) -> bool:
        """Tell whether there is a regular file."""
        with _failing("read", path):
            return self._folder.is_file(path)

    def is_folder(self, path: Path) -> bool:
        """Tell whether there is a folder, and no link to one."""
        with _failing("read", path):
            return self._folder.is_folder(path)

    def names(self, folder: Path) -> list[str]:
        """Return the sorted names in a folder, none where it does not exist."""
        with _failing("read", folder):
            return self._folder.names(folder)

    def stamps(self, folder: Path) -> dict[str, tuple[int, int]]:
        """Return mtime (ns) and size of each file in a folder by name, sorted; none where it does not exist."""
        with _failing("read", folder):
            return {name: (found.st_mtime_ns, found.st_size) for name, found in self._folder.files(folder).items()}

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file so that even a power failure leaves the old contents or the new, never a part."""
        with _failing("write", path):
            self._folder.write(path, content)

    def make(self, folder: Path) -> None:
        """Create a folder and its parents where missing."""
        with _failing("create", folder):
            self._folder.make(folder)

    def check_lock(self, path: Path) -> None:
        """Raise MemharnessError where a lock's file is none of its own."""
        with _failing("lock", path):
            self._folder.check_lock(path)

    def set_aside(self, path: Path) -> Path:
        """Rename a damaged file to `<name>.damaged`, numbered when taken; return the new path."""
        with _failing("rename", path):
            taken = set(self._folder.names(path.parent))
            numbered = (f"{path.name}.damaged-{number}" for number in count(2))
            name = next(name for name in chain([f"{path.name}.damaged"], numbered) if name not in taken)
            self._folder.rename(path, name)
        return path.with_name(name)

    def sweep(self, folder: Path, depth: int) -> None:
        """Remove what killed writers left in a folder, as deep as they write. The caller holds the lock."""
        with _failing("remove", folder):
            self._folder.sweep(folder, depth)


@contextmanager
def _failing(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise failure(action, path, error) from error
