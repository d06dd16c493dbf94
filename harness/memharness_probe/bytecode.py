"""Byte-compile sources, batch after batch: `python -s -S -B -W ignore bytecode.py`, until its input ends.

Input: batches of paths; each path is ended by a NUL byte, each batch by one more. Output: "." once it is ready, then
"." for each path, in their order, as soon as it is done with it: a source that crashes the compiler can be told.

Writes unchecked hash-based .pyc files (PEP 552) into `__pycache__`: never stale by the clock, never compared with
the source when imported; whoever changes a source has it compiled again. What does not compile, is no file or is huge
is skipped, to fail where it is imported. Its `__pycache__` is made all the same, as for any source before it is
compiled: whether there is one, which shows when its folder is listed, follows from the names of the sources alone.
Once its input has ended it writes nothing more, also amid a batch: another run may have the files by then. Only a
byte-code file that cannot be written ends it with an error.
"""

import marshal
import os
import select
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash

_UNCHECKED = 1
_INPUT, _OUTPUT = 0, 1
_CHUNK_BYTES = 1 << 16
_MOST_BYTES = 16 << 20


def main() -> None:
    """Compile what is asked for until nobody can ask any more."""
    ended = select.poll()
    ended.register(_INPUT, 0)  # tells of a hang-up alone
    os.write(_OUTPUT, b".")
    asked = b""
    while True:
        chunk = os.read(_INPUT, _CHUNK_BYTES)
        if not chunk:
            return
        asked += chunk
        if asked.endswith(b"\0\0"):
            for name in asked[:-2].split(b"\0"):
                path = os.fsdecode(name)
                target = cache_from_source(path)
                if ended.poll(0):
                    return
                make_folder(target)
                code = byte_code(path)
                if ended.poll(0):
                    return
                if code:
                    write(target, code)
                os.write(_OUTPUT, b".")
            asked = b""


def byte_code(path: str) -> bytes:
    """Return what a .pyc file holds, as py_compile makes it without its 15 ms to import, or nothing."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _MOST_BYTES:  # a link may lead to a FIFO or a device
            return b""
        with open(path, "rb") as file:
            source = file.read()
        code = marshal.dumps(compile(source, path, "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):
        return b""
    key = int.from_bytes(MAGIC_NUMBER, "little")
    return MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(key, source) + code


def make_folder(target: str) -> None:
    """Make the folder that byte code goes into, unless the source's own is gone."""
    try:  # noqa: SIM105 - contextlib takes long to import
        os.mkdir(os.path.dirname(target))
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        pass


def write(target: str, code: bytes) -> None:
    """Put a file in place, whole."""
    temporary = f"{target}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(code)
    os.replace(temporary, target)


if __name__ == "__main__":
    main()
