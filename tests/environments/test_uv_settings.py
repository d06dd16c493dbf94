"""What uv and builds are told of the user's variables and configuration."""

import os
from pathlib import Path

import pytest

from memharness.environments.uv_settings import configuration, indexes_of, variables
from memharness.errors import MemharnessError
from memharness.packages.pyproject import read_toml

pytestmark = pytest.mark.usefixtures("no_settings")


def test_variables_are_an_allow_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    kept = {"UV_CACHE_DIR": "/cache", "https_proxy": "http://proxy.invalid", "UV_OFFLINE": "1", "NETRC": "/netrc"}
    places = {"UV_CONSTRAINT": "a.txt /b.txt", "UV_CREDENTIALS_DIR": "own"}
    taken = {"GITHUB_TOKEN": "1", "UV_PUBLISH_TOKEN": "1", "UV_INDEX_OWN_PASSWORD": "1", "UV_SOMETHING_NEW": "1"}
    told = {"PIP_INDEX_URL": "https://index.invalid", "HTTP_PROXY": "http://a:b@proxy", "ALL_PROXY": "a:b@proxy"}
    for name, text in {**kept, **places, **taken, **told}.items():
        monkeypatch.setenv(name, text)
    constant = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "UV_NO_EDITABLE": "1", "UV_COMPILE_BYTECODE_TIMEOUT": "0"}
    placed = {"UV_CONSTRAINT": f"{tmp_path}/a.txt /b.txt", "UV_CREDENTIALS_DIR": f"{tmp_path}/own"}
    assert variables() == {**kept, **placed, **constant}
    monkeypatch.setenv("UV_CONSTRAINT", "https://a:b@example.org/c.txt")
    with pytest.raises(MemharnessError, match="UV_CONSTRAINT holds a user or password"):
        variables()


def test_the_configuration_joins_variables_commit_and_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, system = tmp_path / "config" / "uv", tmp_path / "config-of-the-system" / "uv"
    for folder in (own, system):
        folder.mkdir(parents=True)
    (own / "uv.toml").write_text(
        'find-links = ["wheels"]\noffline = true\n[[index]]\nurl = "local"\n[pip]\nstrict = true\n'
    )
    (system / "uv.toml").write_text('offline = false\nlink-mode = "copy"\n[pip]\nstrict = false\nno-deps = true\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://c.invalid")
    monkeypatch.setenv("UV_INDEX", "one=https://a.invalid ./b")
    monkeypatch.setenv("UV_INDEX_ONE_PASSWORD", "p/w")
    monkeypatch.setenv("UV_FIND_LINKS", "more,https://d.invalid")
    monkeypatch.setenv("HTTPS_PROXY", "a:b@proxy.invalid:80")
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:80")
    commit = indexes_of(
        read_toml(b'[tool.uv]\nindex = [{url = "e", odd = 1}, {name = 1, url = "x"}, 2, {}]'), Path("/f")
    )
    assert read_toml(configuration(commit).encode()) == {
        "index": [
            {"name": "one", "url": "https://:p%2Fw@a.invalid"},
            {"url": f"{tmp_path}/b"},
            {"url": "https://c.invalid", "default": True},
            {"url": "/f/e"},
            {"url": f"{own}/local"},
        ],
        "find-links": [f"{tmp_path}/more", "https://d.invalid", f"{own}/wheels"],
        "https-proxy": "http://a:b@proxy.invalid:80",
        "offline": True,
        "link-mode": "copy",
        "pip": {"strict": True, "no-deps": True},
    }
    monkeypatch.setenv("UV_CONFIG_FILE", "given.toml")
    with pytest.raises(MemharnessError, match=r"given\.toml: the configuration of uv cannot be read: No such file"):
        configuration()
