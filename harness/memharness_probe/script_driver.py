"""Loads a script: target {"path": relative, "below": "tree" or "scenarios", "arguments": [texts]}."""

from __future__ import annotations

import sys
from os.path import dirname, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load(request: dict[str, Any]) -> _Script:
    """Compile the script and put its folder on the path, as `python SCRIPT` does."""
    target = request["target"]
    path = join(request["scenarios"] if target["below"] == "scenarios" else request["project"]["tree"], target["path"])
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    sys.path.insert(0, dirname(path))
    return _Script(path, code, target["arguments"])


class _Script:
    def __init__(self, path: str, code: Any, arguments: list[str]) -> None:
        self._path, self._code, self._arguments = path, code, arguments
        self._search = sys.path[:]

    def run(self) -> None:
        """Run the script as the main module. It may end by `sys.exit()` or with an exit code of 0."""
        main = type(sys)("__main__")
        main.__file__ = self._path
        main.__dict__["__builtins__"] = sys.modules["builtins"]
        sys.modules["__main__"] = main
        sys.argv[:] = [self._path, *self._arguments]
        sys.path[:] = self._search  # a script that extends it would seem to leak in further calls
        try:
            exec(self._code, main.__dict__)  # noqa: S102  (running it is the task)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
