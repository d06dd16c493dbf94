"""Faults of memharness itself: a line for the user, and a report with the traceback for those who fix it.

Only the standard library is imported at first, since an installed package may be what failed.
"""

import json
import os
import platform
import re
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from memharness import __version__
from memharness.errors import FAULT

_KEPT: Final = 10  # reports, the newest
_NAME: Final = "memharness-fault-"
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/\s]{1,4096}@")  # tokens are long, and a password may have an @
_CHARACTERS: Final = 300  # of what the line quotes


def report_fault(error: BaseException, arguments: Sequence[str]) -> int:
    """Print that memharness is at fault, and where the report is; return the exit code."""
    message = f"internal error: {_summary(error)}"
    report = None
    with suppress(Exception):  # the line is printed even if the report fails
        report = write_report(error, arguments)
    place = f"Its report: {report}" if report else "No report could be written."
    hint = f"This is a fault of memharness, not of your project. {place}"
    with suppress(OSError, ValueError):
        print(f"memharness: {message}\n  {hint}", file=sys.stderr, flush=True)  # noqa: T201  (click may be what failed)
    if "--json" in arguments:
        fault = {"message": message, "hint": hint, "exit_code": FAULT, "report": str(report) if report else None}
        with suppress(OSError, ValueError):
            print(json.dumps({"format": 1, "error": fault}), flush=True)  # noqa: T201
    return FAULT


def write_report(error: BaseException, arguments: Sequence[str]) -> Path | None:
    """Write the traceback to a new file in the cache folder, else in the temporary folder; return its path.

    The report holds no environment variables and no local variables, and addresses lose their user and password.
    """
    python = f"{platform.python_implementation()} {platform.python_version()}"
    head = f"memharness {__version__}, {python}, {platform.platform()}"
    command = shlex.join(["memharness", *arguments])
    text = "\n".join((head, f"command: {command}", "", *traceback.format_exception(error)))
    content = _CREDENTIALS.sub("", text).encode("utf-8", "backslashreplace")
    for folder in _folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(".txt", f"{_NAME}{time.strftime('%Y%m%d-%H%M%S')}-", folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            _remove_older(folder)
            return Path(path)
    return None


def _folders() -> Iterator[Path]:
    with suppress(Exception):
        from memharness.files.cache_folder import cache_folder

        yield cache_folder() / "faults"
    yield Path(tempfile.gettempdir())


def _remove_older(folder: Path) -> None:
    """Remove all but the newest reports of this user."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_NAME) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                if status.st_uid == os.getuid():
                    found.append((status.st_mtime_ns, entry.path))
    for _, path in sorted(found)[:-_KEPT]:
        Path(path).unlink(missing_ok=True)


def _summary(error: BaseException) -> str:
    """Return the last line of the traceback with foreign text escaped."""
    from memharness.wording.text import visible  # which imports the standard library alone

    line = traceback.format_exception_only(error)[-1].strip()
    return visible(_CREDENTIALS.sub("", line)[:_CHARACTERS])
