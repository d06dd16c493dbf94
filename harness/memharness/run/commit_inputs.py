"""What there is to measure at a commit: its files, where its packages lie, what its environment depends on."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from memharness.environments import CommitFiles, Provider
from memharness.findings.project import Project, blob_reader
from memharness.git.snapshot import snapshot
from memharness.git.submodules import fetch_submodules, submodule_ids
from memharness.model.environments import EnvironmentSpec
from memharness.model.scenarios import Case
from memharness.packages.layout import Layout
from memharness.plan.reuse import CommitTree, ReuseKey

_CACHED = 64  # commits: more than all workers are busy with


class CommitInputs(NamedTuple):
    """What a commit brings along."""

    tree: CommitTree
    layout: Layout
    missing: Mapping[str, str]  # path -> why there is nothing, or not what the project means


class InputReader:
    """Reads from git what there is at a commit, given by its full id, for any thread. Recent answers are cached."""

    def __init__(self, project: Project, environments: Provider) -> None:
        self._project = project
        self._environments = environments
        self._known: dict[tuple[str, str], tuple[str, str | None]] = {}  # by commit and family
        self.at = lru_cache(maxsize=_CACHED)(self._read)

    def reuse_key(self, commit: str, spec: EnvironmentSpec, case: Case) -> ReuseKey:
        """Return what a result of `case` at a commit depends on, beside the files that it saw."""
        layout = self.at(commit).layout
        return ReuseKey(
            family=spec.family,
            case=case.name,
            identity=case.scenario.identity,
            environment=self.environment(commit, spec)[0],
            import_root=layout.import_root,
            packages=layout.packages,
        )

    def environment(self, commit: str, spec: EnvironmentSpec) -> tuple[str, str | None]:
        """Return the key of a commit's environment, and the id of its facts, None where it was not built when asked."""
        key = (commit, spec.family)
        if key not in self._known:
            inputs = self.at(commit)
            ids = inputs.tree.files
            files = CommitFiles(ids=ids, read=blob_reader(self._project.repository, ids), layout=inputs.layout)
            self._known[key] = self._environments.known(spec, files)
        return self._known[key]

    def _read(self, commit: str) -> CommitInputs:
        repository = self._project.repository
        whole = snapshot(repository, commit)
        if submodule_ids(whole.entries) and fetch_submodules(repository, commit):
            snapshot.cache_clear()
            whole = snapshot(repository, commit)
        tree = CommitTree(whole.entries)
        return CommitInputs(tree=tree, layout=self._project.layout(tree.files), missing=whole.missing)
