"""Builds the environment that a commit is measured in, or says why that failed.

In: what is asked for (`EnvironmentSpec`), the checkout and its files. Out: a value ready for the probe. One provider
per way of installing; each remembers within its process what it has built.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from memharness.environments.existing import ExistingEnvironments
from memharness.environments.guard import hold, is_whole
from memharness.environments.interpreters import find_fitting, find_interpreter
from memharness.environments.uv import UvEnvironments
from memharness.model.environments import Environment, EnvironmentSpec, Install
from memharness.model.history import Checkout
from memharness.model.measurements import Failed
from memharness.packages.declared import Read
from memharness.packages.layout import Layout

__all__ = ["Provider", "find_fitting", "find_interpreter", "hold", "is_whole", "provider"]


class Provider(Protocol):
    """Makes environments. `files` maps the paths of the checkout's commit to their blob ids."""

    def prepare(
        self,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: Mapping[str, str],
        cancel: threading.Event | None = None,
    ) -> AbstractContextManager[Environment | Failed]:
        """Have an environment for this commit, built now or before, until the block ends: from then on it may go.

        Raises Cancelled when `cancel` is set before it is there.
        """

    def known(
        self, spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read
    ) -> tuple[str, str | None]:
        """Return what a commit's environment depends on, as a key, and the id of its facts, None if it is not built.

        Nothing is built. Commits with the same key have the same environment, as long as the files are alike that a
        measurement names as seen.
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
