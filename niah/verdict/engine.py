"""Did a change of an engine break long context? A candidate against a base that was run twice.

Base against base again is the control: what differs there is the engine's own noise. A loss must
show against both, with the level shared out between right answers (McNemar) and their
log-probabilities (paired t test, Student 1908; a loss up to the tolerated nats is none). First of
all: does the change change anything at all?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from niah.records import Header, Outcome, Row
from niah.verdict.baseline import baseline_of
from niah.verdict.pairs import NatsChange, Pairs, nats_change, pairs_of
from niah.verdict.records import EXIT_CODES, Paired, Verdict

LEVEL = 0.05  # chance of a fail where nothing is lost, and of a pass where the margin is
MARGIN = 0.05  # a loss of right answers that is shown to be smaller passes
NATS_TOLERATED = 0.015  # mean loss of log-probability that is none
NATS_SHARE = 0.95  # of the level, where log-probabilities are told: they need far fewer trials

Arm = Sequence[tuple[Header, Sequence[Row]]]  # the runs of an arm, in the order of the others'
Answers = Mapping[str, str]  # text by trial


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineVerdict:
    """A candidate engine, or setting, beside its base."""

    verdict: Verdict
    reasons: tuple[str, ...]
    change: str  # what was changed, in words
    candidate: Paired  # against the base
    control: Paired  # the base again, against the base
    p_loss: float | None  # the weaker of the candidate's against base and control
    nats: NatsChange | None  # None: not told
    control_nats: NatsChange | None
    identical: tuple[int, int]  # answers like the base's, of the candidate and of the control
    answers: int
    by_length: Mapping[int, Paired]  # the candidate against the base

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def paired_arms(before: Arm, after: Arm) -> Pairs:
    """All runs of two arms as one set of pairs. Raises RunError where their recipes differ."""
    each = [pairs_of(baseline_of(*old), *new) for old, new in zip(before, after, strict=True)]
    return Pairs(
        pairs=tuple(p for one in each for p in one.pairs),
        by_epoch=any(one.by_epoch for one in each),
        gone=tuple(p for one in each for p in one.gone),
        new=tuple(p for one in each for p in one.new),
        complete=all(one.complete for one in each),
    )


def engine_verdict(
    change: str,
    arms: tuple[Arm, Arm, Arm],
    answers: tuple[Answers, Answers, Answers],
    *,
    forced: bool,
) -> EngineVerdict:
    """The verdict on base, base again and candidate. ``forced``: the engine was asked by name."""
    base, again, candidate = arms
    pairs, noise = paired_arms(base, candidate), paired_arms(base, again)
    against = paired_arms(again, candidate)
    nats, other, control = (nats_change(p, NATS_TOLERATED) for p in (pairs, against, noise))
    of_base, of_again, of_candidate = answers
    same = _alike(of_base, of_candidate), _alike(of_base, of_again)
    p_loss = None
    if pairs.decidable and against.decidable:
        p_loss = max(pairs.p_drop(0), against.p_drop(0))
    ignored = same[0] == len(of_base) > 0 and (nats is None or nats.nothing)
    ended = not any(r.outcome is Outcome.ERROR for arm in arms for _, rows in arm for r in rows)
    p_nats = None if nats is None or other is None else max(nats.p(1), other.p(1))
    verdict, reasons = _verdict(pairs, p_loss, p_nats, ignored=ignored and forced, ended=ended)
    if ignored:
        told = "" if nats is None else " and log-probability"
        said = "seems to be ignored by the engine" if forced else "changes nothing"
        every = f"every answer{told} is that of the base ({same[0]} of {len(of_base)})"
        reasons = (f"{every}: {change} {said}", *reasons)
    lengths = sorted({p.trial.context_length for p in pairs.pairs})
    return EngineVerdict(
        verdict=verdict,
        reasons=reasons,
        change=change,
        candidate=pairs.summary(),
        control=noise.summary(),
        p_loss=p_loss,
        nats=nats,
        control_nats=control,
        identical=same,
        answers=len(of_base),
        by_length={n: pairs.at_length(n).summary() for n in lengths},
    )


def _alike(one: Answers, other: Answers) -> int:
    return sum(other.get(i) == text for i, text in one.items())


def _verdict(
    pairs: Pairs, p_loss: float | None, p_nats: float | None, *, ignored: bool, ended: bool
) -> tuple[Verdict, tuple[str, ...]]:
    if ignored:
        return Verdict.INVALID, ()
    if not (pairs.complete and ended):
        return Verdict.INCOMPLETE, ("the arms are not of the same trials, or some have not ended",)
    of_nats = NATS_SHARE if p_nats is not None else 0.0
    lost = []
    if p_loss is not None and p_loss <= LEVEL * (1 - of_nats):
        counts = f"{pairs.lost} lost, {pairs.gained} gained of {pairs.n}"
        lost.append(f"right answers lost: {counts} (p = {p_loss:.2g})")
    if p_nats is not None and p_nats <= LEVEL * of_nats:
        lost.append(f"the right answer is less probable (p = {p_nats:.2g})")
    if lost:
        return Verdict.FAIL, tuple(lost)
    if pairs.decidable and pairs.worst().p_within(MARGIN) <= LEVEL:
        shown = f"a loss of right answers is shown to be below {100 * MARGIN:g} points"
        return Verdict.PASS, (shown,)
    open_ = f"{pairs.n} pairs do not show it to be below {100 * MARGIN:g} points"
    return Verdict.INCONCLUSIVE, (f"no loss shown, but {open_}",)
