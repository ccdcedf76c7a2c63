"""The figures of one run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from niah.records import Header, Outcome, Recall, Row
from niah.verdict.counts import MISSING, all_counts_of, counts_of, uneven_notes, unscored_of
from niah.verdict.effective import RULES, effective_length, rule_of
from niah.verdict.grid import grid_of
from niah.verdict.pattern import least_trials, pattern_of
from niah.verdict.records import BANDS, RunReport
from niah.verdict.regions import band_of, lost_in_the_middle, weakest_region
from niah.verdict.sample import Sample, clusters_shared, sample_of
from niah.verdict.times import growth_of, times_of


def report_of(header: Header, results: Iterable[Row], rules: Sequence[str] = RULES) -> RunReport:
    """Every figure of a run. Control trials are not part of them. Raises ConfigError for a rule that is not there."""
    everything = list(results)
    ordinary, grid = [r for r in everything if r.trial.control is None], grid_of(header, everything)

    def sample(*parts: Iterable[Row]) -> Sample:
        return sample_of(header, chain(*parts))

    def recall(*parts: Iterable[Row]) -> Recall:
        return sample(*parts).recall()

    lengths = grid.context_lengths
    at_length, in_band = _grouped(ordinary, _length), _grouped(ordinary, _band)
    by_length = {n: recall(at_length[n]) for n in lengths}
    up_to_length = {n: recall(*(at_length[m] for m in lengths[: i + 1])) for i, n in enumerate(lengths)}
    by_band = {band: recall(in_band[band]) for band in BANDS}
    middle = lost_in_the_middle(sample(in_band["head"], in_band["tail"]), sample(in_band["middle"]))
    times, every = times_of(ordinary), all_counts_of(grid)
    return RunReport(
        model=grid.model,
        simulated=grid.simulated,
        planned=sum(every.values()),
        ordinary=sum(counts_of(grid).values()),
        missing=every[MISSING],
        errors=every[Outcome.ERROR],
        unscored=unscored_of(every),
        haystacks=clusters_shared(header, ordinary),
        whole=grid.recall,
        by_length=by_length,
        up_to_length=up_to_length,
        by_band=by_band,
        effective=tuple(effective_length(rule, grid, by_length) for rule in rules),
        middle=middle,
        weakest=weakest_region(grid),
        claimed=header.claimed,
        tested=max((n for n in lengths if by_length[n].n), default=None),
        times=times,
        first_token_growth=growth_of((t.context_length, t.first_token_s) for t in times),
        total_growth=growth_of((t.context_length, t.total_s) for t in times),
        by_control=grid.by_control,
        imported=header.imported,
        notes=uneven_notes(grid),
        pattern=pattern_of(by_length, lambda some: recall(*(at_length[n] for n in some)), by_band, middle),
        least_per_length=least_trials(rule_of("absolute")[1]),
    )


def _grouped(rows: Iterable[Row], part: Callable[[Row], object]) -> Mapping[object, list[Row]]:
    groups: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        groups[part(row)].append(row)
    return groups


def _length(result: Row) -> int:
    return result.trial.context_length


def _band(result: Row) -> str:
    return band_of(result.trial.depth_percent)
