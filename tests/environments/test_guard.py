"""The guard of a built environment: what one child leaves there reaches no other, and makes no figure wrong."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from memharness.environments.guard import guarded, is_recorded, record
from memharness.errors import MemharnessError
from memharness.files.removal import remove
from memharness.processes.supervision import Cancelled

SITE = "lib/python3/site-packages"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a built environment."""
    folder = tmp_path / "environment"
    build(folder)
    return folder


def build(folder: Path) -> None:
    remove(folder)
    names = ("bin/activate", f"{SITE}/dep/__init__.py", f"{SITE}/a.pth", "pyvenv.cfg", "generated/made.py")
    for name in (*names, os.fsdecode(b"generated/caf\xe9")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("# text\n")
    (folder / "bin/python").symlink_to(sys.executable)
    (folder / "environment.json").write_text("{}")
    record(folder)


def state(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, "" if path.is_dir() else path.read_text()[:99])
        for path in folder.rglob("*")
        if path.name not in (".recorded", "python")
    }


def child(folder: Path, code: str) -> None:
    """Do something in a process of its own, as children do."""
    subprocess.run([sys.executable, "-c", f"import os, sys, shutil, mmap\n{code}"], cwd=folder, check=True)


def never() -> None:
    raise AssertionError("nothing is to be built")


ADDED = {
    "a cache": f"open('{SITE}/dep/cache', 'w').close()",
    "a module": f"os.mkdir('{SITE}/new'); open('{SITE}/new/__init__.py', 'w').close()",
    "a name that is no text": f"open(b'{SITE}/\\xff', 'w').close()",
    "byte code": f"os.mkdir('{SITE}/dep/__pycache__'); open('{SITE}/dep/__pycache__/x.pyc', 'w').close()",
    "a link": f"os.symlink('/', '{SITE}/root')",
    "a .pth file": f"open('{SITE}/b.pth', 'w').write('import sys')",
}
CHANGED = {
    "in place": f"f = open('{SITE}/dep/__init__.py', 'r+'); f.write('#'); f.close()",
    "and its time": f"n = '{SITE}/a.pth'; t = os.stat(n).st_mtime_ns; open(n, 'r+').write('X'); os.utime(n, ns=(t, t))",
    "through a mapping": f"f = open('{SITE}/dep/__init__.py', 'r+b'); mmap.mmap(f.fileno(), 0)[0:1] = b'X'",
    "removed": f"os.remove('{SITE}/a.pth')",
    "replaced": "open('bin/x', 'w').write('y'); os.replace('bin/x', 'bin/activate')",
    "rights": "os.chmod('generated/made.py', 0o600)",
    "a folder by a link": f"os.rename('{SITE}/dep', 'dep'); os.symlink('../../../dep', '{SITE}/dep')",
    "everything": "shutil.rmtree('lib')",
    "settings": "open('pyvenv.cfg', 'a').write('include-system-site-packages = true')",
}


@pytest.mark.parametrize("what", ADDED)
def test_what_a_child_added_is_gone_before_the_next(built: Path, what: str) -> None:
    before = state(built)
    with guarded(built, never) as counts:
        pass
    assert counts()
    with guarded(built, never) as counts:
        child(built, ADDED[what])
        assert not counts()
    for _ in range(2):  # alone now: what it leaves is no harm to itself
        with guarded(built, never) as counts:
            assert state(built) == before
            child(built, ADDED[what])
            assert counts()


@pytest.mark.parametrize("what", CHANGED)
def test_what_a_child_changed_is_built_anew(built: Path, what: str) -> None:
    before = state(built)
    with guarded(built, never) as counts:
        child(built, CHANGED[what])
        assert not counts()
    assert is_recorded(built)
    rebuilt = []

    def rebuild() -> None:
        assert not is_recorded(built)
        rebuilt.append(what)
        build(built)

    for number in (1, 2):
        with guarded(built, rebuild) as counts:
            assert len(rebuilt) == number
            assert state(built) == before
            child(built, CHANGED[what])
            assert counts()


def test_who_finds_it_changed_after_every_build_does_not_build_for_ever(built: Path) -> None:
    def rebuild() -> None:
        build(built)
        (built / "pyvenv.cfg").unlink()

    Path(f"{built}.guard").write_text("alone\n")
    (built / "pyvenv.cfg").unlink()
    with pytest.raises(MemharnessError, match="was changed again whenever it had been built"), guarded(built, rebuild):
        pass


def test_a_damaged_record_makes_the_environment_be_built_anew(built: Path) -> None:
    for alone in ("", "alone\n"):
        Path(f"{built}.guard").write_text(alone)
        (built / ".recorded").write_bytes(b"\xc1")
        with guarded(built, lambda: build(built)) as counts:
            assert is_recorded(built)
            assert counts()


def test_all_that_ran_beside_a_child_that_wrote_is_repeated_alone(built: Path) -> None:
    with guarded(built, never) as first, guarded(built, never) as second, guarded(built, never) as third:
        child(built, f"open('{SITE}/x', 'w').close()")
        child(built, f"os.remove('{SITE}/x')")  # it was there for a while
        assert [first(), second(), third()] == [False, False, False]
    running, most = [0], [0]

    def work() -> None:
        with guarded(built, never) as counts:
            running[0] += 1
            most[0] = max(most[0], running[0])
            child(built, "pass")
            running[0] -= 1
            assert counts()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (running, most) == ([0], [1])


def test_what_is_written_while_nobody_looks_is_found_by_the_next_process(built: Path) -> None:
    (built / SITE / "left").write_text("by a run that was killed")
    code = (
        "import sys, pathlib\nfrom memharness.environments.guard import guarded\n"
        "folder = pathlib.Path(sys.argv[1])\ncame = []\n"
        "for _ in range(2):\n    with guarded(folder, None) as counts:\n        came.append(counts())\n"
        "print(came, (folder / sys.argv[2] / 'left').exists())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(built), SITE], capture_output=True, text=True, check=True)
    assert done.stdout == "[False, True] False\n"


def test_whoever_waits_for_an_environment_can_be_cancelled(built: Path) -> None:
    cancel = threading.Event()
    with guarded(built, never):
        Path(f"{built}.guard").write_text("alone\n")
        cancel.set()
        with pytest.raises(Cancelled), guarded(built, never, cancel):
            pass


def test_reading_and_using_an_environment_is_no_change(built: Path) -> None:
    with guarded(built, never) as counts:
        child(built, f"open('{SITE}/dep/__init__.py').read(); os.listdir('lib')")
        os.utime(built / "environment.json")
        os.utime(built)
        assert counts()
