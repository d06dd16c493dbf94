"""The workload under measurement: calls its functions, checks where the project's modules come from."""

from __future__ import annotations

import sys
from itertools import islice
from os.path import exists, join

from memharness_probe import signals, tracing
from memharness_probe.delivery import leave_if_forked, write_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.access_recorder import AccessRecorder

_modules = sys.modules
_PLACES = 100  # looked at, of a package


class WrongCopyError(Exception):
    """A module of the project comes from elsewhere than the checkout under measurement."""


class Workload:
    """One scenario with one set of parameters. `phase` is the one entered last; `accesses` records what it looks at.

    `load` of its driver takes the request and returns an object whose attributes are the functions to call; `discover`,
    where it has one, returns the workloads of a suite, as `discovery` says. A driver that has `drive` calls what it is
    given with such an object, where there is something to measure.
    """

    def __init__(self, request: dict[str, Any], driver: Any, accesses: AccessRecorder | None = None) -> None:
        self.phase = "import"
        self._driver = driver
        self._request = request
        self._accesses = accesses
        self._functions: Any = None
        self._state: Any = None
        self._scope: dict[str, Any] = {}  # of the bound `run`
        self._dropped = False
        self._set_up: Callable[[], Any] | None = None
        self._drop: Callable[[], Any] | None = None
        self.fresh: bool = request["fresh_setup"]  # `setup` is called before every call

    def drive(self, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what `measure` returns: it is called at once, or by the driver where there is something to measure."""
        listing = self._request["pass"] == "discover"  # noqa: S105  (no password)
        if listing or not hasattr(self._driver, "drive"):
            return measure()
        self.enter("import")

        def measure_functions(functions: Any) -> dict[str, Any]:
            self._functions, self._drop = functions, functions.drop
            return measure()

        answer: dict[str, Any] = self._driver.drive(self._request, measure_functions, self.enter)
        leave_if_forked()
        return answer

    def load(self) -> None:
        """Import the workload, and with it what it imports at its top level, unless its driver has."""
        self.enter("import")
        if self._functions is None:
            functions = self._driver.load(self._request)
            leave_if_forked()
            self._functions = functions
        self.prove_origin()

    def discover(self) -> Any:
        """Return what the driver lists."""
        self.enter("import")
        listed = self._driver.discover(self._request)
        leave_if_forked()
        self.prove_origin()
        return listed

    def make_setup_cache(self) -> None:
        """Have the driver prepare what several workloads share."""
        self.enter("setup")
        self._driver.make_setup_cache(self._request)
        leave_if_forked()
        self.prove_origin()

    def setup(self) -> None:
        """Call `setup`, if there is one; its value is the state."""
        if self._request["setup"] is not None:
            self.enter("setup")
            if self._set_up is None:
                self._set_up = self._bind("setup")[0]
            self._state = self._set_up()
            leave_if_forked()

    def renew(self) -> None:
        """Call `setup` once more, for the next call of what `bind_run` returned; its last state is dropped before."""
        self.drop()
        self.setup()
        self._scope["_state"] = self._state
        self._dropped = False
        self.enter("run")

    def drop(self) -> None:
        """Drop the state, and have a driver tear down what it set up."""
        if self._drop is not None:
            self.begin_user_code()
            self._drop()
            signals.hold()
        self._state = self._scope["_state"] = None
        self._dropped = True

    def bind_run(self) -> Callable[[], Any]:
        """Return `run` with its arguments, ready to be called; enters its phase."""
        call, self._scope = self._bind("run")
        self.enter("run")
        return call

    def tracked(self) -> tuple[int, list[str]]:
        """Return the number that the workload measured itself, in millionths, and notes on it."""
        return self._functions.tracked, self._functions.notes

    def teardown(self) -> None:
        """Check once more which modules were used, then call `teardown`, if there is one, with a state."""
        self.prove_origin()
        if self._request["teardown"] is not None:
            if self._dropped:
                self.setup()
            self.enter("teardown")
            self._bind("teardown")[0]()
            leave_if_forked()

    def enter(self, phase: str) -> None:
        """Write the phase to its file, for the host to read if this process dies."""
        self.phase = phase
        try:  # noqa: SIM105  (contextlib would be an import)
            write_file(self._request["phase_file"], phase)
        except Exception:  # noqa: BLE001, S110  (an audit hook of the workload's may forbid it)
            pass
        self.begin_user_code()

    def begin_user_code(self) -> None:
        """Record accesses and deliver signals from now on: code of the workload runs next."""
        if self._accesses is not None:
            self._accesses.resume()
        signals.release()

    def end_user_code(self) -> None:
        """Record nothing and block signals until then: the probe runs."""
        if self._accesses is not None:
            self._accesses.pause()
        signals.hold()

    def _bind(self, name: str) -> tuple[Callable[[], Any], dict[str, Any]]:
        """Return a callable without arguments that allocates nothing beside the call, and its variables.

        It is called once with a stand-in in advance: up to 3.10 the first call allocates its frame.
        """
        params = self._request["params"]
        call = self._request[name]
        words = ["_state"] if call["takes_state"] else []
        words += [f"{param}=_params[{param!r}]" for param in call["params"]]
        scope: dict[str, Any] = {"_state": self._state, "_params": params, "_function": _stand_in}
        text = f"_function({', '.join(words)})"
        if call.get("is_async"):
            scope["_run"] = _stand_in
            text = f"_run({text})"
        code = compile(f"lambda: {text}", tracing.CALL_FILE, "eval")
        bound: Callable[[], Any] = eval(code, scope)  # noqa: S307  (names checked by the host)
        bound()
        scope["_function"] = getattr(self._functions, call.get("function", name))
        if call.get("is_async"):
            import asyncio  # `prepare` did so before anything was measured

            scope["_run"] = asyncio.run
        return bound, scope

    def prove_origin(self) -> None:
        """Raise `WrongCopyError` if a loaded module of the project does not lie below the folder it must come from."""
        if self.phase == "run":
            self.phase = "import"
        project = self._request["project"]
        packages, origin = project["packages"], project["origin"]
        for name, module in list(_modules.items()):
            if type(name) is not str or name.partition(".")[0] not in packages:
                continue
            places = _places(module)
            if places and not any(place.startswith(origin + "/") for place in places):
                if _is_other_portion(name, origin):
                    continue
                raise WrongCopyError(f"module {name} comes from {places[0]}, not from {origin}")


def _stand_in(*_: object, **__: object) -> None:
    """Do nothing, in place of the scenario's function."""


def _places(module: Any) -> list[str]:
    """Return where a module was loaded from, and where a package has its modules; nothing for one made at run time."""
    try:
        file = getattr(module, "__file__", None)
        places = [file, *islice(getattr(module, "__path__", ()), _PLACES)]
        return [place for place in places if type(place) is str]
    except Exception:  # noqa: BLE001  (an object of the workload's, posing as a module)
        return []


def _is_other_portion(name: str, origin: str) -> bool:
    """Tell whether a module belongs to another distribution that shares namespace packages with the project.

    It is below a package whose modules lie in the project's folder too, where nothing has its name.
    """
    parts = name.split(".")
    for depth in range(1, len(parts)):
        holder = _modules.get(".".join(parts[:depth]))
        if not any(place.startswith(origin + "/") for place in _places(holder)):
            return False
        portion = join(origin, *parts[: depth + 1])
        if not exists(portion) and not exists(portion + ".py"):
            return True
    return False
