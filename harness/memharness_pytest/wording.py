"""Figures and lines of tests as text. What the project wrote is made visible."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from memharness.model.metrics import METRICS
from memharness.wording.text import and_text, value_text, visible
from memharness_pytest.measuring import MEASURED, MeasuredTest

_WHERE: Final = {
    "peak": "at the peak of another call",
    "warm_peak": "at the peak of another call",
    "growth": "added by each further call",
}


def excess_text(memory: MeasuredTest) -> str:
    """Return what to say of the metrics beyond their limits: figure, limit, and the lines that hold it."""
    parts = []
    for name in memory.exceeded():
        unit, figure, limit = METRICS[name].unit, memory.figures[name], memory.limits[name]
        by = f" by {value_text(figure - limit, unit)}" if limit else ""
        parts.append(f"{name} {value_text(figure, unit)} is over its limit of {value_text(limit, unit)}{by}")
        parts += lines_text(name, memory.lines)
        parts += [
            f"    kept alive by {_place(path, line)}  {visible(text)}"
            for path, line, text in memory.holders.get(name, ())
        ]
    return "\n".join([*parts, *(f"  {visible(note)}" for note in memory.notes)])


def unmeasured_text(memory: MeasuredTest) -> str:
    """Return which limits could not be looked at, and why; nothing where all were."""
    elsewhere = [name for name in memory.limits if name not in MEASURED]
    failed = [name for name in memory.limits if name in MEASURED and name not in memory.figures]
    reasons = memory.notes or ["the test called nothing that is measured"]
    parts = [(elsewhere, "not measured in a test run"), (failed, "; ".join(reasons))]
    texts = [f"the limit of {and_text(names)} is not enforced: {why}" for names, why in parts if names]
    return visible(". ".join(texts))


def figures_text(figures: Mapping[str, int]) -> str:
    """Return all figures of a test in one line."""
    return "  ".join(f"{name} {value_text(value, METRICS[name].unit)}" for name, value in figures.items())


def lines_text(metric: str, lines: Mapping[str, Iterable[list[Any]]]) -> list[str]:
    """Return the lines that hold a figure, two for each; none where none are known."""
    rows = lines.get(metric)
    if not rows:
        return []
    texts = [f"  {_WHERE.get(metric, 'by line')}:"]
    for path, line, function, source, size in rows:
        texts.append(f"  {value_text(size, METRICS[metric].unit):>16}  {_place(path, line)}  {visible(function)}")
        texts += [f"  {'':16}  {visible(source)}"] if source else []
    return texts


def _place(path: str, line: int) -> str:
    return f"{visible(path)}:{line}" if line else visible(path)
