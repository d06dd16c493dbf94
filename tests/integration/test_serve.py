"""`memharness serve` as a process: what it answers, when it publishes again, and how it ends."""

import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from published import MANIFEST, site_files
from serving import Serving, serving
from workbench import LEAK, Published, module


@pytest.fixture(scope="module")
def still(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Serving]]:
    """Return the site of a project that does not change, and its server."""
    folder = tmp_path_factory.mktemp("still")
    for name in ("project", "results"):
        shutil.copytree(stock / name, folder / name, symlinks=True)
    with serving(folder / "project", folder / "stderr", cache=folder / "cache") as started:
        yield folder / "project" / "site", started


@pytest.fixture
def server(published: Published, tmp_path: Path) -> Iterator[Serving]:
    with serving(published.path, tmp_path / "stderr") as started:
        yield started


def test_the_pages_are_served_and_nothing_else(still: tuple[Path, Serving]) -> None:
    site, server = still
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", server.url)
    files = site_files(site)
    (commit, *_) = (Path(name).stem for name in files if name.startswith("commit/"))
    for path, name in (("/", "index.html"), ("/?q=fill", "index.html"), ("/assets/site.css", "assets/site.css")):
        status, headers, body = server.ask(path)
        assert (status, body) == (200, files[name])
        assert headers["cache-control"] == "no-cache"
        assert headers["x-content-type-options"] == "nosniff"
    assert server.ask("/")[1]["content-type"] == "text/html"
    status, headers, body = server.ask("/index.html", method="HEAD")
    assert (status, int(headers["content-length"]), body) == (200, len(files["index.html"]), b"")
    assert server.ask("/", method="POST")[0] == 501
    assert server.ask("/", method="PUT")[0] == 501
    for folder in ("/commit/", "/data/", "/assets/", "/data/commit/"):
        status, headers, body = server.ask(folder)
        assert status == 404
        assert headers["x-content-type-options"] == "nosniff"
        assert commit.encode() not in body
    status, headers, _ = server.ask("/commit")
    assert (status, headers["location"]) == (301, "/commit/")
    assert not server.ask("//example.org/commit")[1].get("location", "").startswith(("//", "http"))


def test_what_is_no_page_is_not_found(still: tuple[Path, Serving]) -> None:
    site, server = still
    (site / ".hidden").mkdir()
    (site / ".hidden" / "install").write_text("install")
    for path in (
        f"/{MANIFEST}",
        f"/{MANIFEST}?x",
        f"/{MANIFEST}#x",
        f"/./{MANIFEST}",
        f"/commit/../{MANIFEST}",
        f"/%2e{MANIFEST[1:]}",
        f"/{MANIFEST[:-1]}%6e",
        "/../memharness.toml",
        "/%2e%2e/memharness.toml",
        "/..%2fmemharness.toml",
        "/commit/../../memharness.toml",
        "/.hidden/install",
        "/%2ehidden/install",
        "/commit/../.hidden/install",
        "/%00",
        "/index.html%00",
        "/%ed%a0%80",
        f"/{'a' * 5000}",
        "/nothing.html",
    ):
        status, _, body = server.ask(path)
        assert status == 404, path
        assert b"install" not in body, path  # the configuration beside the site
        assert b'"files"' not in body, path
    assert server.ask("/")[0] == 200
    assert server.stderr == ""


def test_only_those_who_mean_this_machine_are_answered(still: tuple[Path, Serving]) -> None:
    _, server = still
    port = server.address.port
    for host in (f"localhost:{port}", "localhost", f"127.0.0.1:{port}", "127.0.0.1", f"[::1]:{port}"):
        assert server.ask("/", headers={"Host": host})[0] == 200, host
    for host in ("example.org", f"example.org:{port}", "127.0.0.1.example.org", "localhost.example.org", "192.0.2.1"):
        status, _, body = server.ask("/", headers={"Host": host})
        assert (status, b"memory" in body) == (403, False), host
    assert server.ask("/index.html", headers={"Host": "example.org"}, method="HEAD")[0] == 403


def test_a_reader_who_leaves_is_not_complained_about_and_control_c_ends_it_well(server: Serving) -> None:
    bokeh = next(line for line in server.ask("/compare.html")[2].decode().split('"') if line.startswith("assets/"))
    for _ in range(20):
        with socket.create_connection((server.address.hostname, server.address.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets
            connection.sendall(f"GET /{bokeh} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50)
    assert server.ask("/")[0] == 200
    assert server.interrupt() == 0
    assert server.stderr == ""


def test_new_results_are_published(published: Published, server: Serving) -> None:
    grown = published.commit(module(size=700_000, kept=LEAK), "grow more")
    assert grown[:10].encode() not in server.ask("/")[2]
    assert published.call("run", "--last", "2")[0] == 1
    server.wait(lambda: grown[:10].encode() in server.ask("/")[2])
    server.wait(lambda: b"grow more" in server.ask(f"/commit/{grown}.html")[2])
    server.wait(lambda: "published again: " in server.stderr)
    assert published.call("accept", grown, "--reason", "larger boxes")[0] == 0
    server.wait(lambda: b"larger boxes" in server.ask(f"/commit/{grown}.html")[2])
    assert "Traceback" not in server.stderr


def test_what_is_wrong_for_a_while_is_said_once_and_the_pages_stay(published: Published, server: Serving) -> None:
    scenario, before = published.path / "scenarios" / "other.py", site_files(published.site)
    text = scenario.read_text()
    scenario.write_text("def run(:\n")
    server.wait(lambda: "stay as they were" in server.stderr)
    published.repository.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
    server.wait(lambda: server.stderr.count("stay as they were") == 2)  # another reason to look, and still wrong
    assert re.fullmatch(r"(memharness: \S*other\.py.*; the pages stay as they were\n){2}", server.stderr)
    assert server.ask("/")[2] == before["index.html"]
    assert site_files(published.site) == before
    scenario.write_text(text)
    server.wait(lambda: "published again: " in server.stderr)
    assert b"7 commits" in server.ask("/")[2]
    shutil.move(published.results, published.results.with_name("aside"))
    server.wait(lambda: "nothing is stored of these commits" in server.stderr)
    for _ in range(8):  # as many looks of the server or more
        looked = server.ask("/")[0]
        assert looked == 200
        server.wait(lambda: True)
    shutil.move(published.results.with_name("aside"), published.results)
    published.commit(module(), "later")
    server.wait(lambda: server.stderr.count("published again: ") >= 2)
    assert server.stderr.count("nothing is stored of these commits") == 1  # not repeated while nothing changes


def serve(published: Published, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "memharness.cli", "serve", *options]
    return subprocess.run(command, cwd=published.path, capture_output=True, text=True, check=False, timeout=60)


def test_a_port_in_use_is_one_error(published: Published) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(published, "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"memharness: error: cannot serve at 127.0.0.1:{port}: Address already in use\n"
        "  Choose another --port (0: a free one) or --host.\n"
    )


def test_nothing_stored_of_the_machine_that_is_named_is_one_error(published: Published) -> None:
    done = serve(published, "--machine", "third")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"memharness: error: nothing is stored of these commits in {published.results}/third")


def test_nothing_stored_is_one_error(published: Published) -> None:
    shutil.rmtree(published.results)
    done = serve(published)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("memharness: error: nothing is stored of these commits in ")
    assert not published.site.exists()
