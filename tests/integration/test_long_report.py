"""A report of many changes is short: it has the changes of one cause together, and names what was edited."""

import io

import msgspec
from rich.console import Console

from memharness.config.configuration import load_config
from memharness.findings.project import Selection
from memharness.findings.report import commits_of
from memharness.findings.results import load_results
from memharness.model.findings import Report
from memharness.terminal.report import draw_report
from workbench import Workbench

SCREEN = 50  # lines, of 80 columns
CORE = """\


class Order:
    def __init__(self, number):
        self.lines = [f"line {number} {n}" for n in range(10)]


def load(number):
    return [Order(n) for n in range(number)]
"""
SEARCH = """\
from shop import core


def index(number):
    return {n: order for n, order in enumerate(core.load(number))}
"""
REPORT = """\
from shop import core


def report(number):
    rows = core.load(number)
    return [str(order.lines) for order in rows]
"""
SCENARIO = """\
# /// script
# [tool.memharness]
# params = {{ orders = [60, 200] }}
# calls = 15
# metrics = ["peak", "retained", "result", "growth", "import"]
# ///
from shop import {module}


def run(orders):
    return {module}.{function}(orders)
"""


def grow(bench: Workbench) -> list[str]:
    """Return the commits of a history that double what all cases hold, make all imports heavier, and leak in one."""
    bench.scenario.unlink()
    for module, function in {"core": "load", "search": "index", "report": "report"}.items():
        (bench.scenario.parent / f"{function}.py").write_text(SCENARIO.format(module=module, function=function))
    bench.repository.commit(
        {"shop/__init__.py": "", "shop/core.py": CORE, "shop/search.py": SEARCH, "shop/report.py": REPORT}, "start"
    )
    draft = CORE.replace(
        "        self", '        self.draft = [f"draft {number} {n}" for n in range(10)]\n        self'
    )
    leak = SEARCH.replace("def index(number):\n", "SEEN = []\n\n\ndef index(number):\n    SEEN.append(core.load(5))\n")
    return [
        bench.repository.commit({"shop/core.py": draft}, "keep a draft of every order"),
        bench.repository.commit({"shop/core.py": f"import decimal\nimport fractions\n{draft}"}, "have exact prices"),
        bench.repository.commit({"shop/search.py": leak}, "remember what was searched for"),
    ]


def test_many_changes_of_three_causes_fit_two_screens(bench: Workbench) -> None:
    doubled, imported, leaked = grow(bench)
    code, out = bench.call("run", "--json")
    report = msgspec.json.decode(out, type=Report)
    assert code == 1
    assert len(report.changes) >= 19
    found = [{(report.changes[at].commit, report.changes[at].metric) for at in finding} for finding in report.findings]
    assert found == [
        {(doubled, "peak"), (doubled, "result")},
        {(imported, "import")},
        {(leaked, "peak"), (leaked, "retained"), (leaked, "growth")},
    ]
    assert sorted(at for finding in report.findings for at in finding) == list(range(len(report.changes)))
    commits = commits_of(load_results(load_config(bench.path), Selection()), report)
    file = io.StringIO()
    draw_report(Console(file=file, width=80, highlight=False, color_system=None), report, commits)
    text = file.getvalue()
    assert len(text.splitlines()) <= 2 * SCREEN
    for edited in (
        "core.py:5  Order.__init__  changed here",
        "import fractions",
        "SEEN at\n",
        "search.py:4, changed here",
    ):
        assert edited in text
    for subject in ("keep a draft of every order", "have exact prices", "remember what was searched for"):
        assert text.count(subject) == 1
