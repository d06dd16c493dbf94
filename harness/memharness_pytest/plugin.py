"""Options and marker. All else is loaded by `--memharness` alone: pytest imports this module in every test run."""

from __future__ import annotations  # so that a test run with an old pytest is not broken by a name it lacks

import pytest

_MARKER = (
    "memharness(peak, retained, growth, ...): measure the test with --memharness and fail it beyond these limits, "
    'such as peak="8 MiB", growth="0 B".'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("memharness", "memory of marked tests")
    group.addoption(
        "--memharness", action="store_true", help="Measure the memory of tests marked with memharness; enforce limits."
    )
    group.addoption(
        "--memharness-most",
        type=int,
        default=5,
        metavar="N",
        help="Show the N tests with the highest peaks, 0 for all of them (default: 5).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and load the rest where it is wanted."""
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("memharness"):
        if pytest.version_tuple < (8,):
            raise pytest.UsageError("--memharness needs pytest 8 or later")
        from memharness_pytest.marked import MarkedTests
        from memharness_pytest.summary import MemorySummary

        config.pluginmanager.register(MarkedTests(config), "memharness_tests")
        config.pluginmanager.register(MemorySummary(config), "memharness_summary")
