"""A web server for the pages of a site: files of one folder, read only, for this machine unless told otherwise."""

import ipaddress
import os
import re
import socket
import stat
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from memharness.errors import MemharnessError


class SiteServer(ThreadingHTTPServer):
    """Serves a folder at `host` and `port`, 0 for a free one. Raises MemharnessError where that cannot be had.

    What is hidden in the folder, and what a link leads out of it to, is not part of the site.
    """

    daemon_threads = True

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), partial(_Handler, directory=str(folder)))
        except (OSError, OverflowError) as error:
            raise MemharnessError(
                f"cannot serve at {host}:{port}: {getattr(error, 'strerror', None) or error}",
                hint="Choose another --port (0: a free one) or --host.",
            ) from None

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  (as it is called)
        """Say nothing of a connection that ended early; raise any other error, as a thread of memharness does."""
        if not isinstance(sys.exception(), OSError):
            raise

    @property
    def url(self) -> str:
        """The address of the first page."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


_PAGES: Final = ("index.html", "index.htm")  # that a folder is shown by


class _Handler(SimpleHTTPRequestHandler):
    server: SiteServer
    protocol_version = "HTTP/1.1"

    def send_head(self) -> Any:
        """Answer only what was meant for this server: a page elsewhere may have its name lead here."""
        hosts = [re.sub(r":\d*$", "", host).strip("[]").lower() for host in self.headers.get_all("Host", [""])]
        local = all(host == "localhost" or _is_loopback(host) for host in hosts)
        if _is_loopback(str(self.server.server_address[0])) and not local:
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers to localhost")
            return None
        try:
            if self._is_shown(self.translate_path(self.path)):
                return super().send_head()
        except ValueError:  # a path that no file can have
            pass
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def _is_shown(self, path: str) -> bool:
        """Tell whether a path, and the page shown for it where it is a folder, is part of the site."""
        files = [Path(path), *(Path(path, name) for name in _PAGES)]
        if any(map(_is_special, files)):  # opening a pipe never ends
            return False
        asked = os.path.relpath(path, self.directory)
        real = (os.path.relpath(os.path.realpath(file), os.path.realpath(self.directory)) for file in files)
        return not any(part.startswith(".") for place in (asked, *real) for part in Path(place).parts)

    def list_directory(self, path: Any) -> None:  # noqa: ARG002  (as it is called)
        """Show no folder."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Have a page that was published anew be shown at the next look."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name there)
        """Say nothing: what is asked for is no business of the terminal."""


def _is_special(path: Path) -> bool:
    """Tell whether there is something that is neither a file nor a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
