"""What a build takes in, as far as packaging files say it: they and the paths of a commit -> a `Named`. Pure.

What cannot be told from them is learned from what was installed; see `installed`.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from memharness.model.values import Value
from memharness.packages.declared import Read
from memharness.packages.layout import Layout
from memharness.packages.pyproject import Table, read_ini, read_toml, table, text, texts

_NO_BUILD_TOOLS: Final = frozenset(  # tables below [tool] that cannot change what is installed
    """autopep8 bandit basedpyright black bumpver bumpversion check-manifest cibuildwheel codespell commitizen coverage
    deptry django-stubs docformatter flake8 git-cliff hypothesis importlinter interrogate isort memharness mutmut mypy
    nox pixi poe pydocstyle pylint pyright pyrefly pyroma pytest pytest-enabler refurb rstcheck ruff semantic_release
    spin taskipy tbump tomlsort towncrier tox ty typos vulture yapf zest-releaser""".split()  # noqa: SIM905
)
_SCRIPTS: Final = ("setup.py", "hatch_build.py", "pdm_build.py", "build.py")  # that a build may run
_PROSE: Final = re.compile(r"(readme|licen[cs]e|copying|notice)(?!.*\.py$)", re.IGNORECASE)
_PROSE_KEYS: Final = re.compile(r"(readme|license|license[-_]files?|(long_)?description)$")
_NO_FOLDER_KEYS: Final = re.compile(  # they say what is left out, or name no paths
    r".*(exclude|sdist|source[-_]in|depend|require|extras|group|envs|urls|keyword|classifier|test)|scripts$|"
    + _PROSE_KEYS.pattern
)
_FOLDER_SECTIONS: Final = re.compile(r"options|files|build")  # of setup.cfg
_UV_KEYS: Final = frozenset({"build-backend", "index", "find-links"})
_ASIDE: Final = frozenset(  # words that in a script rather name an extra, a command or what is left out
    "test tests testing doc docs example examples sample samples demo demos benchmark benchmarks ci build dist".split()  # noqa: SIM905
)
_IMPORT: Final = re.compile(
    rb"(?:^|[;:])[ \t]{0,99}(?:from[ \t]{1,9}([\w.]{1,200})[ \t]{1,9})?import[ \t(]{1,9}([\w., \t]{1,500})",
    re.MULTILINE,
)
_LITERAL: Final = re.compile(rb"""(['"])([^'"\n\\]{1,200})\1""")
_UPWARD: Final = re.compile(r"(\.{0,2}/){1,99}")
_MOST_BYTES: Final = 1 << 20  # of a source that is searched
NATIVE: Final = frozenset(
    """.c .h .cc .cpp .cxx .hpp .hh .hxx .inc .inl .pyx .pxd .pxi .rs .f .f90 .f95 .for .s .asm .cu .cuh .m .mm .go
    .zig .i .def .map .a .o .lib .proto""".split()  # noqa: SIM905  (a list of words)
)
_WILD: Final = re.compile(r"[*?\[{]")


class Named(Value):
    """Files and folders of a commit. Of a folder all counts, also what is new in it, but for the project's packages.

    Of a `whole` folder these count too: the build runs what is there.
    """

    files: frozenset[str]
    folders: frozenset[str]
    whole: frozenset[str]

    def of(self, paths: Iterable[str], layout: Layout) -> set[str]:
        """Return those of `paths` that are named."""
        return {
            path
            for path in paths
            if path in self.files
            or not self.whole.isdisjoint(_above(path))
            or not (self.folders.isdisjoint(_above(path)) or is_own(path, layout))
        }


def is_own(path: str, layout: Layout) -> bool:
    """Tell whether a path is that of a project's package or module, or of something within."""
    prefix = "" if layout.import_root == "." else f"{layout.import_root}/"
    name = path.removeprefix(prefix).partition("/")[0].partition(".")[0]
    return path.startswith(prefix) and name in layout.packages


def holds_own(folder: str, layout: Layout) -> bool:
    """Tell whether a folder is that of a project's package, or has one, or is the import root."""
    own = [layout.import_root, *(posixpath.normpath(f"{layout.import_root}/{name}") for name in layout.packages)]
    return any(path == folder or path.startswith(f"{folder}/") for path in own)


def relevant(pyproject: Table) -> Table:
    """Return what a build may read of pyproject.toml; [tool] is a sorted list of pairs."""
    kept = {name: value for name, value in pyproject.items() if name not in {"tool", "dependency-groups"}}
    tools = table(pyproject, "tool")
    return kept | {"tool": sorted((name, value) for name, value in tools.items() if name not in _NO_BUILD_TOOLS)}


def named(paths: Collection[str], read: Read, layout: Layout, directory: str = ".", *, command: str = "") -> Named:
    """Return what the packaging files in `directory`, and a `command` run there, name of a commit with these `paths`.

    That is whatever may be a path or a pattern in what back ends are told, but for what they leave out; the same of
    what scripts mention that the build may run; in-tree back ends; and what these and the scripts import of the tree.
    Of the project's packages a script takes in no more than the module itself, which mostly tells the version.
    """
    commit = _Commit(paths, read, layout, directory)
    pyproject = read_toml(commit.content("pyproject.toml")) or {}
    hatch = read_toml(commit.content("hatch.toml")) or {}
    sections = _setup_cfg(commit.content("setup.cfg"))
    files = commit.files_among(_words([relevant(pyproject), hatch, sections], _PROSE_KEYS))
    folders = commit.folders_among(_words(_build_tables(pyproject, hatch, sections), _NO_FOLDER_KEYS))
    folders |= commit.folders_among(_manifest(commit.content("MANIFEST.in")), aside=_ASIDE)

    if command:
        words = _mentions("", command.encode())
        files |= commit.files_among([*words, "Makefile"])
        folders |= commit.folders_among(words, aside=_ASIDE)
    scripts = {*map(commit.path, _SCRIPTS), *filter(_is_script, files)}
    run, whole = commit.follow(scripts, [directory, layout.import_root], own=False)
    backends = sorted(map(commit.path, texts(pyproject, "build-system", "backend-path")))
    if directory in backends:  # which has everything else too: what the back end imports of it counts
        module = (text(pyproject, "build-system", "build-backend") or "").partition(":")[0]
        backend = commit.modules(module, backends)
        also, folder = commit.follow(backend, backends, own=True)
        scripts, run, whole = {*scripts, *backend}, run | also, whole | folder
    mentioned = commit.mentioned(script for script in run if script in scripts or not is_own(script, layout))
    files, folders = files | mentioned[0], folders | mentioned[1]
    if directory in backends or commit.path("setup.py") in paths:  # which may import what lies beside it, by any name
        run |= {path for path in paths if path.endswith(".py") and (posixpath.dirname(path) or ".") == directory}
    return Named(
        files=frozenset(files | run),
        folders=frozenset(folders),
        whole=frozenset(whole | {folder for folder in backends if folder != directory}),
    )


def mentioned_by_sources(
    paths: Collection[str], read: Read, layout: Layout, sources: Iterable[str], installed: Collection[str]
) -> set[str]:
    """Return the files, and with a slash at the end the folders, that native `sources` and their scripts mention.

    Python scripts among these files count with what they mention and import in turn. Modules that are `installed` as
    they are do not count: a build script lists them for that.
    """
    commit = _Commit(paths, read, layout, layout.directory)
    by_name: dict[str, list[str]] = {}
    for path in paths:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    found: set[str] = set()
    queue = [*sources]
    seen = set(queue)
    while queue:
        source = queue.pop()
        words = {*_mentions(source, (read(source) or b"")[:_MOST_BYTES])} - {"", "."}
        new = {path for word in words for path in commit.nearest(word, source, by_name)}
        new = {path for path in new if not (path.endswith((".py", ".pyi")) and path in installed)}
        if posixpath.splitext(source)[1].lower() not in NATIVE:
            folder = posixpath.relpath(posixpath.dirname(source) or ".", layout.directory)
            beside = {posixpath.join(folder, word) for word in words}
            folders = commit.folders_among(words | beside, aside=_ASIDE)
            found |= {f"{folder}/" for folder in folders if not holds_own(folder, layout)}
        scripts = [path for path in new if path.endswith(".py")]
        new |= commit.follow(scripts, [*{posixpath.dirname(path) for path in scripts}], own=False)[0]
        found |= new
        queue += [path for path in new - seen if _is_script(path)]
        seen |= new
    return found


class _Commit:
    """A commit as its packaging files in `directory` see it."""

    def __init__(self, paths: Collection[str], read: Read, layout: Layout, directory: str) -> None:
        self._paths = frozenset(paths)
        self._folders = {folder for path in paths for folder in _above(path)}
        self._read = read
        self._layout = layout
        self._directory = directory

    def path(self, name: str) -> str:
        """Return the path in the tree of what is called `name` in the directory."""
        return posixpath.normpath(posixpath.join(self._directory, name.lstrip("/")))

    def content(self, name: str) -> bytes:
        """Return the contents of a file in the directory, empty where there is none."""
        return self._read(self.path(name)) or b""

    def files_among(self, words: Iterable[str]) -> set[str]:
        """Return the files that `words` name, but for prose."""
        found = self._paths & {self.path(word) for word in words}
        return {path for path in found if not _PROSE.match(posixpath.basename(path))}

    def nearest(self, word: str, source: str, by_name: Mapping[str, list[str]]) -> set[str]:
        """Return the file that a `word` in `source` names, seen from there or from the directory.

        Else, as headers are searched for along a path, those with this path at the end.
        """
        alike = by_name.get(posixpath.basename(word), ())
        if not alike or _PROSE.match(posixpath.basename(word)):
            return set()
        near = {posixpath.normpath(posixpath.join(posixpath.dirname(source), word)), self.path(word)} & {*alike}
        ending = f"/{_UPWARD.sub('', word)}"
        return near or {path for path in alike if f"/{path}".endswith(ending) and not path.endswith(".py")}

    def folders_among(self, words: Iterable[str], aside: Collection[str] = ()) -> set[str]:
        """Return the folders that `words` name, or in which the patterns among them lie; one word may stand `aside`."""
        found = set()
        for word in words:
            plain = _WILD.split(word)[0]
            folder = self.path(plain.rpartition("/")[0] if plain != word else plain)
            if folder in self._folders and word.strip("./") not in aside:
                found.add(folder)
        return found

    def mentioned(self, scripts: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return the files and folders that scripts mention, and those that the scripts among these mention in turn."""
        files: set[str] = set()
        folders: set[str] = set()
        queue = list(scripts)
        while queue:
            script = queue.pop()
            words = _mentions(script, self._read(script) or b"")
            found = self.files_among(words) - files
            files |= found
            folders |= self.folders_among(words, aside=_ASIDE)
            queue += [path for path in found if _is_script(path) and not is_own(path, self._layout)]
        return files, folders

    def modules(self, name: str, roots: Iterable[str]) -> list[str]:
        """Return the files that importing a dotted `name` from one of `roots` runs."""
        parts = name.split(".")
        found = []
        for root in roots if name else ():
            for end in range(1, len(parts) + 1):
                path = posixpath.normpath(posixpath.join(root, *parts[:end]))
                found += [file for file in (f"{path}/__init__.py", f"{path}.py") if file in self._paths]
        return found

    def follow(self, scripts: Iterable[str], roots: Sequence[str], *, own: bool) -> tuple[set[str], set[str]]:
        """Return those of `scripts` that are there with the modules that they import, and folders of which any may be.

        `own` tells whether the project's packages are followed like others.
        """
        found: set[str] = set()
        whole: set[str] = set()
        queue = [script for script in scripts if script in self._paths]
        given = frozenset(queue)
        while queue:
            script = queue.pop()
            if script in found:
                continue
            found.add(script)
            if not own and script not in given and is_own(script, self._layout):
                continue
            for name in _imported(self._read(script) or b""):
                queue += self.modules(name, roots)
                tops = {posixpath.normpath(posixpath.join(root, name.partition(".")[0])) for root in roots}
                for top in tops & self._folders - whole:
                    if own or not is_own(top, self._layout):
                        whole.add(top)
                        queue += [path for path in self._paths if path.startswith(f"{top}/") and path.endswith(".py")]
        return found, whole


@lru_cache(maxsize=1 << 16)  # neighbouring commits have the same paths
def _above(path: str) -> tuple[str, ...]:
    """Return the folders that a path lies in, but for the tree itself."""
    parts = path.split("/")
    return tuple("/".join(parts[:end]) for end in range(1, len(parts)))


def _setup_cfg(content: bytes) -> dict[str, dict[str, str]]:
    """Return the sections of setup.cfg that a build may read."""
    unread = _NO_BUILD_TOOLS | {"tool"}
    sections = read_ini(content) or {}
    return {name: section for name, section in sections.items() if re.split("[:-]", name)[0] not in unread}


def _build_tables(pyproject: Table, hatch: Table, sections: dict[str, dict[str, str]]) -> list[object]:
    """Return what back ends are told."""
    tools = [pair for pair in relevant(pyproject)["tool"] if pair[0] != "uv"]
    uv = [value for name, value in table(pyproject, "tool", "uv").items() if name in _UV_KEYS]
    layouts = {name: section for name, section in sections.items() if _FOLDER_SECTIONS.match(name)}
    return [tools, uv, hatch, layouts]


def _words(value: object, skipped: re.Pattern[str]) -> Iterator[str]:
    """Yield what may be a path in a configuration: every word in it, but for tables' keys that are `skipped`."""
    if isinstance(value, dict):
        if value.get("format") == "sdist":
            return
        for key, inner in value.items():
            if not skipped.match(key):
                yield from _words([key, inner], skipped)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner, skipped)
    elif isinstance(value, str):
        yield value
        yield from re.split(r"[\s,;:=]+", value)


def _manifest(content: bytes) -> Iterator[str]:
    """Yield the patterns and folders that a MANIFEST.in includes."""
    for line in content.decode(errors="replace").splitlines():
        command, *words = line.split() or [""]
        if command in {"include", "recursive-include", "graft"}:
            yield from words[:1] if command == "recursive-include" else words


def _is_script(path: str) -> bool:
    return path.endswith((".py", ".sh")) or posixpath.basename(path) == "Makefile"


def _mentions(script: str, content: bytes) -> list[str]:
    """Return what may be a path in a script: the literals of Python, the words of others."""
    if script.endswith(".py"):
        return [found[1].decode(errors="replace") for found in _LITERAL.findall(content)]
    return re.split(r"[\s'\"`$(){};|&<>=:,]+", content.decode(errors="replace"))


def _imported(script: bytes) -> set[str]:
    """Return the dotted names of what a script may import, absolutely."""
    found: set[str] = set()
    for origin, listed in _IMPORT.findall(script):
        names = [part.split()[0].decode(errors="replace") for part in listed.split(b",") if part.split()]
        if origin:
            module = origin.decode(errors="replace")
            found |= {module, *(f"{module}.{name}" for name in names)}
        else:
            found.update(names)
    return {name for name in found if name and not name.startswith(".")}
