"""Environments that uv builds: the project and its dependencies in a virtual environment in the cache.

"auto" builds one environment per fingerprint. The project's own files are then taken out of it: those that the commit
has are imported from the checkout, where alone they can be right, and a commit that cannot be imported fails instead of
being measured from an installed copy; those that the build made are handed over to be placed in the checkout.
"wheel" builds every commit and imports the installed copy. "path" installs the dependencies alone.

An environment is built in its final folder: virtual environments do not move. Files are copies: what is written into
one reaches no cache of uv.
"""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from memharness.environments import installed
from memharness.environments.build import Build, BuildFailed
from memharness.environments.build_inputs import mentioned_by_sources, named
from memharness.environments.cache import Built, Cache
from memharness.environments.compiled import declared, uncompiled
from memharness.environments.fingerprint import fingerprint, is_native, reader, states
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.removal import remove
from memharness.model.environments import Environment, EnvironmentSpec
from memharness.model.history import Checkout
from memharness.model.measurements import Failed
from memharness.model.values import digest
from memharness.packages.declared import Read, beside, is_project
from memharness.packages.layout import Layout, layout_of


class _Asked(NamedTuple):
    """An environment that is asked for: `files` are those of the commit, None where the project is not built."""

    spec: EnvironmentSpec
    checkout: Checkout
    files: Mapping[str, str] | None
    cancel: threading.Event | None


class UvEnvironments:
    """Builds and finds environments of a project, below `cache`/environments, where the `keep` used last stay.

    `project` is the folder of its repository. Failed builds are not repeated by one process.
    """

    def __init__(self, cache: Path, project: str, keep: int) -> None:
        self._cache = Cache(cache / "environments", project, keep)
        self._project = project
        self._failed: dict[tuple[str, str], Failed] = {}

    @contextlib.contextmanager
    def prepare(
        self,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: Mapping[str, str],
        cancel: threading.Event | None = None,
    ) -> Iterator[Environment | Failed]:
        """Have the environment of a commit until the block ends; build it unless it is there.

        Raises Cancelled when `cancel` is set, MemharnessError where the machine or its cache is at fault.
        """
        layout, read = layout_of(checkout), reader(checkout.tree)
        key = self._key(spec, layout, files, read)
        project = _builds(spec, layout, read)
        own = beside(read, layout.directory)
        notes = uncompiled(spec, declared(own, files, layout.packages)) if spec.install == "path" else ()
        if not project and not spec.dependencies:
            yield msgspec.structs.replace(_bare(spec, key), packages=installed.importable(checkout, ()), notes=notes)
            return
        try:
            with contextlib.ExitStack() as held:
                asked = _Asked(spec, checkout, files if project else None, cancel)
                found = self._find_or_build(key, asked, held)
                if isinstance(found, Environment):
                    packages = found.packages or installed.importable(checkout, found.site_paths)
                    found = msgspec.structs.replace(found, packages=packages, notes=notes)
                yield found
        finally:
            self._cache.prune()

    def known(
        self, spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read
    ) -> tuple[str, str | None]:
        """Return the key of a commit's environment and the id of its facts, None where it is not built.

        The key is that of the build's inputs as far as they are known without a build; a measurement names the others.
        """
        key = self._key(spec, layout, files, read)
        if not spec.dependencies and not _builds(spec, layout, read):
            return key, _bare(spec, key).facts.id
        at = key
        while built := self._cache.find(f"{spec.install}-{at}"):
            if (now := states(files, built.frozen)) == built.frozen:
                return key, built.environment.facts.id
            at = _derived(at, now)
        return key, None

    def _key(self, spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read) -> str:
        return digest([self._project, fingerprint(spec, layout, files, read)], 32)

    def _find_or_build(self, key: str, asked: _Asked, held: contextlib.ExitStack) -> Environment | Failed:
        """Return the environment in which everything is as the commit has it, in use until `held` is closed."""
        frozen: set[str] = set()  # of all environments on the way: a commit that shares it comes to the same
        while True:
            built = self._at(key, asked, held)
            if isinstance(built, Failed):
                return built
            frozen |= built.frozen.keys()
            if (now := states(asked.files or {}, built.frozen)) == built.frozen:
                return msgspec.structs.replace(built.environment, frozen=tuple(sorted(frozen)))
            key = _derived(key, now)

    def _at(self, key: str, asked: _Asked, held: contextlib.ExitStack) -> Built | Failed:
        """Return the environment with this key, in use until `held` is closed; build it of this commit if need be."""
        if (key, asked.checkout.commit) in self._failed:
            return self._failed[key, asked.checkout.commit]
        name = f"{asked.spec.install}-{key}"
        folder = self._cache.folder(name)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(self._cache.using(name, asked.cancel))
            while (built := self._cache.find(name)) is None:
                with self._cache.making(name, asked.cancel):
                    if self._cache.find(name):  # another has made it meanwhile
                        continue
                    outcome = _build(folder, key, self._project, asked)
                    if isinstance(outcome, Failed):
                        self._failed[key, asked.checkout.commit] = outcome
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


def _derived(key: str, states: Mapping[str, str]) -> str:
    """Return the key of the environment for commits that differ in what the build for `key` took in."""
    return digest([key, states], 32)


def _builds(spec: EnvironmentSpec, layout: Layout, read: Read) -> bool:
    """Tell whether the project itself is installed."""
    return spec.install != "path" and is_project(beside(read, layout.directory))


def _build(folder: Path, key: str, project: str, asked: _Asked) -> Built | Failed:
    """Make a virtual environment in `folder`; none stays that failed."""
    spec, files = asked.spec, asked.files
    for last in (False, True):
        remove(folder)
        folder.mkdir(parents=True)
        # a fresh name each time: uv takes a folder of the same name and packaging files for the same source
        scratch = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
        try:
            build = Build(spec, scratch, asked.checkout, files, cancel=asked.cancel)
            python = build.make_environment(folder)
            if files is not None:
                build.prepare()
            build.install(python, [*spec.dependencies, *([str(build.project)] if files is not None else [])])
            outcome = _describe(folder, key, project, asked, build.source)
        except BuildFailed as failed:
            outcome = failed.outcome
        except BaseException:
            remove(folder)
            raise
        remove(scratch)
        if isinstance(outcome, Built):
            break
        remove(folder)
        if not build.removed or last:  # by a cleaner of the cache, or by the build itself
            break
    return outcome


def _describe(folder: Path, key: str, project: str, asked: _Asked, source: Path) -> Built | Failed:
    """Sort out what was installed into `folder` from `source`, the copy of the commit."""
    spec, checkout, files, _ = asked
    (site,) = folder.glob("lib/python*/site-packages")  # as an environment that was just made has it
    local = installed.local(site, source)
    info = next((info for info, path in local.items() if path == checkout.directory), None)
    environment = Environment(
        key=key,
        facts=spec.facts(installed.packages(site, leave_out=local)),
        folder=str(folder),
        python=str(folder / "bin" / "python"),
        cache_tag=spec.interpreter.cache_tag,
        site_paths=(str(site),),
        origin=str(site) if info is not None and spec.install == "wheel" else None,
        variables=spec.variables,
    )
    if info is None or files is None:
        return Built(environment=environment, project=project)
    tops = installed.top_level(info)
    environment = msgspec.structs.replace(environment, packages=tops)
    if spec.install == "wheel":
        return Built(environment=environment, project=project)
    read, layout = reader(checkout.tree), layout_of(checkout)
    originals = installed.Originals(Path(checkout.tree), files, layout)
    root = installed.find_import_root(info, originals, expected=checkout.import_root, files=files)
    sorted_out = installed.split(info, originals, import_root=root, files=files)
    if sorted_out.frozen and not sorted_out.tracked and {*tops}.isdisjoint((*checkout.packages, *checkout.others)):
        # installed under names that nothing has in the tree: the installed copy is measured, of this very commit
        installed_copy = msgspec.structs.replace(environment, origin=str(site))
        return Built(environment=installed_copy, project=project, frozen=states(files, ["./"]))
    namespaces = installed.namespaces(info, import_root=root, files=files)
    installed.take_out(site, sorted_out.tracked, into=None)
    # a slot that has byte code of what another build made is to see that this is something else
    made = folder / f"generated-{installed.digest_of(site, sorted_out.generated)}"
    installed.take_out(site, sorted_out.generated, into=made)
    placed = {os.path.normpath(f"{root}/{name}"): str(made / name) for name in sorted_out.generated}
    copies = {os.path.normpath(f"{root}/{name}") for name in sorted_out.tracked}
    frozen = {
        *sorted_out.frozen,
        *_taken_in(local, originals, read, files, checkout.directory),
        *placed,  # a commit that has a file of its own there needs another build
        *(mentioned_by_sources(files, read, layout, filter(is_native, files), copies) if placed else ()),
    }
    return Built(
        environment=msgspec.structs.replace(environment, import_root=root, namespaces=namespaces, generated=placed),
        project=project,
        frozen=states(files, frozen),
    )


def _taken_in(
    local: Mapping[Path, str], originals: installed.Originals, read: Read, files: Mapping[str, str], directory: str
) -> Iterator[str]:
    """Yield what a build took in beside the project's importable files: data files, other projects, links to either.

    The project itself is the one that was installed from `directory`.
    """
    yield from originals.links()
    for info, path in local.items():
        own = path == directory
        data = [name for name in installed.recorded(info) if not own or not installed.is_importable(name)]
        inside = f"{path}/"
        for name in data:
            origins = originals.of(name, (info.parent / name).read_bytes())
            if own or not any(origin.startswith(inside) for origin in origins):
                yield from origins
        if own:
            continue
        yield inside if originals.is_folder(path) else path
        also = named(files, read, Layout(import_root=path), path)
        yield from also.files
        yield from (f"{folder}/" for folder in also.folders | also.whole)


def _bare(spec: EnvironmentSpec, key: str) -> Environment:
    """Return the interpreter alone, where there is nothing to install."""
    return Environment(
        key=key,
        facts=spec.facts({}),
        python=spec.interpreter.path,
        cache_tag=spec.interpreter.cache_tag,
        variables=spec.variables,
    )
