"""Files that a commit lacks, named with what was measured there: in a note, or in the reason why it failed."""

from collections.abc import Mapping

from msgspec.structs import replace

from memharness.model.measurements import Failed, Measured, Observation
from memharness.model.metrics import PASSES

_NAMED = 3
_BUILT_OR_RUN = ("build", "import", "setup", "run", "crash")


def with_missing_files(observation: Observation, missing: Mapping[str, str], *, is_built: bool) -> Observation:
    """Name what is `missing` (path -> reason) in an observation, unless it is proven that nothing of it was looked at.

    `is_built`: something was built of the commit, and what the build read is not known. A result that may depend on a
    missing file is not reused for other commits.
    """
    outcome = observation.outcome
    if not missing:
        return observation
    if isinstance(outcome, Failed) and outcome.phase in _BUILT_OR_RUN:
        reason = f"{outcome.reason} ({'; '.join(_sentences(missing))})"
        return replace(observation, outcome=replace(outcome, reason=reason))
    if not isinstance(outcome, Measured):
        return observation
    if not is_built and outcome.inputs and not any(_may_have_seen(observation, outcome, path) for path in missing):
        return observation
    notes = (*outcome.notes, *_sentences(missing))
    return replace(observation, outcome=replace(outcome, notes=notes, inputs={}), inputs={})


def _may_have_seen(observation: Observation, outcome: Measured, path: str) -> bool:
    """Tell whether a pass may have looked at a path, or at something below it."""
    if not outcome.inputs.keys() >= set(PASSES).intersection(outcome.passes):
        return True
    return any(
        inputs.native or any(seen == path or seen.startswith(f"{path}/") for seen in (*inputs.paths, *inputs.folders))
        for inputs in observation.inputs.values()
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
