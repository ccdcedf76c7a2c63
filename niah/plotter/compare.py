"""Runs side by side: heatmaps on one scale, and for two runs the difference on a fixed scale from -1 to +1.

The difference is blue where needles were gained and red where they were lost (ColorBrewer's RdBu, told apart by
colour-blind readers), with a frame around cells whose change is more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from niah.plotter.canvas import Words, colour_map, save, scale_beside
from niah.plotter.cells import Box, Room, axes_of, boxes_of, fill, row_edges
from niah.plotter.heatmap import FOUND, Panel, panel_of, panels_figure, words_of
from niah.plotter.look import LOOK, Look
from niah.plotter.report_text import change_words
from niah.plotter.summary import View, names_of
from niah.records import Grid
from niah.verdict.records import CellChange, Comparison

LEVEL = 0.05
FRAMED = "framed: more than chance would do, at 5 % over all cells"


def save_comparison(views: Sequence[View], comparison: Comparison | None, path: Path, look: Look = LOOK) -> list[str]:
    """Draw into a PNG, SVG or PDF; returns warnings. Raises ConfigError for another type or an unwritable path."""
    words = comparison_words(views, comparison)
    return save(lambda: comparison_figure(views, comparison, look, words), words, path, look)


def comparison_words(views: Sequence[View], comparison: Comparison | None) -> Words:
    """What has changed, in a sentence and in figures."""
    words, drop = words_of(views), None if comparison is None else comparison.whole.drop
    if comparison is None or drop is None:
        return words
    whole, (before, after) = comparison.whole, names_of(views, 26)
    sure = whole.p_change is not None and whole.p_change <= LEVEL
    moved = "finds as much as" if drop == 0 else "finds less than" if drop > 0 else "finds more than"
    doubt = "" if sure or drop == 0 else "; it may be chance"
    lines = [change_words(whole), FRAMED]
    told = f"{words.spoken} {after} minus {before}: {lines[0]}."
    return replace(words, headline=f"{after} {moved} {before}{doubt}", lines=lines, spoken=told)


def comparison_figure(
    views: Sequence[View], comparison: Comparison | None, look: Look = LOOK, words: Words | None = None
) -> Figure:
    """Small multiples; the difference is the last one."""
    names = names_of(views, 40)
    panels = [panel_of(v, name) for v, name in zip(views, names, strict=True)]
    if comparison is not None:
        grid = views[-1].grid
        title = f"{names[-1]}\nminus {names[0]}"
        panels.append(Panel(title=title, draw=lambda ax, room: difference(comparison, ax, grid, room), grid=grid))
    figure, axes = panels_figure(panels, words or comparison_words(views, comparison), look)
    scale_beside(figure, axes[: len(views)], colour_map(look.palette), FOUND, look)
    if comparison is not None:
        scale_beside(figure, axes[len(views) :], matplotlib.colormaps["RdBu"], "change in the share", look, (-1, 1))
    return figure


def difference(comparison: Comparison, ax: Axes, grid: Grid, room: Room) -> None:
    """Draw the change of every cell on the axes; labels are those of the grid of the later run."""
    edges = row_edges(grid, true_depths=room.look.true_depths)
    boxes = boxes_of(grid, edges, comparison.cells, lambda c: (c.change, change_label(c.change)))
    fill(ax, boxes, room, matplotlib.colormaps["RdBu"], digits=any(b.value for b in boxes), ends=(-1, 1))
    for c, b in zip(comparison.cells, boxes, strict=True):
        _frame(ax, c, b)
    axes_of(ax, replace(grid, controls=()), edges, room)


def change_label(change: float | None) -> str:
    """+.40, -.10, 0: short enough for a cell."""
    if not change:
        return "" if change is None else "0"
    return f"{change:+.0f}" if abs(change) == 1 else f"{change:+.2f}".replace("0.", ".")


def _frame(ax: Axes, cell: CellChange, box: Box) -> None:
    if cell.p is None or cell.p > LEVEL:
        return
    for colour, line in (("white", 4.0), ("black", 1.8)):  # seen on light and on dark cells
        corner, width, height = (box.x + 0.07, box.y + 0.09 * box.height), 0.86, 0.82 * box.height
        ax.add_patch(Rectangle(corner, width, height, facecolor="none", edgecolor=colour, linewidth=line))
