"""Which environments stay in the cache: those used last, those in use, and nothing half made."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memharness.environments.cache import Built, EnvironmentCache
from memharness.model.environments import Environment, EnvironmentFacts
from memharness.processes.supervision import Cancelled

FACTS = EnvironmentFacts(family="f", python="3.12.0", implementation="cpython", install="auto", packages={})
HOLDER = """
import sys
from pathlib import Path
from memharness.environments.cache import EnvironmentCache
with EnvironmentCache(Path(sys.argv[1]), "/", 1).using(sys.argv[2], None):
    print("used", flush=True)
    sys.stdin.read()
"""


def name(number: int, install: str = "auto") -> str:
    return f"{install}-{number:032x}"


class Made:
    """A cache with complete environments, each used a second after the one before it."""

    def __init__(self, folder: Path, *, keep: int) -> None:
        self.folder = folder / "environments"
        self.project = folder / "project"
        self.project.mkdir()
        self.folder.mkdir()
        self.cache = EnvironmentCache(self.folder, str(self.project), keep)
        self.time = 1_000_000

    def make(self, *names: str, project: Path | None = None) -> None:
        for each in names:
            (self.folder / each / "bin").mkdir(parents=True)
            environment = Environment(key=each, facts=FACTS, python=sys.executable, cache_tag="cpython-312")
            with self.cache.using(each, None), self.cache.making(each, None):
                self.cache.put(each, Built(environment=environment, project=str(project or self.project)))
            self.time += 1
            os.utime(self.folder / each / "environment.json", (self.time, self.time))

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if not path.suffix)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path, keep=2)


def test_those_used_last_stay_however_they_were_installed(made: Made) -> None:
    names = [name(1), name(2, "wheel"), name(3, "path"), name(4), name(5, "wheel")]
    made.make(*names)
    with made.cache.using(names[0], None):
        made.cache.touch(names[0])
    made.cache.prune()
    assert made.left() == sorted([names[0], names[4]])
    assert {path.stem for path in made.folder.iterdir()} == set(made.left())


def test_what_is_in_use_stays_until_it_is_not(made: Made) -> None:
    """By this process or by another, which may be killed."""
    names = [name(number) for number in range(5)]
    made.make(*names)
    command = [sys.executable, "-c", HOLDER, str(made.folder), names[1]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"used\n"
        with made.cache.using(names[0], None):
            for at, used in enumerate(names):  # both are those used first again
                os.utime(made.folder / used / "environment.json", (at, at))
            made.cache.prune()
            assert made.left() == [names[0], names[1], names[3], names[4]]
        made.cache.prune()
        assert made.left() == [names[1], names[3], names[4]]
        other.kill()
    made.cache.prune()
    assert made.left() == [names[3], names[4]]


def test_nothing_half_made_stays_unless_it_is_being_made(made: Made) -> None:
    made.make(name(1))
    for half in (name(2), name(3, "wheel")):
        (made.folder / half / "bin").mkdir(parents=True)
        (made.folder / f"{half}.guard").touch()
    (made.folder / f"{name(4)}.lock").touch()
    (made.folder / "notes").mkdir()
    with made.cache.using(name(3, "wheel"), None):
        made.cache.prune()
        assert made.left() == [name(1), "notes", name(3, "wheel")]
    made.cache.prune()
    assert {path.stem for path in made.folder.iterdir()} == {name(1), "notes"}


def test_those_of_other_projects_stay_while_the_projects_are_there(made: Made, tmp_path: Path) -> None:
    made.make(name(1), name(2), name(3), project=tmp_path)
    made.make(name(4), project=tmp_path / "gone")
    made.make(name(5))
    made.cache.prune()
    assert made.left() == [name(1), name(2), name(3), name(5)]


def test_who_waits_for_another_can_be_cancelled(made: Made) -> None:
    made.make(name(1))
    cancel = threading.Event()
    cancel.set()
    with made.cache.making(name(1), None), pytest.raises(Cancelled), made.cache.making(name(1), cancel):
        pass
