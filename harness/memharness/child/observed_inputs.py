"""The paths of a slot that a pass accessed -> the `ObservedInputs` of the project, or why they are not known."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from memharness.child.exchange import Accesses
from memharness.child.opened_files import Opened
from memharness.files.folder import Folder
from memharness.model.history import Checkout
from memharness.model.measurements import ObservedInputs

_ANY_SIZE = 1 << 62
_NOTHING = Opened(frozenset(), frozenset())


def observed_inputs(
    accesses: Accesses, checkout: Checkout, scenarios: Path, frozen: Collection[str], opened: Opened | None = None
) -> ObservedInputs | str:
    """Return the inputs of a pass, or why they are not known; `opened` is what native code and all else opened.

    `scenarios` is the slot's copy of the scenario folder, as the pass found it. The environment is right only with the
    files and folders `frozen`: they count as inputs, with all that lies there; of "box/*" only the names.
    """
    looked_at = [*_looked_at(accesses, opened)]
    names = [name for name, _ in looked_at]
    if obstacle := accesses.obstacle or _obstacle(names, checkout.tree, str(scenarios)):
        return obstacle.replace(f"{checkout.tree}/", "").replace(f"{scenarios}/", "<scenarios>/")
    paths, folders = _of_environment(frozen)
    beside = {}
    for name, listed in looked_at:
        inside = _below(name, checkout.tree)
        if inside is None:
            below = _below(name, str(scenarios)) or ""
            beside[below + "/" * listed] = _digest(scenarios / below, scenarios, listed=listed)
        elif listed:
            folders.add(_of_sources(inside))
        elif inside:
            paths.add(inside)
    return ObservedInputs(
        paths=tuple(sorted(paths)),
        folders=tuple(sorted(folders)),
        beside=beside,
        native=accesses.native,
        watched=accesses.native and opened is not None,
    )


def _looked_at(accesses: Accesses, opened: Opened | None) -> Iterator[tuple[str, bool]]:
    """Yield each path that was looked at, and whether as a folder that was listed."""
    native = opened if opened is not None and accesses.native else _NOTHING
    yield from ((name, False) for name in (*accesses.opened, *accesses.queried, *native.files))
    yield from ((name, True) for name in (*accesses.listed, *native.folders))


def _obstacle(names: Collection[str], tree: str, scenarios: str) -> str:
    """Say which name is no input: what is stored is UTF-8, of a commit or of the scenario folder; "" where all are."""
    unwritable = min((name for name in names if name != name.encode(errors="ignore").decode()), default=None)
    if unwritable is not None:
        return f"it looked at {ascii(unwritable)[1:-1]}"
    for name in names:
        inside = _below(name, tree)
        if inside is None and _below(name, scenarios) is None:
            return f"it looked at {name}"
        if inside is not None and inside.partition("/")[0] == ".git":
            return "it looked into the repository"
    return ""


def _of_environment(frozen: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the paths and folders that are inputs because the environment is right only with them."""
    listed = {path for path in frozen if path.endswith("*")}
    return {f"{path.rstrip('/')}/" for path in {*frozen} - listed}, {path[:-1].rstrip("/") for path in listed}


def matches_scenarios(observed: ObservedInputs, scenarios: Path) -> bool:
    """Tell whether a scenario folder is as a pass observed it. Nothing else is read: the inputs may be a stranger's."""
    return all(
        _digest(scenarios / name.rstrip("/"), scenarios, listed=name.endswith("/")) == known
        for name, known in observed.beside.items()
    )


def _below(name: str, folder: str) -> str | None:
    if name == folder:
        return ""
    return name[len(folder) + 1 :] if name.startswith(f"{folder}/") else None


def _of_sources(folder: str) -> str:
    """Return the folder whose sources a folder of byte code belongs to: the names in it follow from theirs."""
    holder, _, last = folder.rpartition("/")
    return holder if last == "__pycache__" else folder


def _digest(path: Path, scenarios: Path, *, listed: bool) -> str:
    """Return a digest of a file's contents or of the names in a folder; "" where there is neither."""
    below = Folder(scenarios)
    try:
        if listed:
            names = [name for name in below.names(path) if name != "__pycache__"]
            content = "\0".join(names).encode(errors="surrogateescape") if below.is_folder(path) else None
        else:
            content = b"" if below.is_folder(path) else below.read(path, _ANY_SIZE)
    except (OSError, ValueError):  # the latter: no path below the folder, or none that a file can have
        return ""
    return "" if content is None else hashlib.sha256(content).hexdigest()[:32]
