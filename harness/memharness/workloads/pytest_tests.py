"""`pytest:tests/test_x.py::test_y -k parse`: tests, as pytest collects them."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from memharness.config.workloads import WorkloadConfig
from memharness.errors import MemharnessError
from memharness.git.repository import work_tree
from memharness.model.scenarios import TargetValue
from memharness.workloads.suite_files import SuiteFiles, files_below

_DEPENDENCIES: Final = ("pytest>=7",)
_SELECTING: Final = ("-k", "-m")  # options with a value of their own
_OTHERS: Final = ("-p", "-o", "-W")
_TEST_FOLDERS: Final = ("tests", "test", "testing")
_BESIDE: Final = ("conftest.py", "__init__.py")  # that pytest reads in every folder above a test
_CONFIGURING: Final = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
)


def find_tests(workload: WorkloadConfig, text: str) -> SuiteFiles:
    """Return the files that tests of the working tree need; raise MemharnessError where there are none.

    These are the folder of tests that a test lies in, and what pytest reads on the way there. With `at = "commit"` the
    tests are those of each commit, and nothing is copied.
    """
    paths, selection, options = _parsed(workload, text)
    of_commit = workload.at == "commit"
    root = work_tree(workload.folder) or workload.folder
    places = [(workload.folder / path.partition("::")[0]).resolve() for path in paths]
    for place in places:
        if not place.is_relative_to(root) or not (of_commit or place.exists()):
            raise MemharnessError(
                f"{workload.where}: there are no tests {place}",
                hint=f"Relative paths start in {workload.folder}, and tests lie in the repository around it.",
            )
    names = [place.relative_to(root).as_posix() for place in places]
    target: dict[str, TargetValue] = {
        "below": "tree" if of_commit else "scenarios",
        "paths": tuple("::".join((name, *path.split("::")[1:])) for name, path in zip(names, paths, strict=True)),
        "selection": selection,
        "options": options,
    }
    return SuiteFiles(
        folder=root,
        files=() if of_commit else tuple(sorted({file for place in places for file in _needed(place, root)})),
        target=target,
        copied_as="tests",
        dependencies=_DEPENDENCIES,
        of_commit=of_commit,
    )


def _parsed(workload: WorkloadConfig, text: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return paths, options that choose among the tests there, and others."""
    paths: list[str] = []
    selection: list[str] = []
    options: list[str] = []
    try:
        words = iter(shlex.split(text))
        for word in words:
            if word in _SELECTING:
                selection += [word, next(words)]
            elif word in _OTHERS:
                options += [word, next(words)]
            else:
                (options if word.startswith("-") else paths).append(word)
    except (ValueError, StopIteration):  # a quotation that does not end, or an option without a value
        paths = []
    if not paths:
        raise MemharnessError(
            f'{workload.where}: "{text}" names no tests',
            hint='Write it like pytest:tests, or "pytest:tests/test_x.py -k parse".',
        )
    return tuple(paths), tuple(selection), tuple(options)


def _needed(place: Path, root: Path) -> Iterator[str]:
    """Yield the paths below the root of the files that the tests in a file or folder need."""
    folder = place if place.is_dir() else place.parent
    holder = next((above for above in (*reversed(folder.parents), folder) if _holds_tests(above, root)), folder)
    if holder == root:
        yield from (file.name for file in root.glob("*.py") if file.is_file())
    else:
        prefix = holder.relative_to(root).as_posix()
        yield from (f"{prefix}/{name}" for name in files_below(holder))
    for above in (*holder.relative_to(root).parents, Path()):
        names = (*_BESIDE, *_CONFIGURING) if above == Path() else _BESIDE
        yield from ((above / name).as_posix() for name in names if (root / above / name).is_file())


def _holds_tests(folder: Path, root: Path) -> bool:
    return folder != root and folder.is_relative_to(root) and folder.name in _TEST_FOLDERS
