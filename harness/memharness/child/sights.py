"""What a pass saw, by paths of its slot -> the `ObservedInputs` of the project, or an obstacle to any proof."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from memharness.child.exchange import Seen
from memharness.files.folder import Folder
from memharness.model.history import Checkout
from memharness.model.measurements import ObservedInputs

_ANY_SIZE = 1 << 62


def sight_of(seen: Seen, checkout: Checkout, scenarios: Path, frozen: Iterable[str]) -> ObservedInputs | str:
    """Return the inputs of a pass, or why nothing can be proven of it.

    `scenarios` is the slot's copy of the scenario folder, as the pass found it. Files and folders with which alone the
    environment is right, `frozen`, count as seen, with all that lies there; of "box/*" the names alone.
    """
    if seen.obstacle is not None:
        return seen.obstacle.replace(f"{checkout.tree}/", "").replace(f"{scenarios}/", "<scenarios>/")
    listed = {path for path in frozen if path.endswith("*")}
    paths, folders = {f"{path.rstrip('/')}/" for path in {*frozen} - listed}, {path[:-1].rstrip("/") for path in listed}
    beside = {}
    for kind, names in (("", seen.opened), ("", seen.looked), ("/", seen.listed)):
        for name in names:
            inside = _below(name, checkout.tree)
            if inside is None:
                below = _below(name, str(scenarios))
                if below is None:
                    return f"it looked at {name}"
                beside[below + kind] = _digest(scenarios / below, scenarios, listed=bool(kind))
            elif inside == ".git" or inside.startswith(".git/"):
                return "it looked into the repository"
            elif kind:
                holder, _, last = inside.rpartition("/")
                folders.add(holder if last == "__pycache__" else inside)  # its names follow those of the sources
            elif inside:
                paths.add(inside)
    return ObservedInputs(paths=tuple(sorted(paths)), folders=tuple(sorted(folders)), beside=beside, native=seen.native)


def is_beside(observed: ObservedInputs, scenarios: Path) -> bool:
    """Tell whether a scenario folder is as a pass observed it. Inputs may be a stranger's: only it is looked at."""
    return all(
        _digest(scenarios / name.rstrip("/"), scenarios, listed=name.endswith("/")) == known
        for name, known in observed.beside.items()
    )


def _below(name: str, folder: str) -> str | None:
    if name == folder:
        return ""
    return name[len(folder) + 1 :] if name.startswith(f"{folder}/") else None


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
