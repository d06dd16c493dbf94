"""What a run costs that finds nothing, in CPU seconds, against what its first passes cost in the same run.

usage: python tests/benchmarks/quiet.py [--calls N] [--json FILE] [--folder DIR]

The workload parses expressions, about as slowly under tracing as a parser of TOML does. Every commit edits a comment in
the module that it imports, so that nothing is reused and nothing moves. The metrics are `peak`, `retained`, `result`
and `import`: one pass for each commit.

- first passes: every commit measured once and nothing else, less what the same command costs with nothing to do.
- first run: `run` over three commits without any results.
- night: `run --new` after a fourth commit.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final

from histories import make_history
from report import Report, Target, parser, workplace
from subject import Subject

COMMITS: Final = 4
_MODULE: Final = '''\
"""Expressions, edition {edition}."""

import re

TOKEN = re.compile(r"\\s*(?:(\\d+)|(.))")


def tokens(text):
    return [(int(number) if number else sign) for number, sign in TOKEN.findall(text)]


class Node:
    def __init__(self, sign, left, right):
        self.sign, self.left, self.right = sign, left, right


def parse(text):
    found = tokens(text)
    node = found.pop(0)
    while found:
        sign, value, *found = found[0], found[1], *found[2:]
        node = Node(sign, node, value)
    return node
'''
_SCENARIO: Final = """\
import parsing


def run():
    return [parsing.parse("1" + " + 2 * 3" * 60) for _ in range({calls})]
"""


def main() -> int:
    """Measure, print and write."""
    options = parser(__doc__)
    options.add_argument("--calls", type=int, default=2000, metavar="N", help="how much the workload parses")
    arguments = options.parse_args()
    report = Report("CPU seconds without news", ("", "commits", "first passes", "whole", "whole / first passes"))
    with workplace(arguments.folder) as folder:
        ids = make_history(folder / "repository", _history())
        settings = '[environment]\ninstall = "path"\n[run]\nmetrics = ["peak", "retained", "result", "import"]\n'
        scenarios = {"parse": _SCENARIO.format(calls=arguments.calls)}
        once, user = (Subject(folder / name, folder / "repository", scenarios, settings) for name in ("once", "user"))
        *some, newest = ids
        first = once.measure_once(some[-1]).cpu_seconds - once.measure_once(some[-1]).cpu_seconds
        whole = user.call("run", "--until", some[-1]).cpu_seconds
        report.add("first run", len(some), first, whole, whole / first)
        night = user.call("run", "--new").cpu_seconds
        report.add("night", 1, first / len(some), night, night * len(some) / first)
        assert newest in {path.stem for path in (user.folder / "results").rglob("*.json")}
    report.targets = [Target("first run without news / its first passes", whole / first, 1.5)]
    return report.finish(arguments.json)


def _history() -> Iterator[tuple[str, Mapping[str, bytes]]]:
    for edition in range(COMMITS):
        yield f"Edition {edition}", {"parsing.py": _MODULE.replace("{edition}", str(edition)).encode()}


if __name__ == "__main__":
    sys.exit(main())
