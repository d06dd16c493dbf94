"""Makes the repository that `memharness demo` measures.

In: an empty folder. Out: a git repository with eight commits and the tag v1.0, and a scenario file; what is not
configured is default. Dates are fixed, so that every demo has the same commit ids.
"""

import os
from pathlib import Path

from git import Repo

from memharness.errors import MemharnessError

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "wastebox"
version = "1.0"
requires-python = ">=3.9"

[tool.setuptools]
packages = ["wastebox"]
"""

_CORE = '''\
"""Objects that hold memory."""

import os
{imports}
_AUDIT = []

{helper}
class MyObject:
    def __init__(self):
        self.data = os.urandom(100)


def waste_memory(rows, cols):
    """Return rows x cols objects."""
    grid = [[MyObject() for _ in range(cols)] for _ in range(rows)]
{body}
'''

_HELPER = '''
def describe(grid):
    """Say how large a grid is."""
    rows = len(grid)
    cols = len(grid[0]) if grid else 0
    return f"{rows} x {cols} objects"

'''

_UNDO = "    undo = [[MyObject() for _ in range(cols)] for _ in range(rows)]\n    return grid, undo"
_LESS = "    undo = [[MyObject() for _ in range(cols)] for _ in range(rows // 10)]\n    return grid, undo"
_LEAK = "    _AUDIT.append([item.data[:8] for row in grid for item in row])\n"

SCENARIO = '''\
"""Build 100 x 100 objects, each with a buffer of random bytes."""
# /// script
# requires-python = ">=3.9"
# dependencies = []
# [tool.memharness]
# params = { rows = [100], cols = [100] }
# ///
from wastebox import waste_memory


def run(rows, cols):
    return waste_memory(rows, cols)
'''


def _core(*, imports: str = "", helper: str = "", body: str = "    return grid, None") -> dict[str, str]:
    return {"wastebox/core.py": _CORE.format(imports=imports, helper=helper, body=body)}


_COMMITS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Build a grid of objects",
        {
            "pyproject.toml": _PYPROJECT,
            ".gitignore": "__pycache__/\n*.egg-info/\nbuild/\n/results/\n/site/\n",
            "wastebox/__init__.py": "from wastebox.core import MyObject, waste_memory\n",
            **_core(),
        },
    ),
    ("Say in the notes what a grid is", {"NOTES.txt": "A grid holds rows x cols objects.\n"}),
    ("Keep an undo grid", _core(body=_UNDO)),
    ("Describe grids (moves every line below)", _core(helper=_HELPER, body=_UNDO)),
    ("Compress buffers (does not import)", _core(imports="import zlib_ng_missing\n", helper=_HELPER, body=_UNDO)),
    ("Take the compression back", _core(helper=_HELPER, body=_UNDO)),
    ("Remember what every grid held, for an audit", _core(helper=_HELPER, body=_LEAK + _UNDO)),
    ("Undo the last tenth only", _core(helper=_HELPER, body=_LEAK + _LESS)),
)


def build_repository(folder: Path) -> None:
    """Make the repository and its scenario in `folder`, which must not exist or be empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MemharnessError(f"{folder} is not an empty folder", hint="Name a folder that does not exist yet.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MemharnessError(f"{folder} cannot be made: {error.strerror}", hint="Name another folder.") from None
    repository = Repo.init(folder, initial_branch="main")
    for number, (subject, files) in enumerate(_COMMITS):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        date = f"2024-03-{number + 1:02}T12:00:00+00:00"
        identity = {"NAME": "Demo Author", "EMAIL": "demo@example.org", "DATE": date}
        variables = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in identity.items()}
        with repository.git.custom_environment(**variables, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1"):
            repository.git.add(all=True)
            repository.git.commit(message=subject, no_verify=True, quiet=True)
            if number == 0:
                repository.git.tag("v1.0")
    scenarios = folder / "scenarios"
    scenarios.mkdir()
    (scenarios / "waste_memory.py").write_text(SCENARIO, encoding="utf-8")
