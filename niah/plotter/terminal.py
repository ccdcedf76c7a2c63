"""The heatmap in the terminal: live while a run fills it, and whole afterwards."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

from niah.generator.plan import label_of
from niah.plotter.colours import luminance, red_green
from niah.plotter.labels import model_label, recall_label, value_label
from niah.records import Cell, Grid

WIDEST = 7
_SHORT = {
    "overflow": "over",
    "truncated": "cut",
    "refused": "refus",
    "empty": "empty",
    "mismatch": "mism",
    "error": "error",
}


def terminal_heatmap(grid: Grid, columns: int = 100) -> RenderableType:
    """A table of coloured cells that fits the width, with the total below."""
    width = max(3, min(WIDEST, (columns - 8) // max(1, len(grid.context_lengths)) - 1))
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right")
    for _ in grid.context_lengths:
        table.add_column(justify="center", min_width=width)
    cells = {(c.context_length, c.depth_percent): c for c in grid.cells}
    for depth in grid.depths:
        table.add_row(f"{depth:g} %", *(_square(cells[(n, depth)], width) for n in grid.context_lengths))
    table.add_row("", *(label_of(n)[:width] for n in grid.context_lengths))
    head = Text(f"{model_label(grid)} · {grid.task} · haystack {grid.haystack} · {grid.tokenizer}", style="bold")
    return Group(head, table, Text(recall_label(grid)))


def live_view(grid: Grid, columns: int, done: int, total: int, status: str) -> RenderableType:
    """The heatmap with a progress bar and a status line under it."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=total, completed=done, width=min(40, columns - 30)), f"{done}/{total} trials", status)
    return Group(terminal_heatmap(grid, columns), bar)


def _square(cell: Cell, width: int) -> Text:
    if cell.mean is None:
        seen = [k for k in cell.outcomes if k != "missing"]
        label = _SHORT.get(seen[0], seen[0])[:width] if seen else "·"
        return Text(label.center(width), style=Style(color="bright_black"))
    r, g, b = (round(255 * c) for c in red_green(cell.mean))
    ink = "white" if luminance(red_green(cell.mean)) < 0.3 else "black"
    return Text(value_label(cell.mean).center(width), style=Style(color=ink, bgcolor=f"rgb({r},{g},{b})"))
