"""Findings: changes of one cause, over metrics, cases and environment families."""

from collections import Counter
from collections.abc import Hashable, Sequence

from memharness.model.findings import Change


def group_by_cause(changes: Sequence[Change]) -> tuple[tuple[int, ...], ...]:
    """Return findings, each as the positions of its changes in `changes`, in the order of their first change.

    The changes of a finding have range, culprit, verdict and direction in common, and what explains them: the lines (of
    imports: modules) that two of them share hold most of the difference of either. Where nothing explains most of a
    difference, only the same metric of the same scenario is taken to have the same cause.
    """
    findings: list[list[int]] = []
    alike: dict[Hashable, list[list[int]]] = {}  # findings by what their changes have in common
    for position, change in enumerate(changes):
        known = alike.setdefault(_event(change), [])
        finding = next((one for one in known if _same_explanation(changes[one[0]], change)), None)
        if finding is None:
            finding = []
            known.append(finding)
            findings.append(finding)
        finding.append(position)
    return tuple(map(tuple, findings))


def _event(change: Change) -> Hashable:
    """Return when a change happened and what became of it."""
    return (
        change.range,
        change.commit,
        change.merge,
        change.verdict,
        change.after > change.before,
        change.drift,
        change.undone_by,
        change.reason,
    )


def _same_explanation(one: Change, other: Change) -> bool:
    parts, others = _parts(one), _parts(other)
    if not (_is_most(parts.total(), one) or _is_most(others.total(), other)):
        return (one.metric, _scenario(one)) == (other.metric, _scenario(other))
    shared = parts.keys() & others.keys()
    return all(_is_most(sum(sizes[key] for key in shared), change) for sizes, change in ((parts, one), (others, other)))


def _parts(change: Change) -> Counter[Hashable]:
    """Return how much each line, or each module imported, moved with the difference."""
    sign = 1 if change.after > change.before else -1
    parts = Counter[Hashable]()
    for row in change.modules:
        parts[row.module.name] += max(row.module.size * sign, 0)
    if not change.modules:
        for line in change.blame:
            # the number of a line that is gone is that before the commit
            parts[line.path, line.line, line.status == "gone"] += max(line.bytes * sign, 0)
    return parts


def _is_most(size: int, change: Change) -> bool:
    return 2 * size > abs(change.after - change.before)


def _scenario(change: Change) -> str:
    return change.case.partition("[")[0]
