"""Byte-compile sources: `python -s -S -B -W ignore bytecode.py SOURCE...`.

Output: "." once it runs, then "." after each source, in their order: so the host knows which source crashed it.
Exit: 0, or an error where byte code cannot be written.

Writes unchecked hash-based .pyc files (PEP 552) into `__pycache__`: never stale by the clock, never compared with
the source when imported; whoever changes a source has it compiled again. What does not compile, is no file or is huge
is skipped, to fail where it is imported. Its `__pycache__` is made all the same: so the entries of a folder, which a
workload may list, depend only on the names of the sources.
"""

import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash

_UNCHECKED = 1
_MOST_BYTES = 16 << 20


def main() -> None:
    """Compile the sources that the command names."""
    os.write(1, b".")
    for path in sys.argv[1:]:
        target = cache_from_source(path)
        make_folder(target)
        code = byte_code(path)
        if code:
            write(target, code)
        os.write(1, b".")


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
