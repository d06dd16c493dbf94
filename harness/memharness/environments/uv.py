"""Environments that uv builds: the project and its dependencies in a virtual environment in the cache.

"auto" builds one environment per fingerprint. The project's own files are then taken out of it: those that the commit
has are imported from the checkout, where alone they can be right, and a commit that cannot be imported fails instead of
being measured from an installed copy; those that the build made are handed over to be placed in the checkout.
"wheel" builds every commit and imports the installed copy. "path" installs the dependencies alone.

An environment is built in its final folder: virtual environments do not move. Files are copies: what is written into
one reaches no cache of uv.
"""

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from memharness.environments import installed
from memharness.environments.build import Build, BuildFailed
from memharness.environments.build_inputs import find_build_inputs, find_mentioned_by_sources, uncompiled_notes
from memharness.environments.cache import Built, EnvironmentCache
from memharness.environments.commit_files import CheckedOutFiles, CommitFiles
from memharness.environments.fingerprint import fingerprint, path_digests
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.removal import remove
from memharness.model.environments import Environment, EnvironmentSpec
from memharness.model.measurements import Failed
from memharness.model.values import digest
from memharness.packages.layout import Layout


class _Request(NamedTuple):
    """An environment to build or find, for the `project` whose repository is in that folder."""

    project: str
    spec: EnvironmentSpec
    commit: CheckedOutFiles
    cancel: threading.Event | None


class UvEnvironments:
    """Builds and finds environments of a project, below `cache`/environments, where the `keep` used last stay.

    `project` is the folder of its repository. Failed builds are not repeated by one process.
    """

    def __init__(self, cache: Path, project: str, keep: int) -> None:
        self._cache = EnvironmentCache(cache / "environments", project, keep)
        self._project = project
        self._failed: dict[tuple[str, str], Failed] = {}

    @contextlib.contextmanager
    def prepare(
        self, spec: EnvironmentSpec, commit: CheckedOutFiles, cancel: threading.Event | None = None
    ) -> Iterator[Environment | Failed]:
        """Yield the environment of a commit, in use until the block ends; it is built unless it exists.

        Raises Cancelled when `cancel` is set, MemharnessError where the machine or its cache is at fault.
        """
        key = self._key(spec, commit)
        notes = uncompiled_notes(spec, commit) if spec.install == "path" else ()
        if not _installs(spec, commit):
            yield replace(_bare(spec, key), packages=installed.importable_names(commit.layout, ()), notes=notes)
            return
        try:
            with contextlib.ExitStack() as in_use:
                found = self._find_or_build(key, _Request(self._project, spec, commit, cancel), in_use)
                if isinstance(found, Environment):
                    packages = found.packages or installed.importable_names(commit.layout, found.site_paths)
                    found = replace(found, packages=packages, notes=notes)
                yield found
        finally:
            self._cache.prune()

    def known(self, spec: EnvironmentSpec, commit: CommitFiles) -> tuple[str, str | None]:
        """Return the key of a commit's environment and the id of its facts, None where it is not built.

        The key covers the inputs that are known without a build; a measurement names the others.
        """
        key = at = self._key(spec, commit)
        if not _installs(spec, commit):
            return key, _bare(spec, key).facts.id
        while built := self._cache.find(f"{spec.install}-{at}"):
            if (now := path_digests(commit.ids, built.frozen)) == built.frozen:
                return key, built.environment.facts.id
            at = _derived_key(at, now)
        return key, None

    def _key(self, spec: EnvironmentSpec, commit: CommitFiles) -> str:
        return digest([self._project, fingerprint(spec, commit)], 32)

    def _find_or_build(self, key: str, request: _Request, in_use: contextlib.ExitStack) -> Environment | Failed:
        """Return the environment in which everything is as the commit has it, in use until `in_use` is closed."""
        files = request.commit.ids if _builds(request.spec, request.commit) else {}
        frozen: set[str] = set()  # of all environments on the way: a commit that shares it comes to the same
        while True:
            built = self._get(key, request, in_use)
            if isinstance(built, Failed):
                return built
            frozen |= built.frozen.keys()
            if (now := path_digests(files, built.frozen)) == built.frozen:
                return replace(built.environment, frozen=tuple(sorted(frozen)))
            key = _derived_key(key, now)

    def _get(self, key: str, request: _Request, in_use: contextlib.ExitStack) -> Built | Failed:
        """Return the environment with this key, in use until `in_use` is closed; build it of this commit if need be."""
        attempt = key, request.commit.commit
        if attempt in self._failed:
            return self._failed[attempt]
        name = f"{request.spec.install}-{key}"
        folder = self._cache.folder(name)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            in_use.enter_context(self._cache.using(name, request.cancel))
            while (built := self._cache.find(name)) is None:
                with self._cache.making(name, request.cancel):
                    if self._cache.find(name):  # another has made it meanwhile
                        continue
                    outcome = _build(folder, key, request)
                    if isinstance(outcome, Failed):
                        self._failed[attempt] = outcome
                        return outcome
                    self._cache.put(name, outcome)
            self._cache.touch(name)
        except OSError as error:
            raise MemharnessError(
                f"{error.filename or folder}: environments cannot be built there: {error.strerror or error}",
                hint="Free some space there, or set MEMHARNESS_CACHE to another folder.",
                exit_code=INCOMPLETE,
            ) from None
        return built


def _derived_key(key: str, digests: Mapping[str, str]) -> str:
    """Return the key of the environment for commits that differ in what the build for `key` took in."""
    return digest([key, digests], 32)


def _builds(spec: EnvironmentSpec, commit: CommitFiles) -> bool:
    """Tell whether the project itself is installed."""
    return spec.install != "path" and commit.has_project


def _installs(spec: EnvironmentSpec, commit: CommitFiles) -> bool:
    """Tell whether anything is installed."""
    return bool(spec.dependencies) or _builds(spec, commit)


def _bare(spec: EnvironmentSpec, key: str) -> Environment:
    """Return the interpreter alone, where there is nothing to install."""
    python = spec.interpreter
    return Environment(
        key=key, facts=spec.facts({}), python=python.path, cache_tag=python.cache_tag, variables=spec.variables
    )


def _build(folder: Path, key: str, request: _Request) -> Built | Failed:
    """Build an environment in `folder`, which is removed if that fails."""
    source = request.commit if _builds(request.spec, request.commit) else None
    for last in (False, True):
        remove(folder)
        folder.mkdir(parents=True)
        # a fresh name each time: uv takes a folder of the same name and packaging files for the same source
        scratch = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
        try:
            build = Build(request.spec, scratch, source, request.cancel)
            build.run(folder)
            built = _describe(folder, key, request, build.source)
        except BuildFailed as failed:
            remove(folder)
            if last or not build.removed:  # by a cleaner of the cache, or by the build itself
                return failed.outcome
        except BaseException:
            remove(folder)
            raise
        else:
            remove(scratch)
            return built
    raise AssertionError("the last attempt has an outcome")


def _describe(folder: Path, key: str, request: _Request, source: Path) -> Built:
    """Describe what was installed into `folder` from `source`, the copy of the commit."""
    spec, commit = request.spec, request.commit
    (site,) = folder.glob("lib/python*/site-packages")  # as an environment that was just made has it
    local = installed.local_projects(source, site)
    environment = replace(
        _bare(spec, key),
        facts=spec.facts(installed.packages(site, leave_out=local)),
        folder=str(folder),
        python=str(folder / "bin" / "python"),
        site_paths=(str(site),),
    )
    info = next((info for info, path in local.items() if path == commit.layout.directory), None)
    if info is None:
        return Built(environment=environment, project=request.project)
    project = installed.InstalledProject(info, commit)
    environment = replace(environment, packages=project.top_level())
    frozen: set[str] = set()
    if spec.install == "wheel":
        environment = replace(environment, origin=str(site))
    else:
        environment, frozen = _take_out_project(environment, project, commit, local)
    return Built(environment=environment, project=request.project, frozen=path_digests(commit.ids, frozen))


def _take_out_project(
    environment: Environment, project: installed.InstalledProject, commit: CheckedOutFiles, local: Mapping[Path, str]
) -> tuple[Environment, set[str]]:
    """Take the project's files out of its environment; return that, and what its commits must share.

    `local` are all projects of the tree that were installed.
    """
    (site,), files = map(Path, environment.site_paths), project.sort()
    in_tree = (*commit.layout.packages, *commit.layout.others)
    if files.frozen and not files.copies and {*environment.packages}.isdisjoint(in_tree):
        # installed under names that nothing has in the tree: the installed copy is measured, of this very commit
        return replace(environment, origin=str(site)), {"./"}
    namespaces = project.namespaces()
    installed.take_out(site, files.copies, into=None)
    hashes = {name: hashlib.sha256((site / name).read_bytes()).hexdigest() for name in files.generated}
    # a slot that has byte code of what another build made is to see that this is something else
    made = Path(str(environment.folder), f"generated-{digest(hashes, 8)}")
    installed.take_out(site, files.generated, into=made)
    root = project.import_root
    placed = {os.path.normpath(f"{root}/{name}"): str(made / name) for name in files.generated}
    copies = {os.path.normpath(f"{root}/{name}") for name in files.copies}
    frozen = {*files.frozen, *commit.links(), *placed}  # a commit with a file of its own there needs another build
    for info, path in local.items():
        frozen |= _copied_data(info, commit) if path == commit.layout.directory else _other_project(info, path, commit)
    if placed:
        frozen |= find_mentioned_by_sources(commit, copies)
    return replace(environment, import_root=root, namespaces=namespaces, generated=placed), frozen


def _copied_data(info: Path, commit: CheckedOutFiles) -> set[str]:
    """Return what the project's data files and scripts were copied from."""
    data = (name for name in installed.recorded_files(info) if not installed.is_importable(name))
    return {origin for name in data for origin in commit.origins(name, (info.parent / name).read_bytes())}


def _other_project(info: Path, path: str, commit: CheckedOutFiles) -> set[str]:
    """Return what the build of another project of the tree, which lies at `path`, took in."""
    found = {f"{path}/" if (commit.tree / path).is_dir() else path}
    for name in installed.recorded_files(info):
        origins = commit.origins(name, (info.parent / name).read_bytes())
        if not any(origin.startswith(f"{path}/") for origin in origins):
            found |= origins
    other = CommitFiles(ids=commit.ids, read=commit.read, layout=Layout(import_root=path, directory=path))
    inputs = find_build_inputs(other)
    return found | inputs.files | {f"{folder}/" for folder in inputs.folders | inputs.whole}
