"""Whether an environment is still what it was when it was made."""

import os
from pathlib import Path

from memharness.environments.guard import is_recorded
from memharness.model import Environment


def is_whole(environment: Environment) -> bool:
    """Tell whether all files and folders that an environment names are there, and nothing is known to have changed."""
    if environment.folder is not None and not is_recorded(Path(environment.folder)):
        return False
    return all(map(os.path.exists, (environment.python, *environment.site_paths, *environment.generated.values())))
