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

from memharness.environments import build_log as log
from memharness.environments.uv_settings import configuration, indexes_of, variables
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.git.repository import run_git, without_credentials
from memharness.model.environments import EnvironmentSpec
from memharness.model.history import Checkout
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

    `scratch` is an empty folder; `files` are the paths of the commit where its project is built. Every command raises
    BuildFailed where the commit is at fault, Cancelled when `cancel` is set, and MemharnessError where the machine is.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        scratch: Path,
        checkout: Checkout,
        files: Iterable[str] | None,
        *,
        cancel: threading.Event | None = None,
    ) -> None:
        self._spec = spec
        self._scratch = scratch
        self._cancel = cancel
        self._deadline = time.monotonic() + spec.build_timeout
        self.removed = False  # the folder that it ran in: how the build ended says nothing then
        self.source = scratch / "project"
        self.project = self.source / checkout.directory
        self._files = frozenset(posixpath.relpath(path, checkout.directory) for path in files or ())
        self.source.mkdir()
        (scratch / "pyproject.toml").write_text(_FENCE)  # where uv's search for the root of a workspace ends
        if files is not None:
            _copy_source(Path(checkout.tree), files, self.source)
        self._document = _document(self.project)
        self._indexes = indexes_of(self._document, self.project)

    def make_environment(self, folder: Path) -> Path:
        """Make a virtual environment in `folder` and return its Python; nothing of the commit is read for it."""
        python = self._spec.interpreter.path
        ended = self._uv(["venv", "--allow-existing", "--no-project", "--python", python, str(folder)], configuration())
        if ended.status:
            raise _machine(f"{folder}: no virtual environment can be made with {python}: {log.reason(ended.lines)}")
        return folder / "bin" / "python"

    def prepare(self) -> None:
        """Give the back end the configured requirements, then run the configured step before the build."""
        if self._spec.build_requires:
            _require(self.source, self.project, self._spec.build_requires)
        if not self._spec.before_build:
            return
        tools = self._scratch / "tools"
        python = self.make_environment(tools)
        self._install(python, [*_requires(self._document), *self._spec.build_requires])
        path = f"{tools / 'bin'}{os.pathsep}{variables().get('PATH', os.defpath)}"
        self._check(
            self._run(
                ["/bin/sh", "-c", self._spec.before_build],
                folder=self.project,
                more={"PATH": path, "VIRTUAL_ENV": str(tools)},
            ),
            step="before-build",
        )

    def install(self, python: Path, targets: Sequence[str]) -> None:
        """Install requirements and folders into the environment of `python`."""
        self._install(python, targets, "--compile-bytecode", "--link-mode=copy")

    def _install(self, python: Path, targets: Sequence[str], *options: str) -> None:
        if not targets:
            return
        command = ["pip", "install", "--python", str(python), *options, "--", *targets]
        ended = self._uv(command, configuration(self._indexes))
        if ended.doubtful:  # as where others took the memory, or cleaned the cache of uv
            ended = self._uv(command, configuration(self._indexes))
        if ended.status and (fault := log.machine_fault(ended.lines, [index["url"] for index in self._indexes])):
            raise _machine(f"the environment cannot be built: {fault}")
        self._check(ended)

    def _check(self, ended: log.Log, *, step: str = "") -> None:
        if ended.status:
            raise BuildFailed(ended.failed(self._files, step=step))

    def _uv(self, arguments: Sequence[str], settings: str) -> log.Log:
        command = [locate_uv(), "--quiet", "--no-progress", "--color=never", "--config-file", "/dev/stdin", *arguments]
        return self._run(command, folder=self._scratch, given=settings or "\n")

    def _run(
        self, command: Sequence[str], *, folder: Path, more: dict[str, str] | None = None, given: str = ""
    ) -> log.Log:
        for _ in range(2):
            ending = run_supervised(
                command,
                environment=variables() | self._spec.variables | (more or {}),
                folder=folder,
                limits=Limits(
                    wall_seconds=max(self._deadline - time.monotonic(), 0),
                    own_bytes=_UV_BYTES if given else None,
                    cancel=self._cancel,
                ),
                input=given,
            )
            if ending.cause != "lost":  # which others may have done as well
                break
        lines = log.read(ending.output, self._hide)
        seconds = self._spec.build_timeout
        causes = {
            "wall": f"not built within {seconds:g} s, which is the build-timeout under [environment]",
            "memory": f"what the build prints takes uv more than {_UV_BYTES >> 30} GiB of memory",
            "lost": "the build killed the process that watches over it",
        }
        self.removed = not self.source.is_dir()
        if self.removed:
            raise BuildFailed(log.failure("the folder that it was built in was removed meanwhile", lines))
        if ending.cause in causes:
            raise BuildFailed(log.failure(causes[ending.cause], lines))
        return log.Log(status=ending.status, lines=lines)

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
        raise _machine(f"uv was not found: {error}", "Install memharness again, which brings it along.") from None


def _machine(message: str, hint: str = "") -> MemharnessError:
    """Return the error for what is not the commit's fault, so that nothing is stored."""
    return MemharnessError(
        message,
        hint=hint
        or "Nothing was stored for this commit. Mend that, then run again. See `memharness help environments`.",
        exit_code=INCOMPLETE,
    )


def _document(source: Path) -> dict[str, object]:
    file = source / "pyproject.toml"
    return (read_toml(file.read_bytes()) or {}) if file.is_file() else {}


def _requires(document: object) -> tuple[str, ...]:
    """Return what the back end of a project requires."""
    return texts(document, "build-system", "requires") if table(document, "build-system") else _LEGACY


def _require(source: Path, project: Path, requirements: Iterable[str]) -> None:
    """Add to what the back end of a copied commit requires; where that cannot be read, the build says so."""
    import tomlkit  # here, since few projects need it

    file = project / "pyproject.toml"
    found = read_toml(file.read_bytes()) if file.is_file() else {}
    if found is None or not isinstance(found.get("build-system", {}), dict):
        return
    system = {"build-backend": _LEGACY_BACKEND, **table(found, "build-system")}
    system["requires"] = [*_requires(found), *requirements]
    file.unlink(missing_ok=True)  # which may be a link
    file.write_text(tomlkit.dumps({**found, "build-system": system}), encoding="utf-8")
    if (source / ".git").is_dir():  # else a version that is made of the repository's state would call it changed
        run_git(["update-index", "--assume-unchanged", "--", "pyproject.toml"], folder=str(project))


def _copy_source(tree: Path, files: Iterable[str], into: Path) -> None:
    """Copy the files of a commit, and its .git for back ends that ask for the version, to build in.

    Byte code that is part of the commit is left out: no checkout has it.
    """
    for name in files:
        if "__pycache__" in name.split("/"):
            continue
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree / name, target, follow_symlinks=False)
    if (tree / ".git").is_dir():
        shutil.copytree(tree / ".git", into / ".git")
