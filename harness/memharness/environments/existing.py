"""Existing environments: the given interpreter with its own site-packages as they are, the import root before them."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from packaging.utils import canonicalize_name

from memharness.environments.build_inputs import uncompiled_notes
from memharness.environments.commit_files import CheckedOutFiles, CommitFiles
from memharness.environments.fingerprint import fingerprint
from memharness.environments.installed import importable_names
from memharness.environments.interpreters import ask
from memharness.environments.uv_settings import query_variables
from memharness.errors import MemharnessError
from memharness.model.environments import Environment, EnvironmentFacts, EnvironmentSpec
from memharness.model.measurements import Failed
from memharness.model.values import Value

_QUERY: Final = """
import json, os, re, site
from importlib.metadata import distributions
paths = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
found = [(found.metadata["Name"], found.version) for found in distributions()]
packages = {re.sub("[-_.]+", "-", name).lower(): version for name, version in reversed(found) if name and version}
print(json.dumps({"site_paths": [path for path in paths if os.path.isdir(path)], "packages": packages}))
"""


class _Site(Value):
    site_paths: tuple[str, ...]
    packages: dict[str, str]


class ExistingEnvironments:
    """Takes environments as they are; each interpreter is asked once."""

    def __init__(self, _cache: Path, _project: str, _keep: int) -> None:
        self._site = cache(_ask)

    @contextlib.contextmanager
    def prepare(
        self,
        spec: EnvironmentSpec,
        commit: CheckedOutFiles,
        cancel: threading.Event | None = None,  # noqa: ARG002  (nothing here takes long)
    ) -> Iterator[Environment | Failed]:
        """Yield the interpreter's own environment; raise MemharnessError where it cannot tell its packages."""
        site_paths = self._site(spec.interpreter.path).site_paths
        yield Environment(
            key=fingerprint(spec, commit),
            facts=self._facts(spec, commit),
            python=spec.interpreter.path,
            cache_tag=spec.interpreter.cache_tag,
            site_paths=site_paths,
            variables=spec.variables,
            packages=importable_names(commit.layout, site_paths),
            notes=uncompiled_notes(spec, commit),
        )

    def known(self, spec: EnvironmentSpec, commit: CommitFiles) -> tuple[str, str | None]:
        """Return the key of a commit's environment and the id of its facts."""
        return fingerprint(spec, commit), self._facts(spec, commit).id

    def _facts(self, spec: EnvironmentSpec, commit: CommitFiles) -> EnvironmentFacts:
        name = commit.metadata.name
        own = canonicalize_name(name) if name else None
        packages = self._site(spec.interpreter.path).packages
        return spec.facts({package: version for package, version in packages.items() if package != own})


def _ask(python: str) -> _Site:
    try:
        done = ask([python, "-c", _QUERY], query_variables())
        return msgspec.json.decode(done.stdout, type=_Site)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    except msgspec.DecodeError:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    raise MemharnessError(
        f"{python} cannot tell its installed packages: {reason}",
        hint='Repair that environment, or let memharness make one with install = "auto".',
    )
