"""A small repository with a history of memory, and a way to call memharness on it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from memharness.cli import main
from published import data_of, site_files, text_of
from repositories import RepositoryBuilder

CONFIGURATION = '[environment]\ninstall = "path"\n[run]\ngrowth-budget = "100ms"\nresults = "../results"\n'
# A fixed number of calls: runs that are compared must not calibrate it anew on a busy machine.
SCENARIO = "# /// script\n# [tool.memharness]\n# calls = 15\n# ///\nimport box\n\n\ndef run():\n    return box.fill()\n"


def module(*, size: int = 100_000, kept: str = "", above: str = "") -> str:
    """Return a module whose `fill` returns `size` bytes in one block, after lines that move it down."""
    return f"KEPT = []\n{above}\ndef fill():\n    block = bytearray({size})\n{kept}    return block\n"


LEAK = "    KEPT.append(bytearray(3000))\n"
BROKEN = "print('opening the box')\nimport missing_module\n"
OTHER = SCENARIO.replace("return box.fill()", "return box.fill(), bytearray(500_000)")
MEASURED = {  # the texts of a measured history by subject
    "begin": module(),
    "grow": module(size=300_000),
    "move": module(size=300_000, above="\n"),
    "break": BROKEN + module(size=300_000),
    "leak": module(size=300_000, kept=LEAK),
    "rest": module(size=300_000, kept=LEAK, above="\n"),
}


class Workbench:
    """A repository with configuration and scenario; results lie beside it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.repository = RepositoryBuilder(folder / "project")
        self.path = self.repository.path
        self.results = folder / "results"
        self._capsys = capsys
        self.stderr = ""
        self.scenario = self.path / "scenarios" / "fill.py"
        self.scenario.parent.mkdir()
        (self.path / "memharness.toml").write_text(CONFIGURATION)
        self.scenario.write_text(SCENARIO)

    def set(self, line: str) -> None:
        """Add a line to what the scenario says of itself."""
        self.scenario.write_text(self.scenario.read_text().replace("# calls", f"# {line}\n# calls"))

    def commit(self, text: str, subject: str = "change", *, tag: str | None = None) -> str:
        return self.repository.commit({"box.py": text}, subject, tag=tag)

    def call(self, *arguments: str) -> tuple[int, str]:
        """Run a command; return its exit code and stdout, and keep stderr."""
        code = main(arguments)
        self.stderr = ""
        out, self.stderr = self._capsys.readouterr()
        return code, out

    def call_json(self, *arguments: str) -> tuple[int, Any]:
        code, out = self.call(*arguments, "--json")
        return code, json.loads(out)

    def records(self) -> dict[str, Any]:
        """Return all stored records by file name, without what differs from run to run."""
        return {path.name: _stable(json.loads(path.read_text())) for path in sorted(self.results.rglob("*.json"))}


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _stable(v) for k, v in value.items() if k != "rss_peak"}
    return [_stable(item) for item in value] if isinstance(value, list) else value


class Published(Workbench):
    """A workbench with a measured history, the first commit of which is v1.0; two scenarios."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], stock: Path) -> None:
        super().__init__(folder, capsys)
        shutil.rmtree(self.path)
        for name in ("project", "results"):
            shutil.copytree(stock / name, folder / name, symlinks=True)
        self.site = self.path / "site"
        self.ids = self.repository.git("rev-list", "--reverse", "main").split()
        self.repository.time += 60 * len(self.ids)

    def go_to(self, subject: str) -> str:
        """Make the commit with this subject the newest; return its id."""
        newest = self.ids[list(MEASURED).index(subject)]
        self.repository.git("checkout", "--quiet", "-B", "main", newest)
        return newest

    def publish(self, *options: str) -> dict[str, int]:
        """Publish, which must end well; return the counts of files."""
        code, found = self.call_json("publish", *options)
        assert code == 0, self.stderr
        files: dict[str, int] = found["files"]
        return files

    def files(self) -> dict[str, bytes]:
        return site_files(self.site)

    def text(self, path: str) -> str:
        return text_of((self.site / path).read_bytes())

    def subjects(self) -> dict[str, Any]:
        """Return what the charts draw, by the id of the subject."""
        return {Path(path).stem: data_of(data) for path, data in self.files().items() if "data/scenario/" in path}

    def record(self, commit: str) -> Path:
        (found,) = self.results.rglob(f"{commit}.json")
        return found
