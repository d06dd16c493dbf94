"""A store that also holds what is measured of a working tree, apart from the results folder."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from memharness.files.removal import remove
from memharness.model.environments import EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.measurements import ObservedInputs, Outcome, Profile, Record, Reused
from memharness.model.metrics import PassName
from memharness.store.results import CaseObservation, Store

_UNUSED_SECONDS: Final = 30 * 24 * 3600  # after which the results of a working tree are removed


class StoreWithWorkingTree(Store):
    """The results below `folder`, and those of the commit `working_tree` below a folder named like it in `aside`."""

    def __init__(
        self,
        folder: Path,
        machine: str,
        *,
        working_tree: Commit,
        aside: Path,
        read_only: bool = False,
        renamed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(folder, machine, read_only=read_only, renamed=renamed)
        if not read_only:
            _remove_unused(aside)
        self._working_tree = working_tree.id
        # each is written by itself: what one of them lacks is not to be found in the other then
        self._commits = Store(folder, machine, read_only=read_only, renamed=renamed)
        self._aside = Store(aside / working_tree.id, machine, read_only=read_only, renamed=renamed)
        self._commits.notices = self._aside.notices = self.notices

    def add(
        self,
        family: str,
        commit: Commit,
        environment: EnvironmentFacts | None,
        observed: Sequence[CaseObservation],
        *,
        reused: Sequence[Reused] = (),
        replace_failed: bool = False,
    ) -> None:
        """Add to the record of a commit, that of the working tree apart from the others."""
        store = self._of(commit.id)
        store.add(family, commit, environment, observed, reused=reused, replace_failed=replace_failed)
        self._cached_record.cache_clear()

    def families(self) -> tuple[str, ...]:
        """Return the environment families of commits and working tree, sorted."""
        return tuple(sorted({*self._commits.families(), *self._aside.families()}))

    def commit_ids(self, family: str) -> frozenset[str]:
        """Return the full ids of the commits that have a record, the working tree's among them."""
        return self._commits.commit_ids(family) | self._aside.commit_ids(family)

    def record(self, family: str, commit_id: str) -> Record | None:
        """Return what is stored of a commit or of the working tree."""
        return self._of(commit_id).record(family, commit_id)

    def profile(self, profile_id: str) -> Profile | None:
        """Return a stored profile."""
        return (self._aside if self._aside.has_profile(profile_id) else self._commits).profile(profile_id)

    def inputs(self, inputs_id: str) -> ObservedInputs | None:
        """Return what a pass observed."""
        return self._commits.inputs(inputs_id) or self._aside.inputs(inputs_id)

    def lost_in(self, outcome: Outcome) -> frozenset[PassName]:
        """Return the passes of an outcome of which a profile is in neither place."""
        return self._commits.lost_in(outcome) & self._aside.lost_in(outcome)

    def environment(self, family: str, facts_id: str) -> EnvironmentFacts | None:
        """Return the facts that measurements refer to."""
        return self._commits.environment(family, facts_id) or self._aside.environment(family, facts_id)

    def _of(self, commit_id: str) -> Store:
        return self._aside if commit_id == self._working_tree else self._commits


def _remove_unused(aside: Path) -> None:
    """Remove the results of working trees for which nothing was stored for long."""
    with suppress(OSError):  # there are none, or another process removes them as well
        for path in [Path(entry) for entry in os.scandir(aside)]:
            if path.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                remove(path)
