"""How the project's packages in the working tree differ from the commit that is measured."""

from pathlib import Path, PurePosixPath

from memharness.findings.project import Project
from memharness.git.history import blob_ids, resolve
from memharness.git.repository import run_git


def edited_files(project: Project, commit: str) -> int:
    """Return how many files of the packages were changed, added or removed since `commit`, ignored ones left out.

    0 where another commit is checked out, or none.
    """
    repository = project.repository
    folder = Path(repository.location)
    if not folder.is_dir() or resolve(repository, "HEAD") != commit:
        return 0
    layout = project.layout(blob_ids(repository, commit))
    root = PurePosixPath(layout.import_root)
    places = [f":(top,literal){root / package}{ending}" for package in layout.packages for ending in ("", ".py")]
    how = ["-c", "core.fsmonitor=false", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"]
    found = run_git([*how, "--", *places], folder=str(folder)) if places else None
    return 0 if found is None or found.status else found.output.count(b"\0")
