"""Every gate as a function from the evidence to findings. Which pass or fail, judge.py decides for all together.

A finding that a test decides carries two chances: of such data where the limit is held (small: fail) and where it is
not (small: pass). A finding without them is a plain count, and final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from niah.records import Outcome
from niah.text.shares import percent
from niah.verdict.counts import counts_of, unscored_of
from niah.verdict.draft import PendingFinding, counted, few, tested, undecided
from niah.verdict.effective import base_lengths, rule_of
from niah.verdict.evidence import Evidence
from niah.verdict.exact import holm, ratio_z, student_above
from niah.verdict.intervals import recall_of
from niah.verdict.pairs import Pairs
from niah.verdict.records import Verdict
from niah.verdict.sample import Sample
from niah.verdict.times import percentile

MANY_UNSCORED = 0.05  # without a gate of its own, so many trials without a score leave the run undecided
QUICK_SHARE = 0.95  # of trials within max_p95_s


Gate = Callable[[Evidence], Iterator[PendingFinding]]


def drafts_of(evidence: Evidence) -> list[PendingFinding]:
    """What every gate that is set has to say."""
    return [draft for gate in GATES for draft in gate(evidence)]


def _recall(e: Evidence) -> Iterator[PendingFinding]:
    limits = e.limits
    if limits.min_recall is not None:
        yield _least(e, "min_recall", "whole run", e.sample(), limits.min_recall)
    if limits.min_recall_per_length is not None:
        for n in e.grid.context_lengths:
            yield _least(e, "min_recall_per_length", f"{n:,} tokens", e.at_length(n), limits.min_recall_per_length)
    if limits.min_recall_per_band is not None:
        for band in e.bands():
            yield _least(e, "min_recall_per_band", band, e.in_band(band), limits.min_recall_per_band)


def _least(e: Evidence, gate: str, part: str, sample: Sample, limit: float) -> PendingFinding:
    """A share that must not be below a limit."""
    wanted = f"at least {percent(limit)}"
    if not sample.n:
        return undecided(gate, part, f"nothing scored, {wanted} asked", limit)
    found = f"{percent(sample.mean)} found (n = {sample.n:,}), {wanted} asked"
    if e.too_few_clusters is not None:
        return undecided(gate, part, f"{found}; {few(e.too_few_clusters)}", limit, sample.n, sample.mean)
    return tested(
        gate,
        part,
        found,
        sample.mean,
        limit,
        sample.n,
        p_fail=sample.p_below(limit),
        p_pass=sample.p_above(limit),
        more=partial(sample.more_to_decide, limit),
    )


def _effective(e: Evidence) -> Iterator[PendingFinding]:
    """Every length up to the wanted one must hold: all of them to pass, any of them to fail (Holm within).

    Where the wanted length was not run itself, the next longer one may show that it holds, but not that it is lost;
    shorter ones may show that it is lost, but not that it holds.
    """
    wanted = e.limits.min_effective_length
    if wanted is None:
        return
    gate, part = "min_effective_length", f"up to {wanted:,} tokens"
    name, value = rule_of(e.limits.effective_rule)
    lengths = _up_to(e, wanted)
    base = e.at_lengths(base_lengths(e.grid.context_lengths)) if name == "relative" else None
    samples = _held(e, name, lengths)
    n = sum(s.n for s in samples)
    if not samples or not all(s.n for s in samples) or (base is not None and not (base.n and base.mean)):
        yield undecided(gate, part, "a part of it has nothing scored, or nothing is found when it is short", value, n)
        return
    worst = min(samples, key=lambda s: s.mean)
    limit = value * (1.0 if base is None else base.mean)
    reason = _effective_reason(worst, len(samples), limit, value, base)
    reaches = lengths[-1] >= wanted
    if not reaches:
        reason += f"; {wanted:,} tokens asked, the longest length of the run is {lengths[-1]:,}"
    if e.too_few_clusters is not None:
        yield undecided(gate, part, f"{reason}; {few(e.too_few_clusters)}", limit, n, worst.mean)
        return
    against = _held(e, name, [length for length in lengths if length <= wanted])
    if limit == 1:  # no test can show it, and one loss is enough against it
        lost = any(s.worst().mean < 1 for s in against)
        held = reaches and all(s.worst().mean == 1 for s in samples)
        verdict = Verdict.FAIL if lost else Verdict.PASS if held else Verdict.INCONCLUSIVE
        yield counted(gate, part, verdict, reason, worst.mean, limit, n)
        return

    def tails(s: Sample) -> tuple[float, float]:
        return (s.p_below(limit), s.p_above(limit)) if base is None else _against(s, base, value)

    p_fail = min(holm([tails(s)[0] for s in against]), default=1.0)
    p_pass = max(tails(s)[1] for s in samples) if reaches else 1.0
    more = partial(_more, worst, len(samples), limit) if reaches else _none_would_do
    yield tested(gate, part, reason, worst.mean, limit, n, p_fail, p_pass, more)


def _effective_reason(worst: Sample, samples: int, limit: float, value: float, base: Sample | None) -> str:
    reason = f"the weakest of {samples} has {percent(worst.mean)} (n = {worst.n}), at least {percent(limit)} asked"
    return reason if base is None else f"{reason} ({value:g} of {percent(base.mean)}, n = {base.n})"


def _up_to(e: Evidence, wanted: int) -> list[int]:
    """The lengths that tell about a wanted one: up to it, and the next longer one where it was not run itself."""
    lengths = e.grid.context_lengths
    reached = next((i for i, n in enumerate(lengths) if n >= wanted), len(lengths))
    return list(lengths[: reached + 1])


def _none_would_do(fail: float, passing: float) -> None:
    """More trials at these lengths decide nothing: a longer one is needed."""


def _more(worst: Sample, samples: int, limit: float, fail: float, passing: float) -> int | None:
    """All lengths grow together, and the weakest one decides."""
    more = worst.more_to_decide(limit, fail / samples, passing)
    return None if more is None else more * samples


def _against(sample: Sample, base: Sample, ratio: float) -> tuple[float, float]:
    """The chances of so low and of so high a share, where the true one is the ratio of the base: both are measured."""
    worst = sample.worst()
    (low_n, low_freedom), (n, freedom), (of_base, base_freedom) = (
        sample.effective_n(),
        worst.effective_n(),
        base.effective_n(),
    )
    below = ratio_z(sample.mean, low_n, base.mean, of_base, ratio)
    above = ratio_z(worst.mean, n, base.mean, of_base, ratio)
    return (
        student_above(-below, min(low_freedom, base_freedom)),
        student_above(above, min(freedom, base_freedom)),
    )


def _held(e: Evidence, name: str, lengths: Sequence[int]) -> list[Sample]:
    """The samples that must reach the threshold of a rule: lengths, or all their cells."""
    if name == "all-green":
        return [e.in_cell(n, depth) for n in lengths for depth in e.grid.depths]
    base = base_lengths(e.grid.context_lengths) if name == "relative" else ()
    return [e.at_length(n) for n in lengths if n not in base]


def _drop(e: Evidence) -> Iterator[PendingFinding]:
    if e.pairs is None:
        return
    yield _loss(e, "whole run", e.pairs)
    if e.limits.drop_per_length:
        for n in e.grid.context_lengths:
            yield _watched(e, f"{n:,} tokens", e.pairs.at_length(n))
    if e.limits.drop_per_band:
        for band in e.bands():
            yield _watched(e, band, e.pairs.in_band(band))


def _watched(e: Evidence, part: str, pairs: Pairs) -> PendingFinding:
    """A part of a comparison: too few trials to be shown to hold, but enough to see it break. None is not a few."""
    return PendingFinding(replace(_loss(e, part, pairs).finding, watched=pairs.n > 0))


def _loss(e: Evidence, part: str, pairs: Pairs) -> PendingFinding:
    """A loss against the baseline."""
    limit, margin = e.limits.max_drop, e.limits.max_drop + e.limits.drop_margin
    if not pairs.n:
        return undecided("max_drop", part, f"no trial has a score in both runs{_one_sided(pairs)}", limit)
    moved = f"{100 * -pairs.drop:+.1f} points" if pairs.drop else "no change"
    reason = f"{moved}: {pairs.lost} lost, {pairs.gained} gained of {pairs.n:,} pairs"
    told = _one_sided(pairs)
    if not pairs.decidable:
        return undecided("max_drop", part, f"{reason}{told}; {few(pairs.epochs)}", limit, pairs.n, pairs.drop)
    before = recall_of([p.before for p in pairs.pairs])
    if before.low is not None and before.low <= margin and pairs.p_drop(limit) > e.limits.level:
        there = f"the baseline finds {percent(before.mean or 0.0)} (n = {pairs.n:,})"
        told = f"{reason}; {there}, so that a loss of more than {100 * margin:g} points could not be seen"
        return undecided("max_drop", part, told, limit, pairs.n, pairs.drop)
    return tested(
        "max_drop",
        part,
        f"{reason} ({pairs.test}){told}; up to {100 * margin:g} points are tolerated once shown",
        pairs.drop,
        limit,
        pairs.n,
        p_fail=pairs.p_drop(limit),
        p_pass=pairs.worst().p_within(margin) if pairs.complete else 1.0,
        more=partial(pairs.worst().more_to_decide, limit, margin),
    )


def _one_sided(pairs: Pairs) -> str:
    """What a pass has to reckon with besides the pairs."""
    said = f"; {len(pairs.gone):,} had a score before and have none now" if pairs.gone else ""
    said += f"; {len(pairs.new):,} had no score before and have one now" if pairs.new else ""
    return said if pairs.complete else f"{said}; the runs are not of the same trials, so it cannot pass"


def _hallucination(e: Evidence) -> Iterator[PendingFinding]:
    limit = e.limits.max_hallucination
    if limit is None:
        return
    absent = e.sample(e.controls("absent"))
    gate, part = "max_hallucination", "absent needles"
    if not absent.n:
        yield undecided(gate, part, "the run has no trials without a needle (control absent)", limit)
        return
    sample = absent.inverted()
    reason = f"{percent(sample.mean)} answered though nothing was there (n = {sample.n})"
    reason += f", at most {percent(limit)} asked"
    if e.too_few_clusters is not None:
        yield undecided(gate, part, f"{reason}; {few(e.too_few_clusters)}", limit, sample.n, sample.mean)
        return
    yield tested(
        gate,
        part,
        reason,
        sample.mean,
        limit,
        sample.n,
        p_fail=sample.p_above(limit),
        p_pass=absent.worst().inverted().p_below(limit),
        more=partial(sample.more_to_decide, limit, fails_below=False),
    )


def _unscored(e: Evidence) -> Iterator[PendingFinding]:
    """Set: tested. Not set: many of them leave the run undecided."""
    counts = unscored_of(counts_of(e.grid))
    ended = sum(counts.values()) + e.grid.recall.n
    limit = MANY_UNSCORED if e.limits.max_unscored is None else e.limits.max_unscored
    share = sum(counts.values()) / ended if ended else 0.0
    if not ended or (e.limits.max_unscored is None and share <= limit):
        return
    kinds = ", ".join(f"{n} {outcome}" for outcome, n in counts.items()) or "none"
    reason = f"{percent(share)} of {ended:,} trials have no score ({kinds}), at most {percent(limit)} asked"
    if e.limits.max_unscored is None:
        yield undecided("max_unscored", "whole run", reason, limit, ended, share)
    elif limit in (0.0, 1.0):  # no test can show these; one trial is enough against the first
        verdict = Verdict.FAIL if share > limit else Verdict.PASS
        yield counted("max_unscored", "whole run", verdict, reason, share, limit, ended)
    else:
        lacking = e.share([r for r in e.ordinary if r.outcome is not Outcome.ERROR], lambda r: r.score is None)
        yield tested(
            "max_unscored",
            "whole run",
            reason,
            share,
            limit,
            ended,
            p_fail=lacking.p_above(limit),
            p_pass=lacking.p_below(limit),
            more=partial(lacking.more_to_decide, limit, fails_below=False),
        )


def _time(e: Evidence) -> Iterator[PendingFinding]:
    limit = e.limits.max_p95_s
    if limit is None:
        return
    seconds = [r.total_s for r in e.ordinary if r.outcome is not Outcome.ERROR and r.total_s is not None]
    if not seconds:
        yield undecided("max_p95_s", "whole run", "no trial has a time", limit)
        return
    sample = Sample(scores=tuple(float(s <= limit) for s in seconds))
    yield tested(
        "max_p95_s",
        "whole run",
        f"{percent(sample.mean)} within {limit:g} s (n = {sample.n}), at least 95 % asked",
        percentile(seconds, QUICK_SHARE),
        limit,
        sample.n,
        p_fail=sample.p_below(QUICK_SHARE),
        p_pass=sample.p_above(QUICK_SHARE),
        more=partial(sample.more_to_decide, QUICK_SHARE),
    )


def _cost(e: Evidence) -> Iterator[PendingFinding]:
    limit, n = e.limits.max_cost, len(e.results)
    if limit is None:
        return
    if e.dollars is None:
        yield undecided("max_cost", "whole run", "unknown: no price, or trials without token counts", limit, n)
        return
    verdict = Verdict.FAIL if e.dollars > limit else Verdict.PASS
    reason = f"${e.dollars:,.4f} for {n:,} trials, at most ${limit:,.2f} asked"
    yield counted("max_cost", "whole run", verdict, reason, e.dollars, limit, n)


def _evidence(e: Evidence) -> Iterator[PendingFinding]:
    parts: list[tuple[str, str, int, int]] = []
    if e.limits.min_trials is not None:
        parts.append(("min_trials", "whole run", e.grid.recall.n, e.limits.min_trials))
    if e.limits.min_trials_per_length is not None:
        for length in e.grid.context_lengths:
            n = sum(c.n for c in e.grid.cells if c.context_length == length)
            parts.append(("min_trials_per_length", f"{length:,} tokens", n, e.limits.min_trials_per_length))
    for gate, part, n, least in parts:
        verdict = Verdict.PASS if n >= least else Verdict.INCONCLUSIVE
        yield counted(gate, part, verdict, f"{n:,} scored trials, at least {least:,} asked", n, least, n)


GATES: Sequence[Gate] = (_recall, _effective, _drop, _hallucination, _unscored, _time, _cost, _evidence)
