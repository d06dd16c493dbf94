"""Builds: what uv is told, in which environment variables, and what its log says when it fails."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from memharness.model import EnvironmentSpec, Failed, Value
from memharness.repository import without_credentials

_PASSED_ON: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_(CACHE|CONFIG|DATA)_HOME|NETRC|(https?|all|no)_proxy"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|LD_LIBRARY_PATH|PKG_CONFIG_PATH"
    r"|CC|CXX|CPPFLAGS|CFLAGS|CXXFLAGS|LDFLAGS|CARGO_HOME|RUSTUP_HOME|RUSTUP_TOOLCHAIN"
    r"|UV_(?!PUBLISH|PROJECT|PYTHON|SYSTEM|WORKING|NO_BUILD|COMPILE).*",
    re.IGNORECASE,
)
_EXCEPTION: Final = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit|Failure|NotFound\w*)\b(?::.*)?$")
_ERROR: Final = re.compile(r".*\bfatal error: |.*: error: |error: (?!Failed to |[Cc]ommand |No solution )")
_DRAWING: Final = "×├╰─▶│ \t"  # noqa: RUF001  (uv draws them)
_TEMPORARY: Final = re.compile(r"\S*/builds-v\d+/\.tmp\w+")
OUTPUT_LINES: Final = 20


class Log(Value):
    """How a uv process ended, and what it and the build printed; nothing in it depends on the folder it ran in."""

    status: int
    lines: tuple[str, ...]

    def failed(self) -> Failed:
        """Return the outcome that a failed build is stored as."""
        lines = self.lines[-OUTPUT_LINES:]
        return Failed(phase="build", reason=reason(self.lines), exit_code=self.status, output=lines)


def run_uv(arguments: Sequence[str], *, folder: Path, spec: EnvironmentSpec) -> Log:
    """Run uv in `folder`, which is left out of the log."""
    from uv import find_uv_bin  # here, since most runs never build

    done = subprocess.run(
        [find_uv_bin(), "--quiet", "--no-progress", "--color=never", *arguments],
        cwd=folder,
        env=variables() | spec.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = without_credentials(done.stdout.decode(errors="replace")).replace(str(folder), "<build>")
    text = _TEMPORARY.sub("<build>", text)
    return Log(status=done.returncode, lines=tuple(line.rstrip() for line in text.splitlines() if line.strip()))


def variables() -> dict[str, str]:
    """Return the environment variables of a build: an allow-list, so that no token reaches the code of a project."""
    kept = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    if "PIP_INDEX_URL" in os.environ:
        kept.setdefault("UV_DEFAULT_INDEX", os.environ["PIP_INDEX_URL"])
    # what is built from is gone afterwards: nothing may be installed as a link to it, whatever a project says
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "UV_NO_EDITABLE": "1"}


def reason(lines: Sequence[str]) -> str:
    """Return the most telling line: the last exception, else the first error, else the resolver's, else the last."""
    plain = [line.strip(_DRAWING).removeprefix("cause: ") for line in lines]
    plain = [line for line in plain if line and not line.startswith(("hint:", "[std"))]
    exceptions = [line for line in plain if _EXCEPTION.match(line)]
    errors = [line for line in plain if _ERROR.match(line)]
    if exceptions and not (errors and "ommand" in exceptions[-1]):  # a compiler that failed has said why
        return exceptions[-1]
    resolver = [line for line in plain if line.startswith("Because ")]
    return (errors or resolver or plain[-1:] or ["uv said nothing"])[0]


def copy_source(tree: Path, files: Iterable[str], into: Path) -> None:
    """Copy the files of a commit, and its .git for back ends that ask for the version, to build in.

    Byte code that is part of the commit is left out: no checkout has it.
    """
    for name in files:
        if "__pycache__" in name.split("/"):
            continue
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree / name, target, follow_symlinks=False)
    if (tree / ".git").is_dir():
        shutil.copytree(tree / ".git", into / ".git")
