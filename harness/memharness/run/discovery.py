"""Lists what suites hold, in the environment of the newest commit, once for each state of their files."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from memharness.config.configuration import Config
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.files.removal import scratch
from memharness.findings.listings import nothing_listed
from memharness.findings.project import Project, Selection, read_working_tree
from memharness.git.history import select_commits
from memharness.git.repository import open_repository
from memharness.model.history import Commit
from memharness.model.listings import Listed, Listing
from memharness.model.measurements import Measured, Outcome, outcome_reason
from memharness.model.scenarios import Case
from memharness.plan.tasks import Suite, Task
from memharness.run.budget import Budget
from memharness.run.listener import Listener
from memharness.run.suites import suites_of
from memharness.run.workers import Workers
from memharness.store import Store
from memharness.workloads import Collection, copy_collections, read_collections


def list_suites(config: Config, selection: Selection, listener: Listener) -> None:
    """Store what each suite of the configuration holds, where that is not known of its present files.

    Of several interpreters the first decides. What a suite passed over is tried again with every new commit. Raise
    MemharnessError where a suite cannot be listed, and where it holds nothing.
    """
    collections = read_collections(config.workloads)
    if not collections:
        return
    repository = open_repository(config.project.repo, cache_folder())
    last = (
        read_working_tree(config, repository) if selection.working_tree else select_commits(repository, selection)[-1]
    )
    project = Project(
        config=config,
        repository=repository,
        cases=tuple(Case(scenario=collection.scenario) for collection in collections),
        store=Store(config.run.results, config.run.machine),
        collections=collections,
    )
    known = {collection.scenario.name: collection for collection in collections}
    for task in _lacking(project, known, last):
        _list(project, task, known, listener)


def _lacking(project: Project, collections: Mapping[str, Collection], newest: Commit) -> Iterator[Task]:
    """Yield what is to be listed at the newest commit, each suite in the first environment that may run it."""
    listed: set[str] = set()
    for suite in suites_of(project):
        due = tuple(case for case in suite.cases if case.name not in listed)
        listed |= {case.name for case in due}
        lacking = tuple(case for case in due if not _is_listed(project.store, suite, collections[case.name], newest))
        if lacking:
            yield Task(commit=newest, spec=suite.spec, cases=lacking)


def _is_listed(store: Store, suite: Suite, collection: Collection, newest: Commit) -> bool:
    listing = store.listing(suite.spec.family, collection.workload.address)
    return (
        listing is not None
        and listing.state == collection.state
        and (listing.commit == newest.id or not (listing.listed.omitted or collection.suite.of_commit))
    )


def _list(project: Project, task: Task, collections: dict[str, Collection], listener: Listener) -> None:
    with project.store.run_lock(), scratch(cache_folder(), "scenarios-") as folder, ExitStack() as slots:
        scenarios = folder / "scenarios"
        scenarios.mkdir()
        copy_collections(project.collections, scenarios)
        workers = Workers(
            project, scenarios, listener, slots, retry_failed=False, verify=0.0, keep_going=True, budget=Budget(None)
        )
        for name, outcome in workers.discover(task).listed.items():
            collection = collections[name]
            listing = _listing(task, collection, outcome, scenarios)
            if not listing.listed.cases:
                raise nothing_listed(collection, listing)
            project.store.set_listing(task.spec.family, listing)


def _listing(task: Task, collection: Collection, outcome: Listed | Outcome, scenarios: Path) -> Listing:
    address = collection.workload.address
    if not isinstance(outcome, Listed):
        assert not isinstance(outcome, Measured)
        phase, reason = outcome_reason(outcome)
        raise MemharnessError(
            f"{address}: what it holds cannot be listed at {task.commit.short}: {phase} failed: {reason}",
            hint="Choose a range that ends with a commit that works, such as --until HEAD~1.",
            exit_code=INCOMPLETE,
        )
    listed = collection.identified(outcome, scenarios)
    return Listing(address=address, state=collection.state, commit=task.commit.id, listed=listed)
