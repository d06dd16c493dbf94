"""Submodules: the commits of other repositories that a commit names, and what they hold.

They are looked up by id in every repository that the clone has of submodules: names and paths may have changed since.
`fetch_submodules` gets the others, as far as plain git would.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from memharness.git.repository import (
    FETCH_SECONDS,
    PATIENT,
    Repository,
    error_line,
    is_url,
    partial_clone,
    run_git,
    without_credentials,
)

_LIST: Final = ("ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options")
_SUBMODULE: Final = "160000"
_refused: Final[dict[tuple[str, str], str]] = {}  # cache name of the repository and commit id: why it was not fetched


def entries(repository: Repository, commit: str) -> dict[str, str]:
    """Return path -> "mode id" of all that a commit itself has: files, folders, symbolic links and submodules."""
    return _listed(repository.git(*_LIST, commit))


def submodule_ids(found: Mapping[str, str]) -> dict[str, str]:
    """Return path -> commit id of the submodules among entries."""
    return {path: entry[7:] for path, entry in found.items() if entry.startswith(_SUBMODULE)}


def submodule_entries(repository: Repository, path: str, id_: str) -> dict[str, str] | None:
    """Return the entries of the commit of a submodule; None where the clone has it nowhere."""
    listed = repository.try_git(*_LIST, id_)
    if listed.status:
        repository.add_alternates(_checked_out(repository, path))
        listed = repository.try_git(*_LIST, id_)
    if listed.status:
        return None
    _complete(repository, id_)
    return _listed(listed.output)


def _complete(repository: Repository, id_: str) -> None:
    """Have git get what a partial clone of a submodule lacks of a commit."""
    for store in repository.alternates:
        module = partial_clone(Path(store).parent)
        if module is not None and not module.try_git("cat-file", "-e", id_).status:
            module.fetch_missing(id_)


def why_missing(repository: Repository, id_: str) -> str:
    """Say why a submodule is missing, and what to do."""
    refused = _refused.get((repository.id, id_))
    why = f"no repository of this clone has its commit {id_[:10]}" + (f", and {refused}" if refused else "")
    return f"the submodule is missing: {why}: get it with `git submodule update --init --recursive`"


def fetch_submodules(repository: Repository, commit: str, prefix: str = "", base: str = "") -> bool:
    """Fetch the submodules of a commit that are missing from their URLs, each once; tell whether any was tried.

    The protocols are those that git allows for addresses that the user has not typed. A commit that is itself a
    submodule's lies at `prefix`, and came from the URL `base` if that is known.
    """
    tried = False
    wanted = submodule_ids(entries(repository, commit))
    urls = _urls(repository, commit, base) if wanted else {}
    for path, id_ in wanted.items():
        if submodule_entries(repository, prefix + path, id_) is None and (repository.id, id_) not in _refused:
            _refused[repository.id, id_] = _fetch(repository, id_, urls.get(path))
            tried = True
        if submodule_entries(repository, prefix + path, id_) is not None:
            tried |= fetch_submodules(repository, id_, f"{prefix}{path}/", urls.get(path, ""))
    return tried


def _fetch(repository: Repository, id_: str, url: str | None) -> str:
    """Fetch a commit, by its id or with all branches; return why it could not be, else ""."""
    if not url:
        return "no URL is known for it"
    folder, why = repository.derived_repository(), ""
    for what in (f"{id_}:refs/submodules/{id_}", "+refs/heads/*:refs/submodules/*"):
        how = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--end-of-options"]
        done = run_git(
            [f"--git-dir={folder}", *PATIENT, *how, url, what],
            folder=folder,
            variables={"GIT_PROTOCOL_FROM_USER": "0"},
            seconds=FETCH_SECONDS,
        )
        why = error_line(done.messages)
        if not repository.try_git("cat-file", "-e", id_).status:
            return ""
    return f"{without_credentials(url)} does not give it ({why})"


def _urls(repository: Repository, commit: str, base: str) -> dict[str, str]:
    """Return path -> URL as .gitmodules has it, or the configuration of the clone."""
    listed = repository.try_git("config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\.")
    settings = dict(setting.partition("\n")[::2] for setting in os.fsdecode(listed.output).split("\0"))
    found = {}
    for key, path in settings.items():
        name = key.removesuffix(".path")
        if name != key:
            url = ("" if base else repository.config_value(f"{name}.url")) or settings.get(f"{name}.url", "")
            if url.startswith(("./", "../")):
                url = _joined(base or _origin(repository), url)
            found[path] = url
    return found


def _origin(repository: Repository) -> str:
    """Return the URL to which those of submodules are relative: where the clone came from, or else where it is."""
    if is_url(repository.location):
        return repository.location
    return repository.config_value("remote.origin.url") or repository.common_dir.removesuffix("/.git")


def _joined(base: str, url: str) -> str:
    """Resolve a relative URL like git: each `../` takes one part from the end of `base`."""
    base = base.rstrip("/")
    while match := re.match(r"\.(\.?)/+", url):
        if match[1]:
            cut = max(base.rfind("/"), base.rfind(":"))
            base = base[: max(cut, 0)]
        url = url[match.end() :]
    return f"{base}/{url}".rstrip("/")


def _listed(output: bytes) -> dict[str, str]:
    found = {}
    for record in output.decode(errors="surrogateescape").split("\0")[:-1]:
        description, _, path = record.partition("\t")
        mode, _, id_ = description.split(" ")
        found[path] = f"{mode} {id_}"
    return found


def _checked_out(repository: Repository, path: str) -> Iterator[str]:
    """Yield the folders of objects of repositories at the path of a submodule, in the work trees of the clone."""
    linked = Path(repository.git_dir, "gitdir")
    marks = [repository.common_dir] if repository.common_dir.endswith("/.git") else []
    marks += [os.fsdecode(linked.read_bytes()).rstrip("\n")] if linked.is_file() else []
    for mark in marks:
        folder = Path(mark).parent / path
        if os.path.lexists(folder / ".git"):
            found = run_git(["rev-parse", "--git-path", "objects"], folder=str(folder))
            if not found.status:
                yield str((folder / os.fsdecode(found.output).removesuffix("\n")).resolve())
