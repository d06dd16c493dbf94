"""What a commit lacks, told with what was measured there: as a note, or as part of the reason why it failed."""

from collections.abc import Mapping

from msgspec.structs import replace

from memharness.model.measurements import Failed, Measured, Observation

_NAMED = 3
_BUILT_OR_RUN = ("build", "import", "setup", "run", "crash")


def with_missing(observation: Observation, missing: Mapping[str, str], *, built: bool) -> Observation:
    """Add what is `missing` (path -> reason) to an observation, unless it is proven that nothing of it was looked at.

    `built` tells that something was built of the commit, which nobody watches. What does not mean what the project
    does holds for no other commit.
    """
    if not missing:
        return observation
    outcome = observation.outcome
    if isinstance(outcome, Failed) and outcome.phase in _BUILT_OR_RUN:
        told = "; ".join(_sentences(missing))
        return replace(observation, outcome=replace(outcome, reason=f"{outcome.reason} ({told})"))
    if not isinstance(outcome, Measured):
        return observation
    if not built and outcome.inputs and not any(_seen(observation, path) for path in missing):
        return observation
    notes = (*outcome.notes, *_sentences(missing))
    return replace(observation, outcome=replace(outcome, notes=notes, inputs={}), inputs={})


def _seen(observation: Observation, path: str) -> bool:
    """Tell whether a pass may have looked at a path, or at something below it."""
    assert isinstance(observation.outcome, Measured)
    passes = {name for name in observation.outcome.passes if name in ("first", "growth", "rss")}
    if passes - observation.outcome.inputs.keys():
        return True
    return any(
        observed.native
        or any(seen == path or seen.startswith(f"{path}/") for seen in (*observed.paths, *observed.folders))
        for observed in observation.inputs.values()
    )


def _sentences(missing: Mapping[str, str]) -> list[str]:
    """Return one sentence for each reason, with the paths that it is about."""
    paths: dict[str, list[str]] = {}
    for path, reason in sorted(missing.items()):
        paths.setdefault(reason, []).append(path)
    return [
        f"{', '.join(own[:_NAMED])}{f' and {len(own) - _NAMED} more' if len(own) > _NAMED else ''}: {reason}"
        for reason, own in paths.items()
    ]
