"""Builds the environment that a commit is measured in, or says why that failed.

In: what is asked for (`EnvironmentSpec`) and the files of the commit. Out: a value ready for the probe. One provider
per way of installing; each remembers within its process what it has built.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from memharness.environments.commit_files import CheckedOutFiles, CommitFiles
from memharness.environments.existing import ExistingEnvironments
from memharness.environments.guard import guarded, is_intact
from memharness.environments.interpreters import find_fitting, find_interpreter
from memharness.environments.uv import UvEnvironments
from memharness.model.environments import Environment, EnvironmentSpec, Install
from memharness.model.measurements import Failed

__all__ = [
    "CheckedOutFiles",
    "CommitFiles",
    "Provider",
    "find_fitting",
    "find_interpreter",
    "guarded",
    "is_intact",
    "provider",
]


class Provider(Protocol):
    """Makes environments for commits."""

    def prepare(
        self, spec: EnvironmentSpec, commit: CheckedOutFiles, cancel: threading.Event | None = None
    ) -> AbstractContextManager[Environment | Failed]:
        """Yield an environment for this commit, built now or before; when the block ends, it may be removed.

        Raises Cancelled when `cancel` is set before it is there.
        """

    def known(self, spec: EnvironmentSpec, commit: CommitFiles) -> tuple[str, str | None]:
        """Return a key of what a commit's environment depends on, and the id of its facts, None if it is not built.

        Nothing is built. Commits with the same key share an environment as long as they also share the files that its
        measurements name.
        """


_PROVIDERS: Final[Mapping[Install, Callable[[Path, str, int], Provider]]] = {
    "auto": UvEnvironments,
    "wheel": UvEnvironments,
    "path": UvEnvironments,
    "existing": ExistingEnvironments,
}


def provider(install: Install, cache: Path, *, project: str, keep: int) -> Provider:
    """Return the provider for a way of installing, for the `project` whose repository is in that folder.

    What it builds goes below `cache`; of the project's environments the `keep` used last stay, and those in use.
    """
    return _PROVIDERS[install](cache, project, keep)
