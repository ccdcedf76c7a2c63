"""Every gate, as a function from the evidence to findings.

Which of them pass or fail, decide.py says for all together.

A finding that a test decides carries two chances: of such data where the limit is held (small:
fail) and where it is not (small: pass). A finding without them is a plain count, or nothing can be
said, and final.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from niah.records import Outcome
from niah.text.shares import percent
from niah.verdict.effective import base_lengths, rule_of
from niah.verdict.evidence import Evidence, few
from niah.verdict.exact import holm, ratio_z, student_above
from niah.verdict.grid import counts_of, unscored_of
from niah.verdict.pairs import Pairs, nats_change
from niah.verdict.records import Finding, Verdict
from niah.verdict.sample import Sample, percentile, share_of

MANY_UNSCORED = 0.05  # so many trials without a score leave a run without that gate undecided
QUICK_SHARE = 0.95  # of trials within max_p95_s
WHOLE = "whole run"

More = Callable[[float, float], int | None]  # trials until a fail or a pass, by the levels of both


@dataclass(frozen=True, slots=True)
class PendingFinding:
    """A finding before all findings are judged together."""

    finding: Finding
    more: More | None = None

    def tested(self, p_fail: float, p_pass: float, more: More) -> PendingFinding:
        """The same, open until a test decides."""
        return PendingFinding(replace(self.finding, p_fail=p_fail, p_pass=p_pass), more)

    def tested_by(self, sample: Sample, floor: float) -> PendingFinding:
        """The same, open until a test decides whether a share is below a floor."""
        more = partial(sample.more_to_decide, floor)
        return self.tested(sample.p_below(floor), sample.p_above(floor), more)


# from its key in gate.toml, and what is set there
Gate = Callable[[Evidence, str, Any], Iterator[PendingFinding]]


def findings_of(evidence: Evidence) -> list[PendingFinding]:
    """What every gate that is set has to say, and that of trials without a score in any case."""
    limits = {key: getattr(evidence.limits, key) for key in GATES}
    asked = [key for key, limit in limits.items() if limit is not None or key == "max_unscored"]
    return [finding for key in asked for finding in GATES[key](evidence, key, limits[key])]


def _final(
    gate: str,
    part: str,
    reason: str,
    limit: float,
    n: int = 0,
    measured: float | None = None,
    verdict: Verdict = Verdict.INCONCLUSIVE,
) -> PendingFinding:
    finding = Finding(
        gate=gate, part=part, verdict=verdict, reason=reason, measured=measured, limit=limit, n=n
    )
    return PendingFinding(finding)


def _least(e: Evidence, said: PendingFinding, sample: Sample, floor: float) -> PendingFinding:
    """A share that must not be below a floor, and what is said of it."""
    if too_few := e.too_few(sample):
        return replace(said, finding=replace(said.finding, reason=said.finding.reason + too_few))
    return said.tested_by(sample, floor)


def _parts(e: Evidence, gate: str) -> Iterator[tuple[str, Sample]]:
    """What a gate asks about, by its key: the whole run, every length or every band."""
    if gate.endswith("_per_length"):
        yield from ((f"{n:,} tokens", e.samples.at(n)) for n in e.grid.context_lengths)
    elif gate.endswith("_per_band"):
        yield from ((band, e.samples.in_band(band)) for band in e.bands())
    else:
        yield WHOLE, e.samples.of()


def _share(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    asked = f"at least {percent(limit)} asked"
    for part, sample in _parts(e, gate):
        if sample.n:
            reason = f"{percent(sample.mean)} found (n = {sample.n:,}), {asked}"
            yield _least(e, _final(gate, part, reason, limit, sample.n, sample.mean), sample, limit)
        else:
            yield _final(gate, part, f"nothing scored, {asked}", limit)


def _effective(e: Evidence, gate: str, wanted: int) -> Iterator[PendingFinding]:
    """Every length up to the wanted one must hold: all to pass, any to fail (Holm within).

    Where the wanted length was not run itself, the next longer one may show that it holds, but not
    that it is lost; shorter ones may show that it is lost, but not that it holds.
    """
    part = f"up to {wanted:,} tokens"
    name, value = rule_of(e.limits.effective_rule)
    every = e.grid.context_lengths
    lengths = every[: bisect_left(every, wanted) + 1]
    base = e.samples.at(*base_lengths(every)) if name == "relative" else None
    samples = _held(e, name, lengths)
    n = sum(s.n for s in samples)
    if not all(s.n for s in samples) or (base is not None and not (base.n and base.mean)):
        told = "a part of it has nothing scored, or nothing is found when it is short"
        yield _final(gate, part, told, value, n)
        return
    if not samples:
        told = "all lengths of the run up to there are the base of the rule"
        told += f" {e.limits.effective_rule}: it says something of longer ones only"
        yield _final(gate, part, told, value)
        return
    worst = min(samples, key=lambda s: s.mean)
    limit = value * (1.0 if base is None else base.mean)
    reaches = lengths[-1] >= wanted
    reason = f"the weakest of {len(samples)} has {percent(worst.mean)} (n = {worst.n})"
    reason += f", at least {percent(limit)} asked"
    if base is not None:
        reason += f" ({value:g} of {percent(base.mean)}, n = {base.n})"
    if not reaches:
        reason += f"; {wanted:,} tokens asked, the longest length of the run is {lengths[-1]:,}"
    too_few = e.too_few(*samples, *([base] if base else []))
    said = partial(_final, gate, part, reason + too_few, limit, n, worst.mean)
    against = _held(e, name, [length for length in lengths if length <= wanted])
    if too_few:
        yield said()
    elif limit == 1:  # no test can show it, and one loss is enough against it
        held = reaches and all(s.worst().mean == 1 for s in samples)
        lost = any(s.worst().mean < 1 for s in against)
        yield said(Verdict.FAIL if lost else Verdict.PASS if held else Verdict.INCONCLUSIVE)
    else:
        p_fail = min(holm([_tails(s, limit, base, value)[0] for s in against]), default=1.0)
        p_pass = max(_tails(s, limit, base, value)[1] for s in samples) if reaches else 1.0
        more = partial(_more, worst, len(samples) if reaches else 0, limit)
        yield said().tested(p_fail, p_pass, more)


def _held(e: Evidence, name: str, lengths: Sequence[int]) -> list[Sample]:
    """The samples that must reach the threshold of a rule: lengths, or all their cells."""
    if name == "all-green":
        cells = (c for c in e.grid.cells if c.context_length in lengths)
        return [e.samples.in_cell(c.context_length, c.depth_percent) for c in cells]
    base = base_lengths(e.grid.context_lengths) if name == "relative" else ()
    return [e.samples.at(n) for n in lengths if n not in base]


def _tails(sample: Sample, limit: float, base: Sample | None, ratio: float) -> tuple[float, float]:
    """The chances of so low and of so high a share, where the true one is at the limit.

    Where that is a ratio of a base, both were measured, and the statistic is that of a ratio.
    """
    if base is None:
        return sample.p_below(limit), sample.p_above(limit)
    of_base, base_freedom = base.effective_n(-1)
    chances = []
    for s, sign in ((sample, -1), (sample.worst(), 1)):
        n, freedom = s.effective_n(-1)
        z = ratio_z(s.mean, n, base.mean, of_base, ratio)
        chances.append(student_above(sign * z, min(freedom, base_freedom)))
    return chances[0], chances[1]


def _more(worst: Sample, samples: int, limit: float, fail: float, passing: float) -> int | None:
    """All lengths grow together, and the weakest decides; none would do without any sample."""
    more = worst.more_to_decide(limit, fail / samples, passing) if samples else None
    return None if more is None else more * samples


def _drop(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    if e.pairs is None:
        return
    said = partial(_loss, e, gate, limit)
    yield said(WHOLE, e.pairs)
    parts: list[tuple[str, Pairs]] = []
    if e.limits.drop_per_length:
        parts += [(f"{n:,} tokens", e.pairs.at_length(n)) for n in e.grid.context_lengths]
    if e.limits.drop_per_band:
        parts += [(band, e.pairs.in_band(band)) for band in e.bands()]
    # a part has too few trials to be shown to hold, but enough to see it break; none is not a few
    for part, pairs in parts:
        yield PendingFinding(replace(said(part, pairs).finding, watched=pairs.n > 0))


def _loss(e: Evidence, gate: str, limit: float, part: str, pairs: Pairs) -> PendingFinding:
    margin = limit + e.limits.drop_margin
    told = f"; {len(pairs.gone):,} had a score before and have none now" if pairs.gone else ""
    told += f"; {len(pairs.new):,} had no score before and have one now" if pairs.new else ""
    told += "" if pairs.complete else "; the runs are not of the same trials, so it cannot pass"
    if not pairs.n:
        return _final(gate, part, f"no trial has a score in both runs{told}", limit)

    def said(reason: str) -> PendingFinding:
        return _final(gate, part, f"{moved}: {counts}{reason}", limit, pairs.n, pairs.drop)

    moved = f"{100 * -pairs.drop:+.1f} points" if pairs.drop else "no change"
    counts = f"{pairs.lost} lost, {pairs.gained} gained of {pairs.n:,} pairs"
    if not pairs.decidable:
        return said(f"{told}; {few(pairs.epochs)}")
    before, p_fail = share_of([p.before for p in pairs.pairs]), pairs.p_drop(limit)
    if before.low is not None and before.low <= margin and p_fail > e.limits.level:
        there = f"the baseline finds {percent(before.mean)} (n = {pairs.n:,})"
        unseen = f"so that a loss of more than {100 * margin:g} points could not be seen"
        return said(f"; {there}, {unseen}")
    tolerated = f"up to {100 * margin:g} points are tolerated once shown"
    worst = pairs.worst()
    p_pass = worst.p_within(margin) if pairs.complete else 1.0
    more = partial(worst.more_to_decide, limit, margin)
    return said(f" ({pairs.test(limit)}){told}; {tolerated}").tested(p_fail, p_pass, more)


def _nats(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    if e.pairs is None:
        return
    change = nats_change(e.pairs, limit)
    if change is None:
        few_told = "too few trials tell a log-probability in both runs"
        yield _final(gate, WHOLE, f"{few_told} (ask for it with --target-logprob)", limit)
        return
    untold = e.pairs.worst().n - change.n
    interval = f"{change.low:+.3g} to {change.high:+.3g}, n = {change.n:,}"
    reason = f"{change.loss:+.3g} nats a right answer ({interval}), at most {limit:g} asked"
    if untold:
        reason += f"; {untold:,} trials tell none, so it cannot pass"
    p_pass = 1.0 if untold or not e.pairs.complete else change.p(-1)
    said = _final(gate, WHOLE, reason, limit, change.n, change.loss)
    yield said.tested(change.p(1), p_pass, change.more_to_decide)


def _hallucination(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    part, absent = "absent needles", e.samples.of(e.controls("absent"))
    if not absent.n:
        yield _final(gate, part, "the run has no trials without a needle (control absent)", limit)
        return
    made_up = 1 - absent.mean
    reason = f"{percent(made_up)} answered though nothing was there (n = {absent.n})"
    reason += f", at most {percent(limit)} asked"
    yield _least(e, _final(gate, part, reason, limit, absent.n, made_up), absent, 1 - limit)


def _unscored(e: Evidence, gate: str, asked: float | None) -> Iterator[PendingFinding]:
    """Set: tested. Not set: many of them leave the run undecided."""
    counts = unscored_of(counts_of(e.grid))
    ended = sum(counts.values()) + e.grid.whole.n
    limit = MANY_UNSCORED if asked is None else asked
    share = sum(counts.values()) / ended if ended else 0.0
    if not ended or (asked is None and share <= limit):
        return
    kinds = ", ".join(f"{n} {outcome}" for outcome, n in counts.items()) or "none"
    reason = f"{percent(share)} of {ended:,} trials have no score ({kinds})"
    reason += f", at most {percent(limit)} asked"
    said = partial(_final, gate, WHOLE, reason, limit, ended, share)
    if asked is None:
        yield said()
    elif limit in (0.0, 1.0):  # no test can show these; one trial is enough against the first
        yield said(Verdict.FAIL if share > limit else Verdict.PASS)
    else:
        whole = [r for r in e.ordinary if r.outcome is not Outcome.ERROR]
        having = e.samples.of(
            replace(r, outcome=Outcome.SCORED, score=float(r.score is not None)) for r in whole
        )
        if having.few:
            yield _final(gate, WHOLE, f"{reason}; {few(having.few)}", limit, ended, share)
        else:
            yield said().tested_by(having, 1 - limit)


def _time(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    ended = [r for r in e.ordinary if r.outcome is not Outcome.ERROR]
    seconds = [r.total_s for r in ended if r.total_s is not None]
    if not seconds:
        yield _final(gate, WHOLE, "no trial has a time", limit)
        return
    quick = Sample(scores=tuple(float(s <= limit) for s in seconds))
    reason = f"{percent(quick.mean)} within {limit:g} s (n = {quick.n}), at least 95 % asked"
    said = _final(gate, WHOLE, reason, limit, quick.n, percentile(seconds, QUICK_SHARE))
    yield said.tested_by(quick, QUICK_SHARE)


def _cost(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    n = len(e.results)
    if e.dollars is None:
        yield _final(gate, WHOLE, "unknown: no price, or trials without token counts", limit, n)
        return
    verdict = Verdict.FAIL if e.dollars > limit else Verdict.PASS
    reason = f"${e.dollars:,.4f} for {n:,} trials, at most ${limit:,.2f} asked"
    yield _final(gate, WHOLE, reason, limit, n, e.dollars, verdict)


def _trials(e: Evidence, gate: str, least: int) -> Iterator[PendingFinding]:
    for part, sample in _parts(e, gate):
        n = sample.n
        verdict = Verdict.PASS if n >= least else Verdict.INCONCLUSIVE
        reason = f"{n:,} scored trials, at least {least:,} asked"
        yield _final(gate, part, reason, least, n, n, verdict)


GATES: Mapping[str, Gate] = {
    **dict.fromkeys(("min_found", "min_found_per_length", "min_found_per_band"), _share),
    "min_effective_length": _effective,
    "max_drop": _drop,
    "max_nats_lost": _nats,
    "max_hallucination": _hallucination,
    "max_unscored": _unscored,
    "max_p95_s": _time,
    "max_cost": _cost,
    **dict.fromkeys(("min_trials", "min_trials_per_length"), _trials),
}
