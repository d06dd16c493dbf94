"""Trends and changes to be drawn, and what is read back from an SVG."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from memharness.model.findings import BlamedLine, Change, Trend, TrendChange, TrendPoint
from values import commit

SVG = "{http://www.w3.org/2000/svg}"


def trend(
    values: list[int | None],
    *,
    case: str = "waste",
    metric: str = "peak",
    unit: str = "bytes",
    failed: tuple[int, ...] = (),
    tags: Mapping[int, tuple[str, ...]] | None = None,
    steps: tuple[int, ...] = (),
    subject: str = "Keep two copies",
    family: str = "cpython-3.11.7-auto",
    spread: dict[int, tuple[int, int]] | None = None,
    limit: int | None = None,
) -> Trend:
    known = [0 if value is None else value for value in values]
    return Trend(
        case=case,
        metric=metric,
        unit=unit,
        family=family,
        limit=limit,
        points=tuple(
            TrendPoint(
                commit=f"{index:010x}",
                subject=subject,
                tags=(tags or {}).get(index, ()),
                value=value,
                failed=index in failed,
                low=(spread or {}).get(index, (None, None))[0],
                high=(spread or {}).get(index, (None, None))[1],
            )
            for index, value in enumerate(values)
        ),
        changes=tuple(
            TrendChange(
                index=index,
                before=known[index - 1],
                after=known[index],
                verdict="regressed" if known[index] > known[index - 1] else "improved",
            )
            for index in steps
        ),
    )


MIB = 1 << 20
STEP = trend(
    [MIB, MIB, None, MIB, 3 * MIB, None, None, 3 * MIB],
    failed=(2, 5),
    tags={0: ("v1.0",), 7: ("v1.1", "lts")},
    steps=(4,),
)


def blamed_line(number: int, size: int, *, path: str = "box.py", function: str = "fill") -> BlamedLine:
    return BlamedLine(
        path=path, line=number, function=function, source="", size=size, bytes=size, count=1, changed_here=True
    )


def change(
    before: int, after: int, *lines: BlamedLine, case: str = "waste", metric: str = "peak", unit: str = "bytes"
) -> Change:
    return Change(
        case=case,
        metric=metric,
        family="cpython-3.11.7-auto",
        verdict="regressed" if after > before else "improved",
        confidence="confirmed",
        commit=commit(7).id,
        range=(commit(6).id, commit(7).id),
        between=1,
        before=before,
        after=after,
        unit=unit,
        blame=lines,
    )


DOUBLED = change(2 * MIB, 4 * MIB, blamed_line(4, MIB + 10), blamed_line(9, MIB - 20, function="<listcomp>"))


def texts(root: ET.Element) -> list[str]:
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]


def lines(root: ET.Element, color: str) -> list[str]:
    """The path data of all lines of a colour, without the legend's short ones."""
    found = [path for path in root.iter(f"{SVG}path") if f"stroke: {color}" in path.get("style", "")]
    return [path.get("d", "") for path in found if "stroke-linecap: square" in path.get("style", "")]


def marks(root: ET.Element, style: str) -> int:
    """How many marks have this in their style."""
    return sum(style in use.get("style", "") for use in root.iter(f"{SVG}use"))


def coordinates(path: str) -> list[list[tuple[float, float]]]:
    """The strokes of a path's data, as points of the picture from its upper left corner."""
    numbers = [[float(number) for number in re.findall(r"[-0-9.]+", part)] for part in path.split("M")[1:]]
    return [list(zip(part[::2], part[1::2], strict=True)) for part in numbers]
