"""Compilers of byte code, which stay: one process for each interpreter and thread at work.

Starting an interpreter takes ten times the CPU time of compiling the few files of a usual commit. What a compiler is
told and answers is the docstring of `memharness_probe/bytecode.py`. It ends when its input does, so with this process
in whatever way that ends, and nothing that is measured inherits the pipes.
"""

import atexit
import contextlib
import os
import resource
import select
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from memharness.errors import MemharnessError

_SCRIPT: Final = Path(__file__).parents[2] / "memharness_probe" / "bytecode.py"
# Up to 3.10 the set constants of byte code are in the order of their hashes, which -I would make random.
_ENVIRONMENT: Final = {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
_MOST_RESIDENT_BYTES: Final = 64 << 20  # usual are 20 MiB; a huge source may leave more behind
_PATIENCE_SECONDS: Final = 300  # for one source
_idle: dict[str, list["Compiler"]] = {}  # by the interpreter that they are
_taking: Final = threading.Lock()


@contextlib.contextmanager
def lend(python: str, *, anew: bool) -> Iterator["Compiler"]:
    """Lend a compiler to this thread, or start one anew; environments that link to one interpreter share it."""
    interpreter = os.path.realpath(python)
    with _taking:
        idle = _idle.setdefault(interpreter, [])
        compiler = idle.pop() if idle and not anew else None
    compiler = compiler or Compiler(python)
    try:
        yield compiler
    except BaseException:
        compiler.end()
        raise
    if compiler.reusable():
        with _taking:
            idle.append(compiler)
    else:
        compiler.end()


class Compiler:
    """A running compiler. Raises MemharnessError where it does not start."""

    def __init__(self, python: str) -> None:
        self._python = python
        try:
            self._process = subprocess.Popen(
                [python, "-s", "-S", "-B", "-W", "ignore", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_ENVIRONMENT,
                start_new_session=True,  # an interrupt from the keyboard is not meant for it
            )
        except OSError as error:
            raise MemharnessError(f"{python} cannot be started: {error.strerror}", hint="Is it gone?") from None
        if not self._answers(1):
            raise self._fault()

    def compile(self, paths: Sequence[str]) -> int:
        """Compile a batch; return with how many it was done, fewer than all where the next one was its end."""
        assert self._process.stdin is not None
        batch = b"".join(os.fsencode(path) + b"\0" for path in paths) + b"\0"
        try:
            self._process.stdin.write(batch)
            self._process.stdin.flush()
        except BrokenPipeError:  # ended while nobody used it
            return 0
        done = self._answers(len(paths))
        if done < len(paths) and self._process.wait() > 0:
            raise self._fault()
        return done

    def reusable(self) -> bool:
        """Tell whether it still runs and has not grown."""
        return self._process.poll() is None and _resident_bytes(self._process.pid) <= _MOST_RESIDENT_BYTES

    def end(self) -> None:
        """End it, and wait until it has."""
        with contextlib.suppress(BrokenPipeError), self._process:  # which closes the pipes
            self._process.kill()

    def _answers(self, count: int) -> int:
        """Wait for so many answers; return how many came before it ended, or was killed as the next took too long."""
        assert self._process.stdout is not None
        descriptor, done = self._process.stdout.fileno(), 0
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while done < count:
            if not poll.poll(_PATIENCE_SECONDS * 1000):
                self._process.kill()
            answers = os.read(descriptor, count - done)
            if not answers:
                break
            done += len(answers)
        return done

    def _fault(self) -> MemharnessError:
        """Say why it ended with an error."""
        assert self._process.stderr is not None
        last = self._process.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        self.end()
        return MemharnessError(
            f"Byte code could not be written with {self._python}: {last or 'no reason given'}",
            hint="Check that the disk has room and the cache folder can be written.",
        )


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


@atexit.register
def _end_all() -> None:
    for idle in _idle.values():
        while idle:
            idle.pop().end()
