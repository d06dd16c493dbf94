"""Builds: the commands of one build under its time-out, and the copy of a commit's source that they run on."""

import functools
import os
import posixpath
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from memharness.environments.build_log import Log, failed_build, find_machine_fault, find_reason, read_log
from memharness.environments.commit_files import CheckedOutFiles
from memharness.environments.uv_settings import configuration, indexes_of, variables
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.git.repository import run_git, without_credentials
from memharness.model.environments import EnvironmentSpec
from memharness.model.measurements import Failed
from memharness.packages.pyproject import read_toml, table, texts
from memharness.processes.supervision import Limits, run_supervised

_UV_BYTES: Final = 1 << 30  # uv keeps all that a build prints; without that it needs a tenth
_FENCE: Final = '[project]\nname = "memharness-build"\nversion = "0"\n'
_LEGACY: Final = ("setuptools>=40.8.0",)  # what PEP 517 says of a project without a [build-system]
_LEGACY_BACKEND: Final = "setuptools.build_meta:__legacy__"
_locating: Final = threading.Lock()


class BuildFailed(Exception):  # noqa: N818  (an outcome, which its caller stores)
    """The commit cannot be built; `outcome` says why."""

    def __init__(self, outcome: Failed) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Build:
    """The commands of one build, each ended with all that it started, within one time-out.

    `scratch` is an empty folder; `commit` is where its project is built, None where it is not. Every command raises
    BuildFailed where the commit is at fault, Cancelled when `cancel` is set, and MemharnessError where the machine is.
    """

    def __init__(
        self, spec: EnvironmentSpec, scratch: Path, commit: CheckedOutFiles | None, cancel: threading.Event | None
    ) -> None:
        self._spec = spec
        self._scratch = scratch
        self._cancel = cancel
        self._deadline = time.monotonic() + spec.build_timeout
        self.removed = False  # the folder that it ran in: how the build ended says nothing then
        self.source = self._project = scratch / "project"
        self._files: frozenset[str] = frozenset()
        self.source.mkdir()
        (scratch / "pyproject.toml").write_text(_FENCE)  # where uv's search for the root of a workspace ends
        if commit is not None:
            self._project = self.source / commit.layout.directory
            self._files = frozenset(posixpath.relpath(path, commit.layout.directory) for path in commit.ids)
            _copy_source(commit, self.source)
        self._has_project = commit is not None
        self._document = _read_pyproject(self._project) or {}
        self._indexes = indexes_of(self._document, self._project)

    def run(self, folder: Path) -> None:
        """Make a virtual environment in `folder` with the project and the dependencies that are asked for."""
        python = self._make_environment(folder)
        if self._has_project and self._spec.build_requires:
            add_build_requirements(self.source, self._project, self._spec.build_requires)
        if self._has_project and self._spec.before_build:
            self._run_before_build()
        targets = [*self._spec.dependencies, *([str(self._project)] if self._has_project else [])]
        self._install(python, targets, "--compile-bytecode", "--link-mode=copy")

    def _make_environment(self, folder: Path) -> Path:
        """Make a virtual environment in `folder` and return its Python; nothing of the commit is read for it."""
        python = self._spec.interpreter.path
        ended = self._uv(["venv", "--allow-existing", "--no-project", "--python", python, str(folder)], configuration())
        if ended.status:
            reason = find_reason(ended.lines)
            raise _machine_fault(f"{folder}: no virtual environment can be made with {python}: {reason}")
        return folder / "bin" / "python"

    def _run_before_build(self) -> None:
        """Run the configured step in an environment that has what the back end requires."""
        tools = self._scratch / "tools"
        self._install(self._make_environment(tools), [*_requires(self._document), *self._spec.build_requires])
        path = f"{tools / 'bin'}{os.pathsep}{variables().get('PATH', os.defpath)}"
        more = {"PATH": path, "VIRTUAL_ENV": str(tools)}
        ended = self._run(["/bin/sh", "-c", self._spec.before_build], folder=self._project, more=more)
        if ended.status:
            raise BuildFailed(ended.failed(self._files, step="before-build"))

    def _install(self, python: Path, targets: Sequence[str], *options: str) -> None:
        """Install requirements and folders into the environment of `python`."""
        if not targets:
            return
        command = ["pip", "install", "--python", str(python), *options, "--", *targets]
        ended = self._uv(command, configuration(self._indexes))
        if ended.may_differ:  # as where others took the memory, or cleaned the cache of uv
            ended = self._uv(command, configuration(self._indexes))
        if not ended.status:
            return
        if fault := find_machine_fault(ended.lines, [index["url"] for index in self._indexes]):
            raise _machine_fault(f"the environment cannot be built: {fault}")
        raise BuildFailed(ended.failed(self._files))

    def _uv(self, arguments: Sequence[str], settings: str) -> Log:
        command = [locate_uv(), "--quiet", "--no-progress", "--color=never", "--config-file", "/dev/stdin", *arguments]
        return self._run(command, folder=self._scratch, stdin=settings or "\n")

    def _run(self, command: Sequence[str], *, folder: Path, more: dict[str, str] | None = None, stdin: str = "") -> Log:
        for _ in range(2):
            ending = run_supervised(
                command,
                environment=variables() | self._spec.variables | (more or {}),
                folder=folder,
                limits=Limits(
                    wall_seconds=max(self._deadline - time.monotonic(), 0),
                    own_bytes=_UV_BYTES if stdin else None,
                    cancel=self._cancel,
                ),
                input=stdin,
            )
            if ending.cause != "lost":  # which others may have done as well
                break
        lines = read_log(ending.output, self._hide)
        causes = {
            "wall": f"not built within {self._spec.build_timeout:g} s, which is the build-timeout under [environment]",
            "memory": f"what the build prints takes uv more than {_UV_BYTES >> 30} GiB of memory",
            "lost": "the build killed the process that watches over it",
        }
        self.removed = not self.source.is_dir()
        reason = "the folder that it was built in was removed meanwhile" if self.removed else causes.get(ending.cause)
        if reason:
            raise BuildFailed(failed_build(reason, lines))
        return Log(status=ending.status, lines=lines)

    def _hide(self, line: str) -> str:
        return without_credentials(line).replace(str(self._scratch), "<build>")


def locate_uv() -> str:
    """Return the path of uv. One thread at a time: finding it is not safe in several."""
    with _locating:
        return _located()


@functools.cache
def _located() -> str:
    from uv import find_uv_bin  # here, since most runs never build

    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        hint = "Install memharness again, which brings it along."
        raise MemharnessError(f"uv was not found: {error}", hint=hint, exit_code=INCOMPLETE) from None


def add_build_requirements(source: Path, project: Path, requirements: Iterable[str]) -> None:
    """Add to what the back end of a copied commit requires; where that cannot be read, the build says so."""
    import tomlkit  # here, since few projects need it

    document = _read_pyproject(project)
    if document is None or not isinstance(document.get("build-system", {}), dict):
        return
    system = {"build-backend": _LEGACY_BACKEND, **table(document, "build-system")}
    system["requires"] = [*_requires(document), *requirements]
    file = project / "pyproject.toml"
    file.unlink(missing_ok=True)  # which may be a link
    file.write_text(tomlkit.dumps({**document, "build-system": system}), encoding="utf-8")
    if (source / ".git").is_dir():  # else a version that is made of the repository's state would call it changed
        run_git(["update-index", "--assume-unchanged", "--", "pyproject.toml"], folder=str(project))


def _machine_fault(message: str) -> MemharnessError:
    """Return the error for what is not the commit's fault, so that nothing is stored."""
    hint = "Nothing was stored for this commit. Mend that, then run again. See `memharness help environments`."
    return MemharnessError(message, hint=hint, exit_code=INCOMPLETE)


def _read_pyproject(project: Path) -> dict[str, object] | None:
    """Return the pyproject.toml of a project, empty where there is none; None where it cannot be read."""
    file = project / "pyproject.toml"
    return read_toml(file.read_bytes()) if file.is_file() else {}


def _requires(document: object) -> tuple[str, ...]:
    """Return what the back end of a project requires."""
    return texts(document, "build-system", "requires") if table(document, "build-system") else _LEGACY


def _copy_source(commit: CheckedOutFiles, into: Path) -> None:
    """Copy the files of a commit, and its .git for back ends that ask for the version, to build in.

    Byte code that is part of the commit is left out: no checkout has it.
    """
    for name in commit.ids:
        if "__pycache__" not in name.split("/"):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(commit.tree / name, into / name, follow_symlinks=False)
    if (commit.tree / ".git").is_dir():
        shutil.copytree(commit.tree / ".git", into / ".git")
