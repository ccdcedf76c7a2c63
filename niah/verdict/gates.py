"""Every gate as a function from the evidence to findings. Which pass or fail, judge.py decides for all together.

A finding that a test decides carries two chances: of such data where the limit is held (small: fail) and where it is
not (small: pass). A finding without them is a plain count, and final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from niah.figures import Finding, Verdict
from niah.verdict.counts import counts_of, unscored_of
from niah.verdict.effective import base_length, rule_of, threshold
from niah.verdict.evidence import Evidence
from niah.verdict.exact import holm
from niah.verdict.pairs import Pairs
from niah.verdict.sample import FEWEST_STRETCHES, Sample

MANY_UNSCORED = 0.05  # without a gate of its own, so many trials without a score leave the run undecided
QUICK_SHARE = 0.95  # of trials within max_p95_s


More = Callable[[float, float], int | None]  # trials until a fail or a pass, by the levels of both


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding before all findings are judged together."""

    finding: Finding
    more: More | None = None


Gate = Callable[[Evidence], Iterator[Draft]]


def drafts_of(evidence: Evidence) -> list[Draft]:
    """What every gate that is set has to say."""
    return [draft for gate in GATES for draft in gate(evidence)]


def _recall(e: Evidence) -> Iterator[Draft]:
    limits = e.limits
    if limits.min_recall is not None:
        yield _least(e, "min_recall", "whole run", e.sample(), limits.min_recall)
    if limits.min_recall_per_length is not None:
        for n in e.grid.context_lengths:
            yield _least(e, "min_recall_per_length", f"{n:,} tokens", e.at_length(n), limits.min_recall_per_length)
    if limits.min_recall_per_band is not None:
        for band in e.bands():
            yield _least(e, "min_recall_per_band", band, e.in_band(band), limits.min_recall_per_band)


def _least(e: Evidence, gate: str, part: str, sample: Sample, limit: float) -> Draft:
    """A share that must not be below a limit."""
    wanted = f"at least {_percent(limit)}"
    if not sample.n:
        return _undecided(gate, part, f"nothing scored, {wanted} asked", limit)
    found = f"{_percent(sample.mean)} found (n = {sample.n:,}), {wanted} asked"
    if e.too_few_stretches is not None:
        return _undecided(gate, part, f"{found}; {_few(e.too_few_stretches)}", limit, sample.n, sample.mean)
    return _tested(
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


def _effective(e: Evidence) -> Iterator[Draft]:
    """Every length up to the wanted one must hold: all of them to pass, any of them to fail (Holm within)."""
    wanted = e.limits.min_effective_length
    if wanted is None:
        return
    gate, part = "min_effective_length", f"up to {wanted:,} tokens"
    lengths = [n for n in e.grid.context_lengths if n <= wanted]
    if not lengths or lengths[-1] < wanted:
        longest = max(lengths, default=0)
        reason = f"{wanted:,} tokens asked, but the longest length of the run up to there is {longest:,}"
        yield _undecided(gate, part, reason, wanted)
        return
    limit, samples = _held(e, lengths)
    n = sum(s.n for s in samples)
    if limit is None or not all(s.n for s in samples):
        yield _undecided(gate, part, "a part of it has nothing scored", wanted, n)
        return
    worst = min(samples, key=lambda s: s.mean)
    weakest = f"the weakest of {len(samples)} has {_percent(worst.mean)} (n = {worst.n})"
    reason = f"{weakest}, at least {_percent(limit)} asked"
    if e.too_few_stretches is not None:
        yield _undecided(gate, part, f"{reason}; {_few(e.too_few_stretches)}", wanted, n)
        return
    p_fail, p_pass = min(holm([s.p_below(limit) for s in samples])), max(s.p_above(limit) for s in samples)
    more = partial(worst.more_to_decide, limit)
    yield _tested(gate, part, reason, worst.mean, wanted, n, p_fail=p_fail, p_pass=p_pass, more=more)


def _held(e: Evidence, lengths: Sequence[int]) -> tuple[float | None, list[Sample]]:
    """The threshold of the rule, and the samples that must reach it: lengths, or all their cells."""
    name, value = rule_of(e.limits.effective_rule)
    limit = threshold(name, value, _base(e) if name == "relative" else None)
    if name == "all-green":
        return limit, [e.in_cell(n, depth) for n in lengths for depth in e.grid.depths]
    return limit, [e.at_length(n) for n in lengths]


def _base(e: Evidence) -> float | None:
    """The short recall that a relative rule starts from."""
    by_length = {n: e.at_length(n).recall() for n in e.grid.context_lengths}
    base = base_length(by_length)
    return None if base is None else by_length[base].mean


def _drop(e: Evidence) -> Iterator[Draft]:
    if e.pairs is None:
        return
    yield _loss(e, "whole run", e.pairs)
    if e.limits.drop_per_length:
        for n in e.grid.context_lengths:
            yield _watched(_loss(e, f"{n:,} tokens", e.pairs.at_length(n)))
    if e.limits.drop_per_band:
        for band in e.bands():
            yield _watched(_loss(e, band, e.pairs.in_band(band)))


def _watched(draft: Draft) -> Draft:
    """A part of a comparison: too few trials to be shown to hold, but enough to see it break."""
    return Draft(replace(draft.finding, watched=True))


def _loss(e: Evidence, part: str, pairs: Pairs) -> Draft:
    """A loss against the baseline."""
    limit, margin = e.limits.max_drop, e.limits.max_drop + e.limits.drop_margin
    if not pairs.n:
        return _undecided("max_drop", part, "no trial has a score in both runs", limit)
    moved = f"{100 * -pairs.drop:+.1f} points" if pairs.drop else "no change"
    reason = f"{moved}: {pairs.lost} lost, {pairs.gained} gained of {pairs.n:,} pairs"
    if not pairs.decidable:
        return _undecided("max_drop", part, f"{reason}; {_few(pairs.epochs)}", limit, pairs.n, pairs.drop)
    return _tested(
        "max_drop",
        part,
        f"{reason} ({pairs.test}); up to {100 * margin:g} points are tolerated once shown",
        pairs.drop,
        limit,
        pairs.n,
        p_fail=pairs.p_drop(limit),
        p_pass=pairs.p_within(margin),
        more=partial(pairs.more_to_decide, limit, margin),
    )


def _hallucination(e: Evidence) -> Iterator[Draft]:
    limit = e.limits.max_hallucination
    if limit is None:
        return
    answered = [1.0 - (r.score or 0.0) for r in e.controls("absent")]
    gate, part = "max_hallucination", "absent needles"
    if not answered:
        yield _undecided(gate, part, "the run has no trials without a needle (control absent)", limit)
        return
    sample = Sample(scores=tuple(answered))
    yield _tested(
        gate,
        part,
        f"{_percent(sample.mean)} answered though nothing was there (n = {sample.n}), at most {_percent(limit)} asked",
        sample.mean,
        limit,
        sample.n,
        p_fail=sample.p_above(limit),
        p_pass=sample.p_below(limit),
        more=partial(sample.more_to_decide, limit, fails_below=False),
    )


def _unscored(e: Evidence) -> Iterator[Draft]:
    """Set: a fail above the limit. Not set: many of them leave the run undecided."""
    counts = unscored_of(counts_of(e.grid))
    ended = sum(counts.values()) + e.grid.recall.n
    limit = MANY_UNSCORED if e.limits.max_unscored is None else e.limits.max_unscored
    share = sum(counts.values()) / ended if ended else 0.0
    if not ended or (e.limits.max_unscored is None and share <= limit):
        return
    over = Verdict.INCONCLUSIVE if e.limits.max_unscored is None else Verdict.FAIL
    kinds = ", ".join(f"{n} {outcome}" for outcome, n in counts.items()) or "none"
    reason = f"{_percent(share)} of {ended:,} trials have no score ({kinds}), at most {_percent(limit)} asked"
    yield _counted("max_unscored", "whole run", over if share > limit else Verdict.PASS, reason, share, limit, ended)


def _time(e: Evidence) -> Iterator[Draft]:
    limit = e.limits.max_p95_s
    if limit is None:
        return
    seconds = [r.total_s for r in e.ordinary if r.score is not None and r.total_s is not None]
    if not seconds:
        yield _undecided("max_p95_s", "whole run", "no trial has a time", limit)
        return
    sample = Sample(scores=tuple(float(s <= limit) for s in seconds))
    yield _tested(
        "max_p95_s",
        "whole run",
        f"{_percent(sample.mean)} within {limit:g} s (n = {sample.n}), at least 95 % asked",
        sample.mean,
        limit,
        sample.n,
        p_fail=sample.p_below(QUICK_SHARE),
        p_pass=sample.p_above(QUICK_SHARE),
        more=partial(sample.more_to_decide, QUICK_SHARE),
    )


def _cost(e: Evidence) -> Iterator[Draft]:
    limit, n = e.limits.max_cost, len(e.results)
    if limit is None:
        return
    if e.dollars is None:
        yield _undecided("max_cost", "whole run", "unknown: no price, or trials without token counts", limit, n)
        return
    verdict = Verdict.FAIL if e.dollars > limit else Verdict.PASS
    reason = f"${e.dollars:,.4f} for {n:,} trials, at most ${limit:,.2f} asked"
    yield _counted("max_cost", "whole run", verdict, reason, e.dollars, limit, n)


def _evidence(e: Evidence) -> Iterator[Draft]:
    parts: list[tuple[str, str, int, int]] = []
    if e.limits.min_trials is not None:
        parts.append(("min_trials", "whole run", e.grid.recall.n, e.limits.min_trials))
    if e.limits.min_trials_per_length is not None:
        for length in e.grid.context_lengths:
            n = sum(c.n for c in e.grid.cells if c.context_length == length)
            parts.append(("min_trials_per_length", f"{length:,} tokens", n, e.limits.min_trials_per_length))
    for gate, part, n, least in parts:
        verdict = Verdict.PASS if n >= least else Verdict.INCONCLUSIVE
        yield _counted(gate, part, verdict, f"{n:,} scored trials, at least {least:,} asked", n, least, n)


def _undecided(gate: str, part: str, reason: str, limit: float, n: int = 0, measured: float | None = None) -> Draft:
    return _counted(gate, part, Verdict.INCONCLUSIVE, reason, measured, limit, n)


def _counted(
    gate: str, part: str, verdict: Verdict, reason: str, measured: float | None, limit: float, n: int
) -> Draft:
    found = Finding(gate=gate, part=part, verdict=verdict, reason=reason, measured=measured, limit=limit, n=n)
    return Draft(found)


def _tested(
    gate: str, part: str, reason: str, measured: float, limit: float, n: int, p_fail: float, p_pass: float, more: More
) -> Draft:
    """What a test decides; open until all are judged."""
    found = _counted(gate, part, Verdict.INCONCLUSIVE, reason, measured, limit, n).finding
    return Draft(replace(found, p_fail=p_fail, p_pass=p_pass), more)


def _few(stretches: int) -> str:
    have = "all trials share one haystack" if stretches == 1 else f"its trials share {stretches} haystacks"
    return f"{have}, at least {FEWEST_STRETCHES} or one per trial are needed to speak for others"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if not 0.9995 <= share < 1 else "99.9 %"


GATES: Sequence[Gate] = (_recall, _effective, _drop, _hallucination, _unscored, _time, _cost, _evidence)
