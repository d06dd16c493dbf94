"""What tests need of the machine and may not find: such tests are skipped, counted, and in the gate a failure."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from typing import Final, NoReturn

import pytest

REQUIRED: Final = "REQUIRE_ALL_TESTS"  # a variable: whatever is missing fails the session
_PREFIX: Final = "missing here: "


def skip_for_want_of(thing: str) -> NoReturn:
    """Skip the test that runs, since the machine lacks an interpreter or a browser."""
    pytest.skip(f"{_PREFIX}{thing}")


def interpreter(version: str) -> str:
    """Return the path of a Python that pyenv has, or else of one of that minor version; skip the test without one."""
    if shutil.which("pyenv"):
        found = subprocess.run(["pyenv", "prefix", version], capture_output=True, text=True, check=False)
        path = f"{found.stdout.strip()}/bin/python" if found.returncode == 0 else None
    else:
        path = shutil.which(f"python{version.rpartition('.')[0]}")
    return path or skip_for_want_of(f"Python {version}")


def missing(skipped: Iterable[pytest.TestReport]) -> Counter[str]:
    """Return what was missing, each with the number of tests that were skipped for want of it."""
    reasons = (report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    return Counter(reason.partition(_PREFIX)[2] for reason in reasons if _PREFIX in reason)
