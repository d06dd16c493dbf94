"""Measures the first call of one case in the working tree, once and as fast as it can. Nothing is stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Final

from msgspec.structs import replace as with_fields

from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.child.merging import UNPROVEN
from memharness.child.opened_files import OpenedFiles
from memharness.config.configuration import Config
from memharness.environments import provider
from memharness.errors import INCOMPLETE, MemharnessError, as_refusal
from memharness.files.cache_folder import cache_folder
from memharness.files.folder_events import WRITTEN, FolderEvents
from memharness.files.removal import remove, scratch
from memharness.findings.project import Project, Selection, load_cases, open_project, read_working_tree
from memharness.git.snapshot import snapshot
from memharness.git.working_tree import working_tree_folder
from memharness.model.history import Commit
from memharness.model.measurements import Activity, Measured, StoredCase
from memharness.model.scenarios import Case
from memharness.model.values import Value
from memharness.plan.tasks import Task
from memharness.run.commit_inputs import InputReader
from memharness.run.reuse import Reuse
from memharness.run.suites import suites_of
from memharness.run.worker import Worker
from memharness.scenarios import select_cases
from memharness.wording.text import names_text

_METRICS: Final = ("peak", "retained", "result")  # of the first call
_STEP_MS: Final = 50  # from one step of saving a file to the next
_MOST_STEPS: Final = 20  # that are waited for


class Subject(Value):
    """What a trial measures: a case, and the working tree as a commit; HEAD where nothing is edited.

    `others` are further cases of the same scenario, which are not measured.
    """

    commit: Commit
    case: Case
    others: tuple[str, ...] = ()


class Trials:
    """Measures one case, again and again if need be. The slot is kept: only what was edited is written anew."""

    def __init__(self, project: Project, selection: Selection, wanted: str | None, held: ExitStack) -> None:
        self._project = project
        self._selection = selection
        self._wanted = wanted
        self._held = held
        self._scenarios = held.enter_context(scratch(cache_folder(), "scenarios-")) / "scenarios"
        self._report: Callable[[Activity | None], None] = lambda _: None
        self._slot: Slot | None = None
        self._worker: Worker | None = None

    def subject(self) -> Subject:
        """Return what there is to measure now. Raises MemharnessError where it cannot be read."""
        config, selection = self._project.config, self._selection
        cases = select_cases(load_cases(config), selection.pattern, selection.case_tags)
        case = _choose(cases, self._wanted)
        others = (one.name for one in cases if one.scenario.name == case.scenario.name and one.name != case.name)
        return Subject(commit=read_working_tree(config, self._project.repository), case=case, others=tuple(others))

    def measure(self, subject: Subject, *, explain: bool, report: Callable[[Activity | None], None]) -> StoredCase:
        """Measure the first call; to `explain` it is to find the lines of its peak as well, in further passes."""
        self._report = report
        case = with_fields(subject.case, scenario=with_fields(subject.case.scenario, metrics=_METRICS))
        project = replace(self._project, cases=(subject.case,))
        self._copy_scenarios(project)
        self._worker = self._worker or self._new_worker()
        task = Task(
            commit=subject.commit,
            spec=suites_of(project)[0].spec,
            cases=(case,),
            passes=("first",),
            explain=frozenset({"peak"} if explain else ()),
        )
        done = self._worker.measure(task, Event())
        assert done is not None  # nothing cancels it
        outcome, profiles = done.observed[case.name].outcome, {}
        if isinstance(outcome, Measured):
            profiles = {kind: done.observed[case.name].profiles[id_] for kind, id_ in outcome.profiles.items()}
            notes = tuple(note for note in outcome.notes if not note.startswith(UNPROVEN))  # nothing is to be reused
            outcome = with_fields(outcome, notes=notes)
        return StoredCase(
            case=case.name,
            family=task.spec.family,
            repeats=1,
            environment=done.facts,
            outcome=outcome,
            profiles=profiles,
        )

    def subjects(self) -> Iterator[Subject | MemharnessError]:
        """Yield what there is to measure now and whenever it is another; an error where it cannot be read.

        Raises MemharnessError where the configuration is edited, which was read before.
        """
        source = self._project.config.source
        settings = _content(source)
        with closing(FolderEvents(WRITTEN)) as events:
            watched = self._folders()
            before: Subject | str = ""
            while True:
                _watch(events, watched)
                if _content(source) != settings:
                    raise MemharnessError(f"{source} was edited", hint="Run the same command again, which reads it.")
                try:
                    now: Subject | MemharnessError = self.subject()
                except MemharnessError as error:
                    now = error
                if isinstance(now, Subject) and not watched >= (folders := self._folders(now)):
                    watched |= folders
                    continue  # what was written in them meanwhile is not known
                if before != (before := now if isinstance(now, Subject) else now.message):
                    yield now
                _wait(events)

    def _folders(self, subject: Subject | None = None) -> frozenset[str]:
        """Return the folders of the files that a trial depends on."""
        project, scenarios = self._project, self._project.config.run.scenarios
        top = working_tree_folder(project.repository)
        entries = {} if subject is None else snapshot(project.repository, subject.commit.id).entries
        below = {str(top / path) for path, entry in entries.items() if entry.startswith("040000")}
        return frozenset(
            {str(top), *below, str(scenarios), *map(str, scenarios.rglob("*/")), str(self._project.config.folder)}
        )

    def _copy_scenarios(self, project: Project) -> None:
        """Copy what the case needs beside the project, as it is now."""
        remove(self._scenarios)
        project.copy_scenarios(self._scenarios)
        if self._slot is not None:
            self._slot.copy_scenarios()

    def _new_worker(self) -> Worker:
        project, asked = self._project, self._project.config.environment
        environments = provider(asked.install, cache_folder(), project=project.repository.common_dir, keep=asked.keep)
        inputs, opened = InputReader(project, environments), OpenedFiles()
        self._held.callback(opened.close)
        return Worker(
            project,
            self._lease,
            environments,
            inputs,
            Reuse(project, inputs, self._scenarios, verify=0),
            lambda *_: None,
            lambda activity: self._report(activity),
            opened,
        )

    def _lease(self) -> Slot:
        leased = lease(self._project.repository, cache_folder(), scenarios=self._scenarios)
        self._slot = self._held.enter_context(leased)
        return self._slot


@contextmanager
def open_trials(config: Config, selection: Selection, wanted: str | None) -> Iterator[Trials]:
    """Open a project for trials of the case, or the first one of the scenario, that is called `wanted`.

    Without a name there must be only one scenario. What the system refuses is raised as MemharnessError.
    """
    config = with_fields(config, run=with_fields(config.run, reuse=False))
    project = open_project(config, selection, read_only=True)
    try:
        with ExitStack() as held:
            yield Trials(project, selection, wanted, held)
    except (OSError, MemoryError) as error:
        refused = as_refusal(error)
        if refused is None:
            raise
        raise refused from error


def _content(file: Path | None) -> bytes:
    """Return what is in a file, nothing where there is none."""
    try:
        return file.read_bytes() if file is not None else b""
    except OSError:
        return b""


def _watch(events: FolderEvents, folders: Iterable[str]) -> None:
    for folder in folders:
        if not events.watch(folder):
            raise MemharnessError(
                f"{folder} cannot be watched: the kernel has no room for more",
                hint="Raise the limit: `sysctl fs.inotify.max_user_watches=524288`.",
                exit_code=INCOMPLETE,
            )


def _wait(events: FolderEvents) -> None:
    """Wait until something is written, and a moment longer: programs write a file in several steps.

    What is written in folders that are made meanwhile is noticed as well.
    """
    events.wait()
    for _ in range(_MOST_STEPS):
        made = [Path(event.folder, event.name) for event in events.take() or () if event.is_folder and event.name]
        _watch(events, [str(folder) for path in made for folder in (path, *path.rglob("*/"))])
        if not events.wait(_STEP_MS):
            return


def _choose(cases: Sequence[Case], wanted: str | None) -> Case:
    """Return the case of a name, or the first case of a scenario."""
    names = list(dict.fromkeys(case.scenario.name for case in cases))
    if wanted is None and len(names) > 1:
        raise MemharnessError("there are several scenarios", hint=f"Name one: {names_text(names)}.")
    found = [case for case in cases if wanted in (None, case.name, case.scenario.name)]
    if not found:
        raise MemharnessError(
            f"there is no scenario or case {wanted!r}",
            hint=f"The scenarios are {names_text(names)}; see `memharness list`.",
        )
    return found[0]
