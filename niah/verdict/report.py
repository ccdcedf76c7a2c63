"""The figures of one run: what is found, where needles are lost, and time by length.

The shape of the losses is two questions: at which lengths, and at which depths. A difference is
named only where intervals of both sides do not meet, at a level divided by the number of
differences that were looked at (Bonferroni). One question is asked for itself, at 95 %: whether the
middle is lost (Liu et al. 2023). Everything else is "no pattern".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise, permutations
from math import ceil, exp, log, sqrt
from statistics import fmean, linear_regression, median, variance
from typing import Any

from niah.records import Header, Outcome, Row
from niah.verdict.effective import RULES, effective_length, least_trials, rule_of
from niah.verdict.exact import log_choices, student_quantile
from niah.verdict.grid import MISSING, counts_of, grid_of, uneven_notes, unscored_of
from niah.verdict.ladder import Ladder
from niah.verdict.records import (
    ByDepth,
    ByLength,
    Contrast,
    Grid,
    Growth,
    Pattern,
    Region,
    RunReport,
    Share,
    Times,
)
from niah.verdict.sample import (
    BANDS,
    FEWEST_CLUSTERS,
    Sample,
    Samples,
    clusters_shared,
    figure_of,
    grouped,
    percentile,
    wilson,
)

MOST_EDGES = 36  # of blocks, each way: their number grows with the fourth power
LEAST_LENGTHS = 3  # a line through two points fits always


def report_of(
    header: Header, results: Iterable[Row], rules: Sequence[str] = RULES, grid: Grid | None = None
) -> RunReport:
    """Every figure of a run's ordinary trials. Raises ConfigError for a rule that is not there."""
    everything = list(results)
    ordinary = [r for r in everything if r.trial.control is None]
    grid = grid or grid_of(header, everything)
    samples, lengths = Samples(header=header, rows=ordinary), grid.context_lengths
    at_length = {n: samples.at(n) for n in lengths}
    adaptive = header.design.adaptive

    def share(sample: Sample) -> Share:  # without an interval where a rule stopped the trials
        return replace(sample.share(), low=None, high=None) if adaptive else sample.share()

    by_length = {n: share(sample) for n, sample in at_length.items()}
    cells = _cells_of(samples, grid)
    middle = lost_in_the_middle(samples.in_band("head", "tail"), samples.in_band("middle"))
    times, every = times_of(ordinary), counts_of(grid, controls=True)
    return RunReport(
        model=grid.model,
        simulated=grid.simulated,
        planned=sum(every.values()),
        ordinary=sum(counts_of(grid).values()),
        missing=every[MISSING],
        errors=every[Outcome.ERROR],
        unscored=unscored_of(every),
        haystacks=clusters_shared(header, ordinary),
        whole=grid.whole,
        by_length=by_length,
        up_to_length={n: share(samples.at(*lengths[: i + 1])) for i, n in enumerate(lengths)},
        by_band={band: share(samples.in_band(band)) for band in BANDS},
        effective=tuple(effective_length(rule, at_length, cells) for rule in rules if not adaptive),
        middle=middle,
        weakest=weakest_region(grid),
        claimed=header.claimed,
        tested=max((n for n in lengths if by_length[n].n), default=None),
        times=times,
        first_token_growth=growth_of((t.context_length, t.first_token_s) for t in times),
        total_growth=growth_of((t.context_length, t.total_s) for t in times),
        by_control=grid.by_control,
        imported=header.imported,
        notes=() if adaptive else uneven_notes(grid),
        nats=_nats(ordinary),
        bracket=Ladder(header, everything).bracket if adaptive else None,
        media=grid.media,
        pattern=pattern_of(samples, lengths, middle),
        least_per_length=least_trials(rule_of("absolute")[1]),
    )


def _cells_of(samples: Samples, grid: Grid) -> dict[int, list[Sample]]:
    """The cells of every length; the trials of a cell share no haystack."""
    alone = replace(samples, these_only=True)
    places = ((c.context_length, c.depth_percent) for c in grid.cells)
    return grouped((length, alone.in_cell(length, depth)) for length, depth in places)


def _nats(rows: Iterable[Row]) -> dict[int, tuple[float, int]]:
    told = grouped(
        (r.trial.context_length, r.target_nats) for r in rows if r.target_nats is not None
    )
    return {n: (fmean(own), len(own)) for n, own in sorted(told.items())}


def times_of(results: Iterable[Row]) -> tuple[Times, ...]:
    """Median seconds by length, over whole answers; what was not measured is None."""
    timed = [r for r in results if r.total_s is not None or r.first_token_s is not None]
    by_length = grouped((r.trial.context_length, r) for r in timed if r.score is not None)
    return tuple(_times(length, by_length[length]) for length in sorted(by_length))


def growth_of(seconds: Iterable[tuple[int, float | None]]) -> Growth | None:
    """The exponent of seconds against length (least squares on logarithms); None: too few."""
    points = [(log(length), log(s)) for length, s in seconds if s is not None and s > 0]
    if len(points) < LEAST_LENGTHS:
        return None
    slope, _ = linear_regression([x for x, _ in points], [y for _, y in points])
    return Growth(exponent=slope, lengths=len(points))


def _times(length: int, results: list[Row]) -> Times:
    first, total = [r.first_token_s for r in results], [r.total_s for r in results]
    usages = [r.response.usage for r in results if r.response is not None]
    told = [(u.cached_tokens, u.input_tokens) for u in usages]
    known = [(cached, n) for cached, n in told if cached is not None and n]
    return Times(
        context_length=length,
        n=len(results),
        first_token_s=figure_of(median, first),
        total_s=figure_of(median, total),
        total_p95_s=figure_of(partial(percentile, share=0.95), total),
        cached_share=sum(c for c, _ in known) / sum(n for _, n in known) if known else None,
    )


def lost_in_the_middle(ends: Sample, middle: Sample) -> Contrast | None:
    """Ends minus middle (Liu et al. 2023), with an interval of both (Newcombe 1998, method 10).

    Ends and middle of one haystack are compared with each other: what makes a haystack hard for
    both cancels out. So the intervals are widened by how much more than chance the differences of
    the haystacks differ, and not by how much the haystacks do; with Student's t, as there are few
    of them.
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


def _paired_intervals(
    ends: Sample, middle: Sample
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The interval of each side, as far as it is not shared by both."""
    a, b = ends.by_cluster(), middle.by_cluster()
    both = sorted(a.keys() & b.keys())
    if len(both) < FEWEST_CLUSTERS:
        return ends.interval(), middle.interval()
    # the variance of one trial; that of a mean of n is so many times less
    varies = [s.mean * (1 - s.mean) for s in (ends, middle)]
    expected = fmean(varies[0] / len(a[c]) + varies[1] / len(b[c]) for c in both)
    effect = 1.0
    if expected > 0:
        effect = max(effect, variance(fmean(a[c]) - fmean(b[c]) for c in both) / expected)
    z = student_quantile(0.025, len(both) - 1)
    sides = [(s.mean * s.n / effect, s.n / effect) for s in (ends, middle)]
    return wilson(*sides[0], z), wilson(*sides[1], z)


def weakest_region(grid: Grid) -> Region | None:
    """The block whose share found is most surely below the rest (scan statistic, Kulldorff 1997).

    None where no block is below the rest. All blocks were looked at, and its p value counts them
    all (Bonferroni), so that it is too large rather than too small.
    """
    import numpy as np  # 0.1 s, which a gate does not need

    lengths, depths = grid.context_lengths, grid.depths
    if not grid.whole.n:
        return None
    tables = np.zeros((2, len(lengths) + 1, len(depths) + 1))  # trials and needles found
    for c in grid.cells:
        row, column = lengths.index(c.context_length) + 1, depths.index(c.depth_percent) + 1
        tables[:, row, column] = c.n, c.n * (c.mean or 0.0)
    sums = tables.cumsum(1).cumsum(2)
    i, j = np.array(list(combinations(_edges(len(lengths)), 2)))[:, :, None].swapaxes(0, 1)
    k, m = np.array(list(combinations(_edges(len(depths)), 2))).T
    blocks = sums[:, j, m] - sums[:, i, m] - sums[:, j, k] + sums[:, i, k]
    (n, found), (rest, rest_found) = blocks, sums[:, -1, -1][:, None, None] - blocks
    gain = _likelihood(found, n) + _likelihood(rest_found, rest) - _likelihood(*sums[::-1, -1, -1])
    gain[(n < 0.5) | (rest < 0.5) | (found * rest >= rest_found * n)] = 0.0
    if gain.max() <= 1e-9:
        return None
    x, y = np.unravel_index(np.argmax(gain), gain.shape)
    so_few = _so_few(*(float(part[x, y]) for part in (found, n, rest_found, rest)))
    return Region(
        lengths=(lengths[int(i[x, 0])], lengths[int(j[x, 0]) - 1]),
        depths=(depths[int(k[y])], depths[int(m[y]) - 1]),
        inside=_share(found[x, y], n[x, y]),
        outside=_share(rest_found[x, y], rest[x, y]),
        p=min(1.0, gain.size * so_few),
    )


def _so_few(found: float, n: float, rest_found: float, rest: float) -> float:
    """The chance that so few of all that was found fall into a block (Fisher's exact test)."""
    k, size, every = ceil(found - 1e-9), round(n), round(n + rest)
    right = round(found + rest_found)
    whole = log_choices(every, size)
    return sum(
        exp(log_choices(right, i) + log_choices(every - right, size - i) - whole)
        for i in range(max(0, size - (every - right)), min(k, right) + 1)
    )


def _edges(n: int) -> list[int]:
    """Where blocks may begin and end: everywhere, in large grids at every second or later place."""
    return sorted({*range(0, n, -(-n // MOST_EDGES)), n})


def _likelihood(found: Any, n: Any) -> Any:
    """Of so many found of n, with the chance of their share, as a logarithm; arrays or numbers."""
    import numpy as np

    parts = (found, n - found)
    return sum(p * np.log(np.where(p > 1e-9, p, 1.0) / np.maximum(n, 0.5)) for p in parts)


def _share(found: float, n: float) -> Share:
    low, high = wilson(min(max(found, 0.0), n), n)
    return Share(mean=float(found / n), n=round(n), low=low, high=high)


# two lengths, and what is found on the side of each
Sides = tuple[tuple[int, int], tuple[Sample, Sample]]

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


def below(low: Sample, high: Sample, comparisons: int) -> bool:
    """Whether one share is surely below another, as one of so many comparisons."""
    if not low.n or not high.n or low.mean >= high.mean:
        return False
    return low.interval(comparisons)[1] < high.interval(comparisons)[0]


def _dip(measured: Mapping[int, Sample]) -> Sides | None:
    """The length that is most below a longer one, and that one."""
    pairs = [((a, b), (measured[a], measured[b])) for a, b in combinations(measured, 2)]
    dips = [(places, sides) for places, sides in pairs if below(*sides, len(pairs))]
    return max(dips, key=lambda dip: dip[1][1].mean - dip[1][0].mean, default=None)


def _edge(samples: Samples, lengths: Sequence[int]) -> Sides | None:
    """The lengths on both sides of the split that explains most, and what is found up to each."""
    splits = [
        (pair, (samples.at(*lengths[:i]), samples.at(*lengths[i:])))
        for i, pair in enumerate(pairwise(lengths), 1)
    ]
    edges = [(pair, sides) for pair, sides in splits if below(sides[1], sides[0], len(splits))]
    return max(edges, key=lambda edge: sum(map(_fit, edge[1])), default=None)


def _fit(sample: Sample) -> float:
    """Of trials that are all found with the chance of their mean, as a logarithm."""
    return sample.n * sum(p * log(p) for p in (sample.mean, 1 - sample.mean) if p > 0)


def _by_depth(by_band: Mapping[str, Sample]) -> ByDepth:
    pairs = list(permutations(by_band, 2))
    worse = {low for low, high in pairs if below(by_band[low], by_band[high], len(pairs) // 2)}
    return _DEPTHS.get(frozenset(worse), ByDepth.EVEN)
