"""Stored values to bytes and back. results/README.md describes every field and the history of the format."""

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from memharness.errors import MemharnessError
from memharness.files.folder import MOST_BYTES
from memharness.model.environments import EnvironmentFacts
from memharness.model.listings import Listing
from memharness.model.measurements import STORE_FORMAT, ObservedInputs, Profile
from memharness.model.values import Calls, Value

_GZIP = 31  # for zlib: gzip's header, and the widest window
_OLD_TIMES = b'"cpu_seconds"'
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
    calls: Calls


class StoredListing(Value):
    """The contents of listings/<key>.json."""

    format: int
    listing: Listing


class StoredProfile(Value):
    """The contents of profiles/<2 digits>/<id>.json.gz."""

    format: int
    profile: Profile


class StoredInputs(Value):
    """The contents of sights/<2 digits>/<id>.json.gz."""

    format: int
    inputs: ObservedInputs = msgspec.field(name="sight")


class DamagedFile(Exception):  # noqa: N818 - a fact about a file, caught by the store and never shown as an error
    """A file does not hold what this or an older memharness wrote; the message says why."""


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
        value = _upgraded(content, kind) if _OLD_TIMES in content else msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _check_format(_format(content), path)
        raise DamagedFile(str(error)) from error
    _check_format(getattr(value, "format", None), path)
    return value


def compress(value: StoredProfile | StoredInputs) -> bytes:
    """Return compressed JSON without a time stamp: equal values give equal bytes."""
    return gzip.compress(msgspec.json.encode(value, order="sorted"), mtime=0)


def decompress(content: bytes, path: Path, kind: type[T]) -> T:
    """Undo `compress`; raise as `decode` does, and before much more is unpacked than memharness ever packed."""
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        text = unpacker.decompress(content, MOST_BYTES)
    except zlib.error as error:
        raise DamagedFile(str(error)) from error
    if len(text) == MOST_BYTES:
        raise DamagedFile(f"it unpacks to {MOST_BYTES >> 20} MiB or more")
    if not unpacker.eof or unpacker.unused_data:
        raise DamagedFile("it is cut short, or something follows")
    return decode(text, path, kind)


def _upgraded(content: bytes, kind: type[T]) -> T:
    """Decode what was written up to format 2, where outcomes had the CPU seconds of each pass for its name alone."""

    def upgrade(value: object) -> object:
        if isinstance(value, list):
            return [upgrade(item) for item in value]
        if not isinstance(value, dict):
            return value
        seconds = value.pop("cpu_seconds", None)
        passes = {"passes": sorted(seconds)} if isinstance(seconds, dict) else {}
        return {name: upgrade(item) for name, item in value.items()} | passes

    return msgspec.convert(upgrade(msgspec.json.decode(content)), kind)


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
