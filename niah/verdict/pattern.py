"""Where a run loses needles, as two questions: at which lengths, and at which depths.

A difference is named only where intervals of both sides do not meet, at a level divided by the number of differences
that were looked at (Bonferroni). One question is asked for itself, at 95 %: whether the middle is lost (Liu et al.
2023). Everything else is "no pattern".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise, permutations
from math import log
from statistics import NormalDist

from niah.verdict.records import ByDepth, ByLength, Contrast, Pattern
from niah.verdict.sample import BANDS, Z_95, Sample, Samples

Sides = tuple[tuple[int, int], tuple[Sample, Sample]]  # two lengths, and what is found on the side of each

_DEPTHS: Mapping[frozenset[str], ByDepth] = {
    frozenset({"middle"}): ByDepth.MIDDLE,
    frozenset({"head"}): ByDepth.HEAD,
    frozenset({"tail"}): ByDepth.TAIL,
    frozenset({"head", "middle"}): ByDepth.ALL_BUT_TAIL,
    frozenset({"middle", "tail"}): ByDepth.ALL_BUT_HEAD,
    frozenset({"head", "tail"}): ByDepth.ENDS,
}


def pattern_of(samples: Samples, lengths: Sequence[int], middle: Contrast | None = None) -> Pattern:
    """The shape of a run's losses. ``middle`` is the ends minus it."""
    measured = {n: sample for n in lengths if (sample := samples.at(n)).n}
    by_depth = _by_depth({band: samples.in_band(band) for band in BANDS})
    if by_depth is ByDepth.EVEN and middle is not None and middle.low > 0:
        by_depth = ByDepth.MIDDLE
    dip = _dip(measured)
    found = dip or _edge(samples, list(measured))
    if found is None:
        return Pattern(by_length=ByLength.EVEN, by_depth=by_depth)
    places, (one, other) = found
    return Pattern(
        by_length=ByLength.DIP if dip else ByLength.EDGE,
        lengths=places,
        shares=(one.share(), other.share()),
        by_depth=by_depth,
    )


def least_trials(threshold: float) -> int:
    """Trials at one length, all of them found, whose interval (Wilson) lies above a threshold."""
    n = 1
    while n / (n + Z_95**2) < threshold:
        n += 1
    return n


def below(low: Sample, high: Sample, comparisons: int) -> bool:
    """Whether one share is surely below another, as one of so many comparisons."""
    if not low.n or not high.n or low.mean >= high.mean:
        return False
    wider = NormalDist().inv_cdf(1 - 0.025 / comparisons) / Z_95
    return low.interval(wider)[1] < high.interval(wider)[0]


def _dip(measured: Mapping[int, Sample]) -> Sides | None:
    """The length that is most below a longer one, and that one."""
    pairs = list(combinations(measured, 2))
    dips = [((a, b), (measured[a], measured[b])) for a, b in pairs if below(measured[a], measured[b], len(pairs))]
    return max(dips, key=lambda dip: dip[1][1].mean - dip[1][0].mean, default=None)


def _edge(samples: Samples, lengths: Sequence[int]) -> Sides | None:
    """The lengths on both sides of the split that explains most, and what is found up to it and beyond it."""
    splits = [
        (pair, (samples.at(*lengths[:i]), samples.at(*lengths[i:]))) for i, pair in enumerate(pairwise(lengths), 1)
    ]
    edges = [(pair, sides) for pair, sides in splits if below(sides[1], sides[0], len(splits))]
    return max(edges, key=lambda edge: sum(map(_likelihood, edge[1])), default=None)


def _likelihood(sample: Sample) -> float:
    """Of trials that are all found with the chance of their mean, as a logarithm."""
    return sample.n * sum(p * log(p) for p in (sample.mean, 1 - sample.mean) if p > 0)


def _by_depth(by_band: Mapping[str, Sample]) -> ByDepth:
    """Which bands are surely worse than another one."""
    pairs = list(permutations(by_band, 2))
    worse = {low for low, high in pairs if below(by_band[low], by_band[high], len(pairs) // 2)}
    return _DEPTHS.get(frozenset(worse), ByDepth.EVEN)
