"""Files behind filters, with which git changes what it checks out as .gitattributes says.

In: the files of a commit. Out: those that Git LFS keeps, with their contents, and a reason for each file whose contents
are not known. Objects of Git LFS are read as its filter would. Other filters are commands of a configuration,
of which none is run.
"""

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from memharness.files.removal import scratch
from memharness.git.repository import Repository, read_blob

_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?P<extended>ext-.*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size (?P<size>[0-9]{1,18})\n?"
)
_POINTER_BYTES: Final = 1024  # no pointer is larger
_LACKING: Final = "this clone has only its Git LFS pointer: get it with `git lfs fetch --all`"
_DAMAGED: Final = "its contents in Git LFS are damaged: run `git lfs fsck`, then `git lfs fetch --all`"


def filtered_contents(repository: Repository, entries: Mapping[str, str]) -> tuple[dict[str, Path], dict[str, str]]:
    """Return path -> file with the contents, of what Git LFS keeps, and path -> reason where these are not known.

    `entries` are path -> "mode id" of a commit, without what is in its submodules, which have attributes of their own.
    """
    contents: dict[str, Path] = {}
    missing: dict[str, str] = {}
    filters = _filters(repository, entries)
    small = _small_blobs(repository, [entries[path][7:] for path, name in filters.items() if name == "lfs"])
    stores = _stores(repository) if any(small.values()) else []
    for path, name in filters.items():
        if name != "lfs":
            if not _is_idle(repository, name):
                missing[path] = f"the filter {name!r}, which .gitattributes names, was not applied"
        elif pointer := _POINTER.fullmatch(small[entries[path][7:]]):
            found = _content(stores, pointer)
            if isinstance(found, Path):
                contents[path] = found
            else:
                missing[path] = found
    return contents, missing


def _content(stores: Iterable[str], pointer: re.Match[bytes]) -> Path | str:
    """Return the file in which Git LFS keeps what a pointer stands for; the reason where there is none to be used."""
    oid = pointer["oid"].decode()
    for store in stores:
        path = Path(store, "objects", oid[:2], oid[2:4], oid)
        if path.is_file() and path.stat().st_size == int(pointer["size"]) and not pointer["extended"]:
            return path if _is_sound(path) else _DAMAGED
    return _LACKING


def _filters(repository: Repository, entries: Mapping[str, str]) -> dict[str, str]:
    """Return path -> name of the filter of every file that has one."""
    files = [path for path, entry in entries.items() if entry.startswith("100")]
    sources = {path: entries[path] for path in files if f"/{path}".endswith("/.gitattributes")}
    if not any(b"filter" in read_blob(repository, entry[7:]) for entry in sources.values()):
        return {}
    store = repository.derived_repository()
    # git asks .gitattributes of an index where there is no work tree; theirs are enough of one
    with scratch(Path(store), "index-") as folder:
        variables = {"GIT_INDEX_FILE": f"{folder}/index"}
        repository.derive("update-index", "-z", "--index-info", given=index_info(sources), variables=variables)
        answer = repository.derive(
            *("check-attr", "--cached", "-z", "--stdin", "filter"),
            given=b"".join(path.encode(errors="surrogateescape") + b"\0" for path in files),
            variables=variables | repository.alternates_variable(derived=True),
        )
    fields = answer.decode(errors="surrogateescape").split("\0")
    values = dict(zip(fields[::3], fields[2::3], strict=False))
    return {path: name for path, name in values.items() if name not in ("unspecified", "unset", "set", "")}


def index_info(entries: Mapping[str, str]) -> bytes:
    """Return entries, but for folders, as `git update-index -z --index-info` takes them."""
    lines = (f"{entry}\t{path}\0" for path, entry in entries.items() if not entry.startswith("040000"))
    return "".join(lines).encode(errors="surrogateescape")


def _is_idle(repository: Repository, name: str) -> bool:
    """Tell whether the user's configuration knows a filter that changes nothing when files are checked out."""
    smudge, process, clean = (
        repository.config_value(f"filter.{name}.{kind}") for kind in ("smudge", "process", "clean")
    )
    return not process and (smudge.strip() == "cat" or (not smudge and bool(clean)))


_known: Final[dict[str, bytes]] = {}  # id -> contents of small blobs, b"" of others


def _small_blobs(repository: Repository, ids: Iterable[str]) -> Mapping[str, bytes]:
    """Return id -> contents of the blobs that are small enough for a pointer, b"" for others."""
    new = sorted({id_ for id_ in ids if id_ not in _known})
    if new:
        sizes = [line.split() for line in repository.git("cat-file", "--batch-check", given=_lines(new)).splitlines()]
        small = [line[0].decode() for line in sizes if len(line) == 3 and int(line[2]) <= _POINTER_BYTES]
        _known.update(dict.fromkeys(new, b""))
        rest = repository.git("cat-file", "--batch", given=_lines(small)) if small else b""
        for id_ in small:
            header, _, rest = rest.partition(b"\n")
            size = int(header.split()[2])
            _known[id_], rest = rest[:size], rest[size + 1 :]
    return _known


def _lines(ids: Iterable[str]) -> bytes:
    return "".join(f"{id_}\n" for id_ in ids).encode()


@functools.cache
def _is_sound(path: Path) -> bool:
    """Tell whether an object is the one that it is called for."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == path.name


def _stores(repository: Repository) -> list[str]:
    """Return the folders where Git LFS may keep objects: as configured, beside git's own and beside alternates."""
    configured = repository.config_value("lfs.storage")
    found = [str(Path(repository.common_dir, configured))] if configured else []
    waiting = [repository.objects, *repository.alternates]
    for folder in waiting:
        found.append(str(Path(folder).parent / "lfs"))
        alternates = Path(folder, "info/alternates")
        if alternates.is_file():
            lines = alternates.read_text(errors="surrogateescape").splitlines()
            others = [str(Path(folder, line)) for line in lines if line and not line.startswith(("#", '"'))]
            waiting += [other for other in others if other not in waiting]
    return found
