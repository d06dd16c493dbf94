"""Byte-compile sources, batch after batch: `python -I -S -B -W ignore bytecode.py`, until its input ends.

Input: batches of paths; each path is ended by a NUL byte, each batch by one more. Output: "." once it is ready, then
"." for each path, in their order, as soon as it is done with it: a source that crashes the compiler can be told.

Writes unchecked hash-based .pyc files (PEP 552) into `__pycache__`: never stale by the clock, never compared with
the source when imported; whoever changes a source has it compiled again. A file that does not compile is skipped, to
fail where it is imported. Only a byte-code file that cannot be written ends it with an error.
"""

import marshal
import os
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash

_UNCHECKED = 1
_INPUT, _OUTPUT = 0, 1
_CHUNK_BYTES = 1 << 16


def main() -> None:
    """Compile what is asked for until nobody can ask any more."""
    os.write(_OUTPUT, b".")
    asked = b""
    while True:
        chunk = os.read(_INPUT, _CHUNK_BYTES)
        if not chunk:
            return
        asked += chunk
        if asked.endswith(b"\0\0"):
            for name in asked[:-2].split(b"\0"):
                compile_file(os.fsdecode(name))
                os.write(_OUTPUT, b".")
            asked = b""


def compile_file(path: str) -> None:
    """Compile one file beside its source; what py_compile does, without the 15 ms of importing it."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        code = marshal.dumps(compile(source, path, "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):
        return
    key = int.from_bytes(MAGIC_NUMBER, "little")
    header = MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(key, source)
    target = cache_from_source(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = f"{target}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(header + code)
    os.replace(temporary, target)


if __name__ == "__main__":
    main()
