"""The scores of some trials, and what may be concluded from them: intervals and tests that know about clusters.

Trials that share a haystack are a cluster, and no independent witnesses: a haystack that is hard is hard for all
of them. From five clusters on, their spread is measured, and the sample counts for as many trials as
that leaves (effective sample size; Franco, Little, Louis and Slud 2019), with Student's t for the few clusters. Below
five the interval holds for these clusters only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

from niah.records import Header, Outcome, Recall, Row
from niah.verdict.exact import at_least, at_most, normal_above, student_above, student_quantile
from niah.verdict.intervals import recall_of, wilson

FEWEST_CLUSTERS = 5  # one-sided at 5 %, fewer signs cannot decide: 1/2 to the power of 4 is above it
RESERVE = 0.12  # share of a cluster: so much worse than the worst one seen might be one that was not
MOST = 100_000  # trials that are worth counting up to
EXACT_TO = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Scores from 0 to 1, and the cluster of each, where trials share haystacks."""

    scores: tuple[float, ...]
    clusters: tuple[int, ...] | None = None  # None: judged as independent
    unscored: tuple[int, ...] = ()  # the cluster of each trial that ended without a score

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)

    def recall(self) -> Recall:
        """Mean with its 95 % interval."""
        if self.clusters is None or not self.scores:
            return recall_of(self.scores)
        effective_n, freedom = self._effective_n()
        low, high = wilson(self.mean * effective_n, effective_n, student_quantile(0.025, freedom))
        return Recall(mean=self.mean, n=self.n, low=low, high=high)

    def p_below(self, limit: float) -> float:
        """The chance of so low a mean where the true one is at the limit: small, and the limit is not held."""
        if self.clusters is None:
            return at_most(ceil(sum(self.scores) - 1e-9), self.n, limit)
        return student_above(-self._t(limit, RESERVE), self._effective_n()[1])

    def p_above(self, limit: float) -> float:
        """The chance of so high a mean where the true one is at the limit: small, and the limit is held.

        Trials without a score count as 0 here: what they would have been is not known.
        """
        worst = self.worst()
        if worst.clusters is None:
            return at_least(floor(sum(worst.scores) + 1e-9), worst.n, limit)
        return student_above(worst._t(limit, -RESERVE), worst._effective_n()[1])

    def worst(self) -> Sample:
        """With 0 for every trial that ended without a score."""
        clusters = None if self.clusters is None else self.clusters + self.unscored
        return Sample(scores=self.scores + (0.0,) * len(self.unscored), clusters=clusters)

    def inverted(self) -> Sample:
        """One minus every score."""
        return Sample(scores=tuple(1.0 - s for s in self.scores), clusters=self.clusters)

    def more_to_decide(self, limit: float, fail: float, passing: float, fails_below: bool = True) -> int | None:
        """How many more trials would decide at these levels, if the mean stays; None where 100,000 would not.

        Where trials share haystacks: as many more of these, each as good as one of those that there are.
        """
        low, high = (fail, passing) if fails_below else (passing, fail)
        if self.clusters is not None:
            return self._more_of_clusters(limit, low, high)
        n = float(self.n)
        while n < MOST:
            n = max(n + 1, n * 1.02)
            size, found = round(n), round(self.mean * round(n))
            below, above = _tails(found, size, limit)
            if below <= low or above <= high:
                return size - self.n
        return None

    def _more_of_clusters(self, limit: float, low: float, high: float) -> int | None:
        sums, worst = self._sums(), self.worst()._sums()
        each = self.n / len(sums)
        count = len(sums)
        while count * each < MOST:
            count = max(count + 1, round(count * 1.05))
            below, above = (
                student_above(
                    sign * _clustered_t([known[i % len(known)] for i in range(count)], limit, reserve), count - 1
                )
                for known, sign, reserve in ((sums, -1, RESERVE), (worst, 1, -RESERVE))
            )
            if below <= low or above <= high:
                return round((count - len(sums)) * each)
        return None

    def _t(self, limit: float, reserve: float) -> float:
        return _clustered_t(self._sums(), limit, reserve)

    def effective_n(self) -> tuple[float, float]:
        """As how many independent trials the sample counts, and the degrees of freedom."""
        effective_n, freedom = self._effective_n(-RESERVE)
        return effective_n, 1e6 if self.clusters is None else freedom

    def _effective_n(self, reserve: float = 0.0) -> tuple[float, float]:
        """As how many independent trials of right or wrong the sample counts, and the degrees of freedom."""
        if self.clusters is None:
            return float(self.n), max(1.0, self.n - 1.0)
        sums = self._sums()
        return self.n / _effect(sums, reserve), max(1.0, len(sums) - 1.0)

    def by_cluster(self) -> dict[int, list[float]]:
        """The scores of every cluster; nothing where trials are judged as independent."""
        found: dict[int, list[float]] = defaultdict(list)
        for cluster, score in zip(self.clusters or (), self.scores, strict=self.clusters is not None):
            found[cluster].append(score)
        return dict(found)

    def _sums(self) -> list[tuple[float, int]]:
        """Total and count per cluster."""
        return [(sum(scores), len(scores)) for scores in self.by_cluster().values()]


def _effect(sums: Sequence[tuple[float, int]], reserve: float) -> float:
    """The design effect of totals and counts, with a reserve upwards (above 0), downwards (below 0) or none."""
    amount = sum(total for total, _ in sums)
    sign = (reserve > 0) - (reserve < 0)
    return reserved_effect(sums, amount, sign) if sign else design_effect(sums, amount)


def _clustered_t(sums: Sequence[tuple[float, int]], limit: float, reserve: float) -> float:
    """How far the mean of some clusters lies above a limit, in standard errors."""
    n = sum(count for _, count in sums)
    mean = sum(total for total, _ in sums) / n
    return (mean - limit) / sqrt(limit * (1 - limit) / (n / _effect(sums, reserve)))


def design_effect(sums: Sequence[tuple[float, int]], amount: float) -> float:
    """How much more clusters differ than chance would have them, from total and count of each; at least 1.

    The amount is the total, or that of all losses and gains.
    """
    n, count = sum(n for _, n in sums), len(sums)
    mean = sum(total for total, _ in sums) / n
    plain = amount / n - mean**2
    if plain <= 1e-12 or count < 2:
        return 1.0
    spread = sum((total - mean * n) ** 2 for total, n in sums) * count / (count - 1)
    return max(1.0, spread / n / plain)


def reserved_effect(sums: Sequence[tuple[float, int]], amount: float, sign: int) -> float:
    """The design effect, or that with the cluster farthest out farther by the reserve: up (sign 1) or down (-1)."""
    far = max(range(len(sums)), key=lambda i: sign * sums[i][0] / sums[i][1])
    total, n = sums[far]
    moved = min(float(n), total + ceil(RESERVE * n)) if sign > 0 else max(0.0, total - ceil(RESERVE * n))
    others = [*sums[:far], (moved, n), *sums[far + 1 :]]
    return max(design_effect(sums, amount), design_effect(others, amount + moved - total))


def _tails(found: int, n: int, limit: float) -> tuple[float, float]:
    """The chances of so few and of so many; of more than a thousand trials near enough."""
    if n <= EXACT_TO:
        return at_most(found, n, limit), at_least(found, n, limit)
    spread = sqrt(n * limit * (1 - limit))
    return normal_above((n * limit - found - 0.5) / spread), normal_above((found - 0.5 - n * limit) / spread)


def clusters_shared(header: Header, results: Iterable[Row]) -> int | None:
    """How many haystacks the trials share; None where every trial has one of its own."""
    if header.imported is not None:
        return 1  # other tools use one text for everything
    if not header.design.haystack_shared:
        return None
    return len({r.trial.epoch for r in results})


def sample_of(header: Header, results: Iterable[Row], *, these_only: bool = False) -> Sample:
    """The scored trials among some results; ``these_only`` asks about these haystacks and no others."""
    scored, unscored = [], []
    for r in results:
        if r.score is not None:
            scored.append((r.score, r.trial.epoch))
        elif r.outcome is not Outcome.ERROR:
            unscored.append(r.trial.epoch)
    shared = None if these_only or header.imported else header.design.haystack_shared
    clustered = bool(shared) and len({epoch for _, epoch in scored}) >= FEWEST_CLUSTERS
    return Sample(
        scores=tuple(score for score, _ in scored),
        clusters=tuple(epoch for _, epoch in scored) if clustered else None,
        unscored=tuple(unscored),
    )
