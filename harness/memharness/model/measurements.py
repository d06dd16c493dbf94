"""Measurements: profiles, outcomes, and the records in which they are stored."""

from typing import Annotated, Final, Literal

import msgspec

from memharness.model.environments import EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.metrics import METRICS, PassName, Phase, Stage
from memharness.model.values import Calls, CommitId, Id, Integer, Value, digest

STORE_FORMAT: Final = 3  # version of what is stored; its history is in results/README.md
PROBE_METHOD: Final = 4  # memharness_probe.METHOD, which must not be imported; a test holds the two together


class ProfileLine(Value, array_like=True):
    """Live blocks allocated at one line. `path` is relative to the project, or `<stdlib>/json/decoder.py`.

    In a deep profile a block that a library allocated counts at the line of the project, or else of the scenario,
    that called into it, and `library` names the top-level module that allocated it.
    """

    path: str
    line: Integer
    function: str
    source: str  # white space normalised
    size: Integer
    count: Integer
    library: str = ""


class Frame(Value, array_like=True):
    """One entry of a traceback."""

    path: str
    line: Integer
    function: str
    source: str


class Stack(Value, array_like=True):
    """Live blocks allocated under one call stack, the outermost call first."""

    size: Integer
    count: Integer
    frames: tuple[Frame, ...]


class LineInstances(Value, array_like=True):
    """Live instances of one type that were allocated at one line, the lines as in the profile that holds it."""

    path: str
    line: Integer
    name: str
    count: Integer


class Survivor(Value, array_like=True):
    """An object that calls left alive: the line that allocated it, its type, and the beginning of its `repr`."""

    path: str
    line: Integer
    name: str
    text: str


class Holder(Value, array_like=True):
    """What refers to an object: `text` says what it is, path and line where that was assigned or defined.

    `line` is 0 where none is known, and the path then that of a module, or "".
    """

    path: str
    line: Integer
    text: str


class HolderChain(Value, array_like=True):
    """What keeps `count` objects of a sample alive that were allocated at one line: the nearest holder first."""

    path: str
    line: Integer
    count: Integer
    holders: tuple[Holder, ...]


class ModuleCost(Value, array_like=True):
    """What importing one module keeps alive, the modules that it imports left out.

    `origin` is whose module it is, "" in rows for several modules; `path` and `line` are those of the import
    statement that loaded it first.
    """

    name: str
    origin: Literal["project", "scenario", "library", "stdlib", ""]
    path: str
    line: Integer
    size: Integer


class Profile(Value):
    """Where memory was allocated: by line, by stack where deep tracing was on. Stored under its hash.

    `types` go with deep lines, `survivors` with a leak, `holders` with a leak and what is retained, `modules` with
    imports; `sizes` is the series of bytes alive after each call.
    """

    lines: tuple[ProfileLine, ...] = ()
    stacks: tuple[Stack, ...] = ()
    types: tuple[LineInstances, ...] = ()
    survivors: tuple[Survivor, ...] = ()
    modules: tuple[ModuleCost, ...] = ()
    sizes: tuple[Integer, ...] = ()
    holders: tuple[HolderChain, ...] = ()

    @property
    def id(self) -> str:
        """Hash of the contents."""
        return digest(msgspec.to_builtins(self), 32)


class TypeCount(Value, array_like=True):
    """Instances of a type that the garbage collector tracks, before and after the first call."""

    name: str
    before: Integer
    after: Integer


class Failed(Value, tag_field="outcome", tag="failed"):
    """The case could not be measured; `reason` is one line, `output` the last lines printed."""

    phase: Phase
    reason: str
    exit_code: Integer | None = None
    output: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()  # of the user's code, outermost first


class TimedOut(Value, tag_field="outcome", tag="timed-out"):
    """The time limit ran out in the phase `during`."""

    during: Phase
    limit_seconds: float
    output: tuple[str, ...] = ()


class OutOfMemory(Value, tag_field="outcome", tag="out-of-memory"):
    """The memory limit was exceeded in the phase `during`."""

    during: Phase
    limit_bytes: Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # as configured
    output: tuple[str, ...] = ()


class Skipped(Value, tag_field="outcome", tag="skipped"):
    """The case says of itself that it does not apply to the commit or environment; `reason` is one line."""

    reason: str


class Measured(Value, tag_field="outcome", tag="measured"):
    """The case was measured. `metrics` holds what could be, `profiles` names the stored profile of each kind.

    `passes` are those that ran: of `PASSES`, and "deep" and "peak" where the case was explained. `inputs` names the
    stored `ObservedInputs` of each pass for which they are known. `reused_from` is the commit that was measured, where
    the result is another's by reference, of several the one whose inputs these are; it is never stored.

    Kinds: "alive" (end of the first call), "retained", "peak" (the highest moment of the first call), "import",
    "leak" (kept by the later calls) and "calls" (the size after each). Where the case was explained, "alive",
    "retained" and "import" are deep; "peak" always is. `suspected` names metrics whose value is not certain.
    """

    metrics: dict[str, Integer]
    calls: Calls | None = None
    gc_objects: tuple[Integer, Integer] | None = None
    types: tuple[TypeCount, ...] = ()
    profiles: dict[str, Id] = {}
    notes: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    inputs: dict[PassName, Id] = msgspec.field(default_factory=dict, name="sights")
    failed_passes: dict[str, Failed | TimedOut | OutOfMemory] = {}  # later passes, whose metrics are missing
    suspected: tuple[str, ...] = ()
    reused_from: str | None = None

    @property
    def explained(self) -> frozenset[str]:
        """The metrics whose explaining pass ran."""
        return frozenset(name for name, metric in METRICS.items() if metric.explained_in in self.passes)

    @property
    def leak_calls(self) -> int:
        """The number of calls that the profile "leak" adds up: as many as went before, the first and `calls` later."""
        return (self.calls or 0) + 1


class ObservedInputs(Value):
    """What a pass read of the project, as far as its result may depend on it. Stored under its hash.

    `paths` below the tree were opened or looked for; those that end with a slash went into the build with all that is
    below them ("./" is the tree itself). `folders` were listed ("" is the tree itself). `beside` maps what was read of
    the scenario folder to a digest of its contents, of a folder to a digest of its names; "" for what is not there.
    `native` is set where libraries other than Python's own were loaded, whose reading Python does not report. Where the
    kernel told what they opened, `watched` is set and `paths` and `folders` have that too; whether they looked for
    something in vain, nobody knows.
    """

    paths: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    beside: dict[str, str] = {}
    native: bool = False
    watched: bool = False

    @property
    def id(self) -> str:
        """Hash of the contents."""
        return digest(msgspec.to_builtins(self), 32)


Outcome = Measured | Failed | TimedOut | OutOfMemory | Skipped


class Observation(Value):
    """What measuring one case yields: the outcome, and by id the profiles and inputs that it names."""

    outcome: Outcome
    profiles: dict[str, Profile] = {}
    inputs: dict[str, ObservedInputs] = {}


class Measurement(Value):
    """The stored outcome of one case. `round` counts repeats: 0 is the first, later ones confirm it."""

    case: str
    identity: str  # of the scenario
    probe: Integer  # version of the probe's method
    round: Integer
    environment: Id | None  # EnvironmentFacts.id; None where none could be built
    outcome: Outcome

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What is different in all measurements of one commit and family."""
        return self.case, self.identity, self.probe, self.round


class Reused(Value):
    """Passes of a case's first measurement that were not run: what they saw of the project is as it was at `commit`."""

    case: str
    identity: str
    probe: Integer
    commit: CommitId  # where they were run
    passes: tuple[PassName, ...]


class Record(Value):
    """What is stored of one commit in one environment family. `measurements` are sorted and unique by `key`.

    `reused` are sorted as well; what was measured here goes before it.
    """

    format: int
    commit: Commit
    family: str
    measurements: tuple[Measurement, ...]
    reused: tuple[Reused, ...] = ()


class StoredCase(Value, omit_defaults=False):
    """What is stored for one case at one commit, for `show`: the latest repeat, and its profiles by kind."""

    case: str
    family: str
    repeats: int
    environment: EnvironmentFacts | None
    outcome: Outcome
    profiles: dict[str, Profile] = {}


class Forecast(Value):
    """What first measurements will cost: `seconds` by the clock on so many `cores`.

    `at_least`: more commits may be measured. `reuse`: fewer may have to be. `builds`: environments come on top.
    """

    cases: int
    commits: int
    seconds: float
    cores: int
    at_least: bool = False
    reuse: bool = False
    builds: bool = False


class Activity(Value):
    """What a worker is doing at a commit in an environment family; `case` is "" where it is for all cases."""

    commit: Commit
    family: str
    stage: Stage
    case: str = ""


def outcome_reason(outcome: Failed | TimedOut | OutOfMemory | Skipped) -> tuple[Phase, str]:
    """Phase and one-line reason of an outcome that is no measurement, with the key of a limit that was reached."""
    match outcome:
        case Skipped():
            return "skip", outcome.reason
        case Failed():
            return outcome.phase, outcome.reason
        case TimedOut():
            return "timeout", f"still in {outcome.during} after {outcome.limit_seconds:g} s (timeout)"
        case OutOfMemory():
            return "memory", f"exceeded {outcome.limit_bytes / (1 << 20):g} MiB in {outcome.during} (memory-limit)"
