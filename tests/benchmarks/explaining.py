"""What explaining a commit costs, in CPU seconds, against the first pass over it.

usage: python tests/benchmarks/explaining.py [--python VERSION ...] [--repeats N] [--json FILE] [--folder DIR]

One release of tomlkit parses 400 tables: many calls that allocate little, which is the hard case. Medians of the turns:

- first: the first pass, which gives `peak`, `retained`, `result`, `import` and `gc_objects`: a run that measures the
  commit, less one that finds it measured.
- explaining: callers and types of all these, and the lines of the peak: `show --explain`, less `show` and a first pass.
"""

import statistics
import sys
from typing import Final

from histories import make_history
from packages import TOMLKIT, releases
from report import Report, Target, parser, workplace
from subject import Subject

METRICS: Final = ("peak", "retained", "result", "import", "gc_objects")
_BOUNDS: Final = {"3.11": 6.0, "3.13": 9.0}


def main() -> int:
    """Measure, print and write."""
    options = parser(__doc__)
    options.add_argument("--python", nargs="+", default=[*_BOUNDS], metavar="VERSION", help="default: 3.11 3.13")
    options.add_argument("--repeats", type=int, default=3, metavar="N", help="turns of which the median is taken")
    arguments = options.parse_args()
    report = Report("CPU seconds, one commit of tomlkit", ("python", "first", "explaining", "explaining/first"))
    with workplace(arguments.folder) as folder:
        repository = folder / "repository"
        make_history(repository, releases(TOMLKIT, folder / "sdists"))
        for version in arguments.python:
            settings = f'[environment]\npython = ["{version}"]\n[run]\nmetrics = {list(METRICS)}\n'
            subject = Subject(folder / version, repository, {"parse": TOMLKIT.scenario}, settings)
            subject.measure_once()  # the environment
            turns = [_turn(subject) for _ in range(arguments.repeats)]
            first, explaining = (statistics.median(each) for each in zip(*turns, strict=True))
            report.add(version, first, explaining, explaining / first)
            if version in _BOUNDS:
                report.targets.append(Target(f"{version}: explaining / first", explaining / first, _BOUNDS[version]))
    return report.finish(arguments.json)


def _turn(subject: Subject) -> tuple[float, float]:
    """Return the CPU seconds of the first pass, and of explaining."""
    subject.forget()
    first = subject.measure_once().cpu_seconds - subject.measure_once().cpu_seconds
    explained = subject.call("show", "--explain").cpu_seconds - subject.call("show").cpu_seconds
    return first, explained - first


if __name__ == "__main__":
    sys.exit(main())
