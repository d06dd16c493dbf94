"""A package index on the loopback interface that wants a user and a password."""

import base64
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

USER, PASSWORD = "reader", "s3cret/p@ss"


def wheel(name: str, modules: dict[str, str], requires: tuple[str, ...] = ()) -> bytes:
    """Return a wheel of version 1.0."""
    info = f"{name}-1.0.dist-info"
    required = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        **modules,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return packed.getvalue()


@contextmanager
def serve_index(**packages: dict[str, str]) -> Iterator[str]:
    """Serve a wheel of the given modules for each package; yield the host and port of the index below /simple.

    It is a proxy as well, for any host.
    """
    files = {f"/files/{name}-1.0-py3-none-any.whl": wheel(name, modules) for name, modules in packages.items()}
    pages = {
        f"/simple/{name}/": f'<a href="/files/{name}-1.0-py3-none-any.whl">{name}-1.0-py3-none-any.whl</a>'.encode()
        for name in packages
    }
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path  # a whole address, where it is asked as a proxy
            content = {**files, **pages}.get(path)
            allowed = wanted in (self.headers.get("Authorization"), self.headers.get("Proxy-Authorization"))
            self.send_response(401 if not allowed else 404 if content is None else 200)
            self.send_header("Content-Type", "text/html" if path in pages else "application/octet-stream")
            self.send_header("Content-Length", str(len(content) if allowed and content else 0))
            self.end_headers()
            if allowed and content and self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
