"""The files through which host and probe communicate: request, response and the phase being run.

Their contract is the docstring of `memharness_probe/__main__.py`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.folder import Folder, NotPlain, TooLarge
from memharness.files.removal import remove
from memharness.model.environments import Environment
from memharness.model.history import Checkout
from memharness.model.listings import Listed
from memharness.model.measurements import Frame, Profile, TypeCount
from memharness.model.scenarios import Case, Scenario
from memharness.model.values import Integer, Value
from memharness.packages.layout import STDLIB

_FORMAT: Final = 1
_MOST_BYTES: Final = 64 << 20  # of a response; usual are some kB, with deep profiles some 100

REQUEST: Final = "request.json"  # the file that tells a child what to measure

ProbePhase = Literal["import", "setup", "run", "teardown"]


class Response(Value):
    """What both kinds of response have."""

    format: int
    method: int
    token: str
    pid: int


class Accesses(Value):
    """The paths below the checkout and the scenario folder that a pass accessed; `obstacle` says why some are unknown.

    Absolute: files opened, paths whose existence or state was queried, folders listed. `native`: an extension module
    from outside the standard library was loaded.
    """

    opened: tuple[str, ...]
    queried: tuple[str, ...]
    listed: tuple[str, ...]
    native: bool
    obstacle: str | None


class Event(Value, array_like=True):
    """The moment of the peak: between a call of a thread and its next, and after `line` lines of the thread `running`.

    `rest` bytes are allocated from there to the peak.
    """

    thread: Integer
    call: Integer
    running: Integer
    line: Integer
    rest: Integer


class Delivered(Response, tag_field="status", tag="measured"):
    """The figures of one pass."""

    metrics: dict[str, Integer]
    gc_objects: tuple[Integer, Integer] | None = None
    types: tuple[TypeCount, ...] = ()
    profiles: dict[str, Profile] = msgspec.field(default_factory=dict)
    calls: Integer | None = None
    notes: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    event: Event | None = None  # of the peak: to be handed to the child that explains it
    accesses: Accesses | None = None  # in "first", "growth" and "rss"
    processes: Integer = 0  # in the same: how many it is known to have started
    listed: Listed | None = None  # in "discover"


class Broken(Response, tag_field="status", tag="failed"):
    """What the workload raised, and where."""

    phase: ProbePhase
    kind: Literal["exception", "memory"]
    reason: str
    frames: tuple[Frame, ...] = ()


class NotApplicable(Response, tag_field="status", tag="skipped"):
    """Why the workload is not to be measured here, as it says itself."""

    reason: str


class Exchange:
    """The files of one pass in `folder`, which is emptied; a response counts only with this `token`.

    Raises MemharnessError where the folder cannot be emptied.
    """

    def __init__(self, folder: Path, token: str) -> None:
        self.token = token
        self.request = folder / REQUEST
        self._folder = Folder(folder)  # which the workload may fill with anything
        self._response = folder / "response.json"
        self._spare = folder / "response.json.spare"  # instead of a response where none could be put in place
        self._phase = folder / "phase"
        try:
            remove(folder, aside=folder.with_name("aside"))
            for name in ("cwd", "home", "tmp"):
                (folder / name).mkdir(parents=True)
        except OSError as error:
            raise MemharnessError(
                f"{error.filename or folder}: cannot be emptied for the next child: {error.strerror or error}",
                hint="Remove it by hand, or free some space there, then run again.",
                exit_code=INCOMPLETE,
            ) from None

    def put(
        self,
        case: Case,
        checkout: Checkout,
        environment: Environment,
        scenarios: Path,
        measure: Mapping[str, object],
    ) -> None:
        """Write the request; `measure` says what to measure and how."""
        scenario = case.scenario
        import_root = str(Path(checkout.tree, checkout.import_root))
        request = {
            "format": _FORMAT,
            "token": self.token,
            "response": str(self._response),
            "phase_file": str(self._phase),
            "driver": scenario.driver,
            "target": scenario.target,
            "scenario": _scenario_file(scenario, scenarios),
            "scenarios": str(scenarios),
            "params": case.params,
            "positions": case.positions,
            "setup": msgspec.to_builtins(scenario.setup),
            "run": msgspec.to_builtins(scenario.run),
            "teardown": msgspec.to_builtins(scenario.teardown),
            "fresh_setup": scenario.fresh_setup,
            "import_paths": [import_root] if environment.origin is None else [],
            "before_stdlib": not STDLIB.isdisjoint(checkout.packages),
            "site_paths": environment.site_paths,
            "late_paths": [str(scenarios)],
            "project": _project(scenario, checkout, environment),
            **measure,
        }
        self.request.write_text(json.dumps(request, ensure_ascii=False), encoding="utf-8")

    def phase(self) -> ProbePhase:
        """Return the phase that the child entered last; its first where the file names none."""
        try:
            phase: ProbePhase = msgspec.convert((self._folder.read(self._phase) or b"").decode(), ProbePhase)
        except (OSError, ValueError):
            return "import"
        return phase

    def response(self, pid: int) -> Delivered | Broken | NotApplicable | str:
        """Return what the child `pid` delivered; where that is nothing genuine, words for what it left instead."""
        instead, content = "before delivering a result", None
        for path in (self._response, self._spare):
            try:
                content = content or self._folder.read(path, _MOST_BYTES)
            except OSError as error:
                if isinstance(error, NotPlain | TooLarge):
                    instead = f"without a result that can be read: {error.strerror}"
        try:
            response = msgspec.json.decode(content or b"", type=Delivered | Broken | NotApplicable)
        except (ValueError, RecursionError):
            return instead
        return response if (response.token, response.pid) == (self.token, pid) else instead


def _project(scenario: Scenario, checkout: Checkout, environment: Environment) -> dict[str, object]:
    """Return where the packages under measurement lie, and what they are called."""
    suite = Path(str(scenario.target.get("folder", ""))).name  # its copy counts, not that of the commit
    return {
        "tree": checkout.tree,
        "origin": environment.origin or str(Path(checkout.tree, checkout.import_root)),
        "prefix": checkout.import_root,
        "packages": [name for name in checkout.packages if name != suite],
        "namespaces": environment.namespaces,
        "placed": [f"{checkout.tree}/{name}" for name in environment.generated],
    }


def _scenario_file(scenario: Scenario, scenarios: Path) -> str:
    """Return the path of a scenario in a copy of its folder: a module's, or that of a package's __init__.py."""
    path = Path(scenario.path)
    if scenario.driver != "file":
        return scenario.name
    return str(scenarios / (Path(*path.parts[-2:]) if path.name == "__init__.py" else path.name))
