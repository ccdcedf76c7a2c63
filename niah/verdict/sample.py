"""Shares: their intervals, and what may be concluded from them, by tests that know about clusters.

Trials that share a haystack are a cluster, and no independent witnesses: a haystack that is hard is
hard for all of them. From five clusters on, their spread is measured, and the sample counts for as
many trials as that leaves (effective sample size; Franco, Little, Louis and Slud 2019), with
Student's t for the few clusters. Below five the interval holds for these clusters only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, sqrt
from statistics import NormalDist
from typing import TypeVar

from niah.records import Header, Outcome, Row
from niah.verdict.exact import at_least, at_most, student_above, student_quantile
from niah.verdict.records import Share

Z_95 = 1.959963984540054  # two-sided 95 %
FEWEST_CLUSTERS = 5  # one-sided at 5 %, fewer signs cannot decide: 1/2 ** 4 is above it
RESERVE = 0.12  # share of a cluster: one that was not seen may be so much worse than the worst
MOST = 100_000  # trials that are worth counting up to
BANDS = ("head", "middle", "tail")
HEAD_BELOW, TAIL_ABOVE = 20.0, 80.0  # percent of depth

_K = TypeVar("_K")
_V = TypeVar("_V")
Sums = Sequence[tuple[float, int]]  # the total of every cluster, and its trials


def wilson(successes: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share, 95 % unless told (Wilson 1927). n must be above 0.

    For scores between 0 and 1 it is wider than needed: none vary more than those that are 0 or 1
    with the same mean.
    """
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # the share itself is a bound, so that the ends are exact at 0 and 1
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def grouped(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, list[_V]]:
    """The values of every key, in their order; a key that is not there has none."""
    groups: dict[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def rows_by_cell(rows: Iterable[Row]) -> dict[tuple[int, float], list[Row]]:
    """Rows by length and depth."""
    return grouped(((r.trial.context_length, r.trial.depth_percent), r) for r in rows)


def figure_of(how: Callable[[list[float]], float], values: Iterable[float | None]) -> float | None:
    """One figure of the values that were told; None where none was."""
    told = [value for value in values if value is not None]
    return how(told) if told else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below so large a share of them (nearest rank)."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def share_of(scores: Sequence[float]) -> Share:
    """Mean, n and interval of independent trials; all None but n where there is nothing."""
    return Sample(scores=tuple(scores)).share()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Scores from 0 to 1, and the cluster of each, where trials share haystacks."""

    scores: tuple[float, ...]
    clusters: tuple[int, ...] | None = None  # None: judged as independent
    unscored: tuple[int, ...] = ()  # the cluster of each trial that ended without a score
    few: int | None = None  # clusters that trials share, where too few to speak for others

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)

    def share(self) -> Share:
        """Mean with its 95 % interval."""
        if not self.scores:
            return Share(mean=None, n=0, low=None, high=None)
        low, high = self.interval()
        return Share(mean=self.mean, n=self.n, low=min(low, self.mean), high=max(high, self.mean))

    def interval(self, comparisons: int = 1) -> tuple[float, float]:
        """An interval of the mean that is right in 95 of 100 cases, or of so many that all are."""
        (low, freedom), (high, _) = self.effective_n(-1), self.effective_n(1)
        level = 0.025 / comparisons
        if self.clusters is None:
            z = NormalDist().inv_cdf(1 - level)
        else:
            z = student_quantile(level, freedom)
        return wilson(self.mean * low, low, z)[0], wilson(self.mean * high, high, z)[1]

    def p_below(self, limit: float) -> float:
        """The chance of so low a mean where the true one is at the limit; small: it is not held."""
        return self._tail(limit, 1)(None)

    def p_above(self, limit: float) -> float:
        """The chance of so high a mean where the true one is at the limit; small: it is held.

        Trials without a score count as 0 here: what they would have been is not known.
        """
        return self.worst()._tail(limit, -1)(None)

    def worst(self) -> Sample:
        """With 0 for every trial that ended without a score."""
        clusters = None if self.clusters is None else self.clusters + self.unscored
        return Sample(scores=self.scores + (0.0,) * len(self.unscored), clusters=clusters)

    def more_to_decide(self, limit: float, fail: float, passing: float) -> int | None:
        """How many more trials like these would decide at these levels; None: 100,000 would not."""
        units = self.n if self.clusters is None else len(set(self.clusters))
        below, above = self._tail(limit, 1), self.worst()._tail(limit, -1)
        return more_of(units, self.n / units, lambda n: below(n) <= fail or above(n) <= passing)

    def _tail(self, limit: float, sign: int) -> Callable[[int | None], float]:
        """The chance of so low (sign 1) or so high (-1) a mean, by the size of a sample like this.

        The size is in trials or clusters; None is that of this one.
        """
        if self.clusters is not None:
            sums = self._sums()
            return lambda units: student_above(
                -sign * _clustered_t(cycled(sums, units), limit, sign), (units or len(sums)) - 1
            )
        total, n = sum(self.scores), self.n

        def chance(units: int | None) -> float:
            found = total if units is None else float(round(total / n * units))
            if sign > 0:
                return at_most(ceil(found - 1e-9), units or n, limit)
            return at_least(floor(found + 1e-9), units or n, limit)

        return chance

    def effective_n(self, sign: int) -> tuple[float, float]:
        """The independent trials it counts for, and degrees of freedom; see ``design_effect``."""
        if self.clusters is None:
            return float(self.n), 1e6
        sums = self._sums()
        return self.n / design_effect(sums, sum(total for total, _ in sums), sign), len(sums) - 1

    def by_cluster(self) -> dict[int, list[float]]:
        """The scores of every cluster; nothing where trials are judged as independent."""
        return grouped(zip(self.clusters or (), self.scores, strict=False))

    def _sums(self) -> Sums:
        return [(sum(scores), len(scores)) for scores in self.by_cluster().values()]


def more_of(units: int, each: float, decides: Callable[[int], bool]) -> int | None:
    """How many more trials decide where so many units, of ``each`` trials, do not."""
    count = units
    while count * each < MOST:
        count = max(count + 1, round(count * 1.03))
        if decides(count):
            return round((count - units) * each)
    return None


def cycled(sums: Sums, count: int | None) -> Sums:
    """So many clusters like these; None: these."""
    return sums if count is None else [sums[i % len(sums)] for i in range(count)]


def _clustered_t(sums: Sums, limit: float, sign: int) -> float:
    """How far the mean of some clusters lies above a limit, in standard errors."""
    n, total = sum(count for _, count in sums), sum(total for total, _ in sums)
    return (total / n - limit) / sqrt(limit * (1 - limit) / (n / design_effect(sums, total, sign)))


def design_effect(sums: Sums, amount: float, sign: int = 0) -> float:
    """How much more clusters differ than chance would have them; at least 1.

    The amount is the total, or that of all losses and gains. With a sign, the cluster farthest out
    that way is also tried farther out by the reserve, and the larger effect holds.
    """
    plain = _effect(sums, amount)
    if not sign:
        return plain
    far = max(range(len(sums)), key=lambda i: sign * sums[i][0] / sums[i][1])
    total, n = sums[far]
    moved = total + sign * ceil(RESERVE * n)
    moved = min(float(n), moved) if sign > 0 else max(0.0, moved)
    return max(plain, _effect([*sums[:far], (moved, n), *sums[far + 1 :]], amount + moved - total))


def _effect(sums: Sums, amount: float) -> float:
    n, count = sum(n for _, n in sums), len(sums)
    mean = sum(total for total, _ in sums) / n
    plain = amount / n - mean**2
    if plain <= 1e-12 or count < 2:
        return 1.0
    spread = sum((total - mean * n) ** 2 for total, n in sums) * count / (count - 1)
    return max(1.0, spread / n / plain)


def clusters_shared(header: Header, results: Iterable[Row]) -> int | None:
    """How many haystacks the scored trials share; None where every trial has one of its own."""
    if header.imported is not None:
        return 1  # other tools use one text for everything
    if not header.design.haystack_shared:
        return None
    return len({r.trial.epoch for r in results if r.score is not None})


def sample_of(header: Header, results: Iterable[Row], *, these_only: bool = False) -> Sample:
    """The scored trials of some; ``these_only`` asks about these haystacks and no others."""
    rows = list(results)
    scores = tuple(r.score for r in rows if r.score is not None)
    unscored = [r for r in rows if r.score is None and r.outcome is not Outcome.ERROR]
    shared = None if these_only else clusters_shared(header, rows)
    enough = shared is not None and shared >= FEWEST_CLUSTERS
    return Sample(
        scores=scores,
        clusters=tuple(r.trial.epoch for r in rows if r.score is not None) if enough else None,
        unscored=tuple(r.trial.epoch for r in unscored),
        few=None if shared is None or enough or shared >= len(scores) else shared,
    )


def band_of(depth_percent: float) -> str:
    """head (before 20 %), tail (after 80 %) or middle."""
    if depth_percent < HEAD_BELOW:
        return "head"
    return "tail" if depth_percent > TAIL_ABOVE else "middle"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The ordinary trials of a run, as samples of its parts."""

    header: Header
    rows: Sequence[Row]
    these_only: bool = False

    def of(self, rows: Iterable[Row] | None = None) -> Sample:
        """All of them, or some."""
        some = self.rows if rows is None else rows
        return sample_of(self.header, some, these_only=self.these_only)

    def at(self, *lengths: int) -> Sample:
        return self.of(r for n in lengths for r in self._lengths.get(n, ()))

    def in_band(self, *bands: str) -> Sample:
        cells = (rows for (_, depth), rows in self._cells.items() if band_of(depth) in bands)
        return self.of(r for rows in cells for r in rows)

    def in_cell(self, length: int, depth: float) -> Sample:
        return self.of(self._cells.get((length, depth), ()))

    @cached_property
    def _lengths(self) -> Mapping[int, Sequence[Row]]:
        return grouped((r.trial.context_length, r) for r in self.rows)

    @cached_property
    def _cells(self) -> Mapping[tuple[int, float], Sequence[Row]]:
        return rows_by_cell(self.rows)
