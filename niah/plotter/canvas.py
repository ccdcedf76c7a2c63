"""What all pictures share: a canvas of a fixed size, words around the panels, one way to save.

Type scales with the canvas and cells shrink, so that a grid of five by seven and one of a hundred
by a hundred both read. Uses matplotlib's object interface: no pyplot, no global state.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text

from niah.errors import ConfigError, writing
from niah.plotter.look import LOOK, RED_GREEN, RGB, Look
from niah.plotter.wrapping import middle_cut
from niah.text.fonts import fonts_for

FORMATS = (".png", ".svg", ".pdf")
_LEAST_TYPE = 0.72  # a text that does not fit is set so much smaller, and then cut in its middle
_LEAST_HEADLINE = 0.54  # which is then as large as the lines below it

Ends = tuple[int, int]  # of a scale of colours


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What stands around the panels, and what a reader hears who does not see them."""

    headline: str
    lines: Sequence[str]
    foot: str
    spoken: str  # the picture in words


def save(draw: Callable[[], Figure], words: Words, path: Path, look: Look = LOOK) -> list[str]:
    """Draw into a PNG, SVG or PDF, in fonts that hold the words; returns warnings (a missing font).

    Raises ConfigError for another file type or an unwritable path, UnknownName as ``drawn`` does.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path.name}: a picture ends in {', '.join(FORMATS)}")
    with writing(path, "make room there, or choose another place", ConfigError):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture, said = drawn(draw, words, look, path.suffix.lower().removeprefix("."))
        path.write_bytes(picture)
    return said


def canvas(words: Words, look: Look) -> Figure:
    """An empty picture with its words in place; axes go between them by the constrained layout."""
    sheet, points = look.sheet, look.sheet.type
    # type is measured with the dots per inch that it is drawn with
    figure = Figure(figsize=(sheet.width, sheet.height), dpi=sheet.dpi)
    FigureCanvasAgg(figure)
    edge, unit = 0.028 * sheet.width, points / 72  # inches
    wide = sheet.width - 2 * edge

    def write(y: float, text: str, least: float = _LEAST_TYPE, **style: Any) -> Text:
        line = figure.text(edge / sheet.width, y / sheet.height, text, **style)
        line.set_in_layout(False)
        fit(line, wide, least)
        return line

    y = sheet.height - edge
    title: dict[str, Any] = {"size": points * 2.0, "weight": "bold", "color": look.ink, "va": "top"}
    write(y, words.headline, _LEAST_HEADLINE, **title)
    y -= points * 2.0 / 72 * 1.5
    lines = []
    for text in words.lines:
        lines.append(write(y, text, size=points * 1.08, color=look.faint, va="top"))
        y -= points * 1.08 / 72 * 1.4
    smallest = min((float(line.get_fontsize()) for line in lines), default=0.0)
    for line in lines:  # of one size
        line.set_fontsize(smallest)
    write(0.6 * edge, words.foot, size=points * 0.85, color=look.faint)
    side, low = 0.6 * edge / sheet.width, (0.6 * edge + 1.7 * unit) / sheet.height
    height = y / sheet.height - low - 0.3 * unit / sheet.height
    figure.set_layout_engine("constrained", rect=(side, low, 1 - 2 * side, height))
    return figure


def fit(text: Text, inches: float, least: float = _LEAST_TYPE) -> None:
    """Make a text smaller where it is too wide, and where that is not enough cut its lines."""
    figure = text.get_figure(root=True)
    assert figure is not None  # noqa: S101  # whatever is drawn has one
    width = text.get_window_extent(figure.canvas.get_renderer()).width  # type: ignore[attr-defined]
    share = 0.98 * inches * figure.dpi / max(1.0, width)
    if share < 1:
        text.set_fontsize(float(text.get_fontsize()) * max(share, least))
    if share < least:
        lines = text.get_text().split("\n")
        most = int(max(map(len, lines)) * share / least)
        text.set_text("\n".join(middle_cut(line, most) for line in lines))


def drawn(
    draw: Callable[[], Figure], words: Words, look: Look, form: str
) -> tuple[bytes, list[str]]:
    """The same in memory, with its warnings. Raises UnknownName for an unknown palette or size."""
    look.check()
    families, said = fonts_for("".join((words.headline, *words.lines, words.foot, words.spoken)))
    metadata: Mapping[str, dict[str, Any]] = {  # without a date: the same run, the same bytes
        "png": {"Description": words.spoken, "Look": look.palette},
        "pdf": {"Subject": words.spoken, "CreationDate": None},
        "svg": {"Date": None},
    }
    told = {"Title": words.headline, **metadata[form]}
    style: Any = {"font.family": families, "svg.hashsalt": "niah", "text.parse_math": False}
    style |= {"hatch.linewidth": 0.6, **look.style}
    picture = io.BytesIO()
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # that is what was said
        figure = _laid_out(draw())
        figure.savefig(picture, format=form, dpi=look.sheet.dpi, metadata=told)
    image = picture.getvalue()
    return _spoken_svg(image, words) if form == "svg" else image, said


def _laid_out(figure: Figure) -> Figure:
    """With its axes in place: the solver's last digits differ from process to process."""
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)  # as drawing would, which is then left with nothing to lay out
    figure.set_layout_engine("none")
    for ax in figure.axes:
        left, bottom, width, height = ax.get_position(original=True).bounds
        ax.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))
    return figure


def _spoken_svg(image: bytes, words: Words) -> bytes:
    """An SVG that a screen reader can tell about."""
    heard = f"<title>{escape(words.headline)}</title><desc>{escape(words.spoken)}</desc>"
    before, mark, after = image.partition(b"<svg ")
    tag, end, drawing = after.partition(b">")
    return b"".join((before, mark, b'role="img" ', tag, end, heard.encode(), drawing))


def colour_map(palette: str) -> Colormap:
    if palette == "red-green":
        return LinearSegmentedColormap.from_list("red-green", list(RED_GREEN))
    return matplotlib.colormaps[palette]


def colours_of(shares: Sequence[float], colours: Colormap, ends: Ends = (0, 1)) -> list[RGB]:
    rgba = np.asarray(colours(Normalize(*ends)(np.array(shares, dtype=float))))
    return [(red, green, blue) for red, green, blue, _ in rgba.tolist()]


def scale_beside(
    axes: Sequence[Axes], colours: Colormap, label: str, look: Look, ends: Ends = (0, 1)
) -> None:
    """The scale of some axes, to their right."""
    figure, scale = axes[0].figure, matplotlib.cm.ScalarMappable(Normalize(*ends), colours)
    bar = figure.colorbar(scale, ax=list(axes), shrink=0.92, aspect=32, pad=0.012, fraction=0.05)
    bar.set_label(label, fontsize=look.sheet.type * 0.85)
    ticks = [ends[0], sum(ends) / 2, ends[1]]
    bar.set_ticks(ticks, labels=[f"{100 * tick:g} %" for tick in ticks])
    bar.ax.tick_params(labelsize=look.sheet.type * 0.8, length=0)
    bar.outline.set_visible(False)
