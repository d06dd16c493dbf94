"""Existing environments: the given interpreter with its own site-packages as they are, the import root before them."""

import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from packaging.utils import canonicalize_name

from memharness.environments.compiled import declared, uncompiled
from memharness.environments.fingerprint import fingerprint, reader
from memharness.environments.named import Read
from memharness.environments.settings import query_variables
from memharness.errors import MemharnessError
from memharness.layout import Layout, distribution_name
from memharness.model import Checkout, Environment, EnvironmentFacts, EnvironmentSpec, Failed, Interpreter, Value

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

    def __init__(self, _cache: Path) -> None:
        self._found: dict[str, _Found] = {}

    def prepare(
        self,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: Mapping[str, str],
        cancel: threading.Event | None = None,  # noqa: ARG002  (nothing here takes long)
    ) -> Environment | Failed:
        """Return the interpreter's own environment; raise MemharnessError where it cannot tell its packages."""
        layout, read = Layout(import_root=checkout.import_root, packages=checkout.packages), reader(checkout.tree)
        return Environment(
            key=fingerprint(spec, layout, files, read),
            facts=self._facts(spec, read),
            python=spec.interpreter.path,
            cache_tag=spec.interpreter.cache_tag,
            site_paths=self._ask(spec.interpreter).site_paths,
            variables=spec.variables,
            notes=uncompiled(spec, declared(read, files, layout.packages)),
        )

    def known(
        self, spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read
    ) -> tuple[str, str | None]:
        """Return the key of a commit's environment and the id of its facts."""
        return fingerprint(spec, layout, files, read), self._facts(spec, read).id

    def _facts(self, spec: EnvironmentSpec, read: Read) -> EnvironmentFacts:
        name = distribution_name(read("pyproject.toml"), read("setup.cfg"))
        own = canonicalize_name(name) if name else None
        packages = self._ask(spec.interpreter).packages
        return EnvironmentFacts(
            family=spec.family,
            python=spec.interpreter.version,
            implementation=spec.interpreter.implementation,
            install="existing",
            packages={package: version for package, version in packages.items() if package != own},
        )

    def _ask(self, interpreter: Interpreter) -> _Found:
        if interpreter.path not in self._found:
            self._found[interpreter.path] = _ask(interpreter)
        return self._found[interpreter.path]


def _ask(interpreter: Interpreter) -> _Found:
    command = [interpreter.path, "-c", _QUERY]
    try:
        done = subprocess.run(command, capture_output=True, cwd="/", env=query_variables(), timeout=60, check=False)
        return msgspec.json.decode(done.stdout, type=_Found)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    except msgspec.DecodeError:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    raise MemharnessError(
        f"{interpreter.path} cannot tell its installed packages: {reason}",
        hint='Repair that environment, or let memharness make one with install = "auto".',
    )
