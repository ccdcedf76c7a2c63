"""The heatmap: length across, depth down, green where the needle was found. Fit for a slide as it is.

Uses matplotlib's object interface: no pyplot, no global state. The scale is fixed from 0 to 1.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from niah.errors import ConfigError
from niah.plotter.colours import MISSING, RED_GREEN, RGB, check_palette, luminance
from niah.plotter.controls import draw_controls, rows_height
from niah.plotter.fonts import fonts_for
from niah.plotter.formatting import (
    headline_label,
    model_label,
    normalised_label,
    trials_label,
    unscored_label,
    value_label,
)
from niah.plotter.names import shortened
from niah.records import Cell, Grid
from niah.text.lengths import label_of

FORMATS = (".png", ".svg", ".pdf")
_BETWEEN = " · "
_GLUE = "\u00a0"  # a space at which no line is broken
REPEATED_BELOW = 0.995  # a smaller unique share is said in the picture


def save_heatmaps(grids: Sequence[Grid], path: Path, palette: str = "red-green") -> list[str]:
    """Draw grids side by side into a PNG, SVG or PDF; returns warnings (a missing font).

    Raises ConfigError for another file type or an unwritable path, UnknownName for a palette that is not there.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path.name}: a picture ends in {', '.join(FORMATS)}")
    check_palette(palette)
    families, said = fonts_for("".join(t for g in grids for t in title_of(g)))
    with matplotlib.rc_context({"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # that is what was said
        figure = figure_of(grids, palette)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=160, facecolor="white")
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be written ({error.strerror}); make room there, or choose another place"
            ) from error
    return said


def figure_of(grids: Sequence[Grid], palette: str = "red-green") -> Figure:
    """A figure with one heatmap per grid and a common colour bar."""
    widths = [width_in(g) for g in grids]
    above = title_in(grids)
    height = max(height_in(g) for g in grids) + above + 1.15
    figure = Figure(figsize=(sum(widths) + 1.3 * len(grids) + 1.0, height))
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - above / height))  # the title stands above
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(grids), squeeze=False, width_ratios=widths)[0]
    for grid, ax, name in zip(grids, axes, names_of(grids), strict=True):
        heatmap(grid, ax, palette, name)
    scale = matplotlib.cm.ScalarMappable(Normalize(0, 1), colour_map(palette))
    bar = figure.colorbar(scale, ax=list(axes), shrink=0.9, aspect=28, pad=0.015)
    bar.set_label("share of trials in which the needle was found", fontsize=9)
    bar.outline.set_visible(False)
    return figure


def heatmap(grid: Grid, ax: Axes, palette: str = "red-green", name: str | None = None) -> Axes:
    """Draw one grid on the axes and return them; its model under that name, where others stand beside it."""
    lengths, depths = grid.context_lengths, grid.depths
    colours = colour_map(palette)
    size = 11.0 if len(lengths) <= 12 else 7.0
    for cell in grid.cells:
        x, y = lengths.index(cell.context_length), depths.index(cell.depth_percent)
        draw_cell(ax, cell, x, y, colours, size)
    ax.set_xlim(-0.5, len(lengths) - 0.5)
    rows = draw_controls(ax, grid, colours, size)
    ax.set_ylim(len(depths) - 0.5 + rows_height(grid), -0.5)  # depth 0 on top
    ax.set_xticks(range(len(lengths)), [label_of(n) for n in lengths], rotation=0 if len(lengths) <= 12 else 60)
    ax.set_yticks(
        [*range(len(depths)), *(y for y, _ in rows)], [*(f"{d:.3g} %" for d in depths), *(name for _, name in rows)]
    )
    ax.tick_params(length=0, labelsize=10)
    ax.set_xlabel(length_label(grid))
    ax.set_ylabel(depth_label(grid))
    ax.spines[:].set_visible(False)
    _write_title(ax, grid, name or names_of([grid])[0])
    if any(c.mean is None or _unscored(c) for c in grid.cells):
        hatch = Patch(
            facecolor=MISSING, edgecolor="0.6", hatch="////", label="hatched: trials without a score, with the reason"
        )
        ax.legend(
            handles=[hatch], loc="upper left", bbox_to_anchor=(0, -0.6 / height_in(grid)), frameon=False, fontsize=9
        )
    return ax


def depth_label(grid: Grid) -> str:
    return f"depth of {grid.depth_of} (0 % is the start)"


def length_label(grid: Grid) -> str:
    """What the lengths are counted in."""
    tokens = "tokens, as the tool counted" if grid.imported else f"tokens of {grid.tokenizer}, reply included"
    return f"context length ({tokens})"


def names_of(grids: Sequence[Grid]) -> list[str]:
    """The models as titles: long ones shortened in the middle, and never two of them to the same."""
    room = int(min(map(width_in, grids)) * 8.5)
    return shortened([model_label(g) for g in grids], room)


def _write_title(ax: Axes, grid: Grid, name: str) -> None:
    """The model large, the rest small below it, wrapped to the width: a title never squeezes the picture."""
    write_above(ax, name, "\n".join(_small_lines(grid)))


def _small_lines(grid: Grid) -> list[str]:
    """What stands below the model, broken between its parts where they fit."""
    characters = int(width_in(grid) * 14.5)
    lines = []
    for text in title_of(grid)[1:]:
        parts = text.split(_BETWEEN)
        whole = [part.replace(" ", _GLUE) if len(part) < characters else part for part in parts]
        wrapped = textwrap.wrap(_BETWEEN.join(whole), characters, break_on_hyphens=False)
        lines += [line.replace(_GLUE, " ").removesuffix(_BETWEEN.rstrip()) for line in wrapped]
    return lines


def title_in(grids: Sequence[Grid]) -> float:
    """Inches that the tallest title takes."""
    return (14.4 * max(len(_small_lines(g)) for g in grids) + 32) / 72


def write_above(ax: Axes, title: str, small: str) -> None:
    """A large line and small ones over the axes, whatever their size; they take no room of the layout."""
    room = 14.4 * (small.count("\n") + 1) + 6  # points
    for text, up, size, weight in ((small, 3.6, 9.5, "normal"), (title, room, 14.0, "bold")):
        said = ax.annotate(text, (0, 1), (0, up), xycoords="axes fraction", textcoords="offset points")
        said.set(fontsize=size, fontweight=weight, linespacing=1.45, verticalalignment="bottom", parse_math=False)
        said.set_in_layout(False)


def _cell_in(grid: Grid) -> float:
    return 0.85 if max(len(grid.context_lengths), len(grid.depths)) <= 12 else 0.5


def width_in(grid: Grid) -> float:
    """Inches of one heatmap."""
    return max(max(len(grid.context_lengths), 4) * _cell_in(grid), 6.2)


def height_in(grid: Grid) -> float:
    return (max(len(grid.depths), 4) + rows_height(grid)) * _cell_in(grid) * 0.75


def colour_map(palette: str) -> Colormap:
    if palette == "red-green":
        return LinearSegmentedColormap.from_list("red-green", list(RED_GREEN))
    return matplotlib.colormaps[palette]


def title_of(grid: Grid) -> tuple[str, str, str]:
    trials = trials_label(grid)
    shared = grid.unique_share
    repeated = (
        f" · {100 * shared:.0f} % of the longest haystack is unique"
        if shared is not None and shared < REPEATED_BELOW
        else ""
    )
    return (
        model_label(grid),
        f"task {grid.task} · haystack {grid.haystack} · tokenizer {grid.tokenizer} · {trials}{repeated}"
        if grid.imported is None
        else f"imported results of {grid.imported} · {grid.task} · {trials}",
        " · ".join([headline_label(grid), *normalised_label(grid)]),
    )


def draw_cell(ax: Axes, cell: Cell, x: int, y: int, colours: Colormap, size: float) -> None:
    """One cell at column x and row y, with its value in type of that size."""
    if cell.mean is None:
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=MISSING, edgecolor="white", linewidth=1.5))
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="none", edgecolor="0.75", hatch="////", linewidth=0))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
        ax.text(x, y, unscored_label(cell), ha="center", va="center", fontsize=size * 0.68, color="0.25", bbox=box)
        return
    red, green, blue, _ = colours(cell.mean)
    colour: RGB = (red, green, blue)
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
    ink = "white" if luminance(colour) < 0.3 else "0.1"
    ax.text(x, y, value_label(cell.mean), ha="center", va="center", fontsize=size, color=ink)
    if _unscored(cell):  # a corner says that some trials of the cell have no score
        ax.add_patch(
            Rectangle((x + 0.18, y - 0.48), 0.3, 0.3, facecolor=MISSING, edgecolor="0.5", hatch="////", linewidth=0)
        )


def _unscored(cell: Cell) -> int:
    return sum(n for outcome, n in cell.outcomes.items() if outcome != "scored")
