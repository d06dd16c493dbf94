"""What the analysis finds, as the commands print and draw it: changes, failures, reports and trends.

Value types like those of `model`, which hold what was measured.
"""

from typing import Literal

from memharness.model import FORMAT, Phase, Stack, Value

Verdict = Literal["regressed", "improved"]
Confidence = Literal["confirmed", "located", "range", "suspected"]


class BlamedLine(Value, omit_defaults=False):
    """A line that holds a part of a difference. `bytes` and `count` are differences, `size` is what it holds now."""

    path: str
    line: int
    function: str
    source: str
    size: int
    bytes: int
    count: int
    changed_here: bool


class Change(Value, omit_defaults=False):
    """A step in a series. `range` holds the ids of the last good and the first bad commit that were measured."""

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


class Failure(Value):
    """A case that could not be measured at a commit."""

    commit: str
    case: str
    family: str
    phase: Phase
    reason: str


class Counts(Value, omit_defaults=False):
    """How many commits a command looked at, and what became of them.

    `failed` counts the commits at which at least one case failed, measured now or before.
    """

    commits: int = 0
    measured: int = 0
    cached: int = 0
    reused: int = 0
    failed: int = 0


class Summary(Value, omit_defaults=False):
    """One series from end to end: first and last value, and what of the difference no change accounts for."""

    case: str
    metric: str
    family: str
    unit: str
    first: int | None
    last: int | None
    residual: int


class Report(Value, omit_defaults=False):
    """What `run`, `check`, `compare` and `bisect` print with --json."""

    counts: Counts
    changes: tuple[Change, ...]
    failures: tuple[Failure, ...]
    series: tuple[Summary, ...]
    notices: tuple[str, ...] = ()
    format: int = FORMAT


# --- trends ----------------------------------------------------------------------------------------------


class TrendPoint(Value):
    """One commit of a trend. `value` is None where nothing is known; `failed` tells failure from not measured."""

    commit: str  # short id
    subject: str = ""
    tags: tuple[str, ...] = ()
    value: int | None = None
    failed: bool = False


class TrendChange(Value):
    """A flagged change; `index` is the position of the first commit with the new value."""

    index: int
    before: int
    after: int
    verdict: Verdict
    exact: bool = True  # False: it is one of the commits up to that one


class Trend(Value):
    """One metric of one case in one environment family along first-parent history, oldest commit first."""

    case: str
    metric: str
    unit: str
    points: tuple[TrendPoint, ...]
    changes: tuple[TrendChange, ...] = ()
    family: str = ""
