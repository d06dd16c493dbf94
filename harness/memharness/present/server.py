"""A web server for the pages of a site: files of one folder, read only, for this machine unless told otherwise."""

import ipaddress
import re
import socket
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from memharness.errors import MemharnessError


class SiteServer(ThreadingHTTPServer):
    """Serves a folder at `host` and `port`, 0 for a free one. Raises MemharnessError where that cannot be had."""

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

    @property
    def url(self) -> str:
        """The address of the first page."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader who has left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(SimpleHTTPRequestHandler):
    server: SiteServer
    protocol_version = "HTTP/1.1"

    def send_head(self) -> Any:
        """Answer only what was meant for this server: a page elsewhere may have its name lead here."""
        asked = re.sub(r":\d*$", "", self.headers.get("Host", "")).strip("[]")
        if _is_loopback(str(self.server.server_address[0])) and not (asked == "localhost" or _is_loopback(asked)):
            self.send_error(HTTPStatus.FORBIDDEN, "This server answers to localhost")
            return None
        try:
            asked_for = Path(self.translate_path(self.path)).relative_to(self.directory)
            if not any(part.startswith(".") for part in asked_for.parts):  # what is hidden is not part of the site
                return super().send_head()
        except ValueError:  # no file can have such a name
            pass
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
