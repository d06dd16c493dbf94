"""Git histories from trees, the same on every machine. One `git fast-import` writes all: long ones are cheap."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

_FIRST_TIME = 1_700_000_000
_DAY = 86_400


def make_history(folder: Path, trees: Iterable[tuple[str, Mapping[str, bytes]]]) -> list[str]:
    """Make a repository in `folder` with a commit for each (subject, all files); return their ids, oldest first."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    stream = b"".join(_commit(number, subject, files) for number, (subject, files) in enumerate(trees))
    _git(folder, "fast-import", "--quiet", stdin=stream)
    _git(folder, "reset", "--quiet", "--hard", "main")
    return _git(folder, "rev-list", "--first-parent", "--reverse", "main").split()


def _commit(number: int, subject: str, files: Mapping[str, bytes]) -> bytes:
    head = f"commit refs/heads/main\ncommitter Ada <ada@example.org> {_FIRST_TIME + number * _DAY} +0000\n"
    parts = [head.encode(), _data(subject.encode()), b"deleteall\n"]
    for path, content in files.items():
        parts += [f"M 100644 inline {path}\n".encode(), _data(content)]
    return b"".join(parts)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, input=stdin, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
