"""Did a change of an engine break long context? A candidate against a base that was run twice.

Base against base again is the control: what differs there is the engine's own noise. A loss must
show against both, with the level shared out between right answers (McNemar) and their
log-probabilities (paired t test, Student 1908; a loss up to the tolerated nats is none). First of
all: does the change change anything at all?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from niah.records import Header, Outcome, Row
from niah.verdict.baseline import baseline_of
from niah.verdict.pairs import NatsChange, Pairs, nats_change, pairs_of
from niah.verdict.records import EXIT_CODES, Paired, Verdict

LEVEL = 0.05  # chance of a fail where nothing is lost, and of a pass where the margin is
MARGIN = 0.05  # a loss of right answers that is shown to be smaller passes
NATS_TOLERATED = 0.015  # mean loss of log-probability that is none
# of the level, where log-probabilities are told: they need far fewer trials than right and wrong
NATS_SHARE = 0.95

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
    identical: tuple[
        int, int
    ]  # answers that are those of the base, of the candidate and of the control
    answers: int
    by_length: Mapping[int, Paired]  # the candidate against the base

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def paired_arms(before: Arm, after: Arm) -> Pairs:
    """All runs of two arms as one set of pairs. Raises RunError where they differ in their
    recipes."""
    each = [
        pairs_of(baseline_of(old, rows), new, list(later))
        for (old, rows), (new, later) in zip(before, after, strict=True)
    ]
    pairs, gone, new = (
        tuple(p for one in each for p in some(one))
        for some in map(attrgetter, ("pairs", "gone", "new"))
    )
    by_epoch, complete = any(one.by_epoch for one in each), all(one.complete for one in each)
    return replace(each[0], pairs=pairs, by_epoch=by_epoch, gone=gone, new=new, complete=complete)


def engine_verdict(
    change: str,
    arms: tuple[Arm, Arm, Arm],
    answers: tuple[Answers, Answers, Answers],
    *,
    forced: bool,
) -> EngineVerdict:
    """The verdict on base, base again and candidate. ``forced``: the change was asked of the engine
    by name."""
    base, again, candidate = arms
    pairs, noise, against = (
        paired_arms(base, candidate),
        paired_arms(base, again),
        paired_arms(again, candidate),
    )
    nats, other, control = (nats_change(p, NATS_TOLERATED) for p in (pairs, against, noise))
    same = tuple(
        sum(a.get(i) == text for i, text in answers[0].items()) for a in (answers[2], answers[1])
    )
    p_loss = (
        max(pairs.p_drop(0), against.p_drop(0)) if pairs.decidable and against.decidable else None
    )
    ignored = same[0] == len(answers[0]) > 0 and (nats is None or nats.nothing)
    ended = not any(r.outcome is Outcome.ERROR for arm in arms for _, rows in arm for r in rows)
    p_nats = None if nats is None or other is None else max(nats.p(1), other.p(1))
    verdict, reasons = _verdict(pairs, p_loss, p_nats, ignored=ignored and forced, ended=ended)
    if ignored:
        told = "" if nats is None else " and log-probability"
        reasons = (f"every answer{told} is that of the base ({len(answers[0])} of {len(answers[0])}): {change} "
                   + ("seems to be ignored by the engine" if forced else "changes nothing"), *reasons)  # fmt: skip
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
        identical=(same[0], same[1]),
        answers=len(answers[0]),
        by_length={n: pairs.at_length(n).summary() for n in lengths},
    )


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
        lost.append(
            f"right answers lost: {pairs.lost} lost, {pairs.gained} gained of {pairs.n} (p ="
            f" {p_loss:.2g})"
        )
    if p_nats is not None and p_nats <= LEVEL * of_nats:
        lost.append(f"the right answer is less probable (p = {p_nats:.2g})")
    if lost:
        return Verdict.FAIL, tuple(lost)
    if pairs.decidable and pairs.worst().p_within(MARGIN) <= LEVEL:
        return Verdict.PASS, (
            f"a loss of right answers is shown to be below {100 * MARGIN:g} points",
        )
    return Verdict.INCONCLUSIVE, (
        f"no loss shown, but {pairs.n} pairs do not show it to be below {100 * MARGIN:g} points",
    )
