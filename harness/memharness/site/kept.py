"""What publishing keeps in the cache folder: columns, what was found in them, and parts of pages.

All of it can be made again: a file that is missing, damaged or of another version counts as nothing known. Each begins
with a digest of the rest, since a damaged one may still look sound. Columns are large: they go to the disk and come
from it without a copy. The folder is trusted: parts of pages go from it into a site as they are.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from filelock import FileLock

from memharness.files.cache_folder import cache_folder
from memharness.model.findings import Change
from memharness.model.measurements import PROBE_METHOD, Measurement
from memharness.model.values import Value, digest
from memharness.site.columns import Columns, Key, Stamp

T = TypeVar("T", bound=Value)

_FORMAT: Final = 3  # 1: without digest; 2: without former subjects
_DIGEST: Final = 16  # bytes
_PATIENCE_SECONDS: Final = 60.0


class _Header(Value):
    format: int
    method: int
    subjects: tuple[Key, ...]
    commits: list[str]
    stamps: list[Stamp]
    facts: list[str]
    special: list[tuple[int, int, tuple[Measurement, ...]]]


class Finding(Value):
    """A change with the lines that moved most, and how many others moved by how much in all."""

    change: Change
    more_lines: int = 0
    more_bytes: int = 0


class Findings(Value):
    """What was found in a subject, and what it follows from.

    `ground` is a digest of what measured and analysed it, `key` one of its values, `steps` one of what was judged from
    them, `stamps` are those of the records that the lines come from, by commit.
    """

    ground: str
    key: str
    steps: str
    stamps: dict[str, str]
    found: tuple[Finding, ...]


class Fragment(Value):
    """A part of a page, and a digest of all that it depends on."""

    key: str
    html: str


def kept_file(what: str, results: Path, machine: str, family: str) -> Path:
    """Return the file of what is kept of the results of one machine in one family."""
    return cache_folder() / "publish" / f"{digest([str(results), machine, family], 16)}.{what}"


def keep(faults: list[str], write: Callable[[], None]) -> None:
    """Keep something; where that fails, say so and go on."""
    try:
        write()
    except (OSError, NotImplementedError) as error:  # the latter: no locks there
        reason = getattr(error, "strerror", None) or error
        faults.append(
            f"{cache_folder() / 'publish'} cannot be used as a cache ({reason}), so publishing takes longer. "
            "Free some space there, make it writable, or set MEMHARNESS_CACHE to another folder."
        )


def read_columns(path: Path) -> Columns | None:
    """Return the columns kept in a file."""
    try:
        with _sound(path) as file, np.load(file, allow_pickle=False) as arrays:
            header = msgspec.msgpack.decode(memoryview(arrays["header"]), type=_Header)
            if (header.format, header.method) != (_FORMAT, PROBE_METHOD):
                return None
            values = {name.partition(":")[2]: arrays[name] for name in arrays.files if name.startswith("values:")}
            columns = Columns(
                subjects=header.subjects,
                commits=header.commits,
                stamps=header.stamps,
                values=values,
                states=arrays["states"],
                environments=arrays["environments"],
                facts=header.facts,
                special={(row, number): cell for row, number, cell in header.special},
            )
    except Exception:  # noqa: BLE001  (numpy and zipfile raise many kinds)
        return None
    return columns if columns.values.keys() == Columns.empty(()).values.keys() else None


def write_columns(path: Path, columns: Columns) -> None:
    """Keep columns in a file. Raises OSError."""
    header = _Header(
        format=_FORMAT,
        method=PROBE_METHOD,
        subjects=columns.subjects,
        commits=columns.commits,
        stamps=columns.stamps,
        facts=columns.facts,
        special=[(row, number, cell) for (row, number), cell in columns.special.items()],
    )
    arrays: dict[str, Any] = {f"values:{metric}": values for metric, values in columns.values.items()}
    arrays |= {"states": columns.states, "environments": columns.environments}
    arrays["header"] = np.frombuffer(msgspec.msgpack.encode(header), np.uint8)
    with _writing(path) as file:
        np.savez(file, **arrays)


def read_kept(path: Path, kind: type[T]) -> dict[str, T]:
    """Return the values of one kind that are kept in a file, by a subject's id."""
    try:
        with _sound(path) as file:
            return msgspec.msgpack.decode(file.read(), type=dict[str, kind])  # type: ignore[valid-type]  # made as it runs
    except Exception:  # noqa: BLE001  (as above)
        return {}


def write_kept(path: Path, values: Mapping[str, Value]) -> None:
    """Keep values of one kind in a file. Raises OSError."""
    with _writing(path) as file:
        file.write(msgspec.msgpack.encode(values))


@contextmanager
def _sound(path: Path) -> Iterator[io.BufferedReader]:
    """Open what was kept in a file. Raises ValueError where it is not that any more."""
    with path.open("rb") as file:
        if file.read(_DIGEST) != _digest(file):
            raise ValueError(f"damaged: {path}")
        file.seek(_DIGEST)
        yield file


@contextmanager
def _writing(path: Path) -> Iterator[io.BufferedRandom]:
    """Replace a file by what is written in the block; others that write it wait. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    with FileLock(f"{path}.lock", timeout=_PATIENCE_SECONDS):
        try:
            with temporary.open("w+b") as file:
                file.write(bytes(_DIGEST))
                yield file
                file.seek(_DIGEST)
                digest = _digest(file)
                file.seek(0)
                file.write(digest)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _digest(file: io.BufferedReader | io.BufferedRandom) -> bytes:
    """Return a digest of the rest of a file."""
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST)).digest()
