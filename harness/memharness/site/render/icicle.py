"""Call stacks as an icicle: every frame a bar below its caller, as wide as the bytes allocated under it.

Profiles hold their largest stacks alone, so what the lines know beyond them is drawn as "smaller stacks".
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

from memharness.model.measurements import Frame, Profile, Stack
from memharness.wording.text import bytes_text, difference_text, visible

_ROW: Final = 19  # pixels
_LEAST_SHARE: Final = 0.004  # of the whole width; less is not seen
_DEEPEST: Final = 24
_IMPORTING: Final = "<stdlib>/importlib/_bootstrap"

_REST: Final = Frame(path="", line=0, function="smaller stacks", source="")

_Key = tuple[str, str, str]  # path, function and source: what stays when a line moves


class _Bar:
    """One frame below one caller."""

    __slots__ = ("below", "frame", "size")

    def __init__(self, frame: Frame | None) -> None:
        self.frame = frame
        self.size = 0
        self.below: dict[_Key, _Bar] = {}

    def add(self, frames: Iterable[Frame], size: int) -> None:
        bar = self
        bar.size += size
        for frame in frames:
            key = _key(frame)
            if key not in bar.below:
                bar.below[key] = _Bar(frame)
            bar = bar.below[key]
            bar.size += size


def icicle(profile: Profile) -> Markup:
    """Return the icicle of a profile; nothing where it has no stacks."""
    root = _Bar(None)
    for stack in profile.stacks:
        root.add(_frames(stack), stack.size)
    if profile.stacks:
        root.add((_REST,), _outside_stacks(profile))
    return _draw([("all", "held", root)], bytes_text(root.size)) if root.size > 0 else Markup()


def difference_icicle(before: Profile, after: Profile) -> Markup:
    """Return the icicles of what grew and of what shrank, by function, side by side in one scale.

    Lines that moved or were edited within a function cancel so, and none is named. A stack that is known of one profile
    alone and no larger than those the other one left out is no difference.
    """
    old, new = _by_functions(before), _by_functions(after)
    hidden_before, hidden_after = _left_out(before), _left_out(after)
    grown, shrunk = _Bar(None), _Bar(None)
    for functions in old | new:
        size = new.get(functions, 0) - old.get(functions, 0)
        hidden = (hidden_before if functions not in old else 0) + (hidden_after if functions not in new else 0)
        if abs(size) > hidden:
            (grown if size > 0 else shrunk).add(functions, abs(size))
    bars = [("grew", "grown", grown), ("shrank", "shrunk", shrunk)]
    label = f"grew {difference_text(grown.size)}, shrank {difference_text(-shrunk.size)}"
    return _draw([bar for bar in bars if bar[2].size], label) if grown.size or shrunk.size else Markup()


def _by_functions(profile: Profile) -> dict[tuple[Frame, ...], int]:
    """Return the sizes of stacks by the functions on them."""
    sizes: dict[tuple[Frame, ...], int] = {}
    for stack in profile.stacks:
        functions = tuple(function for function, _ in groupby(map(_function, _frames(stack))))
        sizes[functions] = sizes.get(functions, 0) + stack.size
    return sizes


def _draw(roots: list[tuple[str, str, _Bar]], label: str) -> Markup:
    total = sum(root.size for _, _, root in roots)
    cells: list[str] = []
    left = 0.0
    depth = 0
    for word, tone, root in roots:
        share = root.size / total
        held = f"{word} {bytes_text(root.size)}"
        _cell(cells, tone, left, share, 0, held, (held,))
        depth = max(depth, _below(cells, tone, root, left, total, 1))
        left += share
    height = (depth + 1) * _ROW
    return Markup('<svg class="icicle" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        height,
        f"icicle of call stacks, {label}; the table beside it tells the same by line",
        Markup("".join(cells)),  # noqa: S704 - escaped by _cell
    )


def _below(cells: list[str], tone: str, bar: _Bar, left: float, total: int, depth: int) -> int:
    """Draw what lies below a bar, the widest first; return how deep it goes."""
    deepest = depth - 1
    if depth > _DEEPEST:
        return deepest
    for child in sorted(bar.below.values(), key=lambda child: -child.size):
        share = child.size / total
        if share < _LEAST_SHARE or child.frame is None:
            break
        frame = child.frame
        place = f"{frame.path}:{frame.line}" if frame.line else frame.path
        title = (frame.function, place, frame.source, bytes_text(child.size))
        _cell(cells, tone, left, share, depth, f"{frame.function}  {place}", tuple(filter(None, title)))
        deepest = max(deepest, _below(cells, tone, child, left, total, depth + 1))
        left += share
    return deepest


def _cell(
    cells: list[str], tone: str, left: float, share: float, depth: int, text: str, title: tuple[str, ...]
) -> None:
    place = f'x="{left * 100:.2f}%" y="{depth * _ROW}" width="{share * 100:.2f}%" height="{_ROW - 1}"'
    shown = "\n".join(visible(line) for line in title)
    inner = f'<svg {place}><text x="4" y="13">{escape(visible(text))}</text></svg>' if share > 0.02 else ""
    cells.append(f'<g class="{tone} d{depth % 2}"><title>{escape(shown)}</title><rect {place}/>{inner}</g>')


def _frames(stack: Stack) -> list[Frame]:
    """Return the frames of a stack without the machinery of imports, repeated ones once."""
    frames: list[Frame] = []
    for frame in stack.frames:
        if not frame.path.startswith(_IMPORTING) and (not frames or _key(frames[-1]) != _key(frame)):
            frames.append(frame)
    return frames or list(stack.frames)


def _outside_stacks(profile: Profile) -> int:
    """Return the bytes that lines know of and stacks do not."""
    return max(0, sum(line.size for line in profile.lines) - sum(stack.size for stack in profile.stacks))


def _left_out(profile: Profile) -> int:
    """Return the most that a stack can hold which the profile left out."""
    return min((stack.size for stack in profile.stacks), default=0) if _outside_stacks(profile) else 0


def _key(frame: Frame) -> _Key:
    return frame.path, frame.function, frame.source


def _function(frame: Frame) -> Frame:
    """Return the function of a frame as one without a line."""
    return Frame(path=frame.path, line=0, function=frame.function, source="")
