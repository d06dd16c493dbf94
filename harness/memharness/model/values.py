"""What all value types are made of: frozen msgspec structs, compared by value and decoded strictly.

Sizes are bytes of traced allocations unless a name says otherwise; times are Unix seconds (UTC).
"""

import hashlib
import json
from typing import Annotated, TypeAlias, dataclass_transform

import msgspec

# Stored figures are at most 4 EiB, so that their differences fit into 64 bits, as all formats need that are written.
Integer: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,64}\Z")]  # what is stored names files by such alone
CommitId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
Calls: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]  # of the growth pass
Scalar = bool | int | float | str


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Base of all value types. Being frozen they form no cycles, so the collector need not visit them."""


def digest(value: object, length: int) -> str:
    """Return the first `length` hex digits of the SHA-256 of a JSON-like value, independent of key order."""
    try:
        encoded = msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:  # a path that is no UTF-8
        encoded = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(encoded).hexdigest()[:length]
