"""Fixtures that several test modules share."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from children import Bench, make_bench
from missing import REQUIRED, missing
from repositories import RepositoryBuilder

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

# What the tests start imports the same modules again and again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What the tests start would inherit that signals are ignored: SIGINT in the background of a shell, SIGHUP under nohup.
# A handler is not inherited, and this one ignores SIGHUP as well.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: tests wait for processes a good tenth of their time."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for thing, count in missing(terminalreporter.stats.get("skipped", ())).items():
        terminalreporter.write_line(f"skipped for want of {thing}: {count}", yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and REQUIRED in os.environ and missing(reporter.stats.get("skipped", ())):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def builder(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "project")


@pytest.fixture
def shallow(tmp_path: Path) -> Iterator[None]:
    """Leave no folders that are too deep for what clears pytest's temporary folders in later sessions."""
    yield
    subprocess.run(["rm", "-rf", *(str(tmp_path / name) for name in ("work", "aside", "moved"))], check=False)


@pytest.fixture
def bench(tmp_path: Path, shallow: None) -> Bench:
    """Return a place to measure in with the Python that runs the tests, its virtual environment left out."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Bench(tmp_path, python=f"{sys.base_prefix}/bin/python3", version=version)


@pytest.fixture
def versioned(tmp_path: Path, shallow: None, request: pytest.FixtureRequest) -> Bench:
    """Return a place to measure in with the Python of the version that is the fixture's parameter."""
    return make_bench(tmp_path, request.param)
