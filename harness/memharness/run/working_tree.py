"""How the project's packages in the working tree differ from the commit that is measured."""

from pathlib import Path, PurePosixPath

from memharness.findings.project import Project, blob_reader
from memharness.git.history import blob_ids, resolve
from memharness.git.repository import run_git
from memharness.packages.layout import locate


def edited_files(project: Project, commit: str) -> int:
    """Return how many files of the packages were changed, added or removed since `commit`, ignored ones left out.

    0 where another commit is checked out, or none.
    """
    repository = project.repository
    folder = Path(repository.location)
    if not folder.is_dir() or resolve(repository, "HEAD") != commit:
        return 0
    files, asked = blob_ids(repository, commit), project.config.project
    layout = locate(files, blob_reader(repository, files), directory=asked.directory, import_root=asked.import_root)
    root = PurePosixPath(layout.import_root)
    places = [f":(top,literal){root / package}{ending}" for package in layout.packages for ending in ("", ".py")]
    how = ["-c", "core.fsmonitor=false", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"]
    found = run_git([*how, "--", *places], folder=str(folder)) if places else None
    return 0 if found is None or found.status else found.output.count(b"\0")
