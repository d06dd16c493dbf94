"""What of the project's packages the working tree has otherwise than the commit that is measured."""

import os
from pathlib import Path, PurePosixPath

from memharness.environments import provider
from memharness.history import resolve
from memharness.pipeline.grounds import Grounds
from memharness.pipeline.project import Project
from memharness.repository import run_git
from memharness.workspace import cache_folder


def edited_files(project: Project, commit: str) -> int:
    """Return how many files of the packages were changed, added or removed since `commit`, ignored ones left out.

    0 where another commit is checked out, or none.
    """
    repository = project.repository
    folder = Path(repository.location)
    if not folder.is_dir() or resolve(repository, "HEAD") != commit:
        return 0
    asked = project.config.environment
    environments = provider(asked.install, cache_folder(), project=repository.id, keep=asked.keep)  # none is made
    layout = Grounds(project, environments).at(commit).layout
    root = PurePosixPath(layout.import_root)
    names = [str(root / f"{package}{ending}") for package in layout.packages for ending in ("", ".py")]
    places = [f":(top,literal){os.fspath(name)}" for name in names]
    how = ["-c", "core.fsmonitor=false", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"]
    found = run_git([*how, "--", *places], folder=str(folder)) if places else None
    return 0 if found is None or found.status else found.output.count(b"\0")
