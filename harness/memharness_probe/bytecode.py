"""Byte-compile sources: `python -I -S -B -W ignore bytecode.py < paths`, the paths separated by NUL bytes.

Writes unchecked hash-based .pyc files (PEP 552) into `__pycache__`: never stale by the clock, never compared with
the source when imported; whoever changes a source calls this again. A file that does not compile is skipped, to
fail where it is imported. Only a byte-code file that cannot be written ends it with an error.
"""

import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from _imp import source_hash

_UNCHECKED = 1


def compile_file(path: str) -> None:
    """Compile one file beside its source; what py_compile does, without the 15 ms of importing it."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        code = compile(source, path, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):
        return
    key = int.from_bytes(MAGIC_NUMBER, "little")
    header = MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash(key, source)
    target = cache_from_source(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = f"{target}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(header + marshal.dumps(code))
    os.replace(temporary, target)


if __name__ == "__main__":
    for name in os.fsdecode(sys.stdin.buffer.read()).split("\0"):
        if name:
            compile_file(name)
