"""Intervals for shares."""

from __future__ import annotations

from math import sqrt

from niah.records import Recall

_Z = 1.959963984540054  # two-sided 95 %


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The Wilson score interval of a share, 95 % (Wilson 1927). n must be at least 1."""
    share = successes / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # exact at 0 and 1


def recall_of(scores: list[float]) -> Recall:
    """Mean, n and interval; all None but n where there is nothing."""
    if not scores:
        return Recall(mean=None, n=0, low=None, high=None)
    low, high = wilson(sum(scores), len(scores))
    return Recall(mean=sum(scores) / len(scores), n=len(scores), low=low, high=high)
