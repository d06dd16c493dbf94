"""What the growth pass costs beside the first pass, for calls of about 10 ms, 100 ms and 1 s of CPU time.

usage: python tests/benchmarks/growth.py [--json FILE] [--folder DIR]

Each workload makes and drops a list of objects; the last keeps one at each call. A pass is what measuring two more
commits costs, per commit, without the controller's start. The number of calls was calibrated at the commit before.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from histories import make_history
from report import Report, Target, parser, workplace
from subject import Subject

COMMITS: Final = 3
MOST: Final = 4.0  # first passes, of which each traces one call and reads what is alive after it, where nothing leaks
_SETTINGS: Final = '[run]\nworkers = 1\nmetrics = ["%s"]\n'
_SCENARIO: Final = """\
import work

KEPT = []


def run():
    KEPT.extend([bytearray(100)] * {kept})
    return work.rows({rows})
"""
_WORK: Final = b"""\
class Row:
    def __init__(self, number):
        self.number, self.cells = number, [number * 1000, str(number)]


def rows(number):
    return [Row(i) for i in range(number)]
"""
WORKLOADS: Final = {  # rows that a call makes, and objects that it keeps
    "10 ms": (12_000, 0),
    "100 ms": (120_000, 0),
    "1 s": (600_000, 0),
    "10 ms, leaking": (12_000, 1),
}


def main() -> int:
    """Measure, print and write."""
    arguments = parser(__doc__).parse_args()
    report = Report("CPU seconds of a pass", ("a call", "first", "growth", "growth/first"))
    with workplace(arguments.folder) as folder:
        ids = make_history(folder / "repository", _trees())
        for name, (rows, kept) in WORKLOADS.items():
            scenario = {"rows": _SCENARIO.format(rows=rows, kept=kept)}
            first, growth = (
                _seconds(Subject(folder / f"{name}-{metric}", folder / "repository", scenario, _SETTINGS % metric), ids)
                for metric in ("peak", "growth")
            )
            report.add(name, first, growth, growth / first)
            if not kept:
                report.targets.append(Target(f"{name}: growth / first", growth / first, MOST))
    return report.finish(arguments.json)


def _trees() -> Iterator[tuple[str, Mapping[str, bytes]]]:
    for number in range(COMMITS):
        yield f"Edit {number}", {"work.py": b"# %d\n" % number + _WORK}


def _seconds(subject: Subject, ids: Sequence[str]) -> float:
    """Return the CPU seconds of a pass."""
    subject.measure_once(ids[0])
    all_seconds = subject.measure_once().cpu_seconds
    return (all_seconds - subject.measure_once().cpu_seconds) / (len(ids) - 1)


if __name__ == "__main__":
    sys.exit(main())
