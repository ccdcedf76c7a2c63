"""The heatmap in the terminal: live while a run fills it, and whole afterwards."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

from niah.generator.lengths import label_of
from niah.plotter.colours import luminance, red_green
from niah.plotter.labels import control_labels, detail_labels, model_label, normalised_label, recall_label, value_label
from niah.records import Cell, Grid

WIDEST = 7
LEAST_WITH_TEXT = 3  # a narrower cell is a block of colour
_MARGIN = 8  # for the depths
_SHORT = {"overflow": "over", "truncated": "cut", "refused": "refus", "mismatch": "mism"}


def terminal_heatmap(grid: Grid, columns: int = 100) -> RenderableType:
    """Lines of coloured cells that fit the width, with the total below; many lengths become blocks of colour."""
    lengths = grid.context_lengths
    step = min(WIDEST + 1, max(1, (columns - _MARGIN) // len(lengths)))
    cells = {(c.context_length, c.depth_percent): c for c in grid.cells}
    lines = [Text(f"{model_label(grid)} · {grid.task} · haystack {grid.haystack} · {grid.tokenizer}", style="bold")]
    for depth in grid.depths:
        line = Text(f"{depth:.3g} % ".rjust(_MARGIN), no_wrap=True, overflow="crop")
        for length in lengths:
            cell = cells.get((length, depth))  # an extended run need not ask for every pair
            line.append_text(_square(cell, step) if cell else Text(" " * step))
        lines.append(line)
    lines += _absent_row(grid, step)
    said = [recall_label(grid.recall), *control_labels(grid.by_control), *normalised_label(grid), *detail_labels(grid)]
    return Group(*lines, _axis(lengths, step), *(Text(line) for line in said))


def live_view(grid: Grid, columns: int, rows: int, done: int, total: int, status: str) -> RenderableType:
    """A progress bar and a status line over the heatmap; where the screen is low, not every depth is shown."""
    bar = Table.grid(padding=(0, 1))
    width = max(10, min(40, columns - 60))
    bar.add_row(ProgressBar(total=total, completed=done, width=width), f"{done}/{total} trials", status)
    every = -(-len(grid.depths) // max(1, rows - 8))
    shown = set(grid.depths[::every])
    thinned = replace(grid, cells=tuple(c for c in grid.cells if c.depth_percent in shown))
    return Group(bar, terminal_heatmap(thinned, columns))


def _absent_row(grid: Grid, step: int) -> list[Text]:
    """How often a model says so where there is no needle, by length, under the depths."""
    absent = {c.context_length: c for c in grid.controls if c.control == "absent"}
    if not absent:
        return []
    line = Text("absent ".rjust(_MARGIN), no_wrap=True, overflow="crop")
    for length in grid.context_lengths:
        found = absent.get(length)
        mean, outcomes = (found.mean, found.outcomes) if found else (None, {})
        cell = Cell(context_length=length, depth_percent=0, n=0, mean=mean, low=None, high=None, outcomes=outcomes)
        line.append_text(_square(cell, step))
    return [Text(""), line]


def _square(cell: Cell, step: int) -> Text:
    """One cell of ``step`` columns; the last column is a gap where there is room for text."""
    gap = " " if step > LEAST_WITH_TEXT else ""
    width = step - len(gap)
    if cell.mean is None:
        seen = [k for k in cell.outcomes if k != "missing"]
        label = _SHORT.get(seen[0], seen[0]) if seen else "·"
        return Text(label[:width].center(width) + gap, style=Style(color="bright_black"))
    colour = red_green(cell.mean)
    red, green, blue = (round(255 * c) for c in colour)
    ink = "white" if luminance(colour) < 0.3 else "black"
    label = value_label(cell.mean) if width >= LEAST_WITH_TEXT else ""
    square = Text(label.center(width), style=Style(color=ink, bgcolor=f"rgb({red},{green},{blue})"))
    return square.append(gap, style=Style.null())


def _axis(lengths: tuple[int, ...], step: int) -> Text:
    """Labels under the columns, as many as there is room for."""
    every = -(-WIDEST // step)
    labels = [label_of(n) for n in lengths[::every]]
    line = "".join(label.center(step * every) if every == 1 else label.ljust(step * every) for label in labels)
    return Text(" " * _MARGIN + line, no_wrap=True, overflow="crop")
