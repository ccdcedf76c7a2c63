"""Trials by outcome, those never run among them: of a cell or control, of a grid's cells, of its controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from niah.records import Grid, Outcome, Result

MISSING = "missing"  # a planned trial that has not been run


def outcomes_of(results: Sequence[Result], planned: int) -> dict[str, int]:
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


def unpaired_notes(pairs: int, planned: int) -> tuple[str, ...]:
    """A line where trials have a score in one run only, or in none."""
    if pairs >= planned:
        return ()
    return (f"compared on {pairs} trials that have a score in both runs, of {planned}",)
