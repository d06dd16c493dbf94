"""In what the environments of two commits differ."""

from collections.abc import Iterator

from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import EnvironmentDifference


def environment_differences(before: EnvironmentFacts, after: EnvironmentFacts) -> Iterator[EnvironmentDifference]:
    """Yield the interpreter and the distributions whose versions differ, by name."""
    sides = [{"python": facts.python, **facts.packages} for facts in (before, after)]
    for name in sorted(sides[0].keys() | sides[1].keys(), key=lambda name: (name != "python", name)):
        old, new = (side.get(name) for side in sides)
        if old != new:
            yield EnvironmentDifference(family=after.family, name=name, before=old, after=new)
