"""A project opened for work: its configuration, repository, cases, commits and store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.files.copies import copy_folder
from memharness.findings.listings import find_listing
from memharness.git.history import (
    RevisionRange,
    commit_ids,
    find_commit,
    refuse_former_working_tree,
    select_commits,
    shortfall,
)
from memharness.git.repository import Repository, open_repository, read_blob
from memharness.git.working_tree import working_tree_commit
from memharness.model.history import WORKTREE, Commit
from memharness.model.measurements import Measured, Skipped
from memharness.model.scenarios import Case, Scenario
from memharness.packages.layout import Layout, find_directory, locate
from memharness.packages.metadata import Read, read_metadata, reader_below
from memharness.scenarios import all_cases, load_scenarios, select_cases, skipped_entries
from memharness.store import Store, StoreWithWorkingTree
from memharness.workloads import Collection, copy_collections, copy_files, load_workloads, read_collections


class Selection(RevisionRange):
    """What a command is asked to look at: revisions, and cases by `-k` expression and by tag.

    `new` asks for the commits after the newest measured one, which is the baseline; `every` for the whole history,
    which is also the default. `working_tree` asks for the working tree as well, as the newest commit. `machine` limits
    commands that read the results of all machines to one.
    """

    new: bool = False
    every: bool = False
    working_tree: bool = False
    pattern: str | None = None
    case_tags: tuple[str, ...] = ()
    machine: str | None = None


EVERYTHING = Selection()


@dataclass(frozen=True)
class Project:
    """What the commands work on."""

    config: Config
    repository: Repository
    cases: tuple[Case, ...]
    store: Store
    notices: tuple[str, ...] = ()  # on the scenario folder and on suites
    working_tree: Commit | None = None  # where it was asked for: a commit made of it, or HEAD if nothing is edited
    collections: tuple[Collection, ...] = ()

    def metrics_of(self, case: Case) -> tuple[str, ...]:
        """Return the metrics that are wanted of a case; not `import` of a test, which pytest imports."""
        wanted = self.config.run.metrics
        if case.scenario.driver == "pytest":
            wanted = tuple(metric for metric in wanted if metric != "import")
        return case.scenario.metrics or wanted

    def layout(self, files: Mapping[str, str]) -> Layout:
        """Return where the packages lie in a commit with these `files`: path -> blob id."""
        asked, read = self.config.project, blob_reader(self.repository, files)
        return locate(files, read, directory=asked.directory, import_root=asked.import_root)

    def commits(self, selection: Selection) -> tuple[Commit, ...]:
        """Return the selected commits, oldest first."""
        line = select_commits(self.repository, selection)
        return line[self._baseline(line) :] if selection.new else line

    def choose_commits(self, selection: Selection) -> tuple[tuple[Commit, ...], tuple[str, ...]]:
        """Return the selected commits, and why there are no more, where that needs an explanation.

        A working tree is the last one; where nothing is edited, it is HEAD.
        """
        commits = self.commits(selection)
        continued = selection.new and len(commits) > 1 and commits[0].id in self._stored_ids()
        why = None if continued else shortfall(self.repository, selection, commits)
        last = self.working_tree
        if last is None or commits[-1].id != last.id:
            refuse_former_working_tree(commits[-1], selection.until)
        if last is not None and (last.working_tree or last not in commits):
            commits = (*(commit for commit in commits if commit.id != last.id), last)
        return commits, (why,) if why else ()

    def find_commit(self, revision: str) -> Commit:
        """Return the commit that `revision` names, which may be the working tree if that was asked for."""
        if revision == WORKTREE and self.working_tree is not None:
            return self.working_tree
        return find_commit(self.repository, revision)

    def copy_scenarios(self, into: Path) -> None:
        """Copy the scenario folder as it was parsed, and the files that other workloads need.

        Raise MemharnessError where something of it was changed since.
        """
        scenarios = {case.scenario.name: case.scenario for case in self.cases}.values()
        if _has_files(self.config):
            copy_folder(self.config.run.scenarios, into)
        else:
            into.mkdir()
        copied = {one.name: one.identity for one in load_scenarios(into)} if _has_files(self.config) else {}
        copy_files(scenarios, into)
        copied |= {one.name: one.identity for one in load_workloads(self.config.workloads, self.config.project.repo)}
        copy_collections(self.collections, into)
        listed = {collection.driver for collection in self.collections}
        for scenario in scenarios:
            if scenario.driver not in listed and copied.get(scenario.name) != scenario.identity:
                raise MemharnessError(
                    f"{scenario.path} was changed while the run began", hint="Run the same command again."
                )

    def newest_stored(self, until: str) -> str | None:
        """Return the id of the newest commit up to `until` that anything is stored for."""
        stored = self._stored_ids()
        return next((commit for commit in commit_ids(self.repository, until) if commit in stored), None)

    def _stored_ids(self) -> set[str]:
        return {commit for family in self.store.families() for commit in self.store.commit_ids(family)}

    def _baseline(self, line: Sequence[Commit]) -> int:
        """Return the position of the newest commit up to which each case was measured or skipped, and did not fail.

        Where nothing was measured yet, the newest commit becomes the baseline of all later runs.
        """
        searched = {case.name for case in self.cases}  # under any identity: its series is continued from there
        baseline = len(line) - 1
        for position in reversed(range(len(line))):
            if not searched:
                break
            found = searched & self._done_at(line[position].id)
            baseline = position if found else baseline
            searched -= found
        return baseline

    def _done_at(self, commit: str) -> set[str]:
        return {
            m.case
            for family in self.store.families()
            for m in self.store.measurements(family, commit)
            if isinstance(m.outcome, Measured | Skipped)
        }


def open_project(config: Config, selection: Selection, *, read_only: bool = False) -> Project:
    """Open repository, scenario files and store. Raises MemharnessError where one of them is at fault."""
    repository = open_repository(config.project.repo, cache_folder())
    collections = read_collections(config.workloads)
    every_case, notices = _load_cases(config, collections)
    renamed = {case.scenario.text_identity: case.scenario.identity for case in every_case}
    working_tree = read_working_tree(config, repository) if selection.working_tree else None
    if working_tree is not None and working_tree.working_tree:
        store: Store = StoreWithWorkingTree(
            config.run.results,
            config.run.machine,
            working_tree=working_tree,
            aside=cache_folder() / "working-trees" / repository.id,
            read_only=read_only,
            renamed=renamed,
        )
    else:
        store = Store(config.run.results, config.run.machine, read_only=read_only, renamed=renamed)
    return Project(
        config=config,
        repository=repository,
        cases=select_cases(every_case, selection.pattern, selection.case_tags),
        store=store,
        notices=(*(skipped_entries(config.run.scenarios) if _has_files(config) else ()), *notices),
        working_tree=working_tree,
        collections=collections,
    )


def read_working_tree(config: Config, repository: Repository) -> Commit:
    """Return the working tree as a commit, HEAD if nothing is edited; what memharness writes there does not count."""
    return working_tree_commit(repository, without=(config.run.results, config.publish.folder))


def load_cases(config: Config) -> tuple[Case, ...]:
    """Return all cases of the scenario files and of the workloads with an address."""
    return _load_cases(config, read_collections(config.workloads))[0]


def _load_cases(config: Config, collections: Sequence[Collection]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Return all cases, and remarks on the suites among them."""
    scenarios = load_scenarios(config.run.scenarios) if _has_files(config) else ()
    taken = {one.name: one.path for one in scenarios}
    listed: dict[str, tuple[Scenario, ...]] = {}
    notices: list[str] = []
    for collection in collections:
        listing, remarks = find_listing(config, collection)
        listed[collection.workload.where] = collection.scenarios(listing)
        notices += remarks
    found = load_workloads(config.workloads, config.project.repo, taken, listed)
    return all_cases((*scenarios, *found)), tuple(notices)


def _has_files(config: Config) -> bool:
    """Tell whether there are to be scenario files: not where all workloads have an address."""
    return not config.only_workloads and (not config.workloads or any(config.run.scenarios.glob("[!_.]*")))


def blob_reader(repository: Repository, files: Mapping[str, str]) -> Read:
    """Return a reader of a commit's `files`, a mapping of their paths to their blob ids."""
    return lambda path: read_blob(repository, files[path]) if path in files else None


def name_at(config: Config, repository: Repository, files: Mapping[str, str]) -> str | None:
    """Return the project's own name at a commit with these `files`: path -> blob id."""
    read = blob_reader(repository, files)
    metadata = read_metadata(reader_below(read, find_directory(files, read, config.project.directory)))
    return metadata.module or metadata.name
