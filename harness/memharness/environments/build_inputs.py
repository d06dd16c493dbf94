"""What a build takes in of a commit, as far as its packaging files and scripts tell. Pure.

What they do not tell is learned from what was installed; see `installed`.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from memharness.environments.commit_files import CommitFiles, parents
from memharness.model.environments import EnvironmentSpec
from memharness.model.values import Value
from memharness.packages.layout import prefix_of
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
_NO_FOLDERS: Final = frozenset(  # words that in a script rather name an extra, a command or what is left out
    "test tests testing doc docs example examples sample samples demo demos benchmark benchmarks ci build dist".split()  # noqa: SIM905
)
_IMPORT: Final = re.compile(
    rb"(?:^|[;:])[ \t]{0,99}(?:from[ \t]{1,9}([\w.]{1,200})[ \t]{1,9})?import[ \t(]{1,9}([\w., \t]{1,500})",
    re.MULTILINE,
)
_LITERAL: Final = re.compile(rb"""(['"])([^'"\n\\]{1,200})\1""")
_UPWARD: Final = re.compile(r"(\.{0,2}/){1,99}")
_WILDCARD: Final = re.compile(r"[*?\[{]")
_MAX_BYTES: Final = 1 << 20  # of a source that is searched
_NATIVE: Final = frozenset(
    """.c .h .cc .cpp .cxx .hpp .hh .hxx .inc .inl .pyx .pxd .pxi .rs .f .f90 .f95 .for .s .asm .cu .cuh .m .mm .go
    .zig .i .def .map .a .o .lib .proto""".split()  # noqa: SIM905  (a list of words)
)
_NATIVE_SCRIPTS: Final = frozenset(
    "meson.build meson.options meson_options.txt CMakeLists.txt configure configure.ac".split()  # noqa: SIM905
)
_TEMPLATE: Final = re.compile(r"(\.(in|src|tp|tpl|templ|jinja|j2)){1,9}$")
_COMPILING_BACKENDS: Final = ("maturin", "mesonpy", "scikit_build_core", "py_build_cmake", "sipbuild")
_COMPILING_TABLES: Final = ("setuptools.ext-modules", "setuptools-rust.ext-modules", "mypyc", "hatch.mypyc")
_COMPILING_CALLS: Final = ("ext_modules", "cythonize(", "cffi_modules", "rust_extensions", "mypycify(")  # of setup.py


class BuildInputs(Value):
    """Files and folders of a commit that a build may read.

    Everything in one of the `folders` counts, new files too, except the project's packages. In a `whole` folder these
    count as well, since the build runs the code there.
    """

    files: frozenset[str]
    folders: frozenset[str]
    whole: frozenset[str]

    def paths(self, commit: CommitFiles) -> set[str]:
        """Return the paths of a commit that are build inputs."""
        return {
            path
            for path in commit.ids
            if path in self.files
            or not self.whole.isdisjoint(parents(path))
            or not (self.folders.isdisjoint(parents(path)) or commit.is_own(path))
        }


def relevant(pyproject: Table) -> Table:
    """Return what a build may read of pyproject.toml; [tool] is a sorted list of pairs."""
    kept = {name: value for name, value in pyproject.items() if name not in {"tool", "dependency-groups"}}
    tools = table(pyproject, "tool")
    return kept | {"tool": sorted((name, value) for name, value in tools.items() if name not in _NO_BUILD_TOOLS)}


def is_native(path: str) -> bool:
    """Tell whether a file is a native source, a template of one, or a script of a build tool for such sources."""
    name = PurePosixPath(_TEMPLATE.sub("", path))
    return name.name in _NATIVE_SCRIPTS or name.suffix.lower() in {*_NATIVE, ".cmake"}


def find_compiled_modules(commit: CommitFiles) -> str:
    """Return where a commit declares modules that only a build makes, such as "ext_modules in setup.py"; else ""."""
    return next(_compiling_places(commit), "")


def _compiling_places(commit: CommitFiles) -> Iterator[str]:
    """Yield the same, all of them, the most certain first."""
    backend = text(commit.pyproject, "build-system", "build-backend") or ""
    if backend.partition(".")[0] in _COMPILING_BACKENDS:
        yield f"build-backend {backend[:80]} in pyproject.toml"
    for name in _COMPILING_TABLES:
        *outer, key = name.split(".")
        if key in table(commit.pyproject, "tool", *outer):
            yield f"[tool.{name}] in pyproject.toml"
    setup_py, packages = commit.content("setup.py"), {*commit.layout.packages}
    yield from (f"{call.strip('(')} in setup.py" for call in _COMPILING_CALLS if call.encode() in setup_py)
    yield from sorted(path for path in commit.ids if path.endswith(".pyx") and packages & {*path.split("/")})


def uncompiled_notes(spec: EnvironmentSpec, commit: CommitFiles) -> tuple[str, ...]:
    """Return the note for measurements without the compiled modules that a commit declares."""
    where = find_compiled_modules(commit)
    if not where:
        return ()
    missing = f'install = "{spec.install}" builds no compiled modules, which the project declares ({where})'
    return (f"{missing}: this is the memory of what was imported in their place",)


def find_build_inputs(commit: CommitFiles, *, command: str = "") -> BuildInputs:
    """Return what a build may read of a commit, as its packaging files tell, and a `command` run beside them.

    Any word in the settings of a back end may be a path or a pattern, unless it says what to leave out; so may words in
    scripts that the build may run. In-tree back ends count, and what they and the scripts import from the tree. Of the
    project's own packages only modules that a script imports count, not their imports: mostly they hold the version.
    """
    names = _Names(commit)
    directory = commit.layout.directory
    files, folders = names.configured()
    if command:
        words = [*_mentions("", command.encode()), "Makefile"]
        files, folders = files | names.files(words), folders | names.folders(words, leave_out=_NO_FOLDERS)
    scripts = {*map(commit.path, _SCRIPTS), *filter(_is_script, files)}
    run, whole = names.imported(scripts, [directory, commit.layout.import_root], own=False)
    backends = sorted(map(commit.path, texts(commit.pyproject, "build-system", "backend-path")))
    if directory in backends:  # which has everything else too: what the back end imports of it counts
        backend = names.backend(backends)
        more, packages = names.imported(backend, backends, own=True)
        scripts, run, whole = {*scripts, *backend}, run | more, whole | packages
    also = names.mentioned(script for script in run if script in scripts or not commit.is_own(script))
    if directory in backends or commit.path("setup.py") in commit.ids:  # may import its neighbours, by any name
        run |= names.modules_beside()
    return BuildInputs(
        files=frozenset(files | also[0] | run),
        folders=frozenset(folders | also[1]),
        whole=frozenset(whole | ({*backends} - {directory})),
    )


def find_mentioned_by_sources(commit: CommitFiles, copies: Collection[str]) -> set[str]:
    """Return the files, and with a slash at the end the folders, that native sources and their scripts mention.

    Python scripts among these files count with what they mention and import in turn. Modules that are installed as
    they are, the `copies`, do not count: a build script lists them for that.
    """
    names = _Names(commit)
    copied = {path for path in copies if path.endswith((".py", ".pyi"))}
    found: set[str] = set()
    queue = [*filter(is_native, commit.ids)]
    seen = set(queue)
    while queue:
        new = names.mentioned_by_source(queue.pop(), copied)
        found |= new
        queue += filter(_is_script, new - seen)
        seen |= new
    return found


class _Names:
    """What words in the packaging files and scripts of a commit name of it."""

    def __init__(self, commit: CommitFiles) -> None:
        self._commit = commit

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[str]]:
        """The paths of the commit by file name."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._commit.ids:
            found[posixpath.basename(path)].append(path)
        return found

    def files(self, words: Iterable[str]) -> set[str]:
        """Return the files that `words` name, but for prose."""
        found = self._commit.ids.keys() & {self._commit.path(word) for word in words}
        return {path for path in found if not _PROSE.match(posixpath.basename(path))}

    def folders(self, words: Iterable[str], leave_out: Collection[str] = ()) -> set[str]:
        """Return the folders that `words` name, or in which the patterns among them lie."""
        plain = {word: _WILDCARD.split(word)[0] for word in words if word.strip("./") not in leave_out}
        found = {start if start == word else start.rpartition("/")[0] for word, start in plain.items()}
        return set(map(self._commit.path, found)) & self._commit.folders

    def _folders_beside(self, script: str, words: Collection[str]) -> set[str]:
        """Return the folders, with a slash, that `words` in a script name as seen from it or from the directory."""
        folder = posixpath.relpath(posixpath.dirname(script) or ".", self._commit.layout.directory)
        seen = {*words, *(posixpath.join(folder, word) for word in words)}
        found = self.folders(seen, leave_out=_NO_FOLDERS)
        return {f"{folder}/" for folder in found if not self._commit.holds_own(folder)}

    def mentioned_by_source(self, source: str, leave_out: Set[str]) -> set[str]:
        """Return the files, and with a slash the folders, that a native source or a script mentions.

        Python scripts among them count with what they import; files to `leave_out` do not.
        """
        words = {*_mentions(source, (self._commit.read(source) or b"")[:_MAX_BYTES])} - {"", "."}
        files = {path for word in words for path in self._nearest(word, source)} - leave_out
        scripts = [path for path in files if path.endswith(".py")]
        imported, _ = self.imported(scripts, {posixpath.dirname(path) for path in scripts}, own=False)
        native = posixpath.splitext(source)[1].lower() in _NATIVE
        return files | imported | (set() if native else self._folders_beside(source, words))

    def _nearest(self, word: str, source: str) -> set[str]:
        """Return the file that a `word` in `source` names, relative to the source or to the project's directory.

        If there is none, return all whose paths end in it: compilers search several folders for headers.
        """
        alike = self._by_name.get(posixpath.basename(word), ())
        if not alike or _PROSE.match(posixpath.basename(word)):
            return set()
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(source), word))
        ending = f"/{_UPWARD.sub('', word)}"
        return ({beside, self._commit.path(word)} & {*alike}) or {
            path for path in alike if f"/{path}".endswith(ending) and not path.endswith(".py")
        }

    def configured(self) -> tuple[set[str], set[str]]:
        """Return the files and folders that packaging files name."""
        commit = self._commit
        read = relevant(commit.pyproject)
        hatch = read_toml(commit.content("hatch.toml")) or {}
        sections = _setup_cfg(commit.content("setup.cfg"))
        tools = [pair for pair in read["tool"] if pair[0] != "uv"]
        uv = [value for name, value in table(commit.pyproject, "tool", "uv").items() if name in _UV_KEYS]
        layouts = {name: section for name, section in sections.items() if _FOLDER_SECTIONS.match(name)}
        folders = self.folders(_words([tools, uv, hatch, layouts], _NO_FOLDER_KEYS))
        folders |= self.folders(_manifest(commit.content("MANIFEST.in")), leave_out=_NO_FOLDERS)
        return self.files(_words([read, hatch, sections], _PROSE_KEYS)), folders

    def mentioned(self, scripts: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return the files and folders that scripts mention, and those that the scripts among these mention in turn."""
        files: set[str] = set()
        folders: set[str] = set()
        queue = list(scripts)
        while queue:
            script = queue.pop()
            words = _mentions(script, self._commit.read(script) or b"")
            found = self.files(words) - files
            files |= found
            folders |= self.folders(words, leave_out=_NO_FOLDERS)
            queue += [path for path in found if _is_script(path) and not self._commit.is_own(path)]
        return files, folders

    def modules_beside(self) -> set[str]:
        """Return the Python files in the project's directory itself."""
        prefix = prefix_of(self._commit.layout.directory)
        names = {path: path.removeprefix(prefix) for path in self._commit.ids if path.startswith(prefix)}
        return {path for path, name in names.items() if name.endswith(".py") and "/" not in name}

    def modules(self, name: str, roots: Iterable[str]) -> list[str]:
        """Return the files that importing a dotted `name` from one of `roots` runs."""
        names = parents(f"{name.replace('.', '/')}/") if name else ()
        paths = [posixpath.normpath(posixpath.join(root, below)) for root in roots for below in names]
        files = [file for path in paths for file in (f"{path}/__init__.py", f"{path}.py")]
        return [file for file in files if file in self._commit.ids]

    def backend(self, folders: Iterable[str]) -> list[str]:
        """Return the files that importing the back end from one of `folders` runs."""
        name = text(self._commit.pyproject, "build-system", "build-backend") or ""
        return self.modules(name.partition(":")[0], folders)

    def imported(self, scripts: Iterable[str], roots: Collection[str], *, own: bool) -> tuple[set[str], set[str]]:
        """Return the `scripts` that exist with all modules that they import, and the folders of imported packages.

        With `own`, the imports of the project's own packages are followed too.
        """
        found: set[str] = set()
        whole: set[str] = set()
        new = given = self._commit.ids.keys() & {*scripts}
        while new:
            found |= new
            names = self._imports(script for script in new if own or script in given or not self._commit.is_own(script))
            folders = {folder for name in names for folder in self._packages(name, roots, own=own)} - whole
            whole |= folders
            new = {module for name in names for module in self.modules(name, roots)} | self._modules_in(folders)
            new -= found
        return found, whole

    def _imports(self, scripts: Iterable[str]) -> set[str]:
        """Return the dotted names of what some scripts may import."""
        return {name for script in scripts for name in _imported_names(self._commit.read(script) or b"")}

    def _modules_in(self, folders: Set[str]) -> set[str]:
        """Return the files of all modules in some folders."""
        modules = (path for path in self._commit.ids if folders and path.endswith(".py"))
        return {path for path in modules if not folders.isdisjoint(parents(path))}

    def _packages(self, name: str, roots: Iterable[str], *, own: bool) -> set[str]:
        """Return the folders of packages that importing a dotted `name` may run."""
        tops = {posixpath.normpath(posixpath.join(root, name.partition(".")[0])) for root in roots}
        return {top for top in tops & self._commit.folders if own or not self._commit.is_own(top)}


def _setup_cfg(content: bytes) -> dict[str, dict[str, str]]:
    """Return the sections of setup.cfg that a build may read."""
    unread = _NO_BUILD_TOOLS | {"tool"}
    sections = read_ini(content) or {}
    return {name: section for name, section in sections.items() if re.split("[:-]", name)[0] not in unread}


def _words(value: object, skipped: re.Pattern[str]) -> Iterator[str]:
    """Yield what may be a path in a configuration: every word in it, except below keys that match `skipped`."""
    if isinstance(value, dict):
        kept = {} if value.get("format") == "sdist" else value
        yield from _words([pair for pair in kept.items() if not skipped.match(pair[0])], skipped)
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


def _imported_names(script: bytes) -> set[str]:
    """Return the dotted names of what a script may import, absolutely."""
    found: set[str] = set()
    for origin, listed in _IMPORT.findall(script):
        names = [part.split()[0].decode(errors="replace") for part in listed.split(b",") if part.split()]
        module = origin.decode(errors="replace")
        found.update([module, *(f"{module}.{name}" for name in names)] if module else names)
    return {name for name in found if name and not name.startswith(".")}
