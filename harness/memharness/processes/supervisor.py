"""Runs one command after another, and ends each with all that it started: `python -I -S supervisor.py`.

It is a process of its own, so that it outlives the one that it works for: when its input ends, however that process
ended, it kills what runs and exits. As child subreaper it is the ancestor of everything that a command starts, whatever
sessions, groups or environments that makes for itself: orphans become its children, are reaped while the command runs,
and none is left when it answers. It has no other children, and only it can reap them, so their ids stay their own.

Request, a line of JSON on stdin; null where there is no limit:
  command          [words];  environment  {name: value}, all of it;  folder  path
  cpu_seconds      of the command and its descendants together;  wall_seconds
  memory_bytes     for each process by RLIMIT_DATA, and resident in all of them together
  own_bytes        resident in the command's process alone
  input            what can be read from stdin, once
  fixed_addresses  whether to turn address randomisation off
An empty line ends the command at once. When it is ready for the first, it says so by an empty answer.

Answer, a line of JSON on stdout:
  error            why the command could not be started; nothing else is there then
  cause            "exit", "cpu", "wall", "memory" or "cancel"
  pid, status      of the command's process; the status is negative for a signal
  cpu_seconds      of all processes, as far as they were waited for or seen
  output           the end of stdout and stderr, decoded
  fixed_addresses  whether they were
  others           how many more processes were seen;  others_peak_bytes  highest resident size of one of them
  clean            false where a process could not be ended: another user's, or one stuck in the kernel
"""

import contextlib
import ctypes
import fcntl
import json
import math
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from itertools import starmap
from typing import Any, Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER: Final = 36
_ADDR_NO_RANDOMIZE: Final = 0x0040000  # personality(2)
_ASK: Final = 0xFFFFFFFF
_F_SETPIPE_SZ: Final = 1031  # fcntl(2)
_TICK: Final = 0.05  # seconds between looks at what the processes use
_PAUSE: Final = 0.002  # between looks at the output: each costs the writer a change of context
_PIPE_BYTES: Final = 1 << 20
_KEPT_BYTES: Final = 1 << 16  # of the end of the output
_PATIENCE: Final = 10.0  # seconds for killed processes to be gone
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = resource.getpagesize()
# Fields of /proc/PID/stat after the name. Behind _USER: system time and both of children; behind _SIZE: resident pages.
_PARENT, _USER, _STARTED, _SIZE = 1, 11, 19, 20
_SELF: Final = os.getpid()
_buffer: Final = memoryview(bytearray(_PIPE_BYTES))  # for one read of output after the other
_libc: Final = ctypes.CDLL(None)
_libc.personality.argtypes = [ctypes.c_ulong]


def main() -> None:
    """Serve requests until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the process at the other end, which ends this one in order
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # were it ignored, ids of ended children would be given to others
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    requests = _Lines(0)
    _write(b"\n")
    while (line := requests.next()) is not None:
        if line:
            _write(json.dumps(_run(json.loads(line), requests)).encode() + b"\n")


class _Lines:
    """Lines of a descriptor that is also polled, so that none may wait in a buffer unseen."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._read = bytearray()

    def next(self) -> bytes | None:
        """Wait for a line; None at the end of the input."""
        while (end := self._read.find(b"\n")) < 0:
            data = os.read(self.descriptor, 1 << 16)
            if not data:
                return None
            self._read += data
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        return line


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _run(request: dict[str, Any], requests: _Lines) -> dict[str, Any]:
    reading, writing = os.pipe()
    with contextlib.suppress(OSError):  # more than the user may have in pipes
        fcntl.fcntl(reading, _F_SETPIPE_SZ, _PIPE_BYTES)  # room for what is written between two looks
    before = _libc.personality(_ASK) if request["fixed_addresses"] else -1
    fixed = before != -1 and _libc.personality(before | _ADDR_NO_RANDOMIZE) != -1
    try:
        pid, error = _start(request, writing)
    finally:
        if fixed:
            _libc.personality(before)
        os.close(writing)
    try:
        if error:
            os.waitpid(pid, 0)
            return {"error": error}
        return {**_Command(pid, reading, request).watch(requests), "fixed_addresses": fixed}
    finally:
        os.close(reading)


def _start(request: dict[str, Any], output: int) -> tuple[int, str]:
    """Fork and execute; return the id of the process, and why it could not be executed."""
    reading, writing = os.pipe()  # closed by exec
    pid = os.fork()
    if not pid:
        _become(request, output, writing)
    os.close(writing)
    with open(reading, "rb") as file:
        return pid, file.read().decode(errors="replace")


def _become(request: dict[str, Any], output: int, failure: int) -> NoReturn:
    """Execute the command, as the child; it dies with this supervisor."""
    try:
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != _SELF:
            os._exit(1)
        for number in signal.valid_signals():
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        given = _filled(request["input"].encode()) if request["input"] else os.open(os.devnull, os.O_RDONLY)
        for source, target in ((given, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        if request["memory_bytes"] is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (request["memory_bytes"],) * 2)
        os.chdir(request["folder"])
        os.execvpe(request["command"][0], request["command"], request["environment"])  # noqa: S606
    except BaseException as error:  # noqa: BLE001  (this is a copy of the supervisor, which must not go on)
        os.write(failure, (getattr(error, "strerror", None) or repr(error)).encode(errors="replace"))
    finally:
        os._exit(127)


def _filled(content: bytes) -> int:
    """Return the reading end of a pipe that holds `content`."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, _F_SETPIPE_SZ, len(content))
    os.write(writing, content)
    os.close(writing)
    return reading


class _Command:
    """A command that runs, with all its descendants."""

    def __init__(self, pid: int, output: int, request: dict[str, Any]) -> None:
        self._pid = pid
        self._output = output
        self._request = request
        self._tail = _Tail(output)
        self._status: int | None = None
        self._reaped = 0.0  # CPU seconds of orphans, and of what they had waited for
        self._spent = 0.0  # the most that was seen
        self._seen: dict[tuple[int, str], int] = {}  # other processes by id and start: highest resident size

    def watch(self, requests: _Lines) -> dict[str, Any]:
        """Wait until the process has ended or reached a limit; return the answer, when nothing of it is left."""
        began = time.monotonic()
        handle = os.pidfd_open(self._pid)
        try:
            cause = self._wait(handle, requests, began)
            clean = self._end()
        finally:
            os.close(handle)
        self._tail.drain()
        return {
            "cause": cause,
            "pid": self._pid,
            "status": self._status if self._status is not None else -signal.SIGKILL,
            "cpu_seconds": max(self._spent, self._reaped),
            "output": self._tail.text(),
            "others": len(self._seen),
            "others_peak_bytes": max(self._seen.values(), default=0),
            "clean": clean,
        }

    def _wait(self, handle: int, requests: _Lines, began: float) -> str:
        """Wait for the end of the process, a limit or the word to end it, and return which it was."""
        due = began
        for ready in self._ready(handle, requests.descriptor):
            if handle in ready:
                return "exit"
            if requests.descriptor in ready and not requests.next():
                return "cancel"
            now = time.monotonic()
            if now >= due:
                due = now + _TICK
                if limit := self._look(now - began):
                    return limit
        raise AssertionError("it ends by one of these")

    def _ready(self, *ends: int) -> Iterator[set[int]]:
        """Yield, at every tick and whenever there is something, which of some descriptors can be read.

        The output is read on the way, with a pause after each part of it.
        """
        without, both = select.poll(), select.poll()
        for descriptor in ends:
            without.register(descriptor, select.POLLIN)
            both.register(descriptor, select.POLLIN)
        both.register(self._output, select.POLLIN)
        pausing = False
        while True:
            poll, seconds = (without, _PAUSE) if pausing else (both, _TICK)
            ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
            pausing = self._output in ready and self._tail.read()
            if self._output in ready and not pausing:
                both.unregister(self._output)
            yield ready

    def _look(self, seconds: float) -> str:
        """Take note of what all processes use, and return the limit that was reached, if any."""
        self._reap()
        members = _members()
        ticks = sum(int(field) for fields in members.values() for field in fields[_USER : _USER + 4])
        self._spent = max(self._spent, self._reaped + ticks / _TICKS_PER_SECOND)
        self._note_sizes(members)
        return self._reached(members, seconds)

    def _reached(self, members: dict[int, list[str]], seconds: float) -> str:
        """Return the limit that `members` (id -> fields of all processes) reached after so many seconds, if any."""
        memory, own, cpu, wall = (
            math.inf if self._request[name] is None else self._request[name]
            for name in ("memory_bytes", "own_bytes", "cpu_seconds", "wall_seconds")
        )
        resident = {pid: int(fields[_SIZE + 1]) * _PAGE_BYTES for pid, fields in members.items()}
        if sum(resident.values()) > memory and sum(starmap(_share_bytes, resident.items())) > memory:
            return "memory"
        if resident.get(self._pid, 0) > own:
            return "memory"
        if self._spent >= cpu:
            return "cpu"
        return "wall" if seconds >= wall else ""

    def _note_sizes(self, members: dict[int, list[str]]) -> None:
        """Note the highest resident size of every process but the command's own; `members` are id -> fields."""
        for pid, fields in members.items():
            if pid != self._pid:
                size, parent = fields[_SIZE : _SIZE + 2], members.get(int(fields[_PARENT]))
                lent = parent is not None and parent[_SIZE : _SIZE + 2] == size  # up to exec after a vfork
                known = self._seen.get((pid, fields[_STARTED]), 0)
                self._seen[pid, fields[_STARTED]] = known if lent else _highest_bytes(pid) or known

    def _reap(self, *, whole: bool = False) -> bool:
        """Wait for the orphans that have ended; `whole`: for the command as well. Tell whether there is any child.

        The command itself stays unwaited for while it has a group to be killed: its id is its own until then.
        """
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid == self._pid and not whole:
                    return True
                _, status, usage = os.wait4(ended.si_pid, 0)
                self._reaped += usage.ru_utime + usage.ru_stime
                if ended.si_pid == self._pid:
                    self._status = os.waitstatus_to_exitcode(status)
            return True
        return False

    def _end(self) -> bool:
        """Kill the command's group, then whatever comes back to this process, until there is nothing."""
        pause, deadline = 0.0005, time.monotonic() + _PATIENCE
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        while self._reap(whole=True):
            if time.monotonic() > deadline:
                return False
            for pid in _children(_SELF):  # each is a child that was not waited for, so its id is its own
                for kill in (os.killpg, os.kill):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        kill(pid, signal.SIGKILL)
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE * 5)
        return True


class _Tail:
    """The end of what comes through a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        os.set_blocking(descriptor, False)

    def read(self) -> bool:
        """Take what is there; False at the end of the output."""
        number = os.readv(self._descriptor, [_buffer])
        latest = bytes(_buffer[max(number - _KEPT_BYTES, 0) : number])
        self._kept = latest if len(latest) == _KEPT_BYTES else (self._kept + latest)[-_KEPT_BYTES:]
        return number > 0

    def drain(self) -> None:
        """Take what the pipe still holds, without waiting for more."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):  # a process that could not be ended may write on
                if not self.read():
                    return

    def text(self) -> str:
        """Return the end of the output, decoded."""
        return self._kept.decode("utf-8", "replace")


def _members() -> dict[int, list[str]]:
    """Return the fields of /proc/PID/stat of all processes below this one, by id."""
    found: dict[int, list[str]] = {}
    for pid in _descendants():
        fields = _stat(pid)
        parent = int(fields[_PARENT]) if fields else None
        if parent == _SELF or parent in found:  # else the id is another's by now
            found[pid] = fields
    return found


def _descendants() -> Iterator[int]:
    """Yield the ids of all processes below this one."""
    waiting = list(_children(_SELF))
    seen = set(waiting)
    while waiting:
        pid = waiting.pop()
        yield pid
        found = set(_children(pid)) - seen
        seen |= found
        waiting += found


def _children(pid: int) -> list[int]:
    """Return the ids of a process' children; the kernel lists them by thread, if it was built to."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except FileNotFoundError:
            if pid == _SELF:
                return _children_by_parent(pid)
        except OSError:
            continue
    return found


def _children_by_parent(parent: int) -> list[int]:
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if _stat(pid)[_PARENT : _PARENT + 1] == [str(parent)]]


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the name, which may hold anything; none where it is gone."""
    return _contents(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _highest_bytes(pid: int) -> int:
    return _kilobytes(f"/proc/{pid}/status", "VmHWM:")


def _share_bytes(pid: int, resident: int) -> int:
    """Return what a process holds, of pages that others hold as well its share; all where the kernel does not tell."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:") or resident


def _kilobytes(path: str, name: str) -> int:
    for line in _contents(path).splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return 0


def _contents(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
    sys.exit()
