"""Files that are whole or absent, whatever ends the writer; every failure of the disk as a MemharnessError.

All writers hold the store's lock, so a temporary file that another one finds was left by a dead process.
"""

import errno
import os
from pathlib import Path

from memharness.errors import MemharnessError

TEMPORARY = ".tmp"

_HINTS = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        "Free some space and run the same command again: what was stored before is kept.",
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "Make the folder accessible to this user, or choose another folder for the results.",
    ),
}


def failure(action: str, path: Path, error: OSError) -> MemharnessError:
    """Return the error to raise when the system refuses to `action` (a verb) `path`."""
    hint = _HINTS.get(error.errno or 0, "Check the path, or choose another folder for the results.")
    return MemharnessError(f"cannot {action} {path}: {error.strerror or error}", hint=hint)


def read(path: Path) -> bytes | None:
    """Return the contents of a file, None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure("read", path, error) from error


def names(folder: Path) -> list[str]:
    """Return the sorted names in a folder, none where it does not exist."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failure("read", folder, error) from error


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return mtime (ns) and size of each file in a folder by name, sorted; none where it does not exist."""
    try:
        with os.scandir(folder) as entries:
            found = {entry.name: entry.stat() for entry in entries if entry.is_file()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise failure("read", folder, error) from error
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in sorted(found.items())}


def write(path: Path, content: bytes) -> None:
    """Replace a file so that even a power failure leaves the old contents or the new, never a part."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        _make_durable_folder(path.parent)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise failure("write", path, error) from error


def make_folder(folder: Path) -> None:
    """Create a folder and its parents where missing."""
    try:
        _make_durable_folder(folder)
    except OSError as error:
        raise failure("create", folder, error) from error


def set_aside(path: Path) -> Path:
    """Rename a damaged file to `<name>.damaged`, numbered when taken; return the new path."""
    aside = path.with_name(f"{path.name}.damaged")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        raise failure("rename", path, error) from error
    return aside


def sweep(folder: Path) -> None:
    """Remove what killed writers left below a folder. The caller holds the lock."""
    for path in folder.rglob(f"*{TEMPORARY}"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise failure("remove", path, error) from error


def _make_durable_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_durable_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
