"""What memharness costs against the size of the work: CPU seconds, and the highest resident size of the controller.

usage: python tests/benchmarks/scaling.py [--full] [--json FILE] [--folder DIR]

- measure: every commit once, for `peak`, `retained` and `result`, on one slot; the workload allocates as many blocks as
  the row says.
- explain: what explaining one commit costs beside it: call stacks, types, and the lines at the moment of the peak.
- run, show, check, compare: commands on stored results of that size, all default metrics, with nothing left to measure
  (synthetic.py); `check` judges the newest commit, `check --all` everything.
- full (`--full`, minutes): 1,000 commits x 10 scenarios measured by one `run`, from nothing.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from costs import run
from histories import make_history
from report import Report, Target, parser, workplace
from subject import Subject

MIB: Final = 1 << 20
LONG: Final = (1000, 10)  # commits and scenarios that the targets are about
MEASURED: Final = ((10, 1, 10_000), (100, 1, 10_000), (10, 10, 10_000), (10, 1, 100_000), (10, 1, 1_000_000))
EXPLAINED: Final = (10_000, 100_000)
STORED: Final = ((10, 1), (100, 1), (1000, 1), (100, 10), LONG)
ALONE: Final = 'metrics = ["peak", "retained", "result"]\nworkers = 1\n'
_SYNTHETIC: Final = Path(__file__).with_name("synthetic.py")


def main() -> int:
    """Measure, print and write."""
    options = parser(__doc__)
    options.add_argument("--full", action="store_true", help="also measure 1,000 commits x 10 scenarios")
    arguments = options.parse_args()
    columns = ("", "commits", "scenarios", "blocks", "CPU s", "ms per commit and scenario", "controller MiB")
    report = Report("Cost against the size of the work", columns)
    with workplace(arguments.folder) as folder:
        _measured(report, folder)
        _explained(report, folder)
        for commits, scenarios in STORED:
            _stored(report, folder, commits, scenarios)
        if arguments.full:
            _full(report, folder)
    return report.finish(arguments.json)


def _measured(report: Report, folder: Path) -> None:
    for commits, scenarios, blocks in MEASURED:
        cost = _subject(folder, f"measure-{commits}-{scenarios}-{blocks}", commits, scenarios, blocks).measure_once()
        each = cost.cpu_seconds / commits / scenarios * 1000
        report.add("measure", commits, scenarios, blocks, cost.cpu_seconds, each, cost.rss_bytes / MIB)


def _explained(report: Report, folder: Path) -> None:
    for blocks in EXPLAINED:
        subject = _subject(folder, f"explain-{blocks}", 1, 1, blocks)
        once = subject.measure_once()
        rest = subject.call("run")
        report.add("explain", 1, 1, blocks, rest.cpu_seconds, None, max(once.rss_bytes, rest.rss_bytes) / MIB)


def _stored(report: Report, folder: Path, commits: int, scenarios: int) -> None:
    subject = _subject(folder, f"stored-{commits}-{scenarios}", commits, scenarios, 1, settings="workers = 1\n")
    run([sys.executable, str(_SYNTHETIC)], subject.folder)
    middle = f"HEAD~{commits - commits // 2 - 1}"
    files = _files(subject.folder / "results")
    bounds = {"run": 1.5, "show": 1.0, "check": 1.0, "check --all": None, f"compare {middle} HEAD": 1.0}
    for command, bound in bounds.items():
        cost = subject.call(*command.split())
        name = command.partition(" HEAD")[0]
        report.add(name, commits, scenarios, None, cost.cpu_seconds, None, cost.rss_bytes / MIB)
        if (commits, scenarios) == LONG and bound:
            report.targets.append(Target(f"{name} at {commits} x {scenarios}, CPU seconds", cost.cpu_seconds, bound))
    assert _files(subject.folder / "results") == files, "something was left to measure"
    changes = len(json.loads(subject.call("check", "--all", "--json").stdout)["changes"])
    report.notes.append(f"stored results of {commits} commits x {scenarios} scenarios hold {changes} changes")


def _full(report: Report, folder: Path) -> None:
    commits, scenarios = LONG
    cost = _subject(folder, "full", commits, scenarios, 1).call("run", "--no-reuse")
    each = cost.cpu_seconds / commits / scenarios * 1000
    report.add("full", commits, scenarios, 1, cost.cpu_seconds, each, cost.rss_bytes / MIB)
    report.targets.append(Target(f"controller at {commits} x {scenarios}, MiB", cost.rss_bytes / MIB, 150))


def _subject(folder: Path, name: str, commits: int, scenarios: int, blocks: int, *, settings: str = ALONE) -> Subject:
    """Return memharness on a history of `commits` with `scenarios` that allocate `blocks` blocks each."""
    make_history(folder / name / "repository", _trees(commits))
    texts = {f"load_{number}": _scenario(blocks) for number in range(scenarios)}
    install = '[environment]\ninstall = "path"\n'
    return Subject(folder / name / "work", folder / name / "repository", texts, f"{install}[run]\n{settings}")


def _scenario(blocks: int) -> str:
    return (
        f'"""Allocate {blocks} blocks."""\nfrom package.module_0 import make\n\n\n'
        f"def run():\n    return [make() for _ in range({blocks})]\n"
    )


def _trees(commits: int) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield a package of 40 modules, of which every commit changes one."""
    files = {f"package/module_{number}.py": b"def make():\n    return []\n" for number in range(40)}
    files["package/__init__.py"] = b""
    for number in range(commits):
        files[f"package/module_{number % 40}.py"] += b"\n\nLAST_CHANGE = %d\n" % number
        yield f"Change module {number % 40}", dict(files)


def _files(folder: Path) -> frozenset[tuple[str, bytes]]:
    return frozenset((str(path), path.read_bytes()) for path in folder.rglob("*.json"))


if __name__ == "__main__":
    sys.exit(main())
