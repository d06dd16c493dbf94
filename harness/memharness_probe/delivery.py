"""Delivers the response as JSON, by a temporary file and a rename, and ends the process at once.

All functions are bound while this module loads, before user code could replace them.
"""

from __future__ import annotations

import os
from _json import encode_basestring_ascii as _quote
from os import O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY
from os import _exit as leave
from os import close as _close
from os import dup2 as _dup2
from os import getpid as _getpid
from os import open as _open
from os import replace as _replace
from os import unlink as _unlink
from os import write as _write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_process = [os.getpid()]  # the one that measures
_DESCRIPTOR = 500  # of the spare file, beyond those that the workload gets


def prepare(path: str) -> None:
    """Open a spare file beside the response: later an audit hook of the workload may forbid that."""
    descriptor = _open(path + ".spare", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try:  # noqa: SIM105  (contextlib would be an import)
        _dup2(descriptor, _DESCRIPTOR, inheritable=False)
    except OSError:  # fewer descriptors are allowed
        pass
    _close(descriptor)


def measure_here() -> None:
    """Take this process, which may be a forked copy, for the one that measures."""
    _process[0] = _getpid()


def leave_if_forked() -> None:
    """End a child that the workload forked and that returned into the probe: it must not deliver."""
    if _getpid() != _process[0]:
        leave(0)


def write_file(path: str, text: str) -> None:
    """Write ASCII text with descriptors only: `builtins.open` may be replaced by now.

    Neither follows a link nor waits for a FIFO that the workload may have put there.
    """
    flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK
    try:
        descriptor = _open(path, flags | O_TRUNC, 0o600)
    except OSError:
        _unlink(path)
        descriptor = _open(path, flags | O_EXCL, 0o600)
    try:
        _write_all(descriptor, text)
    finally:
        _close(descriptor)


def _write_all(descriptor: int, text: str) -> None:
    data = text.encode("ascii")
    while data:
        data = data[_write(descriptor, data) :]


def deliver(path: str, token: str, response: dict[str, Any]) -> NoReturn:
    """Put the response in place in one step and end the process without running any exit handler.

    Where that fails, write it to the spare file. The host ignores half a response.
    """
    try:
        text = encode(dict(response, token=token, pid=_process[0]))
        try:
            write_file(path + ".part", text)
            _replace(path + ".part", path)
        except BaseException:  # noqa: BLE001
            _write_all(_DESCRIPTOR, text)
    finally:
        leave(0)


def encode(value: Any) -> str:
    """Return the JSON of plain values. Importing json would hide it, and re, from the figure for imports."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quote(value.encode("utf-8", "replace").decode())
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join([encode(str(key)) + ":" + encode(item) for key, item in value.items()]) + "}"
    return "[" + ",".join([encode(item) for item in value]) + "]"
