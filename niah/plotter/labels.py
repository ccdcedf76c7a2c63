"""Words on pictures: the same in the terminal, in the PNG and in the table."""

from __future__ import annotations

from niah.figures import Figures
from niah.records import Cell, Grid


def value_label(mean: float) -> str:
    """1, 0, .67: short enough for a cell."""
    if mean in (0.0, 1.0):
        return f"{mean:.0f}"
    return f"{min(max(mean, 0.01), 0.99):.2f}".removeprefix("0")


def recall_label(grid: Grid) -> str:
    """ "83 % found (n = 30, 95 % interval 66 to 93 %)"; never a share without its n."""
    r = grid.recall
    if r.mean is None or r.low is None or r.high is None:
        return "nothing scored"
    return f"{percent_label(r.mean)} found (n = {r.n:,}, 95 % interval {100 * r.low:.0f} to {percent_label(r.high)})"


def percent_label(share: float) -> str:
    """Never rounds up to 100 or down to 0."""
    percent = 100 * share
    if 99.95 <= percent < 100:
        percent = 99.9
    return f"{percent:.3g} %"


def trials_label(grid: Grid) -> str:
    """ "5 trials per cell"; imported cells may hold more of them than others."""
    most = max((sum(c.outcomes.values()) for c in grid.cells), default=grid.epochs)
    if most > grid.epochs:
        return f"{grid.epochs} to {most} trials per cell"
    return f"{grid.epochs} trial{'s' if grid.epochs > 1 else ''} per cell"


def model_label(of: Grid | Figures) -> str:
    """The model, named for what it is."""
    return f"simulated reader {of.model}" if of.simulated else of.model


def unscored_label(cell: Cell) -> str:
    """The most frequent outcome other than scored."""
    others = {k: v for k, v in cell.outcomes.items() if k != "scored"}
    return max(others, key=lambda k: others[k]) if others else ""
