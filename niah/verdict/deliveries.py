"""One model, several deliveries of the same trials.

What each sent and cost, whose misses they are, and from which length one beats the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from niah.records import Row
from niah.verdict.pairs import Pairs
from niah.verdict.records import Comparison
from niah.verdict.sample import figure_of, grouped

AT = (1, 5, 10)  # chunks
_RESAMPLED = 2_000
_EDGE = 2.5  # percent on each side of an interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Trials by where a miss came from. Of trials whose needles can be told from what was sent."""

    read: int = 0  # all needles were sent, and the answer is right
    not_read: int = 0  # all were sent, and it is wrong
    not_sent: int = 0  # a needle was missing from what was sent; whatever the answer

    @property
    def n(self) -> int:
        return self.read + self.not_read + self.not_sent


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFigures:
    """What one run sent for its scored trials; None for what nothing told."""

    calls: float | None  # a trial, on average
    tokens: float | None  # prompt tokens of a trial: the server's, else ours
    first_token_s: float | None  # median, from the trial's first call on
    total_s: float | None  # median
    prepared_s: float | None  # median, of retrieval or of putting summaries together
    # share of trials with all needles among the first 1, 5, 10 chunks; empty: no ranks
    recall: dict[int, float]
    by_depth: dict[float, Split]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """The length from which a later run is better than the first one, or worse (95 % bootstrap)."""

    better: bool  # whether the later run is the better one from there on
    length: int | None  # None: at no length
    low: int | None
    high: int | None
    share: float  # of the resamples that have such a length at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One run of several that differ in their delivery."""

    name: str
    figures: DeliveryFigures
    dollars: float | None  # None: a price or a count of tokens is not known
    comparison: Comparison | None = None  # with the first run; None: it is the first
    crossovers: tuple[Crossover, ...] = ()


def figures_of(rows: Iterable[Row]) -> DeliveryFigures:
    """Of the ordinary trials of a run."""
    scored = [r for r in rows if r.score is not None and r.trial.control is None]
    ranked = [r.delivered for r in scored if r.delivered is not None and r.delivered.chunks]
    depths = grouped((r.trial.depth_percent, r) for r in scored)
    ranks = [d.needle_rank for d in ranked]
    return DeliveryFigures(
        calls=figure_of(fmean, [max(1, len(r.calls)) for r in scored]),
        tokens=figure_of(fmean, [_tokens(r) for r in scored]),
        first_token_s=figure_of(median, [r.first_token_s for r in scored]),
        total_s=figure_of(median, [r.total_s for r in scored]),
        prepared_s=figure_of(median, [r.prepared_s for r in scored]),
        recall={k: fmean(r is not None and r <= k for r in ranks) for k in AT if ranks},
        by_depth={depth: split_of(depths[depth]) for depth in sorted(depths)},
    )


def split_of(rows: Iterable[Row]) -> Split:
    """Retrieved and read, retrieved and not read, not retrieved."""
    shares = [(1.0 if r.delivered is None else r.delivered.needles, r.score) for r in rows]
    known = [(sent == 1, score == 1) for sent, score in shares if sent is not None]
    return Split(
        read=sum(sent and right for sent, right in known),
        not_read=sum(sent and not right for sent, right in known),
        not_sent=sum(not sent for sent, _ in known),
    )


def crossover_of(pairs: Pairs, *, better: bool) -> Crossover | None:
    """From which length on the later run is better, or worse; None: too few lengths or witnesses.

    It is the length from which the paired differences add up to the most, if that is more than
    nothing. The interval resamples witnesses: trials within a length, or epochs where trials share
    a haystack.
    """
    lengths = sorted({p.trial.context_length for p in pairs.pairs})
    groups: dict[int, list[float]] = defaultdict(lambda: [0.0] * len(lengths))
    strata: dict[int, int] = {}
    for witness, p in pairs.witnesses():
        change = p.after - p.before if better else p.before - p.after
        groups[witness][lengths.index(p.trial.context_length)] += change
        strata[witness] = 0 if pairs.by_epoch else p.trial.context_length
    if len(lengths) < 2 or len(groups) < 5:
        return None
    sums, random = np.array(list(groups.values())), np.random.Generator(np.random.PCG64(0))
    of = np.array(list(strata.values()))
    kinds = [np.flatnonzero(of == kind) for kind in np.unique(of)]
    found = []
    for _ in range(_RESAMPLED):
        chosen = np.concatenate([random.choice(kind, len(kind)) for kind in kinds])
        found.append(_from(sums[chosen].sum(0)))
    known = [place for place in found if place is not None]
    here, ends = _from(sums.sum(0)), (_EDGE, 100 - _EDGE)
    low = high = None
    if known and here is not None:
        low, high = (lengths[int(np.percentile(known, q, method="nearest"))] for q in ends)
    return Crossover(
        better=better,
        length=None if here is None else lengths[here],
        low=low,
        high=high,
        share=len(known) / _RESAMPLED,
    )


def _from(sums: Sequence[float]) -> int | None:
    """Where the largest sum of all that follows begins, the last such place; None: none above 0."""
    behind = np.cumsum(np.asarray(sums)[::-1])
    return len(behind) - 1 - int(behind.argmax()) if behind.max() > 0 else None


def _tokens(row: Row) -> float | None:
    told = row.response.usage.input_tokens if row.response else None
    if told is not None:
        return told
    return sum(call.prompt_tokens for call in row.calls) if row.calls else row.sent_tokens
