"""Whether an environment is still what it was when it was made."""

import os

from memharness.model import Environment


def is_whole(environment: Environment) -> bool:
    """Tell whether all files and folders that an environment names are there."""
    return all(map(os.path.exists, (environment.python, *environment.site_paths, *environment.generated.values())))
