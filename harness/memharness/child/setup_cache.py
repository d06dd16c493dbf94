"""What a suite prepares once for several cases at a commit: the working folder that one child left."""

import shutil
from pathlib import Path
from typing import NamedTuple

from memharness.files.copies import copy_folder
from memharness.files.removal import remove
from memharness.model.measurements import ObservedInputs


class SetupCache(NamedTuple):
    """The folder that every pass begins with a copy of; `inputs`: what was observed of making it, as of a pass."""

    folder: Path
    inputs: ObservedInputs | str | None

    def copy(self, into: Path) -> None:
        """Copy the folder in place of another."""
        remove(into)
        copy_folder(self.folder, into)

    def with_inputs(self, inputs: ObservedInputs | str | None) -> ObservedInputs | str | None:
        """Return what a pass that used this depends on in all, or why nobody can know."""
        if not isinstance(self.inputs, ObservedInputs) or not isinstance(inputs, ObservedInputs):
            return inputs if isinstance(self.inputs, ObservedInputs) or inputs is None else self.inputs
        both = (self.inputs, inputs)
        native = [one for one in both if one.native]
        return ObservedInputs(
            paths=tuple(sorted({*self.inputs.paths, *inputs.paths})),
            folders=tuple(sorted({*self.inputs.folders, *inputs.folders})),
            beside=self.inputs.beside | inputs.beside,
            native=bool(native),
            watched=bool(native) and all(one.watched for one in native),
        )


def keep(folder: Path, target: Path) -> Path:
    """Move the working folder that a child left, before the next child has it emptied; return where it is then."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove(target)
    return Path(shutil.move(folder, target))
