"""`memharness serve` as a process of its own."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_LOOKS = 1200  # at what is waited for, until it counts as never to come
_PAUSE = 0.05  # seconds between looks


class Serving:
    """A server that runs; `url` is what it printed."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process = process
        self._errors = errors
        assert process.stdout is not None
        self.url = process.stdout.readline().rstrip("\n")
        assert self.url, self.stderr
        self.address = urlsplit(self.url)

    @property
    def stderr(self) -> str:
        return self._errors.read_text()

    def ask(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (by lower-case name) and body; the path is sent as it is."""
        connection = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=60)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.headers.items()}, answer.read()
        finally:
            connection.close()

    def wait(self, true: Callable[[], Any]) -> None:
        """Wait until something is true."""
        for _ in range(_LOOKS):
            if true():
                return
            time.sleep(_PAUSE)
        raise AssertionError(self.stderr)

    def interrupt(self) -> int:
        """End it as Ctrl-C does; return its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=_LOOKS * _PAUSE)


@contextmanager
def serving(project: Path, errors: Path, *options: str, cache: Path | None = None) -> Iterator[Serving]:
    """Serve a project; stderr goes to the file `errors`."""
    command = [sys.executable, "-m", "memharness.cli", "serve", "--interval", "0.1", *options]
    environment = {**os.environ, **({"MEMHARNESS_CACHE": str(cache)} if cache else {})}
    with errors.open("w") as file:
        process = subprocess.Popen(
            command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=file, text=True
        )
    try:
        yield Serving(process, errors)
    finally:
        process.kill()
        process.communicate()
