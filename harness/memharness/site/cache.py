"""What publishing computes from stored results, kept in the cache folder so that it is computed once.

A value is kept under a digest of this package, of the libraries that matter and of all that it is computed from, so
nothing is found that other code, another library or a record since rewritten gave.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from memharness.files.cache_folder import cache_folder
from memharness.files.folder import Folder, is_temporary
from memharness.model.values import digest

T = TypeVar("T")

_LIBRARIES: Final = ("asv", "bokeh", "jinja2", "markupsafe", "matplotlib", "msgspec", "numpy")
_CHECKSUM: Final = 16  # bytes, before each value: a damaged one may still decode


@cache
def package_digest() -> str:
    """Return a digest of every file of this package and of the versions of the libraries that matter."""
    files = (file for file in Path(__file__).parents[1].rglob("*") if file.is_file() and file.suffix != ".pyc")
    found = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in _LIBRARIES).encode())
    for file in sorted(files):
        found.update(file.read_bytes())
    return found.hexdigest()


def digest_of(inputs: object) -> str:
    """Return the name of what this package computes from `inputs`, which are values that JSON can hold."""
    return digest([package_digest(), inputs], 32)


class Cache:
    """Values computed from the results of one machine in one environment family.

    The folder is trusted, not what is in its files: one that is missing or damaged counts as nothing known. `notices`
    are those of the store: what is computed while one is added is not kept, so that it is added again each time.
    """

    def __init__(self, results: Path, machine: str, family: str, notices: list[str]) -> None:
        self.fault: str | None = None  # of the folder, which is then done without
        self._folder = Folder(cache_folder() / "publish" / digest([str(results), machine, family], 16), durable=False)
        self._notices = notices
        self._asked: set[str] = set()

    def value(
        self, kind: type[T], inputs: object, compute: Callable[[], T], holds: Callable[[T], bool] = lambda _: True
    ) -> T:
        """Return what `compute` returns, which follows from `inputs` alone, or what it returned before and `holds`."""
        name = digest_of([kind.__name__, inputs])
        self._asked.add(name)
        for known in self._read(name, kind):
            if holds(known):
                return known
        with self._noticing() as fresh:
            value = compute()
        if not fresh:
            content = msgspec.msgpack.encode(value)
            self._try(lambda: self._folder.write(self._folder.path / name, _checksum(content) + content))
        return value

    def forget_the_rest(self) -> None:
        """Remove what was not asked for."""

        def remove() -> None:
            for name in self._folder.names(self._folder.path):
                if name not in self._asked and not is_temporary(name):
                    self._folder.remove(self._folder.path / name)

        self._try(remove)

    def _read(self, name: str, kind: type[T]) -> Iterator[T]:
        """Yield the value of a file, if it is sound."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, RecursionError):
            content = self._folder.read(self._folder.path / name) or b""
            if _checksum(content[_CHECKSUM:]) == content[:_CHECKSUM]:
                yield msgspec.msgpack.decode(memoryview(content)[_CHECKSUM:], type=kind)

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[list[str]]:
        """Collect the notices of a block, also those that were there already."""
        before, fresh = self._notices[:], list[str]()
        self._notices.clear()
        try:
            yield fresh
        finally:
            fresh += self._notices
            self._notices[:] = dict.fromkeys([*before, *fresh])

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self.fault = (
                f"{cache_folder() / 'publish'} cannot be used as a cache ({error.strerror or error}), so publishing "
                "takes longer. Free some space there, make it writable, or set MEMHARNESS_CACHE to another folder."
            )


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM).digest()
