"""Wrappers of the functions that query the file system without an audit event: `os.stat` and its like."""

from __future__ import annotations

import os
import posix
from _frozen_importlib_external import _path_stat  # type: ignore[attr-defined]

from memharness_probe.text_log import pass_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType, ModuleType
    from typing import Any

    Look = Callable[[Any, Any], None]  # path, and the descriptor of a folder or None
    Wrappers = dict[tuple[ModuleType, str], Any]


_METHOD: Any = type(_path_stat.__get__(0))  # to import `types` would keep it out of the figure for imports
_NAMES = ("stat", "lstat", "access", "readlink", "statvfs")
stat, readlink = posix.stat, posix.readlink


def wrap(look: Look) -> Wrappers:
    """Put the wrappers into `os` and `posix`, where importlib looks, and return them; each calls `look` first.

    They are methods bound to `look`: Python does not bind a method again where a class has it as an attribute, as
    pathlib's classes once had. Profiles leave out what the probe's files allocate, but not what these functions return:
    so each pretends to come from a file of its own, and the one for importlib from importlib's.
    """
    wrappers: Wrappers = {}
    for name in _NAMES:
        original = getattr(posix, name)
        for module in (os, posix):
            asking = _asking(original)
            pass_for(asking, f"<os.{name}>")
            asking.__name__ = asking.__qualname__ = name
            asking.__module__, asking.__doc__ = original.__module__, original.__doc__
            wrappers[module, name] = _METHOD(asking, look)
            for able in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
                if original in able:
                    able.add(wrappers[module, name])
            setattr(module, name, wrappers[module, name])
    pass_for(posix.stat.__func__, *_place_of_path_stat())  # type: ignore[attr-defined]
    return wrappers


def _asking(original: Any) -> FunctionType:
    """Return a wrapper that passes on its arguments as they came: passing keywords allocates room for them."""

    def asking(look: Look, path: Any, *others: Any, **keywords: Any) -> Any:
        look(path, keywords.get("dir_fd"))
        return original(path, *others, **keywords)

    return asking  # type: ignore[return-value]


def _place_of_path_stat() -> tuple[str, int]:
    """Return the file of importlib and the line that is two above that in which it calls `_os.stat`."""
    try:
        _path_stat(None)
    except TypeError as error:
        step: Any = error.__traceback__
    return _path_stat.__code__.co_filename, step.tb_next.tb_lineno - 2
