"""Two runs side by side: whole, by band, and cell by cell; and two judges of the same answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from niah.records import Grid, Header, Row
from niah.verdict.baseline import baseline_of
from niah.verdict.exact import holm
from niah.verdict.grid import counts_of, grid_of, uneven_notes, unpaired_notes
from niah.verdict.pairs import Pair, Pairs, pairs_of
from niah.verdict.records import CellChange, Comparison
from niah.verdict.sample import BANDS

Run = tuple[Header, Sequence[Row]]
NOTHING = Pairs(pairs=(), by_epoch=False)


def comparison_of(before: Run, after: Run, *, these_only: bool = False) -> Comparison:
    """What changed between two runs of the same trials. Raises RunError where their recipes differ."""
    pairs = pairs_of(baseline_of(*before), *after, these_only=these_only, partly=True)
    older, grid = grid_of(*before), grid_of(*after)
    planned = max(sum(counts_of(g).values()) for g in (older, grid))
    return Comparison(
        before=_named(older),
        after=_named(grid),
        whole=pairs.summary(),
        bands={band: pairs.in_band(band).summary() for band in BANDS},
        cells=_cells(grid, pairs),
        notes=(*unpaired_notes(pairs.n, planned), *uneven_notes(grid)),
    )


def _named(grid: Grid) -> str:
    return f"simulated reader {grid.model}" if grid.simulated else grid.model


def _cells(grid: Grid, pairs: Pairs) -> tuple[CellChange, ...]:
    """Every cell; its trials are of different epochs, and so independent. P values are corrected for all cells."""
    by_cell: dict[tuple[int, float], list[Pair]] = defaultdict(list)
    for p in pairs.pairs:
        by_cell[p.trial.context_length, p.trial.depth_percent].append(p)
    places = [(c.context_length, c.depth_percent) for c in grid.cells]
    changes = [replace(NOTHING, pairs=tuple(by_cell[place])) for place in places]
    corrected = iter(holm([c.p_change() for c in changes if c.n]))
    return tuple(
        CellChange(
            context_length=place[0],
            depth_percent=place[1],
            n=c.n,
            change=-c.drop if c.n else None,
            p=next(corrected) if c.n else None,
        )
        for place, c in zip(places, changes, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Answers that both called right or wrong."""

    n: int
    agree: int
    kappa: float | None  # Cohen 1960; None where one of them said the same of every answer
    unclear: int = 0  # that one of them could not decide; not in n

    def words(self) -> str:
        """ "12 answers, 11 alike (Cohen's kappa 0.63, n = 12)"."""
        if not self.n:
            return f"no answer is judged by both{f', {self.unclear} unclear' if self.unclear else ''}"
        kappa = "no kappa, as one side said the same of all" if self.kappa is None else f"kappa {self.kappa:.2f}"
        unclear = f", {self.unclear} unclear" if self.unclear else ""
        return f"{self.agree} of {self.n} alike (Cohen's {kappa}, n = {self.n}){unclear}"


def agreed(pairs: Iterable[tuple[bool, bool | None]]) -> Agreed:
    """Of (one, other) on each answer; None is unclear."""
    everything = list(pairs)
    both = [(a, b) for a, b in everything if b is not None]
    n, agree = len(both), sum(a == b for a, b in both)
    kappa = None
    if n:
        first, second = sum(a for a, _ in both) / n, sum(bool(b) for _, b in both) / n
        chance = first * second + (1 - first) * (1 - second)
        kappa = None if chance == 1 or {first, second} & {0.0, 1.0} else (agree / n - chance) / (1 - chance)
    return Agreed(n=n, agree=agree, kappa=kappa, unclear=len(everything) - n)
