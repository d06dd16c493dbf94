"""The frozen value types that the stages hand to one another.

Every type is a msgspec struct: immutable, compared by value, decoded strictly. Sizes are bytes of traced
allocations unless a name says otherwise; times are Unix seconds (UTC).
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final, Literal, TypeAlias, dataclass_transform

import msgspec

FORMAT: Final = 1  # version of what commands print
STORE_FORMAT: Final = 3  # version of what is stored; its history is in results/README.md

# Stored figures are at most 4 EiB, so that differences of them fit into 64 bits, which all that is written needs.
Integer: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,64}\Z")]  # what is stored names files by such alone
CommitId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
Calls: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]  # of the growth pass
Scalar = bool | int | float | str
PassName = Literal["first", "growth", "rss"]
PASSES: Final[tuple[PassName, ...]] = ("first", "growth", "rss")  # in the order in which they are run
_OF_GROWTH: Final = frozenset({"leak", "calls"})  # kinds of profiles
Step = Literal["environment", "first", "growth", "rss", "deep", "peak"]  # of a task: the last two explain
Phase = Literal["build", "import", "setup", "run", "teardown", "timeout", "memory", "crash"]
Install = Literal["auto", "wheel", "path", "existing"]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Base of all value types. Being frozen they form no cycles, so the collector need not visit them."""


# --- metrics ---------------------------------------------------------------------------------------------


class Metric(Value):
    """A named quantity. `floor` is the least difference worth a report, None where it never flags.

    A spread between repeats of at most `harmless` says nothing about how repeatable the metric is.
    """

    name: str
    unit: str
    measured_in: PassName
    floor: int | None
    title: str
    harmless: int = 0


METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(
            name="peak",
            unit="bytes",
            measured_in="first",
            floor=4 << 10,
            harmless=2560,
            title="peak of the first call",
        ),
        Metric(
            name="retained",
            unit="bytes",
            measured_in="first",
            floor=2 << 10,
            harmless=512,
            title="kept after the first call",
        ),
        Metric(
            name="result",
            unit="bytes",
            measured_in="first",
            floor=2 << 10,
            harmless=512,
            title="held by the returned value",
        ),
        Metric(
            name="warm_peak",
            unit="bytes",
            measured_in="rss",
            floor=4 << 10,
            harmless=2560,
            title="peak of a later call",
        ),
        Metric(name="growth", unit="bytes per call", measured_in="growth", floor=4, title="leaked by every call"),
        Metric(
            name="import",
            unit="bytes",
            measured_in="first",
            floor=4 << 10,
            harmless=2560,
            title="kept by the imports",
        ),
        Metric(name="gc_objects", unit="objects", measured_in="first", floor=None, title="tracked objects gained"),
        Metric(
            name="rss_peak",
            unit="bytes",
            measured_in="rss",
            floor=1 << 20,
            harmless=128 << 10,
            title="resident memory, untraced run",
        ),
    )
}


FLAGGING: Final = tuple(name for name, metric in METRICS.items() if metric.floor is not None)


# --- history ---------------------------------------------------------------------------------------------


NO_TIME: Final = -(1 << 53)  # of a commit that has none, or none that could be told: earlier than any calendar goes


class Commit(Value):
    """One commit of the project. `time` is the committer's, or NO_TIME."""

    id: CommitId
    parents: tuple[CommitId, ...]
    author: str
    time: int
    subject: str
    tags: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The first ten digits of the id."""
        return self.id[:10]


class Doing(Value):
    """What is done at a commit in an environment family right now; `case` is "" for what all cases share."""

    commit: Commit
    family: str
    step: Step
    case: str = ""


class Hunk(Value, array_like=True):
    """`removed` lines from line `before` on gave way to `added` lines from line `after` on, as in a git diff."""

    before: int
    removed: int
    after: int
    added: int


class FileEdit(Value):
    """What a commit did to one file: its path before and after (None: there was, or is, no such file), its hunks."""

    before: str | None
    after: str | None
    hunks: tuple[Hunk, ...] = ()


class Checkout(Value):
    """The files of one commit in a slot. `import_root` and `directory` are relative to `tree` ("." or "src")."""

    tree: str
    commit: str
    import_root: str
    packages: tuple[str, ...]  # top-level modules and packages below the import root, which alone are importable
    others: tuple[str, ...] = ()  # further names there, until the environment tells whether they are importable
    directory: str = "."  # the folder of the packaging files


# --- scenarios -------------------------------------------------------------------------------------------


class Call(Value):
    """How one function of a scenario is called: the state first if it has room for it, then parameters by name."""

    takes_state: bool
    params: tuple[str, ...]


class Thresholds(Value):
    """When a difference is reported: at least `relative` of the old value and at least `absolute` bytes.

    `metrics` overrides `absolute` for single metrics; what is None or absent is decided by the next level.
    """

    relative: float | None = None
    absolute: int | None = None
    metrics: dict[str, int] = {}


class Scenario(Value):
    """One workload file, parsed and never imported. `identity` is the hash of all that defines the workload.

    `text_identity` is the one that it had when comments and formatting counted, and results were stored under it.
    """

    name: str
    path: str  # absolute
    summary: str
    run: Call
    identity: str
    text_identity: str = ""
    setup: Call | None = None
    teardown: Call | None = None
    params: dict[str, tuple[Scalar, ...]] = {}
    tags: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    requires_python: str | None = None
    metrics: tuple[str, ...] | None = None
    calls: int | None = None
    fresh_setup: bool = False  # before every call
    timeout_seconds: float | None = None
    memory_bytes: int | None = None
    limits: dict[str, int] = {}
    thresholds: Thresholds = Thresholds()
    since: str | None = None


class Case(Value, dict=True, gc=True):
    """A scenario with one combination of its parameters."""

    scenario: Scenario
    params: dict[str, Scalar] = {}

    @cached_property
    def name(self) -> str:
        """`waste_memory[cols=100,rows=100]`, or the scenario's name where there are no parameters."""
        if not self.params:
            return self.scenario.name
        inner = ",".join(f"{key}={_shown(self.params[key])}" for key in sorted(self.params))
        return f"{self.scenario.name}[{inner}]"


def _shown(value: Scalar) -> str:
    plain = isinstance(value, str) and value.isidentifier() and value not in {"true", "false"}
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


# --- environments ----------------------------------------------------------------------------------------


class Interpreter(Value):
    """A Python that can run the probe."""

    path: str
    version: str  # "3.11.7"
    implementation: str  # "cpython"
    cache_tag: str  # "cpython-311"
    abiflags: str = ""  # "d" of a debug build, "t" of a free-threaded one


PINNED: Final = "-pinned-"  # in the names of families that are no part of any series


class EnvironmentSpec(Value, dict=True, gc=True):
    """What is asked for, the same along a series. `dependencies` are the configured and the scenario's own.

    Where projects are built, `before_build` is a shell command run before it, and `build_requires` what the back end
    gets beside its own requirements.
    """

    interpreter: Interpreter
    install: Install
    dependencies: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    before_build: str = ""
    build_requires: tuple[str, ...] = ()
    build_timeout_seconds: float = 600
    pinned: bool = False  # to what the environment of one commit holds, for one comparison

    @cached_property
    def family(self) -> str:
        """The name that all environments of a series share: `cpython-3.11.7-auto` and a hash of the rest.

        The rest is what was added; of an existing environment also which one it is.
        """
        python = self.interpreter
        name = f"{python.implementation}-{python.version}{python.abiflags}-{self.install}"
        rest: list[object] = [sorted(self.dependencies), sorted(self.variables.items())]
        if self.install == "existing":
            rest.append(python.path)
        if self.before_build or self.build_requires:
            rest.append([self.before_build, sorted(self.build_requires)])
        if self.pinned:
            return f"{name}{PINNED}{digest(rest, 8)}"
        return f"{name}-{digest(rest, 8)}" if any(rest) else name

    def facts(self, packages: dict[str, str]) -> "EnvironmentFacts":
        """Return the facts of such an environment, which holds these `packages`."""
        return EnvironmentFacts(
            family=self.family,
            python=self.interpreter.version,
            implementation=self.interpreter.implementation,
            install=self.install,
            packages=packages,
        )


class EnvironmentFacts(Value):
    """What an environment turned out to hold; stored once, measurements refer to it by `id`."""

    family: str
    python: str
    implementation: str
    install: Install
    packages: dict[str, str] = {}  # distribution name -> version, the project itself left out

    @property
    def id(self) -> str:
        """Hash of all facts."""
        return digest(msgspec.to_builtins(self), 12)


class Environment(Value):
    """An environment ready to measure in."""

    key: str
    facts: EnvironmentFacts
    python: str  # path of the executable that runs the probe
    cache_tag: str
    folder: str | None = None  # where it was built, and children leave nothing; None: nothing was
    site_paths: tuple[str, ...] = ()  # added by the probe before the baseline, .pth files included
    generated: dict[str, str] = {}  # path below the checkout -> file made by the build, to be placed there
    origin: str | None = None  # folder the project's modules must come from; None: the checkout's import root
    variables: dict[str, str] = {}
    frozen: tuple[str, ...] = ()  # what a commit must share: files, "folders/" with all in them, names in "folders/*"
    notes: tuple[str, ...] = ()  # what every measurement in it says
    packages: tuple[str, ...] = ()  # top-level names that can be imported of the project; (): those of the checkout
    import_root: str | None = None  # that of the checkout, where the build shows that it is another than it seems
    namespaces: tuple[str, ...] = ()  # dotted: installed without the __init__ that the commit has there


# --- measurements ----------------------------------------------------------------------------------------


class LineStat(Value, array_like=True):
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


class LineType(Value, array_like=True):
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


class ModuleCost(Value, array_like=True):
    """What importing one module keeps alive, the modules that it imports left out.

    `origin` tells whose it is, "" in rows that stand for no single module; `path` and `line` are those of the import
    statement that loaded it first.
    """

    name: str
    origin: Literal["project", "scenario", "library", "stdlib", ""]
    path: str
    line: Integer
    size: Integer


class Profile(Value):
    """Where memory was allocated: by line, by stack where deep tracing was on. Stored under its hash.

    `types` go with deep lines, `survivors` with a leak, `modules` with imports; `sizes` is the series of bytes alive
    after each call.
    """

    lines: tuple[LineStat, ...] = ()
    stacks: tuple[Stack, ...] = ()
    types: tuple[LineType, ...] = ()
    survivors: tuple[Survivor, ...] = ()
    modules: tuple[ModuleCost, ...] = ()
    sizes: tuple[Integer, ...] = ()

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
    """The commit could not be measured; `reason` is one line, `output` the last lines printed."""

    phase: Phase
    reason: str
    exit_code: Integer | None = None
    output: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()  # of the user's code, outermost first


class TimedOut(Value, tag_field="outcome", tag="timed-out"):
    """`during` says in which phase `limit_seconds` were up."""

    during: Phase
    limit_seconds: float
    output: tuple[str, ...] = ()


class OutOfMemory(Value, tag_field="outcome", tag="out-of-memory"):
    """`during` says in which phase `limit_bytes` were exceeded."""

    during: Phase
    limit_bytes: Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # as configured
    output: tuple[str, ...] = ()


class Measured(Value, tag_field="outcome", tag="measured"):
    """Success. `metrics` holds what could be measured; `profiles` names the stored profile of each kind.

    `passes` are those that ran: of `PASSES`, and "deep" and "peak" where the case was explained. `sights` names the
    stored sight of each pass of which it is known what it saw. `reused_from` is the commit that was measured, where the
    result is another's by reference, of several the one whose sights these are; it is never stored.

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
    sights: dict[PassName, Id] = {}
    failed_passes: dict[str, Failed | TimedOut | OutOfMemory] = {}  # later passes, whose metrics are missing
    suspected: tuple[str, ...] = ()
    reused_from: str | None = None

    @property
    def explained(self) -> bool:
        """Tell whether passes that explain the figures ran."""
        return "deep" in self.passes

    @property
    def leak_calls(self) -> int:
        """Over how many calls the profile "leak" accumulated: as many again, after the first and `calls` later ones."""
        return (self.calls or 0) + 1


class Sight(Value):
    """What a pass saw of the project, as far as it matters to its result. Stored under its hash.

    `paths` below the tree were opened or asked for, also in vain; those with a slash at their end were taken in by the
    build, with all that lies there ("./" is the tree itself). The `folders` were listed ("" is the tree itself).
    `beside` maps what was seen of the scenario folder to a digest of its contents, that of a folder to one of its
    names; "" for what is not there. `native`: libraries that are not Python's own were loaded, whose reading nobody
    sees.
    """

    paths: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    beside: dict[str, str] = {}
    native: bool = False

    @property
    def id(self) -> str:
        """Hash of the contents."""
        return digest(msgspec.to_builtins(self), 32)


Outcome = Measured | Failed | TimedOut | OutOfMemory


class Observation(Value):
    """What one measurement of one case yields before it is stored: the outcome, and what it names, by id."""

    outcome: Outcome
    profiles: dict[str, Profile] = {}
    sights: dict[str, Sight] = {}


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
        """What tells it apart from the others of its commit and family."""
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


def profile_pass(kind: str) -> PassName:
    """Return the pass that yields a kind of profile; the passes that explain the first one count as that."""
    return "growth" if kind in _OF_GROWTH else "first"


def outcome_reason(outcome: Failed | TimedOut | OutOfMemory) -> tuple[Phase, str]:
    """Phase and one-line reason of an outcome that is no measurement, with the key of a limit that was reached."""
    match outcome:
        case Failed():
            return outcome.phase, outcome.reason
        case TimedOut():
            return "timeout", f"still in {outcome.during} after {outcome.limit_seconds:g} s (timeout)"
        case OutOfMemory():
            return "memory", f"exceeded {outcome.limit_bytes / (1 << 20):g} MiB in {outcome.during} (memory-limit)"


def digest(value: object, length: int) -> str:
    """Return the first `length` hex digits of the SHA-256 of a JSON-like value, independent of key order."""
    try:
        encoded = msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:  # a path that is no UTF-8
        encoded = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(encoded).hexdigest()[:length]
