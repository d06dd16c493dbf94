"""CPU seconds per commit of asv and of memharness: same repository, same workload, one run.

usage: python tests/benchmarks/versus_asv.py [--commits N] [--every K] [--json FILE] [--folder DIR]

The repository is `wastebox`. asv measures `peakmem_` and `mem_` of one call of the workload: resident size and size of
the returned object. memharness measures what answers the same questions, `peak`, `retained` and `result`, in one child
per commit; another row has all its default metrics. Every row starts with no environment and no results, so building
environments counts. The rows:

- asv default, tuned, tuned-uv and unbuilt: see asv_suite.py. With `--every K` asv measures every K-th commit only,
  since it takes minutes, and the table says of how many commits the figure is.
- memharness full (`--no-reuse`), reuse (the default) and adaptive (`--adaptive`): divided by all commits of the range,
  with the repeats and explanations of what was found, for which asv has no counterpart.
- memharness unexplained: full without these, which is as much as asv does.
- no-op: the same command again, in all and not per commit; for asv with `--skip-existing`.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from asv_suite import SETTINGS, AsvSuite
from histories import make_history
from report import Report, Target, parser, workplace
from subject import Subject
from wastebox import ASV_BENCHMARK, SCENARIO, wastebox

METRICS: Final = ("peak", "retained", "result")
FULL: Final = ("--no-reuse",)
MODES: Final[Mapping[str, tuple[str, ...]]] = {"full": FULL, "reuse": (), "adaptive": ("--adaptive",)}


class Figures(NamedTuple):
    """CPU seconds: per commit, and of the same command once more."""

    each: float
    again: float | None = None


def main() -> int:
    """Measure, print and write."""
    options = parser(__doc__)
    options.add_argument("--commits", type=int, default=40, metavar="N", help="length of the history")
    options.add_argument("--every", type=int, default=1, metavar="K", help="let asv measure every K-th commit only")
    arguments = options.parse_args()
    report = Report(
        f"CPU seconds, wastebox with {arguments.commits} commits",
        ("", "commits", "per commit", "no-op", "times full"),
    )
    with workplace(arguments.folder) as folder:
        ids = make_history(folder / "repository", wastebox(arguments.commits))
        rows: dict[str, Figures] = {}

        def add(name: str, commits: int, figures: Figures) -> None:
            rows[name] = figures
            report.add(name, commits, *figures, figures.each / rows["memharness full"].each)

        for mode, switches in MODES.items():
            add(f"memharness {mode}", len(ids), _memharness(folder, mode, len(ids), METRICS, switches))
        add("memharness full, default metrics", len(ids), _memharness(folder, "default", len(ids), (), FULL))
        add("memharness unexplained", len(ids), _unexplained(folder, len(ids)))
        some = ids[:: arguments.every]
        for kind in SETTINGS:
            add(f"asv {kind}", len(some), _asv(folder, kind, some))
    full, default = rows["memharness full"], rows["asv default"]
    assert full.again
    assert default.again
    report.targets = [
        Target("asv default / memharness full", default.each / full.each, 30, at_least=True),
        Target("asv tuned / memharness full", rows["asv tuned"].each / full.each, 10, at_least=True),
        Target("asv default / memharness, no-op", default.again / full.again, 10, at_least=True),
    ]
    return report.finish(arguments.json)


def _memharness(folder: Path, name: str, commits: int, metrics: Sequence[str], switches: Sequence[str]) -> Figures:
    subject = _subject(folder, name, metrics)
    return Figures(*(subject.call("run", *switches).cpu_seconds / divisor for divisor in (commits, 1)))


def _unexplained(folder: Path, commits: int) -> Figures:
    return Figures(_subject(folder, "unexplained", METRICS).measure_once().cpu_seconds / commits)


def _subject(folder: Path, name: str, metrics: Sequence[str]) -> Subject:
    chosen = f"metrics = {list(metrics)}\n" if metrics else ""
    settings = f"[run]\nworkers = 1\n{chosen}"
    return Subject(folder / f"memharness-{name}", folder / "repository", {"fill": SCENARIO}, settings)


def _asv(folder: Path, kind: str, commits: Sequence[str]) -> Figures:
    suite = AsvSuite(folder / f"asv-{kind}", folder / "repository", "wastebox", ASV_BENCHMARK, SETTINGS[kind])
    return Figures(suite.run(commits) / len(commits), suite.run(commits))


if __name__ == "__main__":
    sys.exit(main())
