"""Stored values to bytes and back. results/README.md describes every field and the history of the format."""

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from memharness.errors import MemharnessError
from memharness.model import STORE_FORMAT, EnvironmentFacts, Measured, Measurement, Outcome, Profile, Value

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class StoredEnvironment(Value):
    """The contents of environments/<id>.json."""

    format: int
    environment: EnvironmentFacts


class StoredCalls(Value):
    """The contents of calls/<id>.json: how often the growth pass calls a case, along the whole series."""

    format: int
    case: str
    identity: str
    calls: int


class StoredProfile(Value):
    """The contents of profiles/<2 digits>/<id>.json.gz."""

    format: int
    profile: Profile


class DamagedFile(Exception):  # noqa: N818 - a fact about a file, caught by the store and never shown as an error
    """The bytes are not what this or an older memharness wrote; the message says why."""


class _Versioned(msgspec.Struct):
    format: int


T = TypeVar("T", bound=Value)


def encode(value: Value) -> bytes:
    """Return sorted, indented JSON. Lone surrogates, which no JSON reader accepts, become visible escapes."""
    text = json.dumps(msgspec.to_builtins(value), sort_keys=True, indent=1, ensure_ascii=False)
    return (_LONE_SURROGATE.sub(_visible, text) + "\n").encode()


def decode(content: bytes, path: Path, kind: type[T]) -> T:
    """Return the value stored at `path`; raise DamagedFile, or MemharnessError if a newer memharness wrote it."""
    try:
        value = msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _check_format(_format(content), path)
        raise DamagedFile(str(error)) from error
    _check_format(getattr(value, "format", None), path)
    return value


def encode_profile(profile: Profile) -> bytes:
    """Return compressed JSON without a time stamp: equal profiles give equal bytes."""
    content = msgspec.json.encode(StoredProfile(format=STORE_FORMAT, profile=profile), order="sorted")
    return gzip.compress(content, mtime=0)


def decode_profile(content: bytes, path: Path) -> Profile:
    """Undo `encode_profile`; raise as `decode` does."""
    try:
        text = gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DamagedFile(str(error)) from error
    return decode(text, path, StoredProfile).profile


def measurement(
    case: str, identity: str, probe: int, round_: int, environment: str | None, outcome: Outcome
) -> Measurement:
    """Return the stored form of an outcome; times are rounded to 3 decimals, more is noise."""
    if isinstance(outcome, Measured):
        seconds = {name: round(value, 3) for name, value in outcome.cpu_seconds.items()}
        outcome = msgspec.structs.replace(outcome, cpu_seconds=seconds)
    return Measurement(
        case=case, identity=identity, probe=probe, round=round_, environment=environment, outcome=outcome
    )


def _visible(match: re.Match[str]) -> str:
    return rf"\\u{ord(match[0]):04x}"


def _format(content: bytes) -> int | None:
    try:
        return msgspec.json.decode(content, type=_Versioned).format
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _check_format(number: int | None, path: Path) -> None:
    if number is None or 1 <= number <= STORE_FORMAT:
        return
    if number > STORE_FORMAT:
        raise MemharnessError(
            f"{path} was written by a newer memharness (format {number}; this one knows format {STORE_FORMAT})",
            hint="Upgrade memharness, or choose another folder for the results.",
        )
    raise DamagedFile(f"format {number} is unknown")
