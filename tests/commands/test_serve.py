"""`memharness serve` as a process: the pages outlive whatever fails while they are published again."""

import os
import resource
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from stored import stored_project


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
