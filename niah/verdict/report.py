"""The figures of one run."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from niah.figures import BANDS, Figures
from niah.records import Header, Outcome, Recall, Result
from niah.verdict.counts import MISSING, all_counts_of, counts_of, unscored_of
from niah.verdict.effective import RULES, effective_length, rule_of
from niah.verdict.grid import grid_of
from niah.verdict.pattern import least_trials, pattern_of
from niah.verdict.regions import band_of, lost_in_the_middle, weakest_region
from niah.verdict.sample import sample_of, stretches_shared
from niah.verdict.times import growth_of, times_of


def figures_of(header: Header, results: Iterable[Result], rules: Sequence[str] = RULES) -> Figures:
    """Every figure of a run. Control trials are not part of them. Raises ConfigError for a rule that is not there."""
    everything = list(results)
    ordinary, grid = [r for r in everything if r.trial.control is None], grid_of(header, everything)

    def recall(part: Callable[[Result], object], wanted: Container[object]) -> Recall:
        return sample_of(header, [r for r in ordinary if part(r) in wanted]).recall()

    lengths = grid.context_lengths
    by_length = {n: recall(_length, {n}) for n in lengths}
    up_to_length = {n: recall(_length, lengths[: i + 1]) for i, n in enumerate(lengths)}
    by_band = {band: recall(_band, {band}) for band in BANDS}
    times, every = times_of(ordinary), all_counts_of(grid)
    return Figures(
        model=grid.model,
        simulated=grid.simulated,
        planned=sum(every.values()),
        ordinary=sum(counts_of(grid).values()),
        missing=every[MISSING],
        errors=every[Outcome.ERROR],
        unscored=unscored_of(every),
        haystacks=stretches_shared(header, ordinary),
        whole=grid.recall,
        by_length=by_length,
        up_to_length=up_to_length,
        by_band=by_band,
        effective=tuple(effective_length(rule, grid, by_length) for rule in rules),
        middle=lost_in_the_middle(recall(_band, ("head", "tail")), by_band["middle"]),
        weakest=weakest_region(grid),
        claimed=header.claimed,
        tested=max((n for n in lengths if by_length[n].n), default=None),
        times=times,
        first_token_growth=growth_of((t.context_length, t.first_token_s) for t in times),
        total_growth=growth_of((t.context_length, t.total_s) for t in times),
        by_control=grid.by_control,
        imported=header.imported,
        pattern=pattern_of(by_length, lambda some: recall(_length, some), by_band),
        least_per_length=least_trials(rule_of("absolute")[1]),
    )


def _length(result: Result) -> int:
    return result.trial.context_length


def _band(result: Result) -> str:
    return band_of(result.trial.depth_percent)
