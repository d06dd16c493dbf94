"""Findings: changes, failures, trends and the reports that hold them, as commands print and draw them."""

from typing import Final, Literal

from memharness.model.measurements import Frame, ModuleCost, Stack, Survivor, TypeCount
from memharness.model.metrics import Phase
from memharness.model.values import Value

FORMAT: Final = 1  # version of what commands print

Verdict = Literal["regressed", "improved", "moved", "accepted", "transient", "drifting"]
Confidence = Literal["confirmed", "located", "range", "suspected"]
LineStatus = Literal["grown", "shrunk", "new", "gone"]
MetricClass = Literal["exact", "near", "noisy"]
Cell = int | Literal["failed"] | None  # of a series: a value, that it could not be measured, that it was not measured
TREND_CELLS: Final = 40  # of a summary, at most


class BlamedLine(Value, omit_defaults=False):
    """A line that holds a part of a difference. `bytes` and `count` are differences.

    `size` is what it holds now, in so many `blocks`. A "new" line held nothing before, a "gone" one is no longer there
    and has the number that it had. `library` allocated it on behalf of the line. `caller` is the nearest changed line
    of the same function, or the nearest line up the call stack that lies in a function which the commit changed, or
    else the changed statement in "<module>" that binds a name which the line or its function uses; None where the line
    itself is changed, or nothing such is known. `caller_changed`: its very line was edited; `caller_gone`: it is no
    longer there and has the number that it had. `types` are the types whose instances at the line grew, with their
    numbers before and after.
    """

    path: str
    line: int
    function: str
    source: str
    size: int
    bytes: int
    count: int
    changed_here: bool
    status: LineStatus = "grown"
    library: str = ""
    caller: Frame | None = None
    types: tuple[TypeCount, ...] = ()
    blocks: int = 0
    caller_changed: bool = False
    caller_gone: bool = False

    @property
    def cause(self) -> Frame | None:
        """The caller that led to the line, where that is not just another line of the same function."""
        caller = self.caller
        same = caller is not None and (caller.path, caller.function) == (self.path, self.function)
        return None if same and self.function != "<module>" else caller


class BlamedHolder(Value, omit_defaults=False):
    """What keeps objects alive: `text` says what it is, path and line where that is assigned or defined.

    `line` is 0 where none is known, and the path then that of a module, or "". `filled` is a statement that adds to it,
    or calls the function that does, if the commit edited that and not the line itself.
    """

    path: str
    line: int
    text: str
    changed_here: bool
    filled: Frame | None = None

    @property
    def edited(self) -> bool:
        """Tell whether the commit edited its line, or a statement that fills it."""
        return self.changed_here or self.filled is not None


class ModuleChange(Value, omit_defaults=False):
    """A module whose import costs more or less than before; `module.size` is the difference."""

    module: ModuleCost
    before: int
    after: int


class Change(Value, omit_defaults=False):
    """A step or a drift in a series. `range` holds the ids of the last good and the first bad commit measured.

    `commit` is the one that brought it: the later end of the range, or, where that is a merge, the commit found on
    the merged branch; `merge` is the merge then. What a "moved" result held is retained now. A "transient" rise was
    taken back by the commit `undone_by`, an "accepted" change has the `reason` of the ledger; `drift` is set for a
    drift, whatever its verdict. `explained` is the share of the peak that lines are known for. `holders` keep what a
    leak, or the first call, left alive: each is held by the next one.
    """

    case: str
    metric: str
    family: str
    verdict: Verdict
    confidence: Confidence
    commit: str | None
    range: tuple[str, str]
    between: int  # commits in the range that may be the culprit
    before: int
    after: int
    unit: str
    also: tuple[str, ...] = ()
    blame: tuple[BlamedLine, ...] = ()
    elsewhere: int = 0
    stack: Stack | None = None
    types: tuple[TypeCount, ...] = ()
    modules: tuple[ModuleChange, ...] = ()
    survivors: tuple[Survivor, ...] = ()
    holders: tuple[BlamedHolder, ...] = ()
    explained: float | None = None
    merge: str | None = None
    undone_by: str | None = None
    reason: str | None = None
    drift: bool = False


class Exceeded(Value, omit_defaults=False):
    """Neighbouring commits at which a metric is above the budget of its scenario, the first and the last of them.

    `value` is the highest of them; `open` is set where the newest measured commit is among them,
    `suspected` where the value is certain at none of them.
    """

    case: str
    metric: str
    family: str
    unit: str
    limit: int
    value: int
    first: str
    last: str
    open: bool
    suspected: bool = False


class Failure(Value):
    """A case that could not be measured at a commit."""

    commit: str
    case: str
    family: str
    phase: Phase
    reason: str


class Counts(Value, omit_defaults=False):
    """How many commits a command looked at, and what became of them.

    At `measured` something was run just now, at `reused` nothing, since the results of another commit hold.
    `failed` counts the commits at which at least one case failed, measured now or before.
    """

    commits: int = 0
    measured: int = 0
    cached: int = 0
    reused: int = 0
    failed: int = 0


class Summary(Value, omit_defaults=False):
    """One series from end to end: first and last value, and what of the difference no change accounts for.

    `residual` is None where the metric is not judged. `trend` is the course of the series, oldest commit first: one
    cell for each commit where these are few, else `TREND_CELLS` of them that keep every stretch's lowest and highest
    value (`thinning.thin`). When `check` judges the newest commit alone, `first` is the value measured before it, and
    `trend` that of the whole history all the same. `compare` has the values of its two commits as `first` and `last`.
    In both, a commit without a value has None, and then `residual` is None as well.
    """

    case: str
    metric: str
    family: str
    unit: str
    first: int | None
    last: int | None
    residual: int | None
    metric_class: MetricClass = "exact"
    trend: tuple[Cell, ...] = ()


class EnvironmentDifference(Value, omit_defaults=False):
    """A fact in which the environments of two commits differ: "python" or a distribution; None where it is absent."""

    family: str
    name: str
    before: str | None
    after: str | None


class Report(Value, omit_defaults=False):
    """What `run`, `check`, `compare` and `bisect` print with --json. `environments` is filled by `compare` only.

    `findings` are the changes of one cause each, as their positions in `changes`.
    `still_open` are regressions found earlier on the history that are neither accepted nor taken back, and not among
    the `changes`; `open_findings` are those of one cause each. `figures` maps commits at which some cases failed to
    those whose figures are stored all the same. `below_floors` are cases of which no judged figure reaches the floor of
    its metric at any commit, and which have no change, limit or failure.
    """

    counts: Counts
    changes: tuple[Change, ...]
    failures: tuple[Failure, ...]
    series: tuple[Summary, ...]
    exceeded: tuple[Exceeded, ...] = ()
    environments: tuple[EnvironmentDifference, ...] = ()
    notices: tuple[str, ...] = ()
    still_open: tuple[Change, ...] = ()
    findings: tuple[tuple[int, ...], ...] = ()
    open_findings: tuple[tuple[int, ...], ...] = ()
    figures: dict[str, tuple[str, ...]] = {}
    below_floors: tuple[str, ...] = ()
    working_tree: str | None = None
    format: int = FORMAT


# --- trends ----------------------------------------------------------------------------------------------


class TrendPoint(Value):
    """One commit of a trend. `value` is None where nothing is known, `failed` is set where measuring failed.

    `low` and `high` are the least and the greatest of several repeats, set only where these differ.
    """

    commit: str  # short id
    subject: str = ""
    tags: tuple[str, ...] = ()
    value: int | None = None
    failed: bool = False
    low: int | None = None
    high: int | None = None


class TrendChange(Value):
    """A flagged change; `index` is the position of the first commit with the new value."""

    index: int
    before: int
    after: int
    verdict: Verdict
    exact: bool = True  # False: it is one of the commits up to that one


class Trend(Value):
    """One metric of one case in one environment family along first-parent history, oldest commit first.

    `limit` is the budget of the scenario for the metric, in its unit.
    """

    case: str
    metric: str
    unit: str
    points: tuple[TrendPoint, ...]
    changes: tuple[TrendChange, ...] = ()
    family: str = ""
    limit: int | None = None


# --- ledger ----------------------------------------------------------------------------------------------


class Acceptance(Value):
    """A change that people accepted, with the reason: an entry of the ledger. `date` is in ISO form.

    `range` and `commit`, the culprit named, are full ids. `drift`: it was a drift, so the next one counts from the end
    of `range`.
    """

    case: str
    metric: str
    family: str
    range: tuple[str, str]
    before: int
    after: int
    reason: str
    commit: str | None = None
    by: str = ""
    date: str = ""
    drift: bool = False
