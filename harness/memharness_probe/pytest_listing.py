"""Lists tests as pytest collects them, each with a hash of the source that defines it.

That is the source of its file, of the conftest.py above it and of modules beside them that were imported, without what
belongs to other tests alone: their functions and classes, and fixtures that this one does not use.
"""

from __future__ import annotations

import sys
from os.path import dirname, join, relpath

from memharness_probe.failure import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from typing import Any

_LIMITS = "memharness"  # marker with a limit for each metric
_ADVICE = ("limit_memory", "limit_leaks")  # markers of pytest-memray, which counts other memory


class CollectedTests:
    """What pytest collected. `origin` is where tests of the project's packages come from, as `prefix` in the tree."""

    def __init__(self, root: str, origin: str, prefix: str) -> None:
        self.items: list[Any] = []
        self._omitted: list[tuple[str, str]] = []
        self._root, self._origin, self._prefix = root, origin, prefix

    def omit(self, what: str, why: str) -> None:
        """Pass something over."""
        self._omitted.append((what, one_line(why)))

    def listed(self, *, pinned: bool) -> dict[str, Any]:
        """Return what `discovery` describes; `pinned`: the tests are the same at every commit."""
        sources = _Sources(self._root, {str(item.path) for item in self.items}) if pinned else None
        cases = []
        for item in self.items:
            name = "::".join([self._path(str(item.path)), item.nodeid.partition("::")[2]])
            if not hasattr(item, "originalname"):  # a doctest, or of a plugin
                self.omit(name, "it is no function")
                continue
            version = sources.digest(item) if sources else "of the commit"
            cases.append({"name": name, "target": {"test": name}, "version": version, **_settings(item)})
        return {"cases": cases, "omitted": self._omitted}

    def _path(self, path: str) -> str:
        """Return the path of a file below the root, also of one that lies where the project's modules come from."""
        if not path.startswith(self._root + "/") and path.startswith(self._origin + "/"):
            return join(self._prefix, relpath(path, self._origin))
        return relpath(path, self._root)


def _settings(item: Any) -> dict[str, Any]:
    summary = one_line((item.obj.__doc__ or "").strip().partition("\n")[0])
    advice = [
        f"{mark.name}({', '.join(map(repr, mark.args))}) is no limit here"
        for mark in item.iter_markers()
        if mark.name in _ADVICE
    ]
    limits = [mark.kwargs for mark in item.iter_markers(_LIMITS)]
    return {
        "summary": "; ".join(filter(None, [summary, *advice])),
        "limits": {name: value for kwargs in reversed(limits) for name, value in kwargs.items()},
        "has_setup": True,
        "fresh_setup": True,
    }


class _Sources:
    """The sources of a suite below `root`; `tests` are the files that hold tests."""

    def __init__(self, root: str, tests: set[str]) -> None:
        self._root = root
        self._trees: dict[str, tuple[list[str], ast.Module]] = {}
        files = sorted({str(getattr(module, "__file__", None)) for module in list(sys.modules.values())})
        below = [file for file in files if file.startswith(root + "/") and file.endswith(".py")]
        self._imported = [file for file in below if file not in tests and not file.endswith("/conftest.py")]

    def digest(self, item: Any) -> str:
        """Return a hash of what defines a test."""
        from hashlib import sha256

        folder, above = dirname(str(item.path)), []
        while folder.startswith(self._root):
            above.append(join(folder, "conftest.py"))
            folder = dirname(folder)
        texts = [self._own(str(item.path), item), *[self._own(file, item) for file in above]]
        texts += [self._own(file, None) for file in self._imported]
        return sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def _own(self, file: str, item: Any) -> str:
        """Return the lines of a file, without those of others than the test; blank ones and comments left out."""
        import ast

        if file not in self._trees:
            try:
                with open(file, encoding="utf-8", errors="surrogateescape") as opened:
                    text = opened.read()
                self._trees[file] = text.splitlines(), ast.parse(text)
            except (OSError, SyntaxError, ValueError):
                self._trees[file] = [], ast.parse("")
        lines, tree = self._trees[file]
        others: set[int] = set()
        for first, last in _others(tree.body, item) if item is not None else ():
            others.update(range(first, last + 1))
        kept = [line for number, line in enumerate(lines, 1) if number not in others]
        return "\n".join([line for line in kept if line.strip() and not line.lstrip().startswith("#")])


def _others(nodes: list[Any], item: Any) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of what belongs to other tests."""
    classes = {kind.__name__ for kind in item.cls.__mro__} if item.cls else set()
    for node in nodes:
        kind = type(node).__name__
        if kind == "ClassDef" and node.name in classes:
            yield from _others(node.body, item)
        elif (kind == "ClassDef" and node.name.startswith("Test")) or (
            kind.endswith("FunctionDef") and _is_other(node, item)
        ):
            yield min([node.lineno, *[one.lineno for one in node.decorator_list]]), node.end_lineno


def _is_other(function: Any, item: Any) -> bool:
    """Tell whether a function is another test, or a fixture that the test does not use.

    A test that takes the fixture `request` may ask for any other while it runs.
    """
    if function.name.startswith("test"):
        return bool(function.name != item.originalname)
    for decorator in function.decorator_list:
        call = getattr(decorator, "func", decorator)
        if getattr(call, "attr", getattr(call, "id", "")) == "fixture":
            named = [word.arg for word in getattr(decorator, "keywords", ())]
            return "name" not in named and not (
                function.name in item.fixturenames or "request" in item._fixtureinfo.argnames
            )
    return False
