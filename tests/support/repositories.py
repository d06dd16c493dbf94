"""Real git repositories for tests, the same on every machine: fixed dates and names, no configuration of the user."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

_ISOLATED = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "LC_ALL": "C",
}
FIRST_TIME = 1_700_000_000  # of the first commit; each later one is a minute younger


class RepositoryBuilder:
    """A repository with a work tree at `path`, on branch `main`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = FIRST_TIME
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--template=", "--initial-branch=main")

    def git(self, *arguments: str, given: str = "") -> str:
        """Run git in the work tree on an input; its output without the line end."""
        date = f"{self.time} +0000"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {**_ISOLATED, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        command = ["git", "-c", "maintenance.auto=false", *arguments]
        done = subprocess.run(
            command, cwd=self.path, env=environment, input=given.encode(), check=True, capture_output=True
        )
        return done.stdout.decode(errors="surrogateescape").removesuffix("\n")

    def commit(
        self, files: Mapping[str, str | bytes | None], subject: str = "change", *, tag: str | None = None
    ) -> str:
        """Write `files` (None deletes one), commit everything and return the id."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self._made(tag)

    def commits(self, history: Iterable[tuple[Mapping[str, str], str]]) -> list[str]:
        """Make a commit of each pair of files and subject on `main`; all but the first in one process of git."""
        (files, subject), *others = history
        ids = [self.commit(files, subject)]
        stream = ["reset refs/heads/main", f"from {ids[0]}"]
        for files, subject in others:
            who = f"{_ISOLATED['GIT_AUTHOR_NAME']} <{_ISOLATED['GIT_AUTHOR_EMAIL']}> {self.time} +0000"
            stream += ["commit refs/heads/main", "mark :1", f"author {who}", f"committer {who}", _data(f"{subject}\n")]
            for name, text in files.items():
                stream += [f"M 100644 inline {name}", _data(text)]
            stream.append("get-mark :1")
            self.time += 60
        ids += self.git("fast-import", "--quiet", given="\n".join(stream)).split()
        self.git("reset", "--quiet", "--hard")
        return ids

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Make a branch and go there."""
        self.git("checkout", "--quiet", "-b", name, start)

    def switch(self, revision: str) -> None:
        """Go to a branch, or detach at a commit."""
        self.git("checkout", "--quiet", revision)

    def merge(self, branch: str, subject: str = "merge", *, tag: str | None = None) -> str:
        """Merge a branch with a merge commit and return its id."""
        self.git("merge", "--quiet", "--no-ff", "--message", subject, branch)
        return self._made(tag)

    def _made(self, tag: str | None) -> str:
        if tag is not None:
            self.git("tag", tag)
        self.time += 60
        if (self.path / ".git").is_file():  # of a linked work tree
            return self.git("rev-parse", "HEAD").strip()
        head = (self.path / ".git/HEAD").read_text()  # a third of the processes of a commit would go into asking git
        return (self.path / ".git" / head[5:-1]).read_text()[:-1] if head.startswith("ref: ") else head[:-1]


def facts(folder: Path) -> dict[bytes, tuple[int, int, bytes]]:
    """Mode, time and contents of a folder and all below it (with .git), to show that nothing was touched."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        content = b"" if path.is_dir() or path.is_symlink() else path.read_bytes()
        found[os.fsencode(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` (with .git) and its bytes, to show that nothing was touched."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
