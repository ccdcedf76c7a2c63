"""Where in the grid needles are lost: bands of depth, ends against middle, the weakest block."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from statistics import fmean, variance

from niah.records import Cell, Grid, Recall
from niah.verdict.exact import student_quantile
from niah.verdict.intervals import recall_of, wilson
from niah.verdict.records import Contrast, Region
from niah.verdict.sample import FEWEST_CLUSTERS, Sample

HEAD_BELOW = 20.0  # percent of depth
TAIL_ABOVE = 80.0
MOST_EDGES = 36  # of blocks, each way: their number grows with the fourth power


def band_of(depth_percent: float) -> str:
    """head (before 20 %), tail (after 80 %) or middle."""
    return "head" if depth_percent < HEAD_BELOW else "tail" if depth_percent > TAIL_ABOVE else "middle"


def lost_in_the_middle(ends: Sample, middle: Sample) -> Contrast | None:
    """Ends minus middle (after Liu et al. 2023), with an interval made of both intervals (Newcombe 1998, method 10).

    Ends and middle of one haystack are compared with each other: what makes a haystack hard for both cancels out. So
    the intervals are widened by how much more than chance the differences of the haystacks differ, and not by how
    much the haystacks do; with Student's t, as there are few of them.
    """
    if not ends.n or not middle.n:
        return None
    (ends_low, ends_high), (middle_low, middle_high) = _paired_intervals(ends, middle)
    value = ends.mean - middle.mean
    return Contrast(
        value=value,
        low=value - sqrt((ends.mean - ends_low) ** 2 + (middle_high - middle.mean) ** 2),
        high=value + sqrt((ends_high - ends.mean) ** 2 + (middle.mean - middle_low) ** 2),
        n_ends=ends.n,
        n_middle=middle.n,
    )


def _paired_intervals(ends: Sample, middle: Sample) -> tuple[tuple[float, float], tuple[float, float]]:
    """The interval of each side, as far as it is not shared by both."""
    if ends.clusters is None or middle.clusters is None:
        return _ends_of(ends.recall()), _ends_of(middle.recall())
    a, b = ends.by_cluster(), middle.by_cluster()
    both = sorted(a.keys() & b.keys())
    if len(both) < FEWEST_CLUSTERS:
        return _ends_of(ends.recall()), _ends_of(middle.recall())
    expected = fmean(_variance(ends.mean, len(a[c])) + _variance(middle.mean, len(b[c])) for c in both)
    effect = max(1.0, variance(fmean(a[c]) - fmean(b[c]) for c in both) / expected) if expected > 0 else 1.0
    z = student_quantile(0.025, len(both) - 1)
    sides = [(s.mean * s.n / effect, s.n / effect) for s in (ends, middle)]
    return wilson(*sides[0], z), wilson(*sides[1], z)


def _variance(share: float, n: int) -> float:
    """Of the mean of n independent trials."""
    return share * (1 - share) / n


def _ends_of(recall: Recall) -> tuple[float, float]:
    return recall.low or 0.0, 1.0 if recall.high is None else recall.high


def weakest_region(grid: Grid) -> Region | None:
    """The block whose recall is most surely below the rest: the scan statistic of Kulldorff (1997).

    None where no block is below the rest. All blocks were looked at, so the block's own interval is no test.
    """
    lengths, depths = grid.context_lengths, grid.depths
    if not lengths or not depths:
        return None
    scores = _Table(grid.cells, lengths, depths)
    edges = _edges(len(lengths))
    best = max(
        (scores.excess(i, j, k, m), (j - i) * (m - k), (i, j, k, m))
        for i in edges
        for j in edges
        if i < j
        for k, m in scores.rows(i, j)
    )
    if best[0] <= 1e-9:
        return None
    i, j, k, m = best[2]
    return Region(
        lengths=(lengths[i], lengths[j - 1]),
        depths=(depths[k], depths[m - 1]),
        inside=scores.recall(i, j, k, m),
        outside=scores.recall_outside(i, j, k, m),
    )


def _edges(n: int) -> list[int]:
    """Where blocks may begin and end: everywhere, in large grids at every second or later place."""
    return sorted({*range(0, n, -(-n // MOST_EDGES)), n})


class _Table:
    """Sums over any block of the grid in four look-ups."""

    def __init__(self, cells: Sequence[Cell], lengths: Sequence[int], depths: Sequence[float]) -> None:
        columns, rows = {n: x for x, n in enumerate(lengths)}, {d: y for y, d in enumerate(depths)}
        self._height = len(depths)
        self._n = [[0.0] * (len(depths) + 1) for _ in range(len(lengths) + 1)]
        self._found = [[0.0] * (len(depths) + 1) for _ in range(len(lengths) + 1)]
        for c in cells:
            x, y = columns[c.context_length] + 1, rows[c.depth_percent] + 1
            self._n[x][y], self._found[x][y] = c.n, c.n * (c.mean or 0.0)
        for table in (self._n, self._found):
            for x in range(1, len(table)):
                for y in range(1, len(table[0])):
                    table[x][y] += table[x - 1][y] + table[x][y - 1] - table[x - 1][y - 1]
        self._all = (self._found[-1][-1], self._n[-1][-1])

    def rows(self, i: int, j: int) -> list[tuple[int, int]]:
        """Depths of blocks worth looking at: those that begin and end with a loss in these lengths."""
        lossy = [
            y
            for y in range(self._height)
            if self._sum(self._n, i, j, y, y + 1) > self._sum(self._found, i, j, y, y + 1)
        ]
        if self._height > MOST_EDGES:
            edges = _edges(self._height)
            return [(k, m) for k in edges for m in edges if k < m]
        return [(k, m + 1) for k in lossy for m in lossy if m >= k] or [(0, self._height)]

    def excess(self, i: int, j: int, k: int, m: int) -> float:
        """Log likelihood ratio of a lower recall inside than outside; 0 where it is not lower."""
        found, n = self._sum(self._found, i, j, k, m), self._sum(self._n, i, j, k, m)
        rest_found, rest = self._all[0] - found, self._all[1] - n
        if not n or not rest or found * rest >= rest_found * n:
            return 0.0
        return _likelihood(found, n) + _likelihood(rest_found, rest) - _likelihood(*self._all)

    def recall(self, i: int, j: int, k: int, m: int) -> Recall:
        return _recall(self._sum(self._found, i, j, k, m), self._sum(self._n, i, j, k, m))

    def recall_outside(self, i: int, j: int, k: int, m: int) -> Recall:
        found, n = self._sum(self._found, i, j, k, m), self._sum(self._n, i, j, k, m)
        return _recall(self._all[0] - found, self._all[1] - n)

    @staticmethod
    def _sum(table: list[list[float]], i: int, j: int, k: int, m: int) -> float:
        return table[j][m] - table[i][m] - table[j][k] + table[i][k]


def _likelihood(found: float, n: float) -> float:
    share = min(1.0, max(0.0, found / n))
    return (found * log(share) if share else 0.0) + ((n - found) * log(1 - share) if share < 1 else 0.0)


def _recall(found: float, n: float) -> Recall:
    if not n:
        return recall_of(())
    low, high = wilson(min(max(found, 0.0), n), n)
    return Recall(mean=found / n, n=round(n), low=low, high=high)
