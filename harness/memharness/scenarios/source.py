"""One Python file of the scenario folder: its text and syntax tree."""

import ast
import io
import sys
import tokenize
import warnings
from pathlib import Path
from typing import NamedTuple

from memharness.errors import MemharnessError


class Source(NamedTuple):
    """A parsed file. `text` has its line ends normalised to LF."""

    file: Path
    text: str
    tree: ast.Module

    @property
    def functions(self) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions defined at the top level, the last of a name as Python has it."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def read_source(file: Path) -> Source:
    """Read and parse a file as Python does (encoding by PEP 263); raise MemharnessError with file and line."""
    try:
        content = file.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's code, and its own interpreter will say so
            return Source(file, text, ast.parse(text))
    except OSError as error:
        raise MemharnessError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise MemharnessError(
            f"{file}:{line}: not {error.encoding}", hint='Save it as UTF-8, or begin it with "# coding: <encoding>".'
        ) from None
    except (SyntaxError, ValueError) as error:  # some versions raise the latter for a null byte
        place, reason = (error.lineno, error.msg) if isinstance(error, SyntaxError) else (1, str(error))
        raise MemharnessError(
            f"{file}:{place or 1}: {reason}",
            hint="memharness reads scenario files as Python {}.{}.".format(*sys.version_info),
        ) from None
