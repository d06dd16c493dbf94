"""asv, called as its users call it, on a repository of ours; with environments and results of its own.

- `default`: what `asv quickstart` writes, with nothing changed but the project's name and place. For each commit asv
  builds with an isolated build environment, installs, measures and uninstalls.
- `tuned`: what asv's documentation and users recommend for speed. The wheel is built without build isolation and
  without looking at the index, by a setuptools that the environment already holds; it is installed without
  dependencies over the former one, nothing is uninstalled, and wheels are kept for the next time.
- `unbuilt`: further than asv goes by itself. Nothing is built: a path file in the environment points to asv's
  checkout, which is possible for a pure Python package only.

asv keeps one environment for all commits in each of them.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from asv.util import load_json  # type: ignore[import-untyped]

from costs import run

_ASV: Final = (sys.executable, "-m", "asv")
SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "tuned": {
        "build_command": [
            "python -m pip wheel --no-deps --no-build-isolation --no-index -w {build_cache_dir} {build_dir}"
        ],
        "install_command": ["python -m pip install --no-deps --no-index --force-reinstall --no-compile {wheel_file}"],
        "uninstall_command": [],
        "build_cache_size": 1000,
        "matrix": {"req": {"pip+setuptools": ["75"], "pip+wheel": [""]}},
    },
    "tuned-uv": {
        "build_command": ["uv build --wheel --no-build-isolation --offline -o {build_cache_dir} {build_dir}"],
        "install_command": ["uv pip install --python {env_dir} --no-deps --offline --reinstall {wheel_file}"],
        "uninstall_command": [],
        "build_cache_size": 1000,
        "matrix": {"req": {"pip+setuptools": ["75"], "pip+wheel": [""], "pip+uv": [""]}},
    },
    "unbuilt": {
        "build_command": [],
        "install_command": (
            "python -c \"import sysconfig; path = sysconfig.get_path('purelib') + '/project.pth'; "
            "open(path, 'w').write('{build_dir}')\""
        ),
        "uninstall_command": [],
    },
}


class AsvSuite:
    """A benchmark suite with a configuration of asv in `folder`, for the package `name` in `repository`."""

    def __init__(self, folder: Path, repository: Path, name: str, benchmarks: str, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.environment = _environment(folder / "home")
        (folder / "home").mkdir(parents=True)
        self._call("quickstart", "--no-top-level", "--dest", str(folder))
        configuration = load_json(str(folder / "asv.conf.json"), js_comments=True)
        configuration |= {"project": name, "repo": str(repository), **settings}
        (folder / "asv.conf.json").write_text(json.dumps(configuration))
        (folder / "benchmarks" / "benchmarks.py").write_text(benchmarks)
        self._call("machine", "--yes")

    def run(self, commits: Sequence[str]) -> float:
        """Measure what is missing of `commits`; return CPU seconds. A commit without figures is a RuntimeError."""
        hashes = self.folder / "commits.txt"
        hashes.write_text("\n".join(commits) + "\n")
        cpu_seconds = self._call("run", "--skip-existing", f"HASHFILE:{hashes}")
        measured = sum(_complete(path) for path in self.folder.glob("results/*/*-*.json"))
        if measured != len(commits):
            raise RuntimeError(f"asv measured {measured} of {len(commits)} commits: see {self.folder}")
        return cpu_seconds

    def _call(self, *arguments: str) -> float:
        return run([*_ASV, *arguments], self.folder, environment=self.environment).cpu_seconds


def _complete(results: Path) -> bool:
    """Tell whether each benchmark has a figure in a file of results."""
    found = json.loads(results.read_text())["results"]
    return bool(found) and all(row[0] and row[0][0] is not None for row in found.values())


def _environment(home: Path) -> dict[str, str]:
    """Return this process' environment with another home, as asv writes a file there, but pip's settings and cache."""
    user = Path.home()
    return {
        "XDG_CONFIG_HOME": str(user / ".config"),
        "XDG_CACHE_HOME": str(user / ".cache"),
        **os.environ,
        "HOME": str(home),
    }
