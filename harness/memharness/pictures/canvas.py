"""What all pictures share: matplotlib without pyplot, without the user's settings, and without dates.

So no state is shared, no window opens, and equal values make equal files.
"""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from memharness.errors import MemharnessError
from memharness.pictures.captions import shortened
from memharness.pictures.look import Theme

FORMATS: Final[Mapping[str, dict[str, None]]] = {  # suffix -> the dates to leave out
    ".svg": {"Date": None},
    ".png": {},
    ".pdf": {"CreationDate": None},
}
_MAX_PIXELS: Final = 100_000_000  # 400 MB while it is drawn
_MAX_SIDE: Final = 1 << 16  # matplotlib draws no larger one


def new_figure(size: tuple[float, float], dpi: float) -> Figure:
    """Return an empty figure of so many inches, with a canvas that measures text without making a new one each time."""
    figure = Figure(figsize=size, dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def check_format(file: Path) -> None:
    """Raise MemharnessError unless the suffix of the file names a format."""
    if file.suffix.lower() not in FORMATS:
        raise MemharnessError(
            f"cannot draw {file}: the format {file.suffix or '(no suffix)'} is not known",
            hint=f"Name a file that ends in one of {', '.join(FORMATS)}.",
        )


def check_pixels(file: Path, size: tuple[float, float], dpi: int) -> None:
    """Raise MemharnessError for a PNG of more pixels than can be drawn; `size` is in inches."""
    width, height = (round(inches * dpi) for inches in size)
    if file.suffix.lower() == ".png" and (max(width, height) >= _MAX_SIDE or width * height > _MAX_PIXELS):
        raise MemharnessError(
            f"{width:,} x {height:,} pixels are more than one picture can have",
            hint="Choose fewer scenarios or metrics, a lower --dpi, a smaller --width or --height, or draw an .svg.",
        )


def save(figure: Figure, file: Path, dpi: int) -> None:
    """Write a figure in the format that the suffix of `file` names; raise MemharnessError where that cannot be done."""
    suffix = file.suffix.lower()
    content = io.BytesIO()
    figure.savefig(content, format=suffix[1:], dpi=dpi, metadata=FORMATS[suffix])
    try:
        file.write_bytes(content.getvalue())
    except OSError as error:
        raise MemharnessError(
            f"cannot write {file}: {error.strerror}", hint="Name a file in a folder that exists and is writable."
        ) from error


@contextmanager
def settings(theme: Theme) -> Iterator[None]:
    """Make matplotlib draw alike for every user, in the colours of a theme, inside this block."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rc("svg", hashsalt="memharness", fonttype="none")  # text stays text: searchable, read aloud
        mpl.rc("text", parse_math=False, color=theme.ink)  # a dollar sign in a tag is a dollar sign
        mpl.rc("font", size=8)
        mpl.rc("figure", facecolor=theme.paper)
        mpl.rc("axes", titlesize=9, facecolor=theme.paper, edgecolor=theme.ink, labelcolor=theme.ink)
        mpl.rc("axes.spines", top=False, right=False)
        mpl.rc("path", simplify=False)  # lines are reduced before, and lose no spike
        mpl.rc("xtick", color=theme.ink)
        mpl.rc("ytick", color=theme.ink)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")  # a box is shown in its place
        yield


def fit(text: Text, content: str, pixels: float, *, keep_end: bool = False) -> None:
    """Set the content of a text, made visible and cut to at most so many pixels of the figure."""
    low, high = 1, len(shortened(content, 400, keep_end=keep_end))
    text.set_text(shortened(content, high, keep_end=keep_end))
    if text.get_window_extent().width <= pixels:
        return
    while low < high:
        middle = (low + high + 1) // 2
        text.set_text(shortened(content, middle, keep_end=keep_end))
        low, high = (middle, high) if text.get_window_extent().width <= pixels else (low, middle - 1)
    text.set_text(shortened(content, low, keep_end=keep_end))
