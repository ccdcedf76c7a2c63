"""Intervals for shares and for means of fractional scores."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from niah.records import Recall

Z_95 = 1.959963984540054  # two-sided 95 %


def wilson(successes: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share, 95 % unless told (Wilson 1927). n must be above 0.

    For scores between 0 and 1 it is wider than needed: none vary more than those that are 0 or 1 with the same mean.
    """
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # exact at 0 and 1


def recall_of(scores: Sequence[float]) -> Recall:
    """Mean, n and interval of independent trials; all None but n where there is nothing."""
    if not scores:
        return Recall(mean=None, n=0, low=None, high=None)
    n, mean = len(scores), sum(scores) / len(scores)
    low, high = wilson(sum(scores), n)
    return Recall(mean=mean, n=n, low=min(low, mean), high=max(high, mean))
