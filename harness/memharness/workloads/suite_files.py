"""The files of a suite in the working tree."""

import os
from collections.abc import Container, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from memharness.errors import MemharnessError
from memharness.model.scenarios import TargetValue
from memharness.model.values import Value, digest

_MOST_FILES: Final = 10_000
_MOST_BYTES: Final = 1 << 30


class SuiteFiles(Value):
    """What is copied of a suite: `files` below `folder`, and `packages` that its driver needs of this Python's own.

    `target` is what the driver is told beside where the copy lies, which is named `copied_as`, or else like the folder.
    `dependencies` are added to those of its workloads. A suite `of_commit` is that of each commit.
    """

    folder: Path
    files: tuple[str, ...]
    target: dict[str, TargetValue] = {}
    packages: tuple[str, ...] = ()
    copied_as: str = ""
    dependencies: tuple[str, ...] = ()
    of_commit: bool = False


def files_below(folder: Path, without: Container[Path] = ()) -> tuple[str, ...]:
    """Return the paths of all files below a folder, sorted; hidden ones, byte code and what is `without` left out.

    Raise MemharnessError where it is too large to be copied for every run.
    """
    found = sorted(path.relative_to(folder).as_posix() for path in _walk(folder, without))
    size = sum((folder / name).stat().st_size for name in found)
    if len(found) > _MOST_FILES or size > _MOST_BYTES:
        raise MemharnessError(
            f"{folder}: {len(found):,} files with {size >> 20:,} MiB are too much to be copied for every run",
            hint="Name the folder of the benchmarks or tests alone.",
        )
    return tuple(found)


def content_digest(folder: Path, files: Sequence[str]) -> str:
    """Return a hash of the contents of files; raise MemharnessError where one cannot be read."""
    try:
        return digest([(name, sha256((folder / name).read_bytes()).hexdigest()) for name in files], 16)
    except OSError as error:
        raise MemharnessError(f"{error.filename}: cannot be read: {error.strerror}") from None


def _walk(folder: Path, without: Container[Path]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name != "__pycache__" and here / name not in without
        ]
        yield from (here / name for name in names if not name.startswith(".") and (here / name).is_file())
