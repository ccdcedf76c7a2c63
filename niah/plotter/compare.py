"""Runs side by side: heatmaps on one scale, and for two runs the difference on a fixed scale from -1 to +1.

The difference is blue where needles were gained and red where they were lost (ColorBrewer's RdBu, told apart by
colour-blind readers), with a frame around cells whose change is more than chance.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from niah.plotter.canvas import colour_of, paint, paint_missing, save, scale_beside
from niah.plotter.heatmap import (
    FOUND,
    colour_map,
    depth_label,
    heatmap,
    height_in,
    length_label,
    names_of,
    title_in,
    title_of,
    width_in,
    write_above,
)
from niah.plotter.names import shortened
from niah.plotter.report_text import change_words
from niah.records import Grid
from niah.text.lengths import label_of
from niah.verdict.records import CellChange, Comparison

COLUMNS = 3
LEVEL = 0.05
_TITLE_IN = 1.15  # inches over every heatmap


def save_comparison(
    grids: Sequence[Grid], comparison: Comparison | None, path: Path, palette: str = "red-green"
) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError for another type or an unwritable path."""
    texts = "".join(text for g in grids for text in title_of(g))
    return save(lambda: comparison_figure(grids, comparison, palette), texts, path, palette)


def comparison_figure(grids: Sequence[Grid], comparison: Comparison | None, palette: str = "red-green") -> Figure:
    """Small multiples, at most three in a row; the difference is the last one."""
    panels = len(grids) + (comparison is not None)
    rows = -(-panels // COLUMNS)
    columns = -(-panels // rows)  # four are two by two
    title = max(_TITLE_IN, title_in(grids))
    width, height = max(map(width_in, grids)), max(map(height_in, grids)) + title + 0.6
    figure = Figure(figsize=(columns * (width + 1.2) + 1.6, rows * height + 0.4))
    FigureCanvasAgg(figure)
    above, between = (title, 0.04) if rows == 1 else (title / 2, title / 2)  # titles stand over the axes
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - above / (rows * height + 0.4)), h_pad=between)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[panels:]:
        ax.set_axis_off()
    for grid, ax, name in zip(grids, axes, names_of(grids), strict=False):
        heatmap(grid, ax, palette, name)
    scale_beside(figure, axes[: len(grids)], colour_map(palette), FOUND)
    if comparison is not None:
        ax = difference(comparison, axes[len(grids)], grids[-1])
        scale_beside(figure, [ax], matplotlib.colormaps["RdBu"], "change in the share found", (-1, 1))
    return figure


def difference(comparison: Comparison, ax: Axes, grid: Grid) -> Axes:
    """Draw the change of every cell on the axes and return them; labels are those of the grid of the later run."""
    cells = comparison.cells
    lengths, depths = sorted({c.context_length for c in cells}), sorted({c.depth_percent for c in cells})
    for c in cells:
        _draw(ax, c, lengths.index(c.context_length), depths.index(c.depth_percent), len(lengths))
    ax.set_xlim(-0.5, len(lengths) - 0.5)
    ax.set_ylim(len(depths) - 0.5, -0.5)
    ax.set_xticks(range(len(lengths)), [label_of(n) for n in lengths], rotation=0 if len(lengths) <= 12 else 60)
    ax.set_yticks(range(len(depths)), [f"{d:.3g} %" for d in depths])
    ax.tick_params(length=0, labelsize=10)
    ax.set_xlabel(length_label(grid))
    ax.set_ylabel(depth_label(grid))
    ax.spines[:].set_visible(False)
    room = int(14.5 * width_in(grid)) // 2
    after, before = shortened([comparison.after, comparison.before], max(16, (room - len(" minus ")) // 2))
    said = textwrap.fill(change_words(comparison.whole), int(14.5 * width_in(grid)))
    small = f"{said}\nframed: more than chance in that cell (Holm, 5 %)"
    write_above(ax, f"{after} minus {before}", small)
    return ax


def change_label(change: float) -> str:
    """+.40, -.10, 0: short enough for a cell."""
    return "0" if not change else f"{change:+.0f}" if abs(change) == 1 else f"{change:+.2f}".replace("0.", ".")


def _draw(ax: Axes, cell: CellChange, x: int, y: int, columns: int) -> None:
    size = 11.0 if columns <= 12 else 6.0
    if cell.change is None:
        paint_missing(ax, x, y, "", size)
        return
    face = colour_of(cell.change, matplotlib.colormaps["RdBu"], (-1, 1))
    paint(ax, x, y, face, change_label(cell.change), size)
    if cell.p is not None and cell.p <= LEVEL:
        for colour, line in (("white", 5.0), ("black", 2.2)):  # seen on light and on dark cells
            ax.add_patch(
                Rectangle((x - 0.43, y - 0.41), 0.86, 0.82, facecolor="none", edgecolor=colour, linewidth=line)
            )
