"""Byte-compile sources: `python -s -S -B -W ignore bytecode.py SOURCE...`.

Output: "." once it runs, then "." after each source, in their order: so the host knows which source crashed it.
Exit: 0, or an error where byte code cannot be written.

Writes unchecked hash-based .pyc files (PEP 552) into `__pycache__`: never stale by the clock, never compared with
the source when imported; whoever changes a source has it compiled again. What does not compile, is no file or is huge
is skipped, to fail where it is imported. Its `__pycache__` is made all the same: so the entries of a folder, which a
workload may list, depend only on the names of the sources.
"""

import marshal
import posix  # to import os, and to end as usual, would take two of ten milliseconds
import sys
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash

_UNCHECKED = 1
_MOST_BYTES = 16 << 20
_TYPE, _REGULAR = 0o170000, 0o100000  # of st_mode


def main() -> None:
    """Compile the sources that the command names."""
    posix.write(1, b".")
    for path in sys.argv[1:]:
        target = cache_from_source(path)
        make_folder(target)
        code = byte_code(path)
        if code:
            write(target, code)
        posix.write(1, b".")


def byte_code(path: str) -> bytes:
    """Return what a .pyc file holds, as py_compile makes it without its 15 ms to import, or nothing."""
    try:
        found = posix.stat(path)
        if found.st_mode & _TYPE != _REGULAR or found.st_size > _MOST_BYTES:  # a link may lead to a FIFO or a device
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
        posix.mkdir(target.rpartition("/")[0])
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        pass


def write(target: str, code: bytes) -> None:
    """Put a file in place, whole."""
    temporary = f"{target}.{posix.getpid()}"
    with open(temporary, "wb") as file:
        file.write(code)
    posix.replace(temporary, target)


if __name__ == "__main__":
    main()
    posix._exit(0)
