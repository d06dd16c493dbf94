"""A project opened for work: its configuration, repository, cases, commits and store."""

from dataclasses import dataclass

from msgspec.structs import replace

from memharness.config import Config
from memharness.history import RevisionRange, commit_ids, select
from memharness.model import Case, Commit
from memharness.repository import Repository, open_repository
from memharness.scenarios import expand, load_scenarios
from memharness.scenarios import select as select_cases
from memharness.store import Store
from memharness.workspace import cache_folder


class Selection(RevisionRange):
    """What a command is asked to look at: revisions, and cases by `-k` expression and by tag.

    `new` asks for the commits after the newest measured one, with that one as the baseline.
    """

    new: bool = False
    pattern: str | None = None
    case_tags: tuple[str, ...] = ()


EVERYTHING = Selection()


@dataclass(frozen=True)
class Project:
    """All that the commands work on."""

    config: Config
    repository: Repository
    cases: tuple[Case, ...]
    store: Store

    def commits(self, selection: Selection) -> tuple[Commit, ...]:
        """Return the selected commits, oldest first."""
        if selection.new:
            # Nothing measured yet: the newest commit alone becomes the baseline of all later runs.
            baseline = self.newest_measured(selection.until) or selection.until
            selection = replace(selection, since=baseline)
        return select(self.repository, selection)

    def newest_measured(self, until: str) -> str | None:
        """Return the id of the newest commit up to `until` that anything is stored for."""
        measured = {commit for family in self.store.families() for commit in self.store.commit_ids(family)}
        return next((commit for commit in commit_ids(self.repository, until) if commit in measured), None)


def open_project(config: Config, selection: Selection, *, read_only: bool = False) -> Project:
    """Open repository, scenario files and store; what is wrong with any of them is a MemharnessError."""
    repository = open_repository(config.project.repo, cache_folder())
    cases = select_cases(expand(load_scenarios(config.run.scenarios)), selection.pattern, selection.case_tags)
    return Project(
        config=config,
        repository=repository,
        cases=cases,
        store=Store(config.run.results, config.run.machine, read_only=read_only),
    )
