"""What memharness adds to the cheapest honest loop over commits (floor.py), in CPU milliseconds per commit.

usage: python tests/benchmarks/overhead.py [--repeats N] [--json FILE] [--folder DIR]

Both run the same workload once at the same commits in the same run, in turns; the medians of the turns are compared.

- floor: with imports (and set-up) under tracemalloc as well, in an empty virtual environment.
- untraced: the same with the imports before tracing, as memharness has it for these metrics. It finds less: imports are
  a metric of their own in memharness.
- pass: `peak`, `retained` and `result`, one child for each commit, on one slot, nothing reused, environments
  built before. It includes the start of the controller, and ends where repeats and explanations of findings begin.
- builds: what the first run cost more, for environments, in CPU seconds in all.
- whole: the default metrics but those of the growth pass, which are `growth` and `warm_peak`: two children.
- growth: the growth pass alone, on the older half of the history, where nothing leaks (a leak is pursued beyond the
  budget, to tell it from a cache). `growth-budget` is for the repeated calls, not for the traced imports and the set-up
  before them: what a call costs is the difference to the same pass with the fewest calls.

Of wastebox also a first `run` as a user has it, with its environment, and with repeats and explanations of what it
finds: for the metrics of "pass" as a multiple of the floor, for all metrics in CPU seconds per commit.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from costs import run
from histories import make_history
from memharness.environments import find_interpreter
from memharness.model.metrics import METRICS
from packages import ATTRS, LARK, releases
from report import Report, Target, parser, workplace
from subject import Subject
from wastebox import CALL, SCENARIO, wastebox

FIRST: Final = ("peak", "retained", "result")
WHOLE: Final = (*FIRST, "import", "gc_objects", "rss_peak")
BUDGET_SECONDS: Final = 1.0
_FLOOR: Final = Path(__file__).with_name("floor.py")


@dataclass(frozen=True)
class Bench:
    """A history to measure on, with the scenario that is run at each commit."""

    folder: Path
    ids: Sequence[str]
    import_root: str
    scenario: str
    statement: str

    def floor(self, python: Path, *, traced_imports: bool = True) -> float:
        """Return the CPU seconds of the floor loop."""
        code = ["", f"{self.scenario}\n{self.statement}"] if traced_imports else [self.scenario, self.statement]
        command = [sys.executable, str(_FLOOR), str(self.folder / "repository"), str(python), self.import_root, *code]
        ran = run(command, self.folder, stdin="\n".join(self.ids))
        assert ran.stdout.count("\n") == len(self.ids), ran.stdout
        return ran.cpu_seconds

    def subject(self, name: str, metrics: Sequence[str], *, budget_seconds: float = BUDGET_SECONDS) -> Subject:
        """Return memharness on this history, for some metrics."""
        settings = f'[run]\nworkers = 1\ngrowth-budget = "{budget_seconds}s"\nmetrics = {list(metrics)}\n'
        return Subject(self.folder / name, self.folder / "repository", {"workload": self.scenario}, settings)


def main() -> int:
    """Measure, print and write."""
    options = parser(__doc__)
    options.add_argument("--repeats", type=int, default=3, metavar="N", help="turns of which the median is taken")
    arguments = options.parse_args()
    ratios = ("pass/floor", "pass/untraced", "whole/pass", "growth/budget")
    columns = ("", "commits", "floor", "untraced", "pass", "whole", "growth", *ratios, "builds, s")
    report = Report("CPU milliseconds per commit", columns)
    with workplace(arguments.folder) as folder:
        python = _environment(folder)
        for name, bench in _benches(folder):
            floor = _add(report, name, bench, python, arguments.repeats)
            if name == "wastebox":
                report.targets += _first_runs(bench, floor)
    return report.finish(arguments.json)


def _benches(folder: Path) -> Iterator[tuple[str, Bench]]:
    box = folder / "wastebox"
    yield "wastebox", Bench(box, make_history(box / "repository", wastebox()), ".", SCENARIO, CALL)
    for package in (LARK, ATTRS):
        own = folder / package.name
        ids = make_history(own / "repository", releases(package, folder / "sdists"))
        yield package.name, Bench(own, ids, package.import_root, package.scenario, package.call)


def _environment(folder: Path) -> Path:
    """Make an empty virtual environment of the Python that memharness measures with; return its interpreter."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = find_interpreter(version).path
    run([base, "-m", "venv", "--without-pip", "--clear", str(folder / "environment")], folder)
    return folder / "environment" / "bin" / "python"


def _add(report: Report, name: str, bench: Bench, python: Path, repeats: int) -> float:
    """Add a row; return the CPU seconds of the floor per commit."""
    first, whole = bench.subject("first", FIRST), bench.subject("whole", WHOLE)
    cold = first.measure_once().cpu_seconds
    whole.measure_once()
    turns = [
        (bench.floor(python), bench.floor(python, traced_imports=False), _warm(first), _warm(whole))
        for _ in range(repeats)
    ]
    floor, untraced, passed, both = (statistics.median(each) / len(bench.ids) for each in zip(*turns, strict=True))
    growth, calls = _growth(bench)
    milliseconds = [seconds * 1000 for seconds in (floor, untraced, passed, both, growth)]
    ratios = (passed / floor, passed / untraced, both / passed, calls / BUDGET_SECONDS)
    report.add(name, len(bench.ids), *milliseconds, *ratios, cold - passed * len(bench.ids))
    report.targets += [
        Target(f"{name}: pass / floor", passed / floor, 1.25),
        Target(f"{name}: whole / pass", both / passed, 2.5),
        Target(f"{name}: growth / budget", calls / BUDGET_SECONDS, 1.0),
    ]
    return float(floor)


def _first_runs(bench: Bench, floor: float) -> Iterator[Target]:
    """Yield what first runs cost, on a history with two findings where nothing is reused."""
    for name, metrics, unit, bound in (
        ("first run / floor", FIRST, floor, 2.0),
        ("first run of all metrics, CPU seconds per commit", tuple(METRICS), 1.0, 1.2),
    ):
        subject = bench.subject(f"run-{len(metrics)}", metrics)
        spent = subject.call("run", "--no-reuse").cpu_seconds / len(bench.ids)
        yield Target(f"wastebox: {name}", spent / unit, bound)


def _growth(bench: Bench) -> tuple[float, float]:
    """Return the CPU seconds of the growth pass at a commit, and those of its calls."""
    older = bench.ids[: len(bench.ids) // 2]
    many, few = bench.subject("growth", ("growth",)), bench.subject("few-calls", ("growth",), budget_seconds=0.001)
    seconds, numbers = [], []
    for subject in (many, few):
        subject.measure_once(older[0])  # the environment, and the number of calls of the series
        seconds.append(_warm(subject, older[-1]) / len(older))
        (file,) = subject.folder.glob("results/*/*/calls/*.json")
        numbers.append(json.loads(file.read_text())["calls"])
    if numbers[0] == numbers[1]:
        return seconds[0], seconds[0]  # even the fewest do not fit
    return seconds[0], (seconds[0] - seconds[1]) / (numbers[0] - numbers[1]) * numbers[0]


def _warm(subject: Subject, until: str = "HEAD") -> float:
    subject.forget()
    return subject.measure_once(until).cpu_seconds


if __name__ == "__main__":
    sys.exit(main())
