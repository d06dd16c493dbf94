"""How pictures look: theme, size and resolution. Imports nothing that draws, so that options can be checked first."""

from collections.abc import Mapping
from typing import Any, Final

from memharness.errors import MemharnessError
from memharness.model.findings import Verdict
from memharness.model.values import Value

_BOUNDS: Final[Mapping[str, tuple[float, float, str]]] = {
    "width": (3, 40, "inches"),
    "height": (1, 20, "inches"),
    "dpi": (36, 600, "dots per inch"),
}


class Theme(Value):
    """Colours, as "#rrggbb". `series` are those of the lines, one for each environment family."""

    paper: str
    ink: str
    muted: str
    grid: str
    tag: str
    series: tuple[str, ...]


# Colours that the colour-blind can tell apart: Okabe and Ito, https://jfly.uni-koeln.de/color/
THEMES: Final[Mapping[str, Theme]] = {
    "light": Theme(
        paper="#ffffff",
        ink="#1a1a1a",
        muted="#555555",
        grid="#e6e6e6",
        tag="#999999",
        series=("#0072B2", "#E69F00", "#56B4E9", "#CC79A7", "#000000"),
    ),
    "dark": Theme(
        paper="#14171c",
        ink="#e8e8e8",
        muted="#a8adb5",
        grid="#2d323b",
        tag="#7a828e",
        series=("#56B4E9", "#E69F00", "#F0E442", "#CC79A7", "#FFFFFF"),
    ),
}
_MARKERS: Final = ("o", "s", "D", "P", "p", "*", "h")  # as many as make 35 families differ
VERDICTS: Final[Mapping[Verdict, tuple[str, str]]] = {  # colour and shape; they stand out from both papers
    "regressed": ("#D55E00", "^"),
    "improved": ("#009E73", "v"),
    "moved": ("#999999", "v"),
    "accepted": ("#999999", "s"),
    "transient": ("#F0E442", "d"),
    "drifting": ("#D55E00", ">"),
}
TAG: Final[Mapping[str, Any]] = {"linewidth": 0.6, "linestyle": (0, (4, 3))}
LIMIT: Final[Mapping[str, Any]] = {"color": "#D55E00", "linewidth": 1.0, "linestyle": (0, (6, 2, 1, 2))}
FAILED: Final[Mapping[str, Any]] = {"marker": "x", "linestyle": "none", "markersize": 5.0}
LEADER: Final[Mapping[str, Any]] = {"linewidth": 0.6, "zorder": 2.4}  # below all labels and all marks


def family_style(theme: Theme, number: int) -> dict[str, Any]:
    """Return colour and marker of the line of the family with this number."""
    color, marker = theme.series[number % len(theme.series)], _MARKERS[number % len(_MARKERS)]
    return {"color": color, "marker": marker, "markersize": 3.5}


def change_style(theme: Theme, verdict: Verdict) -> dict[str, Any]:
    """Return how changes of a verdict are marked; the edge shows a pale mark on any paper."""
    color, marker = VERDICTS[verdict]
    edge = {"markeredgecolor": theme.ink, "markeredgewidth": 0.6}
    return {"color": color, "marker": marker, "linestyle": "none", **edge}


def backing(theme: Theme) -> dict[str, Any]:
    """Return the paper behind a label, so that a line does not run through its letters."""
    return {"boxstyle": "square,pad=0.2", "facecolor": theme.paper, "edgecolor": "none", "alpha": 0.85}


class Look(Value):
    """How the user wants a picture; None stands for the default.

    `width` is that of the picture and `height` that of one panel, in inches. Raises MemharnessError where a number is
    out of bounds.
    """

    theme: str = "light"
    width: float | None = None
    height: float | None = None
    dpi: int = 120

    def __post_init__(self) -> None:
        """Check the bounds; what is not a number is within none."""
        if self.theme not in THEMES:
            raise MemharnessError(f"there is no theme {self.theme!r}", hint=f"Choose one of {', '.join(THEMES)}.")
        for name, (low, high, unit) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise MemharnessError(
                    f"--{name} {value:g} is out of bounds", hint=f"Choose from {low:g} to {high:g} {unit}."
                )

    @property
    def colors(self) -> Theme:
        """The colours of the theme."""
        return THEMES[self.theme]
