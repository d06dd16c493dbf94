"""Environments that uv builds: the project and its dependencies in a virtual environment in the cache.

"auto" builds one environment per fingerprint. The project's own files are then taken out of it: those that the commit
has are imported from the checkout, where alone they can be right, and a commit that cannot be imported fails instead of
being measured from an installed copy; those that the build made are handed over to be placed in the checkout.
"wheel" builds every commit and imports the installed copy. "path" installs the dependencies alone.

An environment is built in its final folder (virtual environments do not move) under a lock, and counts once its
`environment.json` is there and its files are recorded; what a killed build left is removed by the next. Files are
copies: what is written into one reaches no cache of uv.
"""

import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock, Timeout

from memharness.declared import Read, beside, is_project
from memharness.environments import installed
from memharness.environments.build import Build, BuildFailed
from memharness.environments.compiled import declared, uncompiled
from memharness.environments.fingerprint import fingerprint, reader, states
from memharness.environments.guard import record
from memharness.environments.named import named
from memharness.environments.whole import is_whole
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.layout import Layout, layout_of
from memharness.leftovers import remove
from memharness.model import Checkout, Environment, EnvironmentFacts, EnvironmentSpec, Failed, Value, digest
from memharness.supervision import Cancelled

WHEELS_KEPT: Final = 8  # environments of single commits, the most recently used
_TICK_SECONDS: Final = 0.2
UNUSED_SECONDS: Final = 2 * 60 * 60  # what was used since may still be in use, here or in another process


class _Built(Value):
    """The stored form. `frozen` maps what the build took in of a commit to its state; see `states`."""

    environment: Environment
    frozen: dict[str, str] = {}


class UvEnvironments:
    """Builds and finds environments below `cache`/environments; failed builds are not repeated by one process."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "environments"
        self._failed: dict[tuple[str, str], Failed] = {}
        self._built: dict[str, _Built] = {}

    def prepare(
        self,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: Mapping[str, str],
        cancel: threading.Event | None = None,
    ) -> Environment | Failed:
        """Return the environment of a commit; build it unless it is there.

        Raises Cancelled when `cancel` is set, MemharnessError where the machine or its cache is at fault.
        """
        layout, read = layout_of(checkout), reader(checkout.tree)
        key = fingerprint(spec, layout, files, read)
        project = _builds(spec, layout, read)
        own = beside(read, layout.directory)
        notes = uncompiled(spec, declared(own, files, layout.packages)) if spec.install == "path" else ()
        if not project and not spec.dependencies:
            return msgspec.structs.replace(_bare(spec, key), packages=installed.importable(checkout, ()), notes=notes)
        frozen: set[str] = set()  # of all environments that were tried: a commit that shares it comes to the same
        while True:
            built = self._find_or_build(key, spec, checkout, files if project else None, cancel)
            if isinstance(built, Failed):
                return built
            frozen |= built.frozen.keys()
            if (now := states(files, built.frozen)) == built.frozen:
                environment = built.environment
                return msgspec.structs.replace(
                    environment,
                    frozen=tuple(sorted(frozen)),
                    packages=environment.packages or installed.importable(checkout, environment.site_paths),
                    notes=notes,
                )
            key = _derived(key, now)

    def known(
        self, spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read
    ) -> tuple[str, str | None]:
        """Return the fingerprint of a commit's environment and the id of its facts, None where it is not built."""
        key = fingerprint(spec, layout, files, read)
        if not spec.dependencies and not _builds(spec, layout, read):
            return key, _bare(spec, key).facts.id
        at = key
        while built := self._built.get(at) or _load(self._folder / f"{spec.install}-{at}"):
            if (now := states(files, built.frozen)) == built.frozen:
                return key, built.environment.facts.id
            at = _derived(at, now)
        return key, None

    def _find_or_build(
        self,
        key: str,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: Mapping[str, str] | None,
        cancel: threading.Event | None,
    ) -> _Built | Failed:
        folder = self._folder / f"{spec.install}-{key}"
        known = self._failed.get((key, checkout.commit)) or self._built.get(key)
        if known is not None and (isinstance(known, Failed) or is_whole(known.environment)):
            return known
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder, cancel):
                outcome = _load(folder) or _build(folder, key, spec, checkout, files, cancel)
                if isinstance(outcome, _Built):
                    os.utime(folder)
            if spec.install == "wheel":
                _prune(self._folder)
        except OSError as error:
            raise MemharnessError(
                f"{error.filename or folder}: environments cannot be built there: {error.strerror or error}",
                hint="Free some space there, or set MEMHARNESS_CACHE to another folder.",
                exit_code=INCOMPLETE,
            ) from None
        if isinstance(outcome, Failed):
            self._failed[key, checkout.commit] = outcome
        elif spec.install != "wheel":  # each use of those is noted, so that none in use is removed
            self._built[key] = outcome
        return outcome


def _derived(key: str, states: Mapping[str, str]) -> str:
    """Return the key of the environment for commits that differ in what the build for `key` took in."""
    return digest([key, states], 32)


def _builds(spec: EnvironmentSpec, layout: Layout, read: Read) -> bool:
    """Tell whether the project itself is installed."""
    return spec.install != "path" and is_project(beside(read, layout.directory))


def _load(folder: Path) -> _Built | None:
    try:
        built = msgspec.convert(json.loads((folder / "environment.json").read_bytes()), _Built)
    except (OSError, ValueError, msgspec.ValidationError):
        return None
    return built if is_whole(built.environment) else None


@contextlib.contextmanager
def _locked(folder: Path, cancel: threading.Event | None) -> Iterator[None]:
    """Hold the lock of an environment, which another process may be building for long."""
    lock = FileLock(f"{folder}.lock")
    while not lock.is_locked:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=_TICK_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _build(
    folder: Path,
    key: str,
    spec: EnvironmentSpec,
    checkout: Checkout,
    files: Mapping[str, str] | None,
    cancel: threading.Event | None,
) -> _Built | Failed:
    """Make a virtual environment in `folder`, with the project where there are `files`; none stays that failed."""
    remove(folder)
    folder.mkdir()
    try:
        # a fresh name each time: uv takes a folder of the same name and packaging files for the same source
        with tempfile.TemporaryDirectory(prefix="build-", dir=folder, ignore_cleanup_errors=True) as scratch:
            build = Build(spec, Path(scratch), checkout, files, cancel=cancel)
            python = build.make_environment(folder)
            if files is not None:
                build.prepare()
            build.install(python, [*spec.dependencies, *([str(build.project)] if files is not None else [])])
            (site,) = folder.glob("lib/python*/site-packages")
            outcome = _describe(folder, site, key, spec, checkout, files, build.source)
        if isinstance(outcome, _Built):
            unfinished = folder / "environment.json.new"
            unfinished.write_text(json.dumps(msgspec.to_builtins(outcome)))  # escapes what is not UTF-8 in a path
            unfinished.replace(folder / "environment.json")
            record(folder)
            return outcome
    except BuildFailed as failed:
        outcome = failed.outcome
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    remove(folder)
    return outcome


def _describe(
    folder: Path,
    site: Path,
    key: str,
    spec: EnvironmentSpec,
    checkout: Checkout,
    files: Mapping[str, str] | None,
    source: Path,
) -> _Built | Failed:
    local = installed.local(site, source)
    info = next((info for info, path in local.items() if path == checkout.directory), None)
    facts = _facts(spec, installed.packages(site, leave_out=local))
    environment = Environment(
        key=key,
        facts=facts,
        folder=str(folder),
        python=str(folder / "bin" / "python"),
        cache_tag=spec.interpreter.cache_tag,
        site_paths=(str(site),),
        origin=str(site) if info is not None and spec.install == "wheel" else None,
        variables=spec.variables,
    )
    if info is None or files is None:
        return _Built(environment=environment)
    tops = installed.top_level(info)
    environment = msgspec.structs.replace(environment, packages=tops)
    if spec.install == "wheel":
        return _Built(environment=environment)
    originals = installed.Originals(Path(checkout.tree), files, layout_of(checkout))
    root = installed.find_import_root(info, originals, expected=checkout.import_root, files=files)
    sorted_out = installed.split(info, originals, import_root=root, files=files)
    if sorted_out.frozen and not sorted_out.tracked and {*tops}.isdisjoint((*checkout.packages, *checkout.others)):
        return _misplaced(tops, checkout)
    namespaces = installed.namespaces(info, import_root=root, files=files)
    installed.take_out(site, sorted_out.tracked, into=None)
    installed.take_out(site, sorted_out.generated, into=folder / "generated")
    frozen = {*sorted_out.frozen, *_taken_in(local, originals, reader(checkout.tree), files, checkout.directory)}
    return _Built(
        environment=msgspec.structs.replace(
            environment,
            import_root=root,
            namespaces=namespaces,
            generated={
                os.path.normpath(f"{root}/{name}"): str(folder / "generated" / name) for name in sorted_out.generated
            },
        ),
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


def _misplaced(tops: Iterable[str], checkout: Checkout) -> Failed:
    return Failed(
        phase="build",
        reason=f"the build installs {', '.join(sorted(tops))}, "
        f"but nothing of it lies below the import root {checkout.import_root!r}",
        output=('Set import-root under [project], or install = "wheel" under [environment].',),
    )


def _facts(spec: EnvironmentSpec, packages: dict[str, str]) -> EnvironmentFacts:
    return EnvironmentFacts(
        family=spec.family,
        python=spec.interpreter.version,
        implementation=spec.interpreter.implementation,
        install=spec.install,
        packages=packages,
    )


def _bare(spec: EnvironmentSpec, key: str) -> Environment:
    """Return the interpreter alone, where there is nothing to install."""
    return Environment(
        key=key,
        facts=_facts(spec, {}),
        python=spec.interpreter.path,
        cache_tag=spec.interpreter.cache_tag,
        variables=spec.variables,
    )


def _prune(folder: Path) -> None:
    """Remove environments of single commits that are long unused, but for the most recently used."""
    used = {}
    for made in folder.glob("wheel-*/environment.json"):
        with contextlib.suppress(FileNotFoundError):  # removed by another process
            used[made.parent] = made.parent.stat().st_mtime
    for old in sorted(used, key=used.__getitem__, reverse=True)[WHEELS_KEPT:]:
        with contextlib.suppress(Timeout, FileNotFoundError), FileLock(f"{old}.lock", timeout=0):
            if time.time() - old.stat().st_mtime > UNUSED_SECONDS:  # asked again: now nobody can begin to use it
                shutil.rmtree(old, ignore_errors=True)
