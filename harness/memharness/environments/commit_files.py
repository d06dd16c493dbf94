"""The files of a commit: in git, to tell what a build would take in, or checked out, to compare what it installed."""

import posixpath
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

from memharness.model.history import Checkout
from memharness.packages.layout import Layout, prefix_of
from memharness.packages.metadata import Metadata, Read, is_project, read_metadata, reader_below
from memharness.packages.pyproject import Table, read_toml


@dataclass(frozen=True, kw_only=True)
class CommitFiles:
    """A commit: `ids` maps the paths of its files to their blob ids, `read` returns their contents."""

    ids: Mapping[str, str]
    read: Read
    layout: Layout

    def path(self, name: str) -> str:
        """Return the path in the tree of a file that is called `name` in the project's directory."""
        return posixpath.normpath(posixpath.join(self.layout.directory, name.lstrip("/")))

    def content(self, name: str) -> bytes:
        """Return the contents of a file in the project's directory, empty where there is none."""
        return self.read(self.path(name)) or b""

    @cached_property
    def pyproject(self) -> Table:
        """The project's pyproject.toml, empty where it cannot be read."""
        return read_toml(self.content("pyproject.toml")) or {}

    @property
    def has_project(self) -> bool:
        """Whether there is anything to build."""
        return is_project(reader_below(self.read, self.layout.directory))

    @property
    def metadata(self) -> Metadata:
        """What the project's packaging files say of it."""
        return read_metadata(reader_below(self.read, self.layout.directory))

    @cached_property
    def folders(self) -> frozenset[str]:
        """The folders of the commit, but for the tree itself."""
        return frozenset(folder for path in self.ids for folder in parents(path))

    def is_own(self, path: str) -> bool:
        """Tell whether a path is that of a project's package or module, or of something within."""
        prefix = prefix_of(self.layout.import_root)
        name = path.removeprefix(prefix).partition("/")[0].partition(".")[0]
        return path.startswith(prefix) and name in self.layout.packages

    def holds_own(self, folder: str) -> bool:
        """Tell whether a folder is that of a project's package, or has one, or is the import root."""
        root = self.layout.import_root
        own = [root, *(posixpath.normpath(f"{root}/{name}") for name in self.layout.packages)]
        return any(path == folder or path.startswith(f"{folder}/") for path in own)


@dataclass(frozen=True, kw_only=True)
class CheckedOutFiles(CommitFiles):
    """The files of a commit that is checked out, which are read from its `tree`."""

    commit: str
    tree: Path

    @classmethod
    def of(cls, checkout: Checkout, ids: Mapping[str, str]) -> Self:
        """Return the files of a checkout; `ids` maps the paths of its commit to their blob ids."""
        tree = Path(checkout.tree)
        layout = Layout(**{name: getattr(checkout, name) for name in Layout.__struct_fields__})

        def read(name: str) -> bytes | None:
            return (tree / name).read_bytes() if (tree / name).is_file() else None

        return cls(ids=ids, read=read, layout=layout, commit=checkout.commit, tree=tree)

    def links(self) -> list[str]:
        """Return the symbolic links of the commit: a build may have followed them to anything."""
        return [path for path in self.ids if (self.tree / path).is_symlink()]

    def is_copy(self, path: str, content: bytes) -> bool:
        """Tell whether the file at `path` of the commit, which a link may lead to, has this content."""
        return self.read(path) == content

    def copied(self, content: bytes) -> list[str]:
        """Return the files of the commit with this content, none where it is blank: that says nothing of its origin."""
        alike = self._by_size.get(len(content), ()) if content.strip() else ()
        return [path for path in alike if self.is_copy(path, content)]

    def origins(self, installed: str, content: bytes) -> set[str]:
        """Return what an installed file may have been copied from, by content and path: mostly folders of the commit.

        Such a folder lies above the common end of both paths; where the file has another name in the commit, it is the
        file itself.
        """
        common = {path: _common_parts(path, installed) for path in self.copied(content)}
        longest = max(common.values(), default=0)
        return {self._origin(path, longest) for path, parts in common.items() if parts == longest}

    @cached_property
    def _by_size(self) -> dict[int, list[str]]:
        found = defaultdict(list)
        for path in self.ids:
            if (self.tree / path).is_file():
                found[(self.tree / path).stat().st_size].append(path)
        return dict(found)

    def _origin(self, path: str, common: int) -> str:
        """Return the folder that `common` parts at the end of a path lie in; never one that holds the project's own."""
        parts = path.split("/")
        for end in range(max(len(parts) - common, 1), len(parts)):
            folder = "/".join(parts[:end])
            if not self.holds_own(folder):
                return f"{folder}/"
        return path


@lru_cache(maxsize=1 << 16)  # neighbouring commits have the same paths
def parents(path: str) -> tuple[str, ...]:
    """Return the folders that a path lies in, but for the tree itself."""
    parts = path.split("/")
    return tuple("/".join(parts[:end]) for end in range(1, len(parts)))


def _common_parts(path: str, other: str) -> int:
    """Return how many parts at the end of two paths are the same."""
    return len(posixpath.commonprefix([path.split("/")[::-1], other.split("/")[::-1]]))
