"""Trials by outcome, those never run among them: of a cell or control, of a grid's cells, of its controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from niah.records import Grid, Outcome, Row

MISSING = "missing"  # a planned trial that has not been run


def outcomes_of(results: Sequence[Row], planned: int) -> dict[str, int]:
    """Trials of one place by outcome; so many were planned."""
    outcomes = Counter(r.outcome.value for r in results)
    if len(results) < planned:
        outcomes[MISSING] = planned - len(results)
    return dict(sorted(outcomes.items()))


def counts_of(grid: Grid) -> Counter[str]:
    """The ordinary trials of a grid."""
    counts: Counter[str] = Counter()
    for cell in grid.cells:
        counts.update(cell.outcomes)
    return counts


def all_counts_of(grid: Grid) -> Counter[str]:
    """All trials of a grid, controls included: a run is finished when none of them is missing."""
    counts = counts_of(grid)
    for control in grid.controls:
        counts.update(control.outcomes)
    return counts


def unscored_of(counts: Counter[str]) -> dict[str, int]:
    """Trials that ended without a score; missing ones and errors have not ended."""
    ended_otherwise = (MISSING, Outcome.ERROR.value, Outcome.SCORED.value)
    return {outcome: n for outcome, n in sorted(counts.items()) if outcome not in ended_otherwise}


def trials_per_cell(grid: Grid) -> tuple[int, int]:
    """The fewest and the most trials that were asked for in a cell."""
    planned = [sum(cell.outcomes.values()) for cell in grid.cells]
    return min(planned, default=0), max(planned, default=0)


def uneven_notes(grid: Grid) -> tuple[str, ...]:
    """A line where an extension asked for more trials in some cells than in others."""
    least, most = trials_per_cell(grid)
    if least == most or grid.imported is not None:
        return ()
    return (f"cells were asked {least} to {most} times: a figure over several cells weighs trials, not cells",)


def unpaired_notes(pairs: int, planned: int) -> tuple[str, ...]:
    """A line where trials have a score in one run only, or in none."""
    if pairs >= planned:
        return ()
    return (f"compared on {pairs} trials that have a score in both runs, of {planned}",)
