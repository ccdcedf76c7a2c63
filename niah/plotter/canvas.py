"""What all pictures share: one way to save them, to paint a cell, and to draw a scale beside it.

Uses matplotlib's object interface: no pyplot, no global state.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from niah.errors import ConfigError
from niah.plotter.colours import MISSING, RGB, check_palette, luminance
from niah.plotter.fonts import fonts_for

FORMATS = (".png", ".svg", ".pdf")
DPI = 160
DARK = 0.3  # luminance below which ink is white


def save(draw: Callable[[], Figure], texts: str, path: Path, palette: str = "red-green") -> list[str]:
    """Draw into a PNG, SVG or PDF, in fonts that hold the texts; returns warnings (a missing font).

    Raises ConfigError for another file type or an unwritable path, UnknownName for a palette that is not there.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path.name}: a picture ends in {', '.join(FORMATS)}")
    check_palette(palette)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _saved(draw, texts, path, DPI)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror}); make room there, or choose another place"
        ) from error


def png(draw: Callable[[], Figure], texts: str, palette: str = "red-green", dpi: int = DPI) -> bytes:
    """The same in memory. Raises UnknownName for a palette that is not there."""
    check_palette(palette)
    picture = io.BytesIO()
    _saved(draw, texts, picture, dpi)
    return picture.getvalue()


def _saved(draw: Callable[[], Figure], texts: str, to: Path | io.BytesIO, dpi: int) -> list[str]:
    families, said = fonts_for(texts)
    with matplotlib.rc_context({"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # that is what was said
        draw().savefig(to, dpi=dpi, facecolor="white")
    return said


def paint(ax: Axes, x: float, y: float, face: RGB, label: str, size: float, *, width: float = 1.0) -> None:
    """A cell around (x, y), so many columns wide, with a label that can be read on its colour."""
    ax.add_patch(Rectangle((x - width / 2, y - 0.5), width, 1, facecolor=face, edgecolor="white", linewidth=1.5))
    ink = "white" if luminance(face) < DARK else "0.1"
    ax.text(x, y, label, ha="center", va="center", fontsize=size, color=ink)


def paint_missing(ax: Axes, x: float, y: float, label: str, size: float) -> None:
    """A hatched cell, with the reason why it has no value."""
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=MISSING, edgecolor="white", linewidth=1.5))
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="none", edgecolor="0.75", hatch="////", linewidth=0))
    if label:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
        ax.text(x, y, label, ha="center", va="center", fontsize=size * 0.68, color="0.25", bbox=box)


def colour_of(share: float, colours: Colormap, ends: tuple[int, int] = (0, 1)) -> RGB:
    red, green, blue, _ = colours(Normalize(*ends)(share))
    return (red, green, blue)


def scale_beside(
    figure: Figure, axes: Sequence[Axes], colours: Colormap, label: str, ends: tuple[int, int] = (0, 1)
) -> None:
    """The scale of some axes, to their right."""
    scale = matplotlib.cm.ScalarMappable(Normalize(*ends), colours)
    bar = figure.colorbar(scale, ax=list(axes), shrink=0.9, aspect=28, pad=0.015)
    bar.set_label(label, fontsize=9)
    bar.outline.set_visible(False)
