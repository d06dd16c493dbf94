"""One Python file of the scenario folder: its text and syntax tree."""

import ast
import contextlib
import io
import sys
import tokenize
import warnings
from pathlib import Path
from typing import Final, NamedTuple

from memharness.errors import MemharnessError

_MOST_BYTES: Final = 16 << 20
_SPACE: Final = (tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT)


class Source(NamedTuple):
    """A parsed file. `text` has its line ends normalised to LF."""

    file: Path
    text: str
    tree: ast.Module

    @property
    def functions(self) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions defined at the top level, the last of a name as Python has it."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def is_file(path: Path) -> bool:
    """Tell whether there is a regular file, or a link to one."""
    try:
        return path.is_file()
    except OSError:  # no file can have such a name, or it lies where this user may not look
        return False


def read_source(file: Path) -> Source:
    """Read and parse a file as Python does (encoding by PEP 263); raise MemharnessError with file and line."""
    content = _content(file)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except SyntaxError as error:  # no such encoding
        raise _fault(file, 1, str(error.msg)) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise MemharnessError(
            f"{file}:{line}: not {error.encoding}", hint='Save it as UTF-8, or begin it with "# coding: <encoding>".'
        ) from None
    except (UnicodeError, LookupError) as error:  # an encoding of something else than text
        raise _fault(file, 1, str(error)) from None
    try:
        return Source(file, text, _parsed(text))
    except SyntaxError as error:
        raise _fault(file, error.lineno or 1, error.msg) from None
    except ValueError as error:  # of null bytes in some versions, and of what such an encoding makes
        raise _fault(file, 1, str(error)) from None
    except (RecursionError, MemoryError):
        raise MemharnessError(
            f"{file}:{_deep_line(text)}: nested too deeply to be read as Python",
            hint="Split the statement, or keep large data in a file of its own.",
        ) from None


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise MemharnessError(
                f"{file}: has more than {_MOST_BYTES >> 20} MiB", hint="Keep large data in a file of another kind."
            )
        return file.read_bytes()
    except OSError as error:
        raise MemharnessError(
            f"{file}: cannot be read: {error.strerror}", hint="Make it readable, or remove it."
        ) from None


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the user's code, and its own interpreter will say so
        return ast.parse(text)


def _deep_line(text: str) -> int:
    """Return the line on which the first statement begins that is too deep by itself, 1 where none is."""
    lines = text.split("\n")
    begin = None
    with contextlib.suppress(SyntaxError, tokenize.TokenError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in _SPACE:
                continue
            begin = begin or token.start[0]
            if token.type == tokenize.NEWLINE:
                try:
                    _parsed("\n".join(lines[begin - 1 : token.end[0]]).strip())
                except (RecursionError, MemoryError):
                    return begin
                except (SyntaxError, ValueError):  # only a part of a compound statement
                    pass
                begin = None
    return 1


def _fault(file: Path, line: int, reason: str) -> MemharnessError:
    return MemharnessError(
        f"{file}:{line}: {reason}", hint="memharness reads scenario files as Python {}.{}.".format(*sys.version_info)
    )
