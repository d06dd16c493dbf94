"""The cases of scenarios, and the choice among them by a `-k` expression and tags."""

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Final

from memharness.errors import MemharnessError
from memharness.model.scenarios import Case, Scenario

MOST_LISTED: Final = 40


def all_cases(scenarios: Iterable[Scenario]) -> tuple[Case, ...]:
    """Return every combination of the parameters of every scenario, the last parameter changing fastest."""
    return tuple(
        Case(scenario=scenario, params=dict(zip(scenario.params, values, strict=True)))
        for scenario in scenarios
        for values in itertools.product(*scenario.params.values())
    )


def select_cases(cases: Iterable[Case], pattern: str | None = None, tags: Iterable[str] = ()) -> tuple[Case, ...]:
    """Return the cases whose name matches `pattern` and whose scenario has one of `tags`, if any are given.

    A pattern is made of parts of names and whole parameters (`n=10`), compared without case, and of `and`, `or`,
    `not` and parentheses.
    Raise MemharnessError where the pattern cannot be read or nothing matches.
    """
    everything = tuple(cases)
    wanted = set(tags)
    try:
        matches = _Expression(pattern).parse() if pattern and pattern.strip() else lambda _name: True
        chosen = tuple(
            case
            for case in everything
            if matches(case.name.lower()) and (not wanted or not wanted.isdisjoint(case.scenario.tags))
        )
    except RecursionError:
        raise MemharnessError("-k: nested too deeply", hint="Leave parentheses out.") from None
    if not chosen:
        raise MemharnessError(_nothing(pattern, wanted), hint=_known(everything))
    return chosen


def _nothing(pattern: str | None, tags: set[str]) -> str:
    asked = [f'-k "{pattern}"'] if pattern else []
    asked += [f"the tag {tag}" for tag in sorted(tags)]
    return f"no case matches {' and '.join(asked)}" if asked else "there are no cases"


def _known(cases: tuple[Case, ...]) -> str:
    names = [case.name for case in cases]
    listed = ", ".join(names[:MOST_LISTED]) + (f" and {len(names) - MOST_LISTED} more" * (len(names) > MOST_LISTED))
    tags = sorted({tag for case in cases for tag in case.scenario.tags})
    return f"The cases are {listed or 'none'}." + (f" The tags are {', '.join(tags)}." if tags else "")


Predicate = Callable[[str], bool]


class _Expression:
    """Recursive descent: `or` binds weakest, then `and`, then `not`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = re.findall(r"[()]|[^\s()]+", text)
        self.position = 0

    def parse(self) -> Predicate:
        predicate = self._any()
        if self.position < len(self.tokens):
            raise self._error()
        return predicate

    def _next(self, token: str) -> bool:
        found = self.tokens[self.position : self.position + 1] == [token]
        self.position += found
        return found

    def _any(self) -> Predicate:
        return self._series("or", self._all, any)

    def _all(self) -> Predicate:
        return self._series("and", self._one, all)

    def _series(self, word: str, read: Callable[[], Predicate], fold: Callable[[Iterable[bool]], bool]) -> Predicate:
        parts = [read()]
        while self._next(word):
            parts.append(read())
        return lambda name: fold(part(name) for part in parts)

    def _one(self) -> Predicate:
        if self._next("not"):
            inner = self._one()
            return lambda name: not inner(name)
        if self._next("("):
            inner = self._any()
            if not self._next(")"):
                raise self._error()
            return inner
        if self.position >= len(self.tokens) or self.tokens[self.position] in {")", "and", "or"}:
            raise self._error()
        word = self.tokens[self.position].lower()
        self.position += 1
        if "=" in word:  # a parameter, whole: n=10 is not n=100
            return lambda name: bool(re.search(rf"[\[,]{re.escape(word)}[,\]]", name))
        return lambda name: word in name

    def _error(self) -> MemharnessError:
        place = self.tokens[self.position] if self.position < len(self.tokens) else "its end"
        return MemharnessError(
            f'-k "{self.text}": cannot be read at {place}',
            hint='Write parts of names with and, or, not and parentheses: "waste and not rows=400".',
        )
