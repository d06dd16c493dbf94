"""The limits that the marker gives a test."""

from collections.abc import Mapping
from typing import Final

import pytest

from memharness.config import readers
from memharness.errors import MemharnessError
from memharness.wording.text import visible

MARKER: Final = "memharness"


def read_limits(item: pytest.Item) -> Mapping[str, int] | None:
    """Return the limit of each metric by the marks of a test, its class and its module; None without any.

    The mark nearest to the test counts. Raises UsageError, which names file, line and test.
    """
    marks = list(item.iter_markers(MARKER))
    if not marks:
        return None
    path, line, _ = item.location
    where = f"{path}:{(line or 0) + 1}: {item.name}"
    if any(mark.args for mark in marks):
        raise pytest.UsageError(f'{where}: the limits of the marker have names, such as peak="8 MiB"')
    given = {name: value for mark in reversed(marks) for name, value in mark.kwargs.items()}
    try:
        for name in given:
            readers.metrics([name], where)
        return {name: readers.size(limit, f"{where}: {name}") for name, limit in given.items()}
    except MemharnessError as error:
        raise pytest.UsageError(f"{visible(error.message)}. {error.hint}") from None
