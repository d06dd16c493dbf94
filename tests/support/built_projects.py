"""Projects that are built for tests, most of them by a back end that takes a fifth of the time of setuptools."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import asdict

from indexes import wheel
from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.environments import CheckedOutFiles, provider
from memharness.findings.project import blob_reader
from memharness.git.history import blob_ids
from memharness.git.repository import open_repository
from memharness.model.environments import Environment, EnvironmentSpec, Install, Interpreter
from memharness.model.measurements import Failed
from memharness.packages.layout import locate
from repositories import RepositoryBuilder

# Packs what [tool.setuptools] says, by default the package called like the project, then runs setup.py, which may
# change `files` and `project`, add a `package` and `compile` a module.
MINI_BACKEND = r"""
import os, subprocess, sysconfig, tomllib, zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    document = tomllib.loads(Path("pyproject.toml").read_text())
    project, told = document["project"], document.get("tool", {}).get("setuptools", {})
    files, places = {}, told.get("package-dir", {})
    def package(source, name):
        for path in Path(source).rglob("*"):
            if path.is_file():
                files[f"{name}/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    def compile(source, module):
        include = f"-I{sysconfig.get_path('include')}"
        subprocess.run(["cc", "-shared", "-fPIC", include, source, "-o", "made.so"], check=True)
        files[module + sysconfig.get_config_var("EXT_SUFFIX")] = Path("made.so").read_bytes()
    root = "src" if os.path.isdir("src") else "."
    for name in told.get("packages", [project["name"]]):
        package(places.get(name, f"{root}/{name}"), name)
    for name in told.get("py-modules", []):
        files[f"{name}.py"] = Path(f"{name}.py").read_bytes()
    if os.path.exists("setup.py"):
        scope = {"files": files, "project": project, "package": package, "compile": compile}
        exec(Path("setup.py").read_text(), scope)
    label = f"{project['name']}-{project['version']}"
    info = f"{label}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    metadata += "".join(f"Requires-Dist: {needed}\n" for needed in project.get("dependencies", []))
    files[f"{info}/METADATA"] = metadata.encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: mini\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(os.path.join(folder, f"{label}-py3-none-any.whl"), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{label}-py3-none-any.whl"
"""
EXTENSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", NULL, -1, NULL};
PyMODINIT_FUNC PyInit__fast(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddIntConstant(made, "ANSWER", 42);
    return made;
}
"""


def write_wheels(folder: Path) -> None:
    """Write the back end `mini` and two packages to depend on, `dep` and `six`."""
    for name, text in {"mini": MINI_BACKEND, "dep": "", "six": ""}.items():
        (folder / f"{name}-1.0-py3-none-any.whl").write_bytes(wheel(name, {f"{name}.py": text}))


def pyproject(requires: str, backend: str, extra: str = "", version: str = 'version = "1.0"') -> str:
    """Return the pyproject.toml of a project called box."""
    return (
        f'[build-system]\nrequires = {json.dumps(requires.split())}\nbuild-backend = "{backend}"\n'
        f'[project]\nname = "box"\ndescription = "A box."\n{version}\n{extra}'
    )


def in_tree(requires: Iterable[str] = (), extra: str = "") -> str:
    """Return the pyproject.toml of one whose back end is its own `back.py`."""
    return pyproject(" ".join(requires), "back", extra).replace("[project]", 'backend-path = ["."]\n[project]')


MINI = pyproject("mini", "mini")
# Files of a project of one module that needs no registry to be built.
IN_TREE_MODULE = {
    "back.py": MINI_BACKEND,
    "pyproject.toml": in_tree(extra='[tool.setuptools]\npy-modules = ["box"]\n'),
}
SETUPTOOLS = pyproject("setuptools", "setuptools.build_meta")


def asked(interpreter: Interpreter, install: Install = "auto", *dependencies: str) -> EnvironmentSpec:
    """Return what is asked for: an environment with these dependencies."""
    return EnvironmentSpec(interpreter=interpreter, install=install, dependencies=dependencies)


class BuiltProject:
    """A project whose commits are checked out and prepared as a run does it."""

    def __init__(self, folder: Path) -> None:
        self.builder = RepositoryBuilder(folder / "project")
        self.cache = folder / "cache"
        self.keep = 8

    def prepare(
        self, spec: EnvironmentSpec, *commits: str, configured: str | None = None
    ) -> list[tuple[Environment | Failed, str]]:
        """Prepare each commit, and import `box` there as the probe does: its VALUE, or the error."""
        repository = open_repository(str(self.builder.path), self.cache)
        environments = provider(spec.install, self.cache, project=repository.common_dir, keep=self.keep)
        results: list[tuple[Environment | Failed, str]] = []
        with lease(repository, self.cache) as slot:
            for commit in commits:
                files = blob_ids(repository, commit)
                layout = locate(files, blob_reader(repository, files), import_root=configured)
                checkout = slot.checkout(commit, **asdict(layout))
                with environments.prepare(spec, CheckedOutFiles.of(checkout, files)) as environment:
                    if isinstance(environment, Failed):
                        results.append((environment, "not built"))
                        continue
                    checkout = slot.link_generated(
                        environment.generated, packages=environment.packages, import_root=environment.import_root
                    )
                    results.append((environment, imported(environment, slot, checkout.import_root)))
        return results

    def values(self, spec: EnvironmentSpec, *commits: str) -> list[str]:
        """Return what importing `box` comes to at each commit."""
        return [value for _, value in self.prepare(spec, *commits)]

    def built(self, spec: EnvironmentSpec, *commits: str) -> list[Environment]:
        """Prepare each commit, all of which can be built, and return the environments."""
        found = [environment for environment, _ in self.prepare(spec, *commits)]
        assert not [failed for failed in found if isinstance(failed, Failed)]
        return [environment for environment in found if isinstance(environment, Environment)]

    def environments(self) -> list[str]:
        """Return the names of the environments in the cache."""
        return sorted(path.name for path in (self.cache / "environments").iterdir() if path.is_dir())


def imported(environment: Environment, slot: Slot, import_root: str) -> str:
    """Return the VALUE of `box` and where it comes from, or the error of importing it."""
    searched = [*([] if environment.origin else [str(slot.tree / import_root)]), *environment.site_paths]
    code = f"import sys; sys.path[:0] = {searched!r}; import box; print(box.VALUE, box.__file__)"
    done = subprocess.run([environment.python, "-s", "-S", "-B", "-c", code], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    value, _, path = done.stdout.strip().rpartition(" ")
    inside = "tree" if path.startswith(str(slot.tree)) else "site-packages" if "site-packages" in path else path
    return f"{value} from {inside}"
