"""The figures of one run; time by length, and how it grows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import log
from statistics import fmean, linear_regression, median

from niah.records import Grid, Header, Outcome, Row, Share
from niah.verdict.effective import RULES, effective_length, rule_of
from niah.verdict.grid import MISSING, counts_of, grid_of, uneven_notes, unscored_of
from niah.verdict.ladder import Ladder
from niah.verdict.records import Growth, RunReport, Times
from niah.verdict.regions import least_trials, lost_in_the_middle, pattern_of, weakest_region
from niah.verdict.sample import BANDS, Sample, Samples, clusters_shared, percentile

LEAST_LENGTHS = 3  # a line through two points fits always


def report_of(
    header: Header, results: Iterable[Row], rules: Sequence[str] = RULES, grid: Grid | None = None
) -> RunReport:
    """Every figure of a run. Control trials are not part of them. Raises ConfigError for a rule that is not there."""
    everything = list(results)
    ordinary, grid = [r for r in everything if r.trial.control is None], grid or grid_of(header, everything)
    samples, lengths = Samples(header=header, rows=ordinary), grid.context_lengths
    at_length = {n: samples.at(n) for n in lengths}
    adaptive = header.design.adaptive
    share = _of_no_fixed_n if adaptive else Sample.share
    by_length = {n: share(sample) for n, sample in at_length.items()}
    one, cells = replace(samples, these_only=True), {n: list[Sample]() for n in lengths}  # a cell's haystacks differ
    for c in grid.cells:
        cells[c.context_length].append(one.in_cell(c.context_length, c.depth_percent))
    by_band = {band: share(samples.in_band(band)) for band in BANDS}
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
        by_band=by_band,
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
        nats={n: (fmean(told), len(told)) for n in lengths if (told := _nats(ordinary, n))},
        bracket=Ladder(header, everything).bracket if adaptive else None,
        media=grid.media,
        pattern=pattern_of(samples, lengths, middle),
        least_per_length=least_trials(rule_of("absolute")[1]),
    )


def _of_no_fixed_n(sample: Sample) -> Share:
    """Without an interval: a rule stopped the trials."""
    return replace(sample.share(), low=None, high=None)


def _nats(rows: Iterable[Row], length: int) -> list[float]:
    return [r.target_nats for r in rows if r.trial.context_length == length and r.target_nats is not None]


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
