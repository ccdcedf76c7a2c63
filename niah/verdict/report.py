"""The figures of one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from niah.records import Header, Outcome, Row
from niah.verdict.effective import RULES, effective_length, rule_of
from niah.verdict.grid import MISSING, counts_of, grid_of, uneven_notes, unscored_of
from niah.verdict.ladder import Ladder
from niah.verdict.pattern import least_trials, pattern_of
from niah.verdict.records import RunReport
from niah.verdict.regions import lost_in_the_middle, weakest_region
from niah.verdict.sample import BANDS, Samples, clusters_shared
from niah.verdict.times import growth_of, times_of


def report_of(header: Header, results: Iterable[Row], rules: Sequence[str] = RULES) -> RunReport:
    """Every figure of a run. Control trials are not part of them. Raises ConfigError for a rule that is not there."""
    everything = list(results)
    ordinary, grid = [r for r in everything if r.trial.control is None], grid_of(header, everything)
    samples, lengths = Samples(header=header, rows=ordinary), grid.context_lengths
    by_length = {n: samples.at(n).share() for n in lengths}
    by_band = {band: samples.in_band(band).share() for band in BANDS}
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
        up_to_length={n: samples.at(*lengths[: i + 1]).share() for i, n in enumerate(lengths)},
        by_band=by_band,
        effective=tuple(effective_length(rule, grid, by_length) for rule in rules if not header.design.adaptive),
        middle=middle,
        weakest=weakest_region(grid),
        claimed=header.claimed,
        tested=max((n for n in lengths if by_length[n].n), default=None),
        times=times,
        first_token_growth=growth_of((t.context_length, t.first_token_s) for t in times),
        total_growth=growth_of((t.context_length, t.total_s) for t in times),
        by_control=grid.by_control,
        imported=header.imported,
        notes=() if header.design.adaptive else uneven_notes(grid),
        nats={n: (fmean(told), len(told)) for n in lengths if (told := _nats(ordinary, n))},
        bracket=Ladder(header, everything).bracket if header.design.adaptive else None,
        pattern=pattern_of(samples, lengths, middle),
        least_per_length=least_trials(rule_of("absolute")[1]),
    )


def _nats(rows: Iterable[Row], length: int) -> list[float]:
    return [r.target_nats for r in rows if r.trial.context_length == length and r.target_nats is not None]
