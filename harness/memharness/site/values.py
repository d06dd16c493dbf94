"""What the pages of a site show: built from stored results, drawn by `render`.

Value types, like those of `findings`. Texts are as they were found; whoever draws them makes them harmless. A position
is the index of a commit in the history of the site, which is the same on all pages, oldest commit first.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Change, EnvironmentDifference, MetricClass
from memharness.model.history import Commit
from memharness.model.measurements import Frame, Profile, ProfileLine
from memharness.model.metrics import Phase
from memharness.model.values import Value

Status = Literal["open", "suspected", "fixed", "accepted", "transient", "improved", "moved"]
STATUSES: tuple[Status, ...] = ("open", "suspected", "accepted", "fixed", "transient", "improved", "moved")


class Site(Value):
    """What all pages share. `line_link` has the fields {commit}, {path} and {line}, `commit_link` {commit}."""

    project: str
    first: Commit
    newest: Commit
    commits: int
    tag: str | None = None  # the newest one before the newest commit
    line_link: str | None = None
    commit_link: str | None = None
    url: str | None = None  # where the site will be, without a slash at the end
    pages: frozenset[str] = frozenset()  # full ids of the commits that have a page
    build: str = ""  # changes with everything shown, so that browsers do not keep old data beside new pages

    def naming(self, commits: Iterable[Commit | None]) -> "Site":
        """Return what is shown of it on a page that names these commits: nothing that each new commit moves."""
        pages = self.pages & {commit.id for commit in commits if commit}
        return replace(self, newest=self.first, commits=1, tag=None, pages=pages, build="")


class CaseName(Value):
    """One case in one environment family on one machine. `id` names its page: `scenario/<id>.html`."""

    id: str
    case: str
    family: str
    machine: str


class ChangeEntry(Value):
    """A change and what became of it. `id` is its anchor on the pages that show it; `gap` as in `Change.between`.

    "open": a rise that is still there; "fixed": one of which the newest value shows nothing; "improved": a fall;
    "moved": one of what the result holds, which is retained now.
    `bad` is the commit that the change is shown at, the later end of its range or the culprit on a merged branch.
    """

    id: str
    subject: CaseName
    change: Change
    status: Status
    good: Commit
    bad: Commit
    undone_by: Commit | None = None
    merge: Commit | None = None
    more_lines: int = 0  # that moved besides those of `change.blame`, by so much in all
    more_bytes: int = 0


class Mark(Value):
    """A change in a trend: `position` of the first commit with the new value."""

    position: int
    before: int
    after: int
    status: Status
    entry: str  # id


class TrendSummary(Value):
    """One metric of a case as a row of tables. Values are in `unit`; None: not known.

    `spark` are at most about sixty (position, value) pairs that keep every step and spike; None breaks the line.
    `at_tag` is the value at the newest tag before the newest commit. `age` counts the commits since the newest value
    was measured, 0 for the newest commit.
    """

    subject: CaseName
    metric: str
    unit: str
    title: str
    metric_class: MetricClass
    spark: tuple[tuple[int, int | None], ...]
    marks: tuple[Mark, ...]
    now: int | None
    low: int | None
    high: int | None
    at_tag: int | None
    limit: int | None
    over_limit: bool
    age: int | None
    failed_now: bool
    last: ChangeEntry | None = None
    judged: bool = True

    @property
    def since_tag(self) -> int | None:
        """The difference to the value at the newest tag."""
        return None if self.now is None or self.at_tag is None else self.now - self.at_tag


class FailureAt(Value):
    """A case that failed at a commit; `output` are the last lines that it printed."""

    subject: CaseName
    commit: Commit
    phase: Phase
    reason: str
    exit_code: int | None = None
    output: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()


class FailureStretch(Value):
    """Commits from `first` to `last` at which a case failed for one reason, so many measured ones."""

    first: Commit
    last: Commit
    number: int
    phase: Phase
    reason: str


class Index(Value):
    """The first page: what is open, then every trend; those of cases `below_floors`, by id, are folded away."""

    open: tuple[ChangeEntry, ...]
    rows: tuple[TrendSummary, ...]
    failing: tuple[FailureAt, ...]  # at the newest commit that anything is stored of the case
    below_floors: frozenset[str] = frozenset()


class CasePage(Value):
    """The page of one case. `sizes` are the bytes alive after each call of its newest growth pass."""

    subject: CaseName
    summary: str  # first line of the scenario's docstring
    rows: tuple[TrendSummary, ...]
    entries: tuple[ChangeEntry, ...]
    failures: tuple[FailureStretch, ...]
    unmeasured: int  # commits that nothing is stored of, after the first measured one
    siblings: tuple[CaseName, ...]  # the same case on other machines and in other environments, itself included
    reproduce: tuple[str, ...]  # command lines
    sizes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()  # metrics that there is a picture of


class TrendData(Value):
    """What the chart of one metric draws.

    `values` are those at all commits of the site; (value, n) stands for n equal ones in a row.
    """

    metric: str
    unit: str
    title: str
    values: tuple[int | tuple[int | None, int] | None, ...]
    band: tuple[tuple[int, int, int], ...]  # position, lowest and highest of repeats that differ
    limit: int | None
    marks: tuple[Mark, ...]


class CaseData(Value):
    """What the charts of a case's page load: `data/scenario/<id>.js`. `failures` tell by position why."""

    subject: CaseName
    trends: tuple[TrendData, ...]
    failures: tuple[tuple[int, str], ...]


class Allocations(Value):
    """Where one case allocated what it held at its peak (or at the end of the call: `kind`), before and after."""

    entry: ChangeEntry
    kind: Literal["peak", "alive", "retained", "import"]
    before: Profile
    after: Profile
    lines: tuple[tuple[ProfileLine, int, int], ...]  # with bytes now and difference, those that moved most first


class Figure(Value):
    """A metric of a case at a commit, and at the older commit where it is known."""

    subject: CaseName
    metric: str
    unit: str
    value: int
    before: int | None


class CommitPage(Value):
    """The page of one commit. `measured` and `reused` count cases at it; `figures` are left out where many."""

    commit: Commit
    older: Commit | None
    newer: Commit | None
    measured: int
    reused: int
    entries: tuple[ChangeEntry, ...]
    allocations: tuple[Allocations, ...]
    failures: tuple[FailureAt, ...]
    environments: tuple[EnvironmentDifference, ...]  # against the older commit
    figures: tuple[Figure, ...] = ()


class CommitData(Value):
    """What the page for comparisons loads of a commit: values by case id and metric, ids of profiles in the site.

    The kinds of profiles that explain have a + after them: they are compared with one another only. `failed` are
    reasons, of what failed wholly or in a later pass.
    """

    id: str
    values: dict[str, dict[str, int]]
    failed: dict[str, str] = {}  # by case
    profiles: dict[str, dict[str, str]] = {}  # by case and kind


class Leak(Value):
    """A case that leaks at its newest `measured` commit. `since` is the change that began it, if it is known."""

    row: TrendSummary
    measured: Commit
    since: ChangeEntry | None
    profile: Profile  # of kind "leak"
    sizes: tuple[int, ...]
    calls: int  # over which the lines of `profile` accumulated


class RunAt(Value):
    """What is stored of one commit on one machine in one family."""

    commit: Commit
    machine: str
    family: str
    measured: int
    reused: int
    failed: int


class Stale(Value):
    """A case whose newest result is not of the newest commit that its machine measured. `age` in commits."""

    subject: CaseName
    measured: Commit
    age: int


class EnvironmentUse(Value):
    """An environment, and the commits measured in it, the oldest and the newest of which are named."""

    machine: str
    facts: EnvironmentFacts
    commits: int
    first: Commit
    last: Commit


class StatusPage(Value):
    """How the measuring goes."""

    runs: tuple[RunAt, ...]  # newest commits first
    causes: tuple[tuple[Phase, str, int, FailureAt], ...]  # phase, reason, number of failures, the newest one
    stale: tuple[Stale, ...]
    environments: tuple[EnvironmentUse, ...]
