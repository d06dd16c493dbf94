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

import pytest
from filelock import FileLock
from msgspec.structs import replace

from built_projects import MINI_BACKEND, in_tree
from indexes import PASSWORD, USER, serve_index, wheel
from memharness.environments import CheckedOutFiles, build, find_interpreter, provider
from memharness.environments.build_log import suggest_setting
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.model.environments import Environment, EnvironmentSpec, Install, Interpreter
from memharness.model.history import Checkout
from memharness.model.measurements import Failed
from memharness.packages.pyproject import read_toml
from memharness.processes.supervision import Cancelled
from repositories import RepositoryBuilder

pytestmark = pytest.mark.usefixtures("no_settings")


class Commit:
    """The checked-out files of a commit, whose own back end runs `body`, which makes a `value`."""

    def __init__(
        self, folder: Path, body: str, *, requires: tuple[str, ...] = (), needs: tuple[str, ...] = (), more: str = ""
    ) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir(parents=True)
        self.cache = folder / "cache"
        self.write("back.py", MINI_BACKEND)
        code = f"import os\n{textwrap.dedent(body)}\nfiles['box.py'] = f'VALUE = {{value!r}}'.encode()\n"
        self.write("setup.py", code)
        self.write("pyproject.toml", in_tree(requires, f"dependencies = {json.dumps(needs)}\n{more}"))

    def write(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)

    def build(
        self, interpreter: Interpreter, *, cancel: threading.Event | None = None, **asked: object
    ) -> Environment | Failed:
        """Build with install = "wheel", as asked for beside that."""
        spec = replace(EnvironmentSpec(interpreter=interpreter, install="wheel"), **asked)
        paths = (path for path in self.tree.rglob("*") if path.is_file() and ".git" not in path.parts)
        return self.prepared(spec, {str(path.relative_to(self.tree)): "1" for path in paths}, cancel)

    def prepared(
        self, spec: EnvironmentSpec, files: dict[str, str], cancel: threading.Event | None = None
    ) -> Environment | Failed:
        checkout = Checkout(tree=str(self.tree), commit="0" * 40, import_root=".", packages=("box",))
        environments = provider(spec.install, self.cache, project=str(self.tree), keep=8)
        with environments.prepare(spec, CheckedOutFiles.of(checkout, files), cancel) as outcome:
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
    found = replace(find_interpreter(str(asked)), path=str(asked))
    commit = Commit(tmp_path, "value = 1")
    commit.prepared(EnvironmentSpec(interpreter=found, install="existing"), {})
    seen = (tmp_path / "seen").read_text()
    assert seen.count("PYTHONHASHSEED=") >= 2
    assert "secret" not in seen


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


def test_a_line_without_end_is_a_failure_like_others(tmp_path: Path, interpreter: Interpreter) -> None:
    found = failure(Commit(tmp_path, "print('x' * 300_000)\nraise SystemExit('no')").build(interpreter))
    assert (found.reason, max(map(len, found.output))) == ("no", 400)


def test_a_path_that_is_not_utf_8(tmp_path: Path, interpreter: Interpreter) -> None:
    commit = Commit(tmp_path, "value = sorted(map(os.fsencode, os.listdir('data')))")
    (commit.tree / "data").mkdir()
    commit.write("data/caf\udce9.txt", "1")
    assert value(commit.build(interpreter)) == [b"caf\xe9.txt"]


def test_a_frozen_path_that_is_not_utf_8_is_kept(tmp_path: Path, interpreter: Interpreter) -> None:
    commit = Commit(tmp_path, "value = 1")
    (commit.tree / "caf\udce9").symlink_to("back.py")  # by which the build may have reached anything
    files = dict.fromkeys(("back.py", "setup.py", "pyproject.toml", "caf\udce9"), "1")
    spec = EnvironmentSpec(interpreter=interpreter, install="auto")
    found = [commit.prepared(spec, files) for _ in range(2)]
    assert found[0] == found[1]
    assert isinstance(found[0], Environment)
    assert found[0].frozen == ("box.py", "caf\udce9")  # the one was made, where the commit has none


@pytest.mark.parametrize("install", ["path", "existing"])
def test_what_is_not_compiled_is_said(tmp_path: Path, interpreter: Interpreter, install: Install) -> None:
    commit = Commit(tmp_path, "value = 1")
    spec = EnvironmentSpec(interpreter=interpreter, install=install)
    keys = []
    for script, where in {"": "", "setup(ext_modules=[])": "ext_modules in setup.py"}.items():
        commit.write("setup.py", script)
        environment = commit.prepared(spec, {"setup.py": script})
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
