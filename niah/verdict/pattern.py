"""Where a run loses needles, as two questions: at which lengths, and at which depths.

A difference is named where the 95 % intervals of both sides do not meet: that holds at about 99 % for one pair, so that
picking the clearest of a few lengths leaves little to chance. Everything else is "no pattern".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from niah.figures import ByDepth, ByLength, Pattern
from niah.records import Recall
from niah.verdict.intervals import Z_95


def pattern_of(
    whole: Recall,
    by_length: Mapping[int, Recall],
    up_to_length: Mapping[int, Recall],
    by_band: Mapping[str, Recall],
) -> Pattern:
    """What is seen of a run's shape."""
    measured = {n: r for n, r in sorted(by_length.items()) if r.mean is not None}
    if whole.mean is None or whole.mean in (0.0, 1.0):
        return Pattern(by_length=ByLength.EVEN, by_depth=ByDepth.EVEN)
    kind, lengths = _by_length(measured, up_to_length)
    return Pattern(by_length=kind, lengths=lengths, by_depth=_by_depth(by_band))


def least_trials(threshold: float) -> int:
    """Trials at one length, all of them found, whose interval (Wilson) lies above a threshold."""
    n = 1
    while n / (n + Z_95**2) < threshold:
        n += 1
    return n


def below(low: Recall, high: Recall) -> bool:
    """Whether one share is surely below another."""
    return low.high is not None and high.low is not None and low.high < high.low


def _by_length(
    measured: Mapping[int, Recall], up_to_length: Mapping[int, Recall]
) -> tuple[ByLength, tuple[int, int] | None]:
    """An edge, a dip or neither, and the two lengths that show it."""
    lengths = list(measured)
    dips = [(a, b) for i, a in enumerate(lengths) for b in lengths[i + 1 :] if below(measured[a], measured[b])]
    if dips:
        worst = max(dips, key=lambda pair: (measured[pair[1]].mean or 0.0) - (measured[pair[0]].mean or 0.0))
        return ByLength.DIP, worst
    edges = [
        (a, b)
        for i, (a, b) in enumerate(pairwise(lengths))
        if all(below(measured[n], up_to_length[a]) for n in lengths[i + 1 :])
    ]
    if not edges:
        return ByLength.EVEN, None
    edge = max(edges, key=lambda pair: (up_to_length[pair[0]].mean or 0.0) - (measured[pair[1]].mean or 0.0))
    return ByLength.EDGE, edge


def _by_depth(by_band: Mapping[str, Recall]) -> ByDepth:
    """Which bands are surely worse than another one."""
    bands: Sequence[str] = [band for band, r in by_band.items() if r.mean is not None]
    worse = {low for low in bands for high in bands if below(by_band[low], by_band[high])}
    return {
        frozenset({"middle"}): ByDepth.MIDDLE,
        frozenset({"head"}): ByDepth.HEAD,
        frozenset({"tail"}): ByDepth.TAIL,
        frozenset({"head", "middle"}): ByDepth.ALL_BUT_TAIL,
        frozenset({"middle", "tail"}): ByDepth.ALL_BUT_HEAD,
        frozenset({"head", "tail"}): ByDepth.ENDS,
    }.get(frozenset(worse), ByDepth.EVEN)
