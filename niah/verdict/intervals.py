"""Intervals for shares and for means of fractional scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

from niah.records import Recall

Z_95 = 1.959963984540054  # two-sided 95 %
NORMAL_FROM = 200  # of so many scores a bootstrap is its normal limit
BOOTSTRAP_FROM = 10  # of fewer fractional scores a bootstrap is too narrow; Wilson's is the widest they could need
RESAMPLES = 4_000


def wilson(successes: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share, 95 % unless told (Wilson 1927). n must be above 0."""
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # exact at 0 and 1


def bootstrap(scores: Sequence[float]) -> tuple[float, float]:
    """The 95 % percentile interval of a mean, over trials drawn again with replacement (Efron 1979); seeded."""
    if len(scores) >= NORMAL_FROM:
        half = Z_95 * stdev(scores) / sqrt(len(scores))
        return max(0.0, fmean(scores) - half), min(1.0, fmean(scores) + half)
    import numpy as np  # 0.1 s, and only fractional scores need it

    counts = Counter(scores)
    values, n = np.array(list(counts)), len(scores)
    drawn = np.random.default_rng(0).multinomial(n, np.array(list(counts.values())) / n, size=RESAMPLES)
    low, high = np.quantile(drawn @ values / n, (0.025, 0.975))
    return float(low), float(high)


def recall_of(scores: Sequence[float]) -> Recall:
    """Mean, n and interval of independent trials; all None but n where there is nothing."""
    if not scores:
        return Recall(mean=None, n=0, low=None, high=None)
    n, mean = len(scores), sum(scores) / len(scores)
    plain = n < BOOTSTRAP_FROM or len(set(scores)) == 1 or set(scores) <= {0.0, 1.0}
    low, high = wilson(sum(scores), n) if plain else bootstrap(scores)
    return Recall(mean=mean, n=n, low=min(low, mean), high=max(high, mean))
