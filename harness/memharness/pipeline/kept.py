"""What publishing keeps in the cache folder: columns, and what was found in them. It can always be made again.

A file that is missing, damaged or of another version counts as nothing known.
"""

import io
import zipfile
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

_FORMAT: Final = 1


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

    `key` is a digest of its values, `steps` one of what was judged from them, `stamps` are those of the records that
    the lines come from, by commit.
    """

    key: str
    steps: str
    stamps: dict[str, str]
    found: tuple[Finding, ...]


def read_columns(path: Path) -> Columns | None:
    """Return the columns kept in a file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
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
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, msgspec.MsgspecError):
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
    write_atomically(path, content.getvalue())


def read_findings(path: Path) -> dict[str, Findings]:
    """Return the findings kept in a file, by a subject's id."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=dict[str, Findings])
    except (OSError, msgspec.MsgspecError):
        return {}


def write_findings(path: Path, findings: Mapping[str, Findings]) -> None:
    """Keep findings in a file."""
    write_atomically(path, msgspec.msgpack.encode(findings))
