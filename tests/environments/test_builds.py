"""Builds as they are run: told without secrets, within a time-out, ended with all that they started."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from filelock import FileLock

from indexes import PASSWORD, USER, serve_index, wheel
from memharness.environments import CheckedOutFiles, CommitFiles, build, find_interpreter, provider
from memharness.environments.build_inputs import find_compiled_modules
from memharness.environments.build_log import Log, find_machine_fault, read_log, suggest_setting
from memharness.environments.uv_settings import configuration, indexes_of, variables
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.git.repository import without_credentials
from memharness.model.environments import Environment, EnvironmentSpec, Install, Interpreter
from memharness.model.history import Checkout
from memharness.model.measurements import Failed
from memharness.packages.layout import Layout
from memharness.packages.pyproject import read_toml
from memharness.processes.supervision import Cancelled
from repositories import RepositoryBuilder

BACKEND = r"""
import os, zipfile
INFO = "box-1.0.dist-info/"
METADATA = "Metadata-Version: 2.1\nName: box\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
def get_requires_for_build_wheel(config_settings=None):
    return []
def build_wheel(folder, config_settings=None, metadata_directory=None):
BODY
    files = {"box.py": f"VALUE = {value!r}", INFO + "METADATA": METADATA, INFO + "WHEEL": WHEEL}
    name = "box-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(INFO + "RECORD", "".join(f"{path},,\n" for path in (*files, INFO + "RECORD")))
    return name
"""
SYSTEM = """
[build-system]
requires = {requires}
build-backend = "back"
backend-path = ["."]
[project]
name = "box"
version = "1.0"
dependencies = {needs}
"""


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return find_interpreter()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what the user of this machine tells uv, and give it a cache of its own."""
    for name in os.environ:
        if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "config-of-the-system"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


class Commit:
    """The checked-out files of a commit, with a back end of their own."""

    def __init__(
        self, folder: Path, body: str, *, requires: tuple[str, ...] = (), needs: tuple[str, ...] = (), more: str = ""
    ) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir(parents=True)
        self.cache = folder / "cache"
        self.write("back.py", BACKEND.replace("BODY", textwrap.indent(textwrap.dedent(body), "    ")))
        self.write("pyproject.toml", SYSTEM.format(requires=json.dumps(requires), needs=json.dumps(needs)) + more)

    def write(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)

    def build(
        self, interpreter: Interpreter, *, cancel: threading.Event | None = None, **asked: object
    ) -> Environment | Failed:
        """Build with install = "wheel", as asked for beside that."""
        spec = msgspec.structs.replace(EnvironmentSpec(interpreter=interpreter, install="wheel"), **asked)
        checkout = Checkout(tree=str(self.tree), commit="0" * 40, import_root=".", packages=("box",))
        files = {
            str(path.relative_to(self.tree)): "1"
            for path in self.tree.rglob("*")
            if path.is_file() and ".git" not in path.parts
        }
        return self.prepared(spec, checkout, files, cancel)

    def prepared(
        self,
        spec: EnvironmentSpec,
        checkout: Checkout,
        files: dict[str, str],
        cancel: threading.Event | None = None,
    ) -> Environment | Failed:
        environments = provider(spec.install, self.cache, project=str(self.tree), keep=8)
        with environments.prepare(spec, CheckedOutFiles.of(checkout, files), cancel) as outcome:
            pass
        return outcome


def value(outcome: Environment | Failed) -> Any:
    """Return what the back end put into the module that it built."""
    assert isinstance(outcome, Environment), outcome
    text = Path(outcome.site_paths[0], "box.py").read_text()
    return eval(text.removeprefix("VALUE = "))


def failure(outcome: Environment | Failed) -> Failed:
    assert isinstance(outcome, Failed), outcome
    assert outcome.phase == "build"
    return outcome


# --- secrets ----------------------------------------------------------------------------------------------


@pytest.fixture
def index() -> Iterator[str]:
    with serve_index(privtool={"privtool.py": "X = 1"}, privdep={"privdep.py": ""}) as address:
        yield address


PRIVATE = """
[[tool.uv.index]]
name = "our-own"
url = "http://{}/simple"
"""


@pytest.mark.parametrize("told", ["default", "legacy", "pip", "named", "commit", "file", "user", "proxy"])
def test_a_private_index_is_read_and_its_password_reaches_no_build(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch, index: str, told: str
) -> None:
    secret = f"http://{USER}:{quote(PASSWORD, safe='')}@{index}/simple"
    commit = Commit(
        tmp_path,
        "import privtool\nvalue = dict(os.environ), os.read(0, 100)",
        requires=("privtool",),
        needs=("privdep",),
        more=PRIVATE.format(index) if told == "commit" else "",
    )
    if told in ("default", "legacy", "pip"):
        name = {"default": "UV_DEFAULT_INDEX", "legacy": "UV_INDEX_URL", "pip": "PIP_INDEX_URL"}[told]
        monkeypatch.setenv(name, secret)
    if told in ("named", "commit"):
        monkeypatch.setenv("UV_INDEX_OUR_OWN_USERNAME", USER)
        monkeypatch.setenv("UV_INDEX_OUR_OWN_PASSWORD", PASSWORD)
    if told == "named":
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"our-own=http://{index}/simple")
    if told in ("file", "user"):
        file = tmp_path / ("uv.toml" if told == "file" else "config/uv/uv.toml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'index-url = "{secret}"\n')
    if told == "file":
        monkeypatch.setenv("UV_CONFIG_FILE", str(file))
    if told == "proxy":
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://index.invalid/simple")
        monkeypatch.setenv("HTTP_PROXY", secret.removesuffix("/simple"))
    outcome = commit.build(interpreter)
    seen, given = value(outcome)
    assert isinstance(outcome, Environment)
    assert outcome.facts.packages == {"privdep": "1.0"}
    assert not any(PASSWORD in text or secret in text for text in seen.values())
    assert not [name for name in seen if "INDEX" in name or "PASSWORD" in name]
    assert given == b""


def test_interpreters_are_asked_without_secrets(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "python"
    asked.write_text(f'#!/bin/sh\nenv >> {tmp_path}/seen\nexec {interpreter.path} "$@"\n')
    asked.chmod(0o755)
    for name in ("GITHUB_TOKEN", "UV_INDEX_OWN_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.invalid")
    found = msgspec.structs.replace(find_interpreter(str(asked)), path=str(asked))
    commit = Commit(tmp_path, "value = 1")
    checkout = Checkout(tree=str(commit.tree), commit="0" * 40, import_root=".", packages=())
    commit.prepared(EnvironmentSpec(interpreter=found, install="existing"), checkout, {})
    seen = (tmp_path / "seen").read_text()
    assert seen.count("PYTHONHASHSEED=") >= 2
    assert "secret" not in seen


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


# --- limits -----------------------------------------------------------------------------------------------

DAEMON = """
    import subprocess, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open({pid!r} + ".part", "w").write(str(os.getpid()))
            os.rename({pid!r} + ".part", {pid!r})
            os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(1000)"], {{}})
        os._exit(0)
    while not os.path.exists({pid!r}):
        time.sleep(0.01)
    time.sleep(1000)
"""


@pytest.mark.parametrize("how", ["timeout", "cancel", "before-build"])
def test_a_build_ends_with_all_that_it_started(tmp_path: Path, interpreter: Interpreter, how: str) -> None:
    pid = tmp_path / "pid"
    commit = Commit(tmp_path, DAEMON.format(pid=str(pid)))
    if how == "cancel":
        cancel = threading.Event()
        threading.Thread(target=set_when, args=(cancel, pid), daemon=True).start()
        with pytest.raises(Cancelled):
            commit.build(interpreter, cancel=cancel)
    else:
        step = f"{sys.executable} -c 'import back; back.build_wheel(0)'" if how == "before-build" else ""
        outcome = commit.build(interpreter, build_timeout=8, before_build=step)
        assert failure(outcome).reason == "not built within 8 s, which is the build-timeout under [environment]"
    assert not pid.exists() or not Path(f"/proc/{pid.read_text()}").exists()
    assert list((commit.cache / "environments").glob("*/")) == []


def set_when(event: threading.Event, file: Path) -> None:
    """Set an event once a file is there, in any case after a minute."""
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    event.set()


def test_a_build_that_prints_without_end_does_not_fill_the_memory(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_UV_BYTES", 100 << 20)
    commit = Commit(tmp_path, "for _ in range(2000): os.write(1, b'x' * 99999 + b'\\n')\nraise SystemExit('done')")
    assert "prints takes uv more than" in failure(commit.build(interpreter)).reason


def test_waiting_for_the_lock_of_another_build_can_be_cancelled(tmp_path: Path, interpreter: Interpreter) -> None:
    commit = Commit(tmp_path, "value = 1")
    environment = commit.build(interpreter)
    assert isinstance(environment, Environment)
    cancel = threading.Event()
    cancel.set()
    folder = commit.cache / "environments" / f"wheel-{environment.key}"
    (folder / "environment.json").unlink()  # so that it has to be made again
    with FileLock(f"{folder}.lock"), pytest.raises(Cancelled):
        commit.build(interpreter, cancel=cancel)


# --- whose fault it is ------------------------------------------------------------------------------------


def test_what_the_machine_lacks_is_no_failure_of_the_commit(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    commit = Commit(tmp_path, "value = 1", requires=("privtool",))
    for address, why in {"127.0.0.1:1": "error sending request", index: "lack of valid authentication"}.items():
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{address}/simple")
        with pytest.raises(MemharnessError, match=why) as caught:
            commit.build(interpreter)
        assert caught.value.exit_code == INCOMPLETE
    assert list((commit.cache / "environments").glob("*/")) == []
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    (tmp_path / "uv.toml").write_text('required-version = ">=1000"')
    with pytest.raises(MemharnessError, match=r"no virtual environment can be made .*: .*1000"):
        commit.build(interpreter)


@pytest.mark.parametrize("times", [1, 9])
def test_a_build_whose_folder_is_removed_is_made_once_more(
    tmp_path: Path, interpreter: Interpreter, times: int
) -> None:
    """Once by a cleaner of the cache, or each time by itself."""
    count = tmp_path / "count"
    commit = Commit(
        tmp_path,
        f"""
        import shutil
        value = os.path.getsize({str(count)!r})
        with open({str(count)!r}, "a") as file: file.write("x")
        if value < {times}: shutil.rmtree(os.path.dirname(os.path.dirname(os.getcwd())))
        """,
    )
    count.write_text("")
    outcome = commit.build(interpreter)
    if times == 1:
        assert value(outcome) == 1
    else:
        assert failure(outcome).reason == "the folder that it was built in was removed meanwhile"
        assert count.read_text() == "xx"


def test_what_a_build_leaves_is_removed_however_deep(tmp_path: Path, interpreter: Interpreter) -> None:
    dig = "value = 1\nfor _ in range(2000):\n    os.mkdir('deep')\n    os.chdir('deep')\n"
    outcome = Commit(tmp_path, f"home = os.getcwd()\n{dig}os.chdir(home)").build(interpreter)
    assert value(outcome) == 1
    assert isinstance(outcome, Environment)
    assert list(Path(outcome.python).parents[1].glob("build-*")) == []


def test_an_address_that_the_commit_names_is_its_own_fault(tmp_path: Path, interpreter: Interpreter) -> None:
    gone = "http://127.0.0.1:1/gone-1.0-py3-none-any.whl"
    assert "error sending" in "".join(
        failure(Commit(tmp_path, "", needs=(f"gone @ {gone}",)).build(interpreter)).output
    )


QUOTED = """error: Failed to build `box`
  cause: The build backend returned an error
         [stderr]
         {}"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            "  cause: failed to copy: No space left on device (os error 28)",
            "failed to copy: No space left on device (os error 28)",
        ),
        (QUOTED.format("OSError: [Errno 28] No space left on device"), "OSError: [Errno 28] No space left on device"),
        (QUOTED.format("dns error"), ""),
        ("  cause: dns error", "dns error"),
        ("error: Timeout (300s) when waiting for lock on `/x`", "error: Timeout (300s) when waiting for lock on `/x`"),
        ("error: Failed to fetch: `https://own.invalid/x`\n  cause: dns error", ""),
        (
            "error: Failed to fetch: `https://index.invalid/x`\n  cause: HTTP status server error (503)",
            "HTTP status server error (503)",
        ),
        (
            "hint: Packages were unavailable because the network was disabled.",
            "Packages were unavailable because the network was disabled.",
        ),
        ("error: No solution found", ""),
    ],
)
def test_faults_of_the_machine(log: str, expected: str) -> None:
    assert find_machine_fault(log.splitlines(), ["https://own.invalid/"]) == expected


def test_uv_takes_nothing_from_folders_around_the_cache(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(privdep(tmp_path).parent))
    monkeypatch.setenv("UV_OFFLINE", "1")
    around = '[project]\nname = "around"\nversion = "1"\n[tool.uv]\nrequired-version = ">=1000"\n'
    workspace = '[tool.uv.workspace]\nmembers = ["cache/environments/*/*/project"]\n'
    sources = '[tool.uv.sources]\nprivdep = { path = "gone.whl" }\n'
    (tmp_path / "pyproject.toml").write_text(around + workspace + sources)
    (tmp_path / ".python-version").write_text("2.7")
    commit = Commit(tmp_path, "value = 1", needs=("privdep",))
    commit.cache.mkdir()
    (commit.cache / "uv.toml").write_text('offline = "nonsense"')
    outcome = commit.build(interpreter)
    assert value(outcome) == 1
    assert isinstance(outcome, Environment)
    assert outcome.facts.packages == {"privdep": "1.0"}


# --- what a build is given --------------------------------------------------------------------------------


def test_a_step_before_the_build_and_more_build_requirements(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{USER}:{quote(PASSWORD, safe='')}@{index}/simple")
    body = "import made, privtool\nvalue = made.X, privtool.X, sorted(made.ENVIRONMENT)"
    step = (
        "python -c 'import privtool, os; print(f\"X = {privtool.X + 1}; ENVIRONMENT = {dict(os.environ)}\")' > made.py"
    )
    commit = Commit(tmp_path, body)
    bare = commit.build(interpreter)
    assert failure(bare).reason == "ModuleNotFoundError: No module named 'made'; " + suggest_setting(
        "ModuleNotFoundError: No module named 'made'", ()
    )
    environment = commit.build(interpreter, before_build=step, build_requires=("privtool",))
    made, tool, seen = value(environment)
    assert (made, tool) == (2, 1)
    assert not [name for name in seen if "INDEX" in name or "PASSWORD" in name]
    assert not (commit.tree / "made.py").exists()
    broken = failure(commit.build(interpreter, before_build="echo no such thing; exit 3"))
    assert (broken.reason, broken.exit_code) == ("before-build: no such thing", 3)
    assert isinstance(environment, Environment)
    assert environment.facts.family not in (EnvironmentSpec(interpreter=interpreter, install="wheel").family, "")


def test_build_requirements_leave_the_version_as_it_is(tmp_path: Path, interpreter: Interpreter) -> None:
    """The changed copy of pyproject.toml is no change of the repository for a back end that asks git."""
    body = "import subprocess\nstatus = subprocess.check_output(['git', 'status', '--porcelain', '-uno'], text=True)\n"
    commit = Commit(tmp_path, f"{body}value = status, open('pyproject.toml').read()")
    builder = RepositoryBuilder(commit.tree)
    builder.commit({})
    status, text = value(commit.build(interpreter, build_requires=(f"privdep @ {privdep(tmp_path).as_uri()}",)))
    assert status == ""
    assert "privdep" in text


def privdep(folder: Path) -> Path:
    file = folder / "privdep-1.0-py3-none-any.whl"
    file.write_bytes(wheel("privdep", {"privdep.py": ""}))
    return file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'requires = ["setuptools>=40.8.0", "numpy"]\nbuild-backend = "setuptools.build_meta:__legacy__"'),
        (
            "[project]\nname = 'a'\n",
            'requires = ["setuptools>=40.8.0", "numpy"]\nbuild-backend = "setuptools.build_meta:__legacy__"',
        ),
        ("[build-system]\nrequires = ['a']\nbuild-backend = 'a'\n", 'requires = ["a", "numpy"]\nbuild-backend = "a"'),
        ("[build-system]\nrequires = []\n", 'requires = ["numpy"]\nbuild-backend = "setuptools.build_meta:__legacy__"'),
    ],
)
def test_what_the_back_end_requires(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "pyproject.toml"
    if text:
        file.write_text(text)
    build.add_build_requirements(tmp_path, tmp_path, ["numpy"])
    before, after = read_toml(text.encode()), read_toml(file.read_bytes())
    assert before is not None
    assert after == {**before, "build-system": read_toml(expected.encode())}


@pytest.mark.parametrize(
    ("why", "key"),
    [
        (
            "ModuleNotFoundError: No module named 'numpy'",
            "name what provides numpy in build-requires under [environment]",
        ),
        (
            "ImportError: No module named Cython.Build",
            "name what provides Cython in build-requires under [environment]",
        ),
        ("cc1: fatal error: box/_c.c: No such file or directory", 'before-build = "cython box/_c.pyx"'),
        ("cc1plus: fatal error: ./box/_c.cpp: No such file or directory", 'before-build = "cython --cplus box/_c.pyx"'),
        ("make: *** [Makefile:28: cython] Error 127", "name the package that provides the command in build-requires"),
        ("/bin/sh: 1: cython: not found", "name the package that provides the command in build-requires"),
        ("error: unknown file type '.pyx' (from 'box/_c.pyx')", "before-build"),
        ("NoCython: Cython is required for building from checkout", "before-build"),
        ("cc1: fatal error: box/missing.c: No such file or directory", ""),
        ("SyntaxError: invalid syntax", ""),
    ],
)
def test_a_failure_names_the_key_that_helps(why: str, key: str) -> None:
    found = suggest_setting(why, ["box/_c.pyx"])
    assert key in found if key else found == ""


# --- logs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit", ["x", "a.", "x/", "/builds-v0/.tmp", "Error", "//a@", "://", ".c: ", "\u2502", " @ ", "[", "a.b.Error:"]
)
def test_reading_a_log_takes_linear_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    began = time.process_time()
    lines = read_log(f"error: Failed to fetch: {text}\nModuleNotFoundError: {text}\n{text}", without_credentials)
    Log(status=1, lines=lines).failed(["a.pyx"])
    find_machine_fault(lines, ["https://own.invalid"])
    assert time.process_time() - began < 5
    assert max(map(len, lines)) <= 1000


def test_a_line_without_end_is_a_failure_like_others(tmp_path: Path, interpreter: Interpreter) -> None:
    found = failure(Commit(tmp_path, "print('x' * 300_000)\nraise SystemExit('no')").build(interpreter))
    assert (found.reason, max(map(len, found.output))) == ("no", 400)


# --- paths and compiled modules ---------------------------------------------------------------------------


def test_a_path_that_is_not_utf_8(tmp_path: Path, interpreter: Interpreter) -> None:
    commit = Commit(tmp_path, "value = sorted(map(os.fsencode, os.listdir('data')))")
    (commit.tree / "data").mkdir()
    commit.write("data/caf\udce9.txt", "1")
    assert value(commit.build(interpreter)) == [b"caf\xe9.txt"]


def test_a_frozen_path_that_is_not_utf_8_is_kept(tmp_path: Path, interpreter: Interpreter) -> None:
    commit = Commit(tmp_path, "value = 1")
    (commit.tree / "caf\udce9").symlink_to("back.py")  # by which the build may have reached anything
    files = {"back.py": "1", "pyproject.toml": "1", "caf\udce9": "1"}
    checkout = Checkout(tree=str(commit.tree), commit="0" * 40, import_root=".", packages=("box",))
    spec = EnvironmentSpec(interpreter=interpreter, install="auto")
    found = [commit.prepared(spec, checkout, files) for _ in range(2)]
    assert found[0] == found[1]
    assert isinstance(found[0], Environment)
    assert found[0].frozen == ("box.py", "caf\udce9")  # the one was made, where the commit has none


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": "[build-system]\nbuild-backend = 'maturin'"}, "build-backend maturin in pyproject.toml"),
        ({"pyproject.toml": "[[tool.setuptools.ext-modules]]"}, "[tool.setuptools.ext-modules] in pyproject.toml"),
        ({"setup.py": "setup(ext_modules=[])"}, "ext_modules in setup.py"),
        ({"box/fast.py": "", "box/fast.pyx": ""}, "box/fast.pyx"),
        ({"tests/fast.pyx": "", "setup.py": "setup()", "pyproject.toml": "[build-system]"}, ""),
    ],
)
def test_where_compiled_modules_are_declared(files: dict[str, str], expected: str) -> None:
    contents = {name: text.encode() for name, text in files.items()}
    layout = Layout(import_root=".", packages=("box",))
    assert find_compiled_modules(CommitFiles(ids=files, read=contents.get, layout=layout)) == expected


@pytest.mark.parametrize("install", ["path", "existing"])
def test_what_is_not_compiled_is_said(tmp_path: Path, interpreter: Interpreter, install: Install) -> None:
    commit = Commit(tmp_path, "value = 1")
    spec = EnvironmentSpec(interpreter=interpreter, install=install)
    checkout = Checkout(tree=str(commit.tree), commit="0" * 40, import_root=".", packages=("box",))
    keys = []
    for script, where in {"": "", "setup(ext_modules=[])": "ext_modules in setup.py"}.items():
        commit.write("setup.py", script)
        environment = commit.prepared(spec, checkout, {"setup.py": script})
        assert isinstance(environment, Environment)
        assert [f"({where})" in note for note in environment.notes] == [True] * bool(where)
        keys.append(environment.key)
    assert keys[0] != keys[1]


def test_uv_is_found_once_however_many_threads_want_it(tmp_path: Path) -> None:
    """Finding it sets up modules of Python, which two threads must not do at once."""
    (tmp_path / "uv.py").write_text(
        textwrap.dedent("""
            import time
            found = []
            def find_uv_bin():
                found.append("begun")
                time.sleep(0.2)
                return f"uv {len(found)}"
        """)
    )
    code = """
        import threading
        from memharness.environments.build import locate_uv
        found, go = [], threading.Barrier(8)
        threads = [threading.Thread(target=lambda: (go.wait(30), found.append(locate_uv()))) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(found == ["uv 1"] * 8)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
