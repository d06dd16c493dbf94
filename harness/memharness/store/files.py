"""The files of a results folder; every failure of the disk, and whatever is no plain file, as a MemharnessError.

All writers hold the store's lock, so a temporary file that another one finds was left by a dead process.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import chain, count
from pathlib import Path
from typing import TypeVar, cast

from memharness.errors import MemharnessError, os_refusal
from memharness.files.folder import MOST_BYTES, Folder, NotPlain, TooLarge

_HINT_NOT_PLAIN = "Remove it if you do not know it, or choose another folder for the results."
Method = TypeVar("Method", bound=Callable[..., object])
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


def _reported(action: str, method: Method) -> Method:
    @wraps(method)
    def call(folder: Folder, path: Path, *arguments: object, **options: object) -> object:
        with reporting(action, path):
            return method(folder, path, *arguments, **options)

    return cast("Method", call)


class ResultFiles(Folder):
    """The files below a results folder, by their whole paths; raises MemharnessError in place of OSError."""

    is_file = _reported("read", Folder.is_file)
    is_folder = _reported("read", Folder.is_folder)
    names = _reported("read", Folder.names)
    files = _reported("read", Folder.files)
    make = _reported("create", Folder.make)
    write = _reported("write", Folder.write)
    rename = _reported("rename", Folder.rename)
    check_lock = _reported("lock", Folder.check_lock)
    sweep = _reported("remove", Folder.sweep)

    def read(self, path: Path, most: int = MOST_BYTES) -> bytes | None:
        """Return the contents of a file, None where there is none.

        Raises NotPlain or TooLarge for what is there in place of a file of ours.
        """
        with reporting("read", path):
            try:
                return super().read(path, most)
            except (NotPlain, TooLarge) as error:
                if Path(str(error.filename)) != path:
                    raise
                fault = error
        raise fault

    def set_aside(self, path: Path) -> Path:
        """Rename a damaged file to `<name>.damaged`, numbered when taken; return the new path."""
        taken = set(self.names(path.parent))
        numbered = (f"{path.name}.damaged-{number}" for number in count(2))
        name = next(name for name in chain([f"{path.name}.damaged"], numbered) if name not in taken)
        self.rename(path, name)
        return path.with_name(name)
