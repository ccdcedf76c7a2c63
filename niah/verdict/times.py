"""Time by length, and how it grows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil, log
from statistics import linear_regression, median

from niah.records import Row
from niah.verdict.records import Growth, Times

LEAST_LENGTHS = 3  # a line through two points fits always


def times_of(results: Iterable[Row]) -> tuple[Times, ...]:
    """Median seconds by length, over whole answers; what was not measured is None."""
    by_length: dict[int, list[Row]] = defaultdict(list)
    for r in results:
        if r.score is not None and (r.total_s is not None or r.first_token_s is not None):
            by_length[r.trial.context_length].append(r)
    return tuple(_times(length, by_length[length]) for length in sorted(by_length))


def growth_of(seconds: Iterable[tuple[int, float | None]]) -> Growth | None:
    """The exponent of seconds against length, by least squares on logarithms; None for fewer than three lengths."""
    points = [(log(length), log(s)) for length, s in seconds if s is not None and s > 0]
    if len(points) < LEAST_LENGTHS:
        return None
    slope, _ = linear_regression([x for x, _ in points], [y for _, y in points])
    return Growth(exponent=slope, lengths=len(points))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below so large a share of them (nearest rank)."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _times(length: int, results: list[Row]) -> Times:
    first = [r.first_token_s for r in results if r.first_token_s is not None]
    total = [r.total_s for r in results if r.total_s is not None]
    return Times(
        context_length=length,
        n=len(results),
        first_token_s=median(first) if first else None,
        total_s=median(total) if total else None,
        total_p95_s=percentile(total, 0.95) if total else None,
        cached_share=_cached_share(results),
    )


def _cached_share(results: list[Row]) -> float | None:
    usages = [r.response.usage for r in results if r.response is not None]
    known = [(u.cached_tokens, u.input_tokens) for u in usages if u.cached_tokens is not None and u.input_tokens]
    return sum(c for c, _ in known) / sum(n for _, n in known) if known else None
