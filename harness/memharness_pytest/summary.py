"""The section at the end of a run: the tests with the highest peaks."""

from typing import Any

import pytest

from memharness.wording.text import visible
from memharness_pytest.wording import figures_text, lines_text


class MemorySummary:
    """Gathers the figures of reports, of the workers of pytest-xdist too, and prints them."""

    def __init__(self, config: pytest.Config) -> None:
        self._most: int = config.getoption("memharness_most")
        self._found: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the figures of a test."""
        found = getattr(report, "memharness", None)
        if found is not None:
            self._found[report.nodeid] = found

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter", exitstatus: int) -> None:
        """Print the section, unless there was nothing to run."""
        if not self._found and exitstatus != pytest.ExitCode.OK:
            return
        highest = sorted(self._found.items(), key=lambda item: (-item[1]["figures"]["peak"], item[0]))
        shown = highest[: self._most] if self._most else highest
        terminalreporter.section("memharness: memory of marked tests")
        if not highest:
            terminalreporter.line("No test was measured: none is marked with @pytest.mark.memharness.")
        for name, found in shown:
            terminalreporter.line(f"{visible(name)}  {figures_text(found['figures'])}")
            for line in lines_text("peak", found["lines"]):
                terminalreporter.line(line)
        if len(shown) < len(highest):
            terminalreporter.line(f"{len(highest) - len(shown)} more: --memharness-most 0 shows all.")
