"""What there is at a commit to measure: its files, where its packages lie, what its environment depends on."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import NamedTuple

from memharness.environments import Provider
from memharness.findings.project import Project
from memharness.git.snapshot import snapshot
from memharness.git.submodules import fetch_submodules, submodule_ids
from memharness.model.environments import EnvironmentSpec
from memharness.model.scenarios import Case
from memharness.packages.declared import Read
from memharness.packages.layout import Layout, locate
from memharness.plan.reuse import CommitTree, ReuseKey

_KEPT = 64  # commits: more than all workers have in hand


class CommitInputs(NamedTuple):
    """One commit."""

    commit: str
    tree: CommitTree
    layout: Layout
    missing: Mapping[str, str]  # path -> why there is nothing, or not what the project means


class InputReader:
    """Reads inputs from git, for any thread; what was asked for last is kept, since neighbours are much alike."""

    def __init__(self, project: Project, environments: Provider) -> None:
        self._project = project
        self._environments = environments
        self._specs: dict[str, EnvironmentSpec] = {}
        self._blob = lru_cache(maxsize=_KEPT)(partial(project.repository.git, "cat-file", "blob"))
        self._known = lru_cache(maxsize=_KEPT)(self._ask_environment)
        self.at = lru_cache(maxsize=_KEPT)(self._read)

    def key(self, inputs: CommitInputs, spec: EnvironmentSpec, case: Case) -> ReuseKey:
        """Return where a result of `case` at this commit holds."""
        return ReuseKey(
            family=spec.family,
            case=case.name,
            identity=case.scenario.identity,
            environment=self.environment_key(inputs, spec),
            import_root=inputs.layout.import_root,
            packages=inputs.layout.packages,
        )

    def environment_key(self, inputs: CommitInputs, spec: EnvironmentSpec) -> str:
        """Return what this commit's environment depends on."""
        self._specs[spec.family] = spec
        return self._known(inputs.commit, spec.family)[0]

    def environment_id(self, inputs: CommitInputs, spec: EnvironmentSpec) -> str | None:
        """Return the id of the facts of this commit's environment; None where it is not built."""
        self._specs[spec.family] = spec
        return self._known(inputs.commit, spec.family)[1]

    def _read(self, commit: str) -> CommitInputs:
        """Return the inputs of a commit, by its full id."""
        repository = self._project.repository
        whole = snapshot(repository, commit)
        if submodule_ids(whole.entries) and fetch_submodules(repository, commit):
            snapshot.cache_clear()
            whole = snapshot(repository, commit)
        tree = CommitTree(whole.entries)
        asked = self._project.config.project
        layout = locate(tree.files, self._reader(tree), directory=asked.directory, import_root=asked.import_root)
        return CommitInputs(commit=commit, tree=tree, layout=layout, missing=whole.missing)

    def _ask_environment(self, commit: str, family: str) -> tuple[str, str | None]:
        inputs = self.at(commit)
        read = self._reader(inputs.tree)
        return self._environments.known(self._specs[family], inputs.layout, inputs.tree.files, read)

    def _reader(self, tree: CommitTree) -> Read:
        return lambda path: self._blob(tree.files[path]) if path in tree.files else None
