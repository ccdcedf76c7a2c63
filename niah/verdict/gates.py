"""What is known of a run, and every gate as a function from this evidence to findings.

Which of them pass or fail, decide.py says for all together.

A finding that a test decides carries two chances: of such data where the limit is held (small:
fail) and where it is not (small: pass). A finding without them is a plain count, or nothing can be
said, and final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from niah.records import Grid, Header, Outcome, Row
from niah.text.shares import percent
from niah.verdict.baseline import Baseline, served_by
from niah.verdict.exact import holm, ratio_z, student_above
from niah.verdict.gate_config import GateConfig
from niah.verdict.grid import counts_of, grid_of, uneven_notes, unpaired_notes, unscored_of
from niah.verdict.pairs import Pairs, nats_change
from niah.verdict.records import Finding, Verdict
from niah.verdict.report import base_lengths, rule_of
from niah.verdict.sample import (
    BANDS,
    FEWEST_CLUSTERS,
    Sample,
    Samples,
    band_of,
    clusters_shared,
    percentile,
    share_of,
)

MANY_UNSCORED = (
    0.05  # without a gate of its own, so many trials without a score leave the run undecided
)
QUICK_SHARE = 0.95  # of trials within max_p95_s
WHOLE = "whole run"

More = Callable[[float, float], int | None]  # trials until a fail or a pass, by the levels of both


@dataclass(frozen=True)
class Evidence:
    """All that is known about a run."""

    header: Header
    results: tuple[Row, ...]
    limits: GateConfig
    pairs: Pairs | None = None  # with the baseline
    dollars: float | None = None  # what the run cost, where that is known
    now: datetime | None = None  # when it is judged; None where its age does not matter

    @cached_property
    def grid(self) -> Grid:
        return grid_of(self.header, self.results)

    @cached_property
    def ordinary(self) -> list[Row]:
        return [r for r in self.results if r.trial.control is None]

    @cached_property
    def answered(self) -> tuple[datetime, datetime] | None:
        """When its first and its last trial ended, UTC where they name no zone; None where no line
        says it."""
        times = []
        for r in self.results:
            with suppress(ValueError):
                time = datetime.fromisoformat(r.finished)
                times.append(time if time.tzinfo else time.replace(tzinfo=UTC))
        return (min(times), max(times)) if times else None

    @cached_property
    def _clusters(self) -> int | None:
        return (
            None
            if self.limits.haystacks == "these"
            else clusters_shared(self.header, self.ordinary)
        )

    def too_few(self, *samples: Sample) -> str:
        """That the run, or one of some samples, has too few clusters to speak for others, to end a
        reason with."""
        counts = (self._clusters, *(s.few for s in samples))
        return next((f"; {few(n)}" for n in counts if n and n < FEWEST_CLUSTERS), "")

    @cached_property
    def samples(self) -> Samples:
        """The ordinary trials, whole and by parts."""
        return Samples(
            header=self.header, rows=self.ordinary, these_only=self.limits.haystacks == "these"
        )

    def controls(self, name: str) -> list[Row]:
        """The control trials of a kind that the model answered, or did not answer: no errors, no
        cut prompts."""
        faults = (Outcome.ERROR, Outcome.MISMATCH)
        return [r for r in self.results if r.trial.control == name and r.outcome not in faults]

    def bands(self) -> list[str]:
        return [b for b in BANDS if any(band_of(d) == b for d in self.grid.depths)]


def few(clusters: int) -> str:
    have = (
        "all trials share one haystack"
        if clusters == 1
        else f"its trials share {clusters} haystacks"
    )
    return f"{have}, at least {FEWEST_CLUSTERS} or one per trial are needed to speak for others"


def notes_on(evidence: Evidence, baseline: Baseline | None) -> tuple[str, ...]:
    """When it was answered, what the run is no evidence of, and which run it was compared with."""
    notes = []
    if evidence.answered is not None:
        first, last = (f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" for time in evidence.answered)
        notes.append(
            f"answered from {first} to {last} UTC" if first != last else f"answered {last} UTC"
        )
    if evidence.header.imported:
        notes.append(f"imported results of {evidence.header.imported}")
    if evidence.limits.haystacks == "these":
        notes.append("the verdict is about the haystacks of this run and no others")
    if evidence.grid.simulated:
        notes.append("a simulated reader, no model")
    notes += uneven_notes(evidence.grid)
    if baseline is not None and evidence.pairs is not None:
        saved = f", saved {baseline.saved}" if baseline.saved else ""
        notes.append(
            f"baseline {baseline.header.design.model}, run {baseline.header.created}{saved}"
        )
        was, now = (", ".join(names) for names in (baseline.served, served_by(evidence.results)))
        if was and now and was != now:
            notes.append(
                f"the server names another model than for the baseline: {now}, and {was} before"
            )
        if baseline.header.created > evidence.header.created:
            notes.append("the baseline is the younger run: are they the right way round?")
        notes += unpaired_notes(evidence.pairs.n, max(len(baseline.scores), len(evidence.ordinary)))
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class PendingFinding:
    """A finding before all findings are judged together."""

    finding: Finding
    more: More | None = None

    def tested(self, p_fail: float, p_pass: float, more: More) -> PendingFinding:
        """The same, open until a test decides."""
        return PendingFinding(replace(self.finding, p_fail=p_fail, p_pass=p_pass), more)


Gate = Callable[
    [Evidence, str, Any], Iterator[PendingFinding]
]  # its key in gate.toml, and what is set there


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
    return PendingFinding(
        Finding(
            gate=gate,
            part=part,
            verdict=verdict,
            reason=reason,
            measured=measured,
            limit=limit,
            n=n,
        )
    )


def _least(e: Evidence, said: PendingFinding, sample: Sample, floor: float) -> PendingFinding:
    """A share that must not be below a floor, and what is said of it."""
    if too_few := e.too_few(sample):
        return replace(said, finding=replace(said.finding, reason=said.finding.reason + too_few))
    return said.tested(
        sample.p_below(floor), sample.p_above(floor), partial(sample.more_to_decide, floor)
    )


def _parts(e: Evidence, gate: str) -> Iterator[tuple[str, Sample]]:
    """What a gate asks about, by its key: the whole run, every length or every band."""
    if gate.endswith("_per_length"):
        yield from ((f"{n:,} tokens", e.samples.at(n)) for n in e.grid.context_lengths)
    elif gate.endswith("_per_band"):
        yield from ((band, e.samples.in_band(band)) for band in e.bands())
    else:
        yield WHOLE, e.samples.of()


def _share(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    for part, sample in _parts(e, gate):
        if sample.n:
            reason = (
                f"{percent(sample.mean)} found (n = {sample.n:,}), at least {percent(limit)} asked"
            )
            yield _least(e, _final(gate, part, reason, limit, sample.n, sample.mean), sample, limit)
        else:
            yield _final(gate, part, f"nothing scored, at least {percent(limit)} asked", limit)


def _effective(e: Evidence, gate: str, wanted: int) -> Iterator[PendingFinding]:
    """Every length up to the wanted one must hold: all of them to pass, any of them to fail (Holm
    within).

    Where the wanted length was not run itself, the next longer one may show that it holds, but not
    that it is lost; shorter ones may show that it is lost, but not that it holds.
    """
    part = f"up to {wanted:,} tokens"
    name, value = rule_of(e.limits.effective_rule)
    every = e.grid.context_lengths
    lengths = every[: next((i for i, n in enumerate(every) if n >= wanted), len(every)) + 1]
    base = e.samples.at(*base_lengths(every)) if name == "relative" else None
    samples = _held(e, name, lengths)
    n = sum(s.n for s in samples)
    if not all(s.n for s in samples) or (base is not None and not (base.n and base.mean)):
        yield _final(
            gate,
            part,
            "a part of it has nothing scored, or nothing is found when it is short",
            value,
            n,
        )
        return
    if not samples:
        short = (
            f"all lengths of the run up to there are the base of the rule {e.limits.effective_rule}"
        )
        yield _final(gate, part, f"{short}: it says something of longer ones only", value)
        return
    worst = min(samples, key=lambda s: s.mean)
    limit = value * (1.0 if base is None else base.mean)
    reaches = lengths[-1] >= wanted
    reason = (
        f"the weakest of {len(samples)} has {percent(worst.mean)} (n = {worst.n}), at least"
        f" {percent(limit)} asked"
    )
    reason += "" if base is None else f" ({value:g} of {percent(base.mean)}, n = {base.n})"
    reason += (
        ""
        if reaches
        else f"; {wanted:,} tokens asked, the longest length of the run is {lengths[-1]:,}"
    )
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
        yield said().tested(
            p_fail, p_pass, partial(_more, worst, len(samples) if reaches else 0, limit)
        )


def _held(e: Evidence, name: str, lengths: Sequence[int]) -> list[Sample]:
    """The samples that must reach the threshold of a rule: lengths, or all their cells."""
    if name == "all-green":
        return [e.samples.in_cell(n, depth) for n in lengths for depth in e.grid.depths]
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
    """All lengths grow together, and the weakest decides; without any sample none would do: a
    longer one is needed."""
    more = worst.more_to_decide(limit, fail / samples, passing) if samples else None
    return None if more is None else more * samples


def _drop(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    if e.pairs is None:
        return
    said = partial(_loss, e, gate, limit)
    yield said(WHOLE, e.pairs)
    parts = [
        (f"{n:,} tokens", e.pairs.at_length(n))
        for n in e.grid.context_lengths
        if e.limits.drop_per_length
    ]
    parts += [(band, e.pairs.in_band(band)) for band in e.bands() if e.limits.drop_per_band]
    for (
        part,
        pairs,
    ) in parts:  # too few trials to be shown to hold, but enough to see it break; none is not a few
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
        return said(
            f"; {there}, so that a loss of more than {100 * margin:g} points could not be seen"
        )
    worst = pairs.worst()
    return said(
        f" ({pairs.test(limit)}){told}; up to {100 * margin:g} points are tolerated once shown"
    ).tested(
        p_fail,
        worst.p_within(margin) if pairs.complete else 1.0,
        partial(worst.more_to_decide, limit, margin),
    )


def _nats(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    if e.pairs is None:
        return
    change = nats_change(e.pairs, limit)
    if change is None:
        told = (
            "too few trials tell a log-probability in both runs (ask for it with --target-logprob)"
        )
        yield _final(gate, WHOLE, told, limit)
        return
    untold = e.pairs.worst().n - change.n
    reason = (
        f"{change.loss:+.3g} nats a right answer ({change.low:+.3g} to {change.high:+.3g}, n ="
        f" {change.n:,}), "
    )
    reason += f"at most {limit:g} asked" + (
        f"; {untold:,} trials tell none, so it cannot pass" if untold else ""
    )
    yield _final(gate, WHOLE, reason, limit, change.n, change.loss).tested(
        change.p(1), 1.0 if untold or not e.pairs.complete else change.p(-1), change.more_to_decide
    )


def _hallucination(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    part, absent = "absent needles", e.samples.of(e.controls("absent"))
    if not absent.n:
        yield _final(gate, part, "the run has no trials without a needle (control absent)", limit)
        return
    made_up = 1 - absent.mean
    reason = (
        f"{percent(made_up)} answered though nothing was there (n = {absent.n}), at most"
        f" {percent(limit)} asked"
    )
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
    reason = (
        f"{percent(share)} of {ended:,} trials have no score ({kinds}), at most {percent(limit)}"
        " asked"
    )
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
        floor = 1 - limit
        if having.few:
            yield _final(gate, WHOLE, f"{reason}; {few(having.few)}", limit, ended, share)
        else:
            yield said().tested(
                having.p_below(floor), having.p_above(floor), partial(having.more_to_decide, floor)
            )


def _time(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    seconds = [
        r.total_s for r in e.ordinary if r.outcome is not Outcome.ERROR and r.total_s is not None
    ]
    if not seconds:
        yield _final(gate, WHOLE, "no trial has a time", limit)
        return
    quick = Sample(scores=tuple(float(s <= limit) for s in seconds))
    reason = f"{percent(quick.mean)} within {limit:g} s (n = {quick.n}), at least 95 % asked"
    yield _final(gate, WHOLE, reason, limit, quick.n, percentile(seconds, QUICK_SHARE)).tested(
        quick.p_below(QUICK_SHARE),
        quick.p_above(QUICK_SHARE),
        partial(quick.more_to_decide, QUICK_SHARE),
    )


def _cost(e: Evidence, gate: str, limit: float) -> Iterator[PendingFinding]:
    n = len(e.results)
    if e.dollars is None:
        yield _final(gate, WHOLE, "unknown: no price, or trials without token counts", limit, n)
        return
    verdict = Verdict.FAIL if e.dollars > limit else Verdict.PASS
    reason = f"${e.dollars:,.4f} for {n:,} trials, at most ${limit:,.2f} asked"
    yield _final(gate, WHOLE, reason, limit, n, e.dollars, verdict)


def _trials(e: Evidence, gate: str, least: int) -> Iterator[PendingFinding]:
    for part, n in ((part, sample.n) for part, sample in _parts(e, gate)):
        verdict = Verdict.PASS if n >= least else Verdict.INCONCLUSIVE
        yield _final(
            gate, part, f"{n:,} scored trials, at least {least:,} asked", least, n, n, verdict
        )


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
