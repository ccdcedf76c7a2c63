"""Control rows under a heatmap: absent needles by length, then oracle and closed book, one value each.

Absent and oracle have the heatmap's scale: green is right. The closed book has none: a high value there is no success.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from niah.plotter.canvas import colour_of, paint
from niah.plotter.colours import MISSING
from niah.plotter.formatting import value_label
from niah.records import Control, Grid

GAP = 0.35  # between the heatmap and the rows, in cells


def control_rows(grid: Grid) -> list[str]:
    """The controls that a grid has, from the top."""
    return [c for c in ("absent", "oracle", "closed-book") if c in {found.control for found in grid.controls}]


def rows_height(grid: Grid) -> float:
    """What the rows add to the heatmap, in cells."""
    rows = control_rows(grid)
    return GAP + len(rows) if rows else 0.0


def draw_controls(ax: Axes, grid: Grid, colours: Colormap, size: float) -> list[tuple[float, str]]:
    """Draw the rows below the depths; returns their places and names for the axis."""
    lengths, top = grid.context_lengths, len(grid.depths) + GAP
    rows = control_rows(grid)
    for control in grid.controls:
        y = top + rows.index(control.control)
        if control.context_length is None:
            _draw(ax, control, -0.5, len(lengths), y, colours, size)
        elif control.context_length in lengths:
            _draw(ax, control, lengths.index(control.context_length) - 0.5, 1, y, colours, size)
    return [(top + i, name) for i, name in enumerate(rows)]


def _draw(ax: Axes, control: Control, x: float, width: float, y: float, colours: Colormap, size: float) -> None:
    scaled = control.mean is not None and control.control != "closed-book"
    face = colour_of(control.mean, colours) if scaled and control.mean is not None else MISSING
    unscored = max(control.outcomes, key=lambda o: control.outcomes[o], default="")
    label = value_label(control.mean) if control.mean is not None else unscored
    if width > 1 and control.mean is not None:
        label = f"{label} (n = {control.n})"
    paint(ax, x + width / 2, y, face, label, size, width=width)
