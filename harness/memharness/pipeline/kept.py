"""What publishing keeps in the cache folder: columns, and what was found in them. It can always be made again.

A file that is missing, damaged or of another version counts as nothing known. Each begins with a digest of the rest,
since a damaged one may still look sound.
"""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from memharness.findings import Change
from memharness.measure import PROBE_METHOD
from memharness.model import Measurement, Value
from memharness.pipeline.columns import Columns, Key, Stamp
from memharness.store import write_atomically

_FORMAT: Final = 2  # 1: without digest
_DIGEST: Final = 16  # bytes


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


def read_columns(path: Path) -> Columns | None:
    """Return the columns kept in a file."""
    try:
        with np.load(io.BytesIO(_read(path)), allow_pickle=False) as arrays:
            header = msgspec.msgpack.decode(arrays["header"].tobytes(), type=_Header)
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
    except (KeyError, ValueError, msgspec.MsgspecError):
        return None
    return columns if columns.values.keys() == Columns.empty(()).values.keys() else None


def write_columns(path: Path, columns: Columns) -> None:
    """Keep columns in a file."""
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
    content = io.BytesIO()
    np.savez(content, header=np.frombuffer(msgspec.msgpack.encode(header), np.uint8), **arrays)
    _write(path, content.getvalue())


def read_findings(path: Path) -> dict[str, Findings]:
    """Return the findings kept in a file, by a subject's id."""
    try:
        return msgspec.msgpack.decode(_read(path), type=dict[str, Findings])
    except (ValueError, msgspec.MsgspecError):
        return {}


def write_findings(path: Path, findings: Mapping[str, Findings]) -> None:
    """Keep findings in a file."""
    _write(path, msgspec.msgpack.encode(findings))


def _read(path: Path) -> bytes:
    """Return what was kept in a file. Raises ValueError where it is not that any more."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"not readable: {path}") from error
    if content[:_DIGEST] != _digest(content[_DIGEST:]):
        raise ValueError(f"damaged: {path}")
    return content[_DIGEST:]


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, _digest(content) + content)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()
