"""Compiled modules: packaging files of a commit -> where it declares modules that only a build makes. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from memharness.model.environments import EnvironmentSpec
from memharness.packages.pyproject import read_toml, table, text

_BACKENDS: Final = ("maturin", "mesonpy", "scikit_build_core", "py_build_cmake", "sipbuild")
_TABLES: Final = (("setuptools", "ext-modules"), ("setuptools-rust", "ext-modules"), ("mypyc",), ("hatch", "mypyc"))
_WORDS: Final = ("ext_modules", "cythonize(", "cffi_modules", "rust_extensions", "mypycify(")  # of setup.py


def declared(read: Callable[[str], bytes | None], files: Iterable[str], packages: Sequence[str]) -> str:
    """Return where the compiled modules of a commit are declared, such as "ext_modules in setup.py"; "" where nowhere.

    `read` returns the contents of one of the commit's `files`, None where there is none.
    """
    pyproject = read_toml(read("pyproject.toml") or b"")
    backend = text(pyproject, "build-system", "build-backend") or ""
    if backend.partition(".")[0] in _BACKENDS:
        return f"build-backend {backend[:80]} in pyproject.toml"
    for keys in _TABLES:
        if keys[-1] in table(pyproject, "tool", *keys[:-1]):
            return f"[tool.{'.'.join(keys)}] in pyproject.toml"
    script = read("setup.py") or b""
    words = [word.strip("(") for word in _WORDS if word.encode() in script]
    if words:
        return f"{words[0]} in setup.py"
    sources = sorted(path for path in files if path.endswith(".pyx") and not set(path.split("/")).isdisjoint(packages))
    return sources[0] if sources else ""


def uncompiled(spec: EnvironmentSpec, where: str) -> tuple[str, ...]:
    """Return the note for measurements without the compiled modules that the commit declares in `where`."""
    if not where:
        return ()
    missing = f'install = "{spec.install}" builds no compiled modules, which the project declares ({where})'
    return (f"{missing}: this is the memory of what was imported in their place",)
