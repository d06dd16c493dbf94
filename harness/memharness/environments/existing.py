"""Existing environments: the given interpreter with its own site-packages as they are, the import root before them."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from packaging.utils import canonicalize_name

from memharness.environments import compiled
from memharness.environments.fingerprint import fingerprint, reader
from memharness.environments.installed import importable
from memharness.environments.interpreters import ask
from memharness.environments.uv_settings import query_variables
from memharness.errors import MemharnessError
from memharness.model.environments import Environment, EnvironmentFacts, EnvironmentSpec, Interpreter
from memharness.model.history import Checkout
from memharness.model.measurements import Failed
from memharness.model.values import Value
from memharness.packages.declared import Read, beside, declared
from memharness.packages.layout import Layout, layout_of

_QUERY: Final = """
import json, os, re, site
from importlib.metadata import distributions
paths = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
found = [(found.metadata["Name"], found.version) for found in distributions()]
packages = {re.sub("[-_.]+", "-", name).lower(): version for name, version in reversed(found) if name and version}
print(json.dumps({"site_paths": [path for path in paths if os.path.isdir(path)], "packages": packages}))
"""


class _Found(Value):
    site_paths: tuple[str, ...]
    packages: dict[str, str]


class ExistingEnvironments:
    """Takes environments as they are; each interpreter is asked once."""

    def __init__(self, _cache: Path, _project: str, _keep: int) -> None:
        self._found: dict[str, _Found] = {}

    @contextlib.contextmanager
    def prepare(
        self,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: Mapping[str, str],
        cancel: threading.Event | None = None,  # noqa: ARG002  (nothing here takes long)
    ) -> Iterator[Environment | Failed]:
        """Have the interpreter's own environment; raise MemharnessError where it cannot tell its packages."""
        layout, read = layout_of(checkout), reader(checkout.tree)
        site_paths = self._ask(spec.interpreter).site_paths
        yield Environment(
            key=fingerprint(spec, layout, files, read),
            facts=self._facts(spec, layout, read),
            python=spec.interpreter.path,
            cache_tag=spec.interpreter.cache_tag,
            site_paths=site_paths,
            variables=spec.variables,
            packages=importable(checkout, site_paths),
            notes=compiled.uncompiled(spec, compiled.declared(beside(read, layout.directory), files, layout.packages)),
        )

    def known(
        self, spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read
    ) -> tuple[str, str | None]:
        """Return the key of a commit's environment and the id of its facts."""
        return fingerprint(spec, layout, files, read), self._facts(spec, layout, read).id

    def _facts(self, spec: EnvironmentSpec, layout: Layout, read: Read) -> EnvironmentFacts:
        name = declared(beside(read, layout.directory)).name
        own = canonicalize_name(name) if name else None
        packages = self._ask(spec.interpreter).packages
        return spec.facts({package: version for package, version in packages.items() if package != own})

    def _ask(self, interpreter: Interpreter) -> _Found:
        if interpreter.path not in self._found:
            self._found[interpreter.path] = _ask(interpreter)
        return self._found[interpreter.path]


def _ask(interpreter: Interpreter) -> _Found:
    command = [interpreter.path, "-c", _QUERY]
    try:
        done = ask(command, query_variables())
        return msgspec.json.decode(done.stdout, type=_Found)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    except msgspec.DecodeError:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    raise MemharnessError(
        f"{interpreter.path} cannot tell its installed packages: {reason}",
        hint='Repair that environment, or let memharness make one with install = "auto".',
    )
