"""The cases of scenarios, and the choice among them by a `-k` expression and tags."""

import itertools
import re
from collections.abc import Callable, Iterable
from functools import partial
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
        matches = _matcher(pattern) if pattern and pattern.strip() else lambda _name: True
        chosen = tuple(
            case
            for case in everything
            if matches(case.name.lower()) and (not wanted or not wanted.isdisjoint(case.scenario.tags))
        )
    except (RecursionError, MemoryError, SyntaxError):
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


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a name, in lower case, matches; Python itself reads `and`, `or`, `not` and parentheses.

    Raise MemharnessError at the first part that cannot stand where it does.
    """
    terms = []
    depth, is_term_due = 0, True
    for part in re.findall(r"[()]|[^\s()]+", pattern):
        if (part in {"and", "or", ")"}) == is_term_due or (part == ")" and not depth):
            raise _unreadable(pattern, part)
        depth += (part == "(") - (part == ")")
        is_term_due = part in {"and", "or", "not", "("}
        terms.append(part if is_term_due or part == ")" else f"has({part.lower()!r})")
    if is_term_due or depth:
        raise _unreadable(pattern, "its end")
    code = compile(" ".join(terms), "-k", "eval")
    return lambda name: bool(eval(code, {"has": partial(_has, name)}))  # noqa: S307  (made of these terms alone)


def _has(name: str, word: str) -> bool:
    if "=" in word:  # a parameter, whole: n=10 is not n=100
        return re.search(rf"[\[,]{re.escape(word)}[,\]]", name) is not None
    return word in name


def _unreadable(pattern: str, place: str) -> MemharnessError:
    return MemharnessError(
        f'-k "{pattern}": cannot be read at {place}',
        hint='Write parts of names with and, or, not and parentheses: "waste and not rows=400".',
    )
