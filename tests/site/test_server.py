"""The web server of a site, asked over real sockets: what of its folder it shows, to whom, and what it says."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memharness.site.server import SiteServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with pages, and with links and hidden files that are no part of it."""
    site, secret = tmp_path / "site", tmp_path / "secret"
    for made in (site / "data", site / "shown", site / "away", site / ".git", secret):
        made.mkdir(parents=True)
    for page in (site / "index.html", site / "data" / "a.js", site / "shown" / "index.html"):
        page.write_text("a page")
    for hidden in (site / ".memharness-site.json", site / ".git" / "config", secret / "page.html"):
        hidden.write_text("secret")
    (site / "big.js").write_bytes(bytes(16 << 20))
    (site / "within.html").symlink_to("index.html")
    (site / "unhidden.json").symlink_to(".memharness-site.json")
    (site / "out").symlink_to(secret)
    (site / "out.html").symlink_to(secret / "page.html")
    (site / "away" / "index.html").symlink_to(secret / "page.html")
    (site / "loop").symlink_to("loop")
    os.mkfifo(site / "pipe.html")
    return site


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    with SiteServer(folder, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def ask(port: int, path: str, *hosts: str) -> tuple[int, bytes]:
    """Return status and body."""
    lines = [f"GET {path} HTTP/1.1", *(f"Host: {host}" for host in hosts), "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("path", ["/", "/index.html?x", "/data/a.js", "/%64ata/a.js", "/shown/", "/within.html"])
def test_pages_are_shown(port: int, path: str) -> None:
    assert ask(port, path, "localhost") == (200, b"a page")


@pytest.mark.parametrize(
    "path",
    [
        *("/out.html", "/out/page.html", "/out/", "/away/", "/loop", "/loop/x", "/pipe.html"),  # links
        *("/.memharness-site.json", "/%2ememharness-site.json", "/unhidden.json", ".memharness-site.json"),  # hidden
        *("/.git/config", "/%2e%67it/config", "/data/../.git/config", "/data%2f..%2f.git/config"),
        *("/../secret/page.html", "/%2e%2e/secret/page.html", "/..%2fsecret%2fpage.html", "//../secret/page.html"),
        *("/index.html%00", "/%00", "/%ed%a0%80", "/%ff", f"/{'x' * 300}", "/data/", "/nothing"),
    ],
)
def test_nothing_else_is_shown(port: int, path: str, capfd: pytest.CaptureFixture[str]) -> None:
    status, body = ask(port, path, "localhost")
    assert (status, b"secret" in body) == (404, False)
    assert ask(port, "/", "localhost")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_the_folder_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with SiteServer(tmp_path / "link", "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        assert ask(int(server.server_address[1]), "/data/a.js", "localhost") == (200, b"a page")
        server.shutdown()


@pytest.mark.parametrize("hosts", [("localhost",), ("LocalHost:80",), ("127.0.0.2",), ("[::1]:1",), ("localhost",) * 2])
def test_who_means_this_machine_is_answered(port: int, hosts: tuple[str, ...]) -> None:
    assert ask(port, "/", *hosts)[0] == 200


@pytest.mark.parametrize(
    "hosts", [(), ("",), ("evil.example",), ("localhost.evil",), ("evil", "localhost"), ("localhost", "evil")]
)
def test_who_means_another_is_not(port: int, hosts: tuple[str, ...]) -> None:
    assert ask(port, "/", *hosts)[0] == 403


def test_who_leaves_early_is_not_complained_about(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /big.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join()  # until it has noticed
    assert ask(port, "/", "localhost")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_fault_in_an_answer_ends_its_thread_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: raised.append(fault.exc_type))  # as `memharness` does
    with SiteServer(folder, "127.0.0.1", 0) as server:
        sound = server.RequestHandlerClass
        server.RequestHandlerClass = lambda *_: 1 // 0  # type: ignore[assignment]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        port = int(server.server_address[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            assert connection.recv(1) == b""  # the connection is closed
        server.RequestHandlerClass = sound
        assert ask(port, "/", "localhost") == (200, b"a page")
        server.shutdown()
        thread.join()
    assert raised == [ZeroDivisionError]
    assert capfd.readouterr() == ("", "")
