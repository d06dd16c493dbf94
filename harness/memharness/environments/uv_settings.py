"""Settings of uv and the builds that it runs: variables without secrets, and a configuration that only uv reads.

Every back end, setup.py and interpreter gets the variables of uv. Addresses of indexes and proxies, which may hold
passwords, therefore reach uv in a configuration on its stdin, which can be read only once. It replaces the files that
uv would look for, so it includes what the user's own files say.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from memharness.errors import MemharnessError
from memharness.packages.pyproject import Table, table, tables

_PASSED_ON: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|XDG_(CACHE|CONFIG|DATA)_HOME|NETRC|(https?|all|no)_proxy"
    r"|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|LD_LIBRARY_PATH|PKG_CONFIG_PATH"
    r"|CC|CXX|CPPFLAGS|CFLAGS|CXXFLAGS|LDFLAGS|CARGO_HOME|RUSTUP_HOME|RUSTUP_TOOLCHAIN",
    re.IGNORECASE,
)
_UV_PASSED_ON: Final = frozenset(  # how uv resolves, fetches and stores; nothing of it can change what is built here
    """CACHE_DIR NO_CACHE OFFLINE CONSTRAINT BUILD_CONSTRAINT OVERRIDE EXCLUDE EXCLUDE_NEWER PRERELEASE RESOLUTION
    FORK_STRATEGY INDEX_STRATEGY KEYRING_PROVIDER CREDENTIALS_DIR INSECURE_HOST NATIVE_TLS SYSTEM_CERTS NO_SOURCES
    NO_SOURCES_PACKAGE NO_BINARY NO_BINARY_PACKAGE NO_VERIFY_HASHES TORCH_BACKEND CUDA_DRIVER_VERSION
    AMD_GPU_ARCHITECTURE HTTP_TIMEOUT HTTP_CONNECT_TIMEOUT HTTP_RETRIES REQUEST_TIMEOUT LINK_MODE LOCK_TIMEOUT
    CONCURRENT_BUILDS CONCURRENT_DOWNLOADS CONCURRENT_INSTALLS GIT_LFS STACK_SIZE PREVIEW
    PREVIEW_FEATURES""".split()  # noqa: SIM905  (a list of words)
)
_QUERIED: Final = re.compile(
    r"UV_PYTHON_(INSTALL_DIR|PREFERENCE|SEARCH_PATH)|UV_(NO_)?MANAGED_PYTHON|PYENV_(ROOT|VERSION)|PYTHONUSERBASE"
)
_FILES: Final = frozenset({"UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE"})  # lists of them
_FOLDERS: Final = frozenset({"UV_CACHE_DIR", "UV_CREDENTIALS_DIR", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR"})
_SECRET: Final = re.compile(r"//[^/@\s]{1,4096}@")
_NAMED: Final = re.compile(r"([\w.-]{1,255})=(.*)", re.ASCII | re.DOTALL)
_LOCATIONS: Final = frozenset(
    {"index-url", "extra-index-url", "find-links"}
)  # settings that may be paths, with those in "index"


def variables() -> dict[str, str]:
    """Return the environment variables of uv and of builds: an allow-list, so that no token reaches a project's code.

    Raises MemharnessError where a variable of uv holds a password that has no place in the configuration.
    """
    kept = {}
    for name, value in os.environ.items():
        if _PASSED_ON.fullmatch(name):
            if name.lower().endswith("_proxy") and "@" in value:
                continue  # told in the configuration
        elif not (name.startswith("UV_") and name[3:] in _UV_PASSED_ON):
            continue
        elif _SECRET.search(value):
            raise MemharnessError(
                f"{name} holds a user or password, which every build could read",
                hint="Leave it out of the address and give it in a netrc file.",
            )
        kept[name] = _absolute(name, value)
    # what is built from is gone afterwards: nothing may be installed as a link to it, whatever a project says
    fixed = {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "UV_NO_EDITABLE": "1"}
    return {**kept, **fixed, "UV_COMPILE_BYTECODE_TIMEOUT": "0"}  # builds have a time-out of their own


def query_variables() -> dict[str, str]:
    """Return the environment variables in which interpreters are looked for and asked."""
    return variables() | {name: value for name, value in os.environ.items() if _QUERIED.fullmatch(name)}


def _absolute(name: str, value: str) -> str:
    """Return a variable's value with its relative paths as seen from here: uv runs in another folder."""
    if name in _FOLDERS:
        return str(Path(value).absolute()) if value else value
    if name in _FILES:
        return " ".join(_place(word, Path.cwd()) for word in value.split())
    return value


def configuration(indexes: Iterable[Table] = ()) -> str:
    """Return uv's configuration as TOML: variables first, then `indexes` of a commit, then the user's own files.

    Where two say something, the first holds; lists are joined. An index without a user gets the one that
    UV_INDEX_<NAME>_USERNAME and _PASSWORD give it.
    """
    import tomlkit  # here, since most runs never build

    settings: Table = {}
    for source in (_from_variables(), {"index": list(indexes)}, *_own_files()):
        settings = _joined(settings, source)
    for index in _indexes(settings):
        index["url"] = _with_credentials(index)
    return tomlkit.dumps(settings)


def indexes_of(pyproject: object, folder: Path) -> list[Table]:
    """Return the indexes that a project in `folder` declares for uv; of what is odd there uv says what is wrong."""
    kinds = {"name": str, "url": str, "explicit": bool, "default": bool}
    return [
        {**{key: index[key] for key in kinds if key in index}, "url": _place(index["url"], folder)}
        for index in _indexes(table(pyproject, "tool", "uv"))
        if all(isinstance(index.get(key, kind()), kind) for key, kind in kinds.items())
    ]


def _from_variables() -> Table:
    get, here = os.environ.get, Path.cwd()
    default = get("UV_DEFAULT_INDEX") or get("UV_INDEX_URL") or get("PIP_INDEX_URL")
    listed = [*get("UV_INDEX", "").split(), *get("UV_EXTRA_INDEX_URL", "").split()]
    indexes = [_index(text, here) for text in listed]
    if default:
        indexes.append({**_index(default, here), "default": True})
    links = [_place(link.strip(), here) for link in get("UV_FIND_LINKS", "").split(",") if link.strip()]
    lists = {name: value for name, value in (("index", indexes), ("find-links", links)) if value}
    return {**lists, **_proxies()}


def _proxies() -> Table:
    """Return the proxies whose addresses hold a user or password."""
    found = {}
    for scheme in ("http", "https"):
        names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY")
        proxy = next(filter(None, map(os.environ.get, names)), "")
        if "@" in proxy:
            found[f"{scheme}-proxy"] = proxy if "://" in proxy else f"http://{proxy}"
    return found


def _index(text: str, folder: Path) -> Table:
    """Return the index that a variable gives as an address or as NAME=ADDRESS."""
    named = _NAMED.fullmatch(text)
    return {"name": named[1], "url": _place(named[2], folder)} if named else {"url": _place(text, folder)}


def _place(text: str, folder: Path) -> str:
    """Return an address as it is, a path as seen from `folder`."""
    return text if "://" in text else str(folder / text)


def _with_credentials(index: Table) -> str:
    url = str(index["url"])
    variable = f"UV_INDEX_{re.sub('[^A-Z0-9]', '_', str(index.get('name')).upper())}"
    user, password = (quote(os.environ.get(f"{variable}_{part}", ""), safe="") for part in ("USERNAME", "PASSWORD"))
    if "name" not in index or not (user or password) or _SECRET.search(url):
        return url
    return url.replace("://", f"://{user}:{password}@", 1)


def _own_files() -> Iterator[Table]:
    """Yield what uv would read of the user's and the system's configuration, or the file that UV_CONFIG_FILE names."""
    get = os.environ.get
    if get("UV_CONFIG_FILE"):
        yield _read(Path(get("UV_CONFIG_FILE", "")).absolute())
    elif get("UV_NO_CONFIG", "").lower() not in ("1", "true", "t", "yes", "y", "on"):
        own = Path(get("XDG_CONFIG_HOME") or f"{get('HOME', '/')}/.config")
        systems = [Path(folder) for folder in get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
        yield from map(_read, _first(own))
        yield from map(_read, _first(*systems) or _first(Path("/etc")))


def _first(*folders: Path) -> list[Path]:
    return [file for folder in folders if (file := folder / "uv" / "uv.toml").is_file()][:1]


def _read(file: Path) -> Table:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MemharnessError(f"{file}: the configuration of uv cannot be read: {reason}") from None
    for name in _LOCATIONS & found.keys():
        if isinstance(found[name], str):
            found[name] = _place(found[name], file.parent)
        elif isinstance(found[name], list):
            found[name] = [_place(str(item), file.parent) for item in found[name]]
    for index in _indexes(found):
        index["url"] = _place(index["url"], file.parent)
    return found


def _indexes(settings: Table) -> list[Table]:
    """Return the entries of `index` that have an address; of others uv says what is wrong with them."""
    return [index for index in tables(settings, "index") if isinstance(index.get("url"), str)]


def _joined(first: Table, second: Table) -> Table:
    """Return what two files say together, as uv joins its own: the first has precedence, and lists are joined."""
    joined = {**second, **first}
    for name in first.keys() & second.keys():
        one, other = first[name], second[name]
        if isinstance(one, list) and isinstance(other, list):
            joined[name] = [*one, *other]
        elif isinstance(one, dict) and isinstance(other, dict):
            joined[name] = _joined(one, other)
    return joined
