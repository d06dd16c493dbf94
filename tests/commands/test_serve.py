"""`memharness serve` as a process: the pages outlive whatever fails while they are published again."""

import os
import re
import resource
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from filelock import FileLock

from stored import stored_project


def test_what_ends_it_before_the_first_page_says_nothing_of_stored_measurements(tmp_path: Path) -> None:
    config = stored_project(tmp_path, 1_000_000)
    config.publish.folder.mkdir()
    command = [sys.executable, "-m", "memharness.cli", "serve"]
    environment = {**os.environ, "MEMHARNESS_CACHE": str(tmp_path / "cache")}
    with (
        FileLock(config.publish.folder / ".memharness-site.lock"),  # it waits for this one's end
        subprocess.Popen(command, cwd=config.folder, env=environment, stderr=subprocess.PIPE, text=True) as process,
    ):
        try:
            while not _heeds(process.pid, signal.SIGTERM):
                assert process.poll() is None
            process.terminate()
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said.strip()) == (130, "memharness: interrupted")


def _heeds(process_id: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{process_id}/status").read_text()
    caught = re.search(r"^SigCgt:\s+(\w+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def test_the_pages_outlive_any_failure(tmp_path: Path) -> None:
    config = stored_project(tmp_path, 1_000_000, 1_000_000)
    command = [sys.executable, "-m", "memharness.cli", "serve", "--interval", "0.1"]
    environment = {**os.environ, "MEMHARNESS_CACHE": str(tmp_path / "cache")}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=config.folder, env=environment, stdout=pipe, stderr=pipe, text=True, errors="replace"
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            url = process.stdout.readline().rstrip("\n")
            limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))  # not one more file can be opened
            said = process.stderr.readline()
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
            assert said.startswith("memharness: ")
            assert said.endswith("; the pages stay as they were\n")
            with urllib.request.urlopen(url) as page:
                assert b"fill" in page.read()
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == ""
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
