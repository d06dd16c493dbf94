"""Records every path that a run opens, queries or lists: the inputs that decide its result.

An audit hook receives what is opened, listed, changed, started or connected; functions that raise no event are wrapped
(see `os_wrappers`). What cannot be followed, or fails here, is an obstacle: the inputs are then unknown. The workload
notices none of it. Modules of the standard library that read files in C (certificates, databases, histories) count as
native code, since nobody knows what it reads.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from os import fspath, waitid

from memharness_probe import tracing
from memharness_probe.access_report import (
    DATABASE,
    LISTED,
    MOVED,
    OBSTACLE,
    OPENED,
    QUERIED,
    SCANNED,
    WatchedFolders,
    report,
)
from memharness_probe.os_wrappers import readlink, wrap
from memharness_probe.procfs import faults_of_children
from memharness_probe.text_log import TextLog, pass_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Handler = Callable[[str, Any], None]

_QUIET, _FAILED, _NATIVE, _CHILDREN, _STARTED, _STARTING = range(6)  # places in the cells
_READERS = frozenset(("_curses", "_dbm", "_gdbm", "_ssl", "_tkinter", "readline"))
_NOWHERE = "/memharness"
_FILE = "<memharness>"
_WARM = 1024 if sys.version_info < (3, 11) else 1
_ENCODING = sys.getfilesystemencoding()
_DISTURBED = "it disturbed the recording of what it looks at"
_PROCESS, _NETWORK = "it started a process", "it used the network"
_FORBIDDEN = {
    **dict.fromkeys(("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"), _PROCESS),
    **dict.fromkeys(("pty.spawn", "subprocess.Popen", "cpython.PyInterpreterState_New"), _PROCESS),
    **dict.fromkeys(("socket.bind", "socket.connect", "socket.sendmsg", "socket.sendto"), _NETWORK),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname"), _NETWORK),
    **dict.fromkeys(("socket.getnameinfo", "socket.getservbyname", "socket.getservbyport"), _NETWORK),
}
_STARTS = frozenset(("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"))
_BELOW = ("os.chmod", "os.chown", "os.mkdir", "os.remove", "os.rmdir", "os.utime")
_ACCESSES = {
    "open": OPENED,
    "os.listdir": LISTED,
    "os.scandir": SCANNED,
    "os.chdir": QUERIED,
    "os.truncate": QUERIED,
    **dict.fromkeys(("os.getxattr", "os.listxattr", "os.removexattr", "os.setxattr", *_BELOW), QUERIED),
}


class AccessRecorder:
    """Records accesses of all threads from its creation on; those of the thread that created it while not paused.

    Functions that run as part of the workload's calls pretend to come from another file than the probe's, so that their
    allocations count, and are called once in advance.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self._log = TextLog()
        self._cells = tracing.cells(6)
        self._thread = get_ident()
        self._folders = WatchedFolders(request)
        self._libraries = tuple([path + "/" for path in sys.path if path.endswith("/lib-dynload")])
        self._wrappers = wrap(self._look)
        hook = self._make_hook()
        self._rehearse(hook)
        sys.addaudithook(hook)
        self._cells[_QUIET] = self._thread
        self.resume()

    # --- for the probe ---------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Record what this thread accesses from now on: the workload runs."""
        if self._cells[_QUIET]:
            self._cells[_CHILDREN] = faults_of_children()
            self._cells[_QUIET] = 0

    def pause(self) -> None:
        """Record nothing of this thread: the probe runs. Note processes that the workload started without an event."""
        if self._cells[_QUIET] != self._thread:
            self._cells[_QUIET] = self._thread
            if self._cells[_CHILDREN] != faults_of_children() or _has_children():
                self._log.add(OBSTACLE, f"{_PROCESS} unheard")
                self._cells[_STARTED] = self._cells[_STARTED] or 1

    def report(self) -> dict[str, Any]:
        """Return the field `accesses` of the response, with all that was recorded so far."""
        try:
            return self._report()
        except Exception:  # noqa: BLE001  (functions of Python's libraries that the workload broke are called)
            return {"opened": [], "queried": [], "listed": [], "native": False, "obstacle": _DISTURBED}

    def _report(self) -> dict[str, Any]:
        self.pause()
        if self._cells[_FAILED]:
            self._log.add(OBSTACLE, _DISTURBED)
        for (module, name), wrapper in self._wrappers.items():
            if getattr(module, name, None) is not wrapper:
                self._log.add(OBSTACLE, f"it replaced os.{name}")
        records = self._log.records()
        if self._log.full:
            records.append((OBSTACLE, "it looked at too many paths"))
        return report(records, self._folders, native=bool(self._cells[_NATIVE]))

    def processes(self) -> int:
        """Return how many processes events announced."""
        number: int = self._cells[_STARTED]
        return number

    # --- called from the workload -----------------------------------------------------------------------------

    def _make_hook(self) -> Any:
        """Return the audit hook. Its first test leaves out most events, such as `builtins.id`, which are many."""
        cells = self._cells
        handlers: dict[str, Handler] = {
            **dict.fromkeys(_FORBIDDEN, self._forbidden),
            **dict.fromkeys(_ACCESSES, self._accessed),
            **dict.fromkeys(("os.rename", "os.link"), self._moved),
            "ctypes.dlopen": self._library,
            "ctypes.dlsym": self._symbol,
            "ctypes.dlsym/handle": self._symbol,
            "import": self._imported,
            "os.symlink": self._linked,
            "sqlite3.connect": self._connected,
        }

        def hook(event: str, args: Any) -> None:
            if event in handlers:
                try:
                    if cells[_QUIET] != get_ident():
                        handlers[event](event, args)
                except BaseException:  # noqa: BLE001  (see `_look`)
                    cells[_FAILED] = 1

        pass_for(hook, _FILE)
        return hook

    def _look(self, path: Any, folder: Any) -> None:
        """Note what a wrapper is asked; never raise, also without memory, deep in a recursion or for an odd path."""
        cells = self._cells
        try:
            if cells[_QUIET] != get_ident():
                self._note(QUERIED, path, folder)
        except BaseException:  # noqa: BLE001
            cells[_FAILED] = 1

    def _accessed(self, event: str, args: Any) -> None:
        """Note the path of an event; some say last in which open folder it is."""
        self._note(_ACCESSES[event], args[0], args[-1] if event in _BELOW else None)

    def _moved(self, _event: str, args: Any) -> None:
        self._note(MOVED, args[0], args[2])
        self._note(MOVED, args[1], args[3])

    def _linked(self, _event: str, args: Any) -> None:
        target, path = _text(args[0]), _text(args[1])
        self._note(MOVED, path, args[2])
        self._note(MOVED, target if target[:1] == "/" else f"{path.rpartition('/')[0] or '.'}/{target}", args[2])

    def _imported(self, _event: str, args: Any) -> None:
        """Note an extension module. Of other imports the event names no file; opening it is an event of its own."""
        foreign = args[1] is not None and not args[1].startswith(self._libraries)
        if foreign or args[0] in _READERS:
            self._cells[_NATIVE] = 1
        if foreign:
            self._note(OPENED, args[1])

    def _connected(self, _event: str, args: Any) -> None:
        self._cells[_NATIVE] = 1
        path = _text(args[0])
        if path.startswith("file:"):
            self._log.add(OBSTACLE, f"it opened the database {path}")
        elif path not in ("", ":memory:"):
            self._note(DATABASE, path)

    def _library(self, _event: str, args: Any) -> None:
        if args[0] is not None:
            self._log.add(OBSTACLE, f"it loaded the library {args[0]}")

    def _symbol(self, _event: str, args: Any) -> None:
        if type(args[1]) is not str or not args[1].startswith(("Py", "_Py")):
            self._log.add(OBSTACLE, f"it called {args[1]} of a library")

    def _forbidden(self, event: str, _args: Any) -> None:
        self._log.add(OBSTACLE, f"{_FORBIDDEN[event]} ({event})")
        if event in _STARTS:
            self._count(event)

    def _count(self, event: str) -> None:
        """Count a process; one that subprocess starts by os.posix_spawn raises two events in a row."""
        cells = self._cells
        counted = event == "os.posix_spawn" and cells[_STARTING] == get_ident()
        cells[_STARTING] = get_ident() if event == "subprocess.Popen" else 0
        cells[_STARTED] += not counted

    def _note(self, kind: str, path: Any, folder: Any = None) -> None:
        """Note a path of any form; a relative one is below `folder`, a descriptor, None or -1: the current one."""
        if type(path) is not str:
            if path is None:
                path = "."
            elif not isinstance(path, int):
                path = _text(path)
            elif kind in (LISTED, SCANNED):
                path = readlink(f"/proc/self/fd/{path}")
            else:  # open already, by a path that was noted
                return
        if path[:1] != "/":
            path = f"{_folder_of(folder)}/{path}"
        folders = self._folders
        if not path.startswith(folders.left_out) or path.startswith(folders.watched) or "/.." in path:
            self._log.add(kind, path)

    def _rehearse(self, hook: Any) -> None:
        """Call each function in advance: up to 3.10 the first call allocates its frame, and the 1024th a cache."""
        stdin, path = 0, _NOWHERE.encode()
        for event, args in (
            *[
                (event, (path, "", stdin, stdin))
                for event in ("open", "os.listdir", "os.scandir", "os.chdir", "os.link")
            ],
            *[("os.remove", ("x", folder)) for folder in (-1, stdin)],
            *[(event, (stdin, stdin, stdin)) for event in ("os.listdir", "os.fork")],
            ("os.symlink", ("x", path, -1)),
            ("import", ("x", _NOWHERE)),
            ("ctypes.dlopen", (_NOWHERE,)),
            ("ctypes.dlsym", (None, "x")),
            ("sqlite3.connect", (path,)),
        ):
            hook(event, args)
        for (_, name), wrapper in self._wrappers.items():
            try:  # noqa: SIM105  (contextlib would be an import)
                wrapper(*([_NOWHERE, 0] if name == "access" else [_NOWHERE]))
            except OSError:
                pass
        for _ in range(_WARM):
            hook("open", (_NOWHERE,))
            hook("import", ("", None))
            self._look(_NOWHERE, None)
        for cell in (_FAILED, _NATIVE, _STARTED, _STARTING):
            self._cells[cell] = 0
        self._log.forget()


def _text(path: Any) -> str:
    path = fspath(path)
    return path.decode(_ENCODING, "surrogateescape") if isinstance(path, bytes) else str.__str__(path)


def _folder_of(descriptor: Any) -> Any:
    """Return the path of an open folder, or of the current one; getcwd would walk up, for seconds where that is far."""
    return readlink("/proc/self/cwd" if descriptor is None or descriptor < 0 else f"/proc/self/fd/{descriptor}")


def _has_children() -> bool:
    """Tell whether there are processes that this one has not waited for, dead or alive."""
    try:
        waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


for _function in (_text, _folder_of, *vars(AccessRecorder).values()):
    if type(_function) is type(_text):
        pass_for(_function, _FILE)
