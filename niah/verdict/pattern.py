"""Where a run loses needles, as two questions: at which lengths, and at which depths.

A difference is named only where intervals of both sides do not meet, at a level divided by the number of differences
that were looked at (Bonferroni). One question is asked for itself, at 95 %: whether the middle is lost (Liu et al.
2023). Everything else is "no pattern".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from math import log
from statistics import NormalDist

from niah.records import Recall
from niah.verdict.intervals import Z_95, wilson
from niah.verdict.records import ByDepth, ByLength, Contrast, Pattern

_DEPTHS: Mapping[frozenset[str], ByDepth] = {
    frozenset({"middle"}): ByDepth.MIDDLE,
    frozenset({"head"}): ByDepth.HEAD,
    frozenset({"tail"}): ByDepth.TAIL,
    frozenset({"head", "middle"}): ByDepth.ALL_BUT_TAIL,
    frozenset({"middle", "tail"}): ByDepth.ALL_BUT_HEAD,
    frozenset({"head", "tail"}): ByDepth.ENDS,
}


def pattern_of(
    by_length: Mapping[int, Recall],
    of_lengths: Callable[[Sequence[int]], Recall],
    by_band: Mapping[str, Recall],
    middle: Contrast | None = None,
) -> Pattern:
    """The shape of a run's losses. ``of_lengths`` is the recall of some lengths together, ``middle`` ends minus it."""
    measured = {n: r for n, r in sorted(by_length.items()) if r.mean is not None}
    dip = _dip(measured)
    by_depth = _by_depth(by_band)
    if by_depth is ByDepth.EVEN and middle is not None and middle.low > 0:
        by_depth = ByDepth.MIDDLE
    if dip is not None:
        shares = (measured[dip[0]], measured[dip[1]])
        return Pattern(by_length=ByLength.DIP, lengths=dip, shares=shares, by_depth=by_depth)
    edge = _edge(list(measured), of_lengths)
    if edge is not None:
        return Pattern(by_length=ByLength.EDGE, lengths=edge[0], shares=edge[1], by_depth=by_depth)
    return Pattern(by_length=ByLength.EVEN, by_depth=by_depth)


def least_trials(threshold: float) -> int:
    """Trials at one length, all of them found, whose interval (Wilson) lies above a threshold."""
    n = 1
    while n / (n + Z_95**2) < threshold:
        n += 1
    return n


def below(low: Recall, high: Recall, comparisons: int) -> bool:
    """Whether one share is surely below another, as one of so many comparisons."""
    if low.mean is None or high.mean is None or low.mean >= high.mean:
        return False
    z = NormalDist().inv_cdf(1 - 0.025 / comparisons)
    n_low, n_high = effective_n(low), effective_n(high)
    return wilson(low.mean * n_low, n_low, z)[1] < wilson(high.mean * n_high, n_high, z)[0]


@lru_cache(maxsize=1_024)
def effective_n(r: Recall) -> float:
    """Independent trials whose Wilson interval is as wide as the given one: fewer where trials share haystacks."""
    if r.mean is None or r.low is None or r.high is None:
        return 0.0
    few, many = 0.01, 100.0 * r.n
    for _ in range(60):
        n = (few * many) ** 0.5
        low, high = wilson(r.mean * n, n)
        few, many = (n, many) if high - low > r.high - r.low else (few, n)
    return few


def _dip(measured: Mapping[int, Recall]) -> tuple[int, int] | None:
    """The length that is most below a longer one, and that one."""
    pairs = list(combinations(measured, 2))
    dips = [(a, b) for a, b in pairs if below(measured[a], measured[b], len(pairs))]
    return max(dips, key=lambda ab: (measured[ab[1]].mean or 0.0) - (measured[ab[0]].mean or 0.0), default=None)


def _edge(
    lengths: list[int], of_lengths: Callable[[Sequence[int]], Recall]
) -> tuple[tuple[int, int], tuple[Recall, Recall]] | None:
    """The lengths on both sides of the split that explains most, and what is found up to it and beyond it."""
    edges = []
    for i, pair in enumerate(pairwise(lengths), 1):
        shares = (of_lengths(lengths[:i]), of_lengths(lengths[i:]))
        if below(shares[1], shares[0], len(lengths) - 1):
            edges.append((pair, shares))
    return max(edges, key=lambda edge: sum(map(_likelihood, edge[1])), default=None)


def _likelihood(r: Recall) -> float:
    """Of trials that are all found with the chance of their mean, as a logarithm."""
    share = r.mean or 0.0
    return r.n * sum(p * log(p) for p in (share, 1 - share) if p > 0)


def _by_depth(by_band: Mapping[str, Recall]) -> ByDepth:
    """Which bands are surely worse than another one."""
    pairs = [(low, high) for low in by_band for high in by_band if low != high]
    worse = {low for low, high in pairs if below(by_band[low], by_band[high], len(pairs) // 2)}
    return _DEPTHS.get(frozenset(worse), ByDepth.EVEN)
