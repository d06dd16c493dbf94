"""Links to the place where a repository is browsed: recognised from the address of its remote, or configured.

In: an address as git has it. Out: templates with the fields {commit}, {path} and {line}.
"""

import re
from typing import Final

from memharness.model.values import Value

_ADDRESSES: Final = (
    re.compile(r"(?:https?|ssh|git)://(?:[^/@\s]*@)?(?P<host>[\w.-]+)(?::\d+)?/(?P<path>\S+)"),
    re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!/)(?P<path>\S+)"),  # user@host:path, as scp has it
)
_LINES: Final = {
    "github": "/blob/{commit}/{path}#L{line}",
    "gitlab": "/-/blob/{commit}/{path}#L{line}",
    "codeberg": "/src/commit/{commit}/{path}#L{line}",
}
_COMMITS: Final = {"github": "/commit/{commit}", "gitlab": "/-/commit/{commit}", "codeberg": "/commit/{commit}"}


class WebLinks(Value):
    """Templates of links to a line of a file at a commit, and to a commit."""

    line: str
    commit: str


def recognise(address: str) -> WebLinks | None:
    """Return the links of a repository on GitHub, GitLab (also one's own) or Codeberg; None for any other."""
    for pattern in _ADDRESSES:
        match = pattern.fullmatch(address.strip())
        if match is None:
            continue
        host, path = match["host"].lower(), match["path"].rstrip("/").removesuffix(".git")
        kind = next((name for name in _LINES if name in host.split(".")), None)
        if kind is None or not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)+", path):
            return None
        return WebLinks(line=f"https://{host}/{path}{_LINES[kind]}", commit=f"https://{host}/{path}{_COMMITS[kind]}")
    return None
