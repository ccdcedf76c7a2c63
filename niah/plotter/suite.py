"""Small heatmaps of a whole suite on one page: a panel per run, one scale, controls below each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from niah.plotter.canvas import save, scale_beside
from niah.plotter.controls import draw_controls, rows_height
from niah.plotter.formatting import model_label
from niah.plotter.heatmap import colour_map, draw_cell
from niah.plotter.names import middle_cut
from niah.records import Grid
from niah.text.lengths import label_of
from niah.text.shares import percent

MOST_COLUMNS = 4


def save_multiples(title: str, grids: Mapping[str, Grid], path: Path, palette: str = "red-green") -> list[str]:
    """Draw the grids by name into a PNG, SVG or PDF; returns warnings (a missing font). Raises ConfigError."""
    texts = "".join([title, *grids, *(g.model + g.haystack for g in grids.values())])
    return save(lambda: multiples(title, grids, palette), texts, path, palette)


def multiples(title: str, grids: Mapping[str, Grid], palette: str = "red-green") -> Figure:
    """A figure with a panel per grid, from left to right and from top to bottom."""
    columns = min(MOST_COLUMNS, len(grids))
    rows = -(-len(grids) // columns)
    height = max(len(g.depths) + rows_height(g) for g in grids.values()) * 0.34 + 0.9
    figure = Figure(figsize=(max(3.4 * columns + 0.8, 6.0), height * rows + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    for ax in panels.flat[len(grids) :]:
        ax.set_axis_off()
    for (name, grid), ax in zip(grids.items(), panels.flat, strict=False):
        _panel(ax, name, grid, palette)
    scale_beside(figure, list(panels.flat), colour_map(palette), "share found")
    first = next(iter(grids.values()))
    room = int(figure.get_figwidth() * 11) - len(title) - len(first.tokenizer) - 20
    head = f"{middle_cut(model_label(first), max(24, room))} · {title} · tokenizer {first.tokenizer}"
    figure.suptitle(head, fontsize=12, fontweight="bold", x=0.01, ha="left", parse_math=False)
    return figure


def _panel(ax: Axes, name: str, grid: Grid, palette: str) -> None:
    lengths, depths, colours = grid.context_lengths, grid.depths, colour_map(palette)
    size = 8.5 if len(lengths) <= 6 else 6.0
    for cell in grid.cells:
        draw_cell(ax, cell, lengths.index(cell.context_length), depths.index(cell.depth_percent), colours, size)
    rows = draw_controls(ax, grid, colours, size)
    ax.set_xlim(-0.5, len(lengths) - 0.5)
    ax.set_ylim(len(depths) - 0.5 + rows_height(grid), -0.5)
    ax.set_xticks(range(len(lengths)), [label_of(n) for n in lengths])
    names = [*(f"{d:.3g} %" for d in depths), *(name for _, name in rows)]
    ax.set_yticks([*range(len(depths)), *(y for y, _ in rows)], names)
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    found = f"{name}: {percent(grid.recall.mean)} found (n = {grid.recall.n:,})"
    lost = sum(n for c in grid.cells for o, n in c.outcomes.items() if o not in ("scored", "missing"))
    said = f"{found}, {lost:,} without a score" if lost else found
    ax.set_title(said, fontsize=10, loc="left", parse_math=False)
