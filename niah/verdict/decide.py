"""From findings to one verdict.

Passing asks every gate to be shown, each at the full level; failing asks one of them to be broken, corrected for their
number (Holm 1979). So a run without a fault fails at most as often as the level says, however many gates there are.
The order of verdicts: an instrument that cannot be trusted, a run that is not finished, a fail, not enough evidence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from niah.errors import RunError
from niah.records import Outcome
from niah.verdict.counts import MISSING, counts_of
from niah.verdict.draft import PendingFinding
from niah.verdict.evidence import Evidence
from niah.verdict.exact import holm
from niah.verdict.gates import drafts_of
from niah.verdict.records import Finding, Judgement, Verdict
from niah.verdict.sample import Sample


def judge(evidence: Evidence, notes: tuple[str, ...] = ()) -> Judgement:
    """The verdict on a run. A run with nothing in it never passes. Raises RunError for trials outside its grid."""
    _check_grid(evidence)
    findings = _decided(drafts_of(evidence), evidence.limits.level)
    invalid, incomplete = instrument_faults(evidence), unfinished(evidence)
    verdict, reasons = _verdict(invalid, incomplete, findings)
    return Judgement(
        verdict=verdict,
        model=evidence.grid.model,
        reasons=reasons,
        findings=tuple(findings),
        notes=notes,
        confidence=evidence.limits.confidence,
    )


def instrument_faults(e: Evidence) -> tuple[str, ...]:
    """Why the run measures something else than the model, where it does."""
    limits, found = e.limits, []
    cut, ended = sum(r.outcome is Outcome.MISMATCH for r in e.results), len(e.results)
    if cut and cut / ended > limits.max_mismatch:
        found.append(
            f"truncation: the server counted far fewer prompt tokens than were sent in {cut} of {ended} trials"
        )
    stale = _stale(e)
    if stale:
        found.append(stale)
    for name, what in (("oracle", "right with nothing but the needle"), ("closed-book", "right without any haystack")):
        right = Sample(scores=tuple(r.score or 0.0 for r in e.controls(name)))  # a refusal is nothing right
        if not right.n:
            continue
        oracle, mean, scores = name == "oracle", right.mean, right.scores
        wrong = mean < limits.min_oracle if oracle else mean > limits.max_guess
        p = right.p_below(limits.min_oracle) if oracle else right.p_above(limits.max_guess)
        wrong = wrong and (p <= limits.level or (oracle and not mean))
        limit = f"at least {limits.min_oracle:g}" if name == "oracle" else f"at most {limits.max_guess:g}"
        if wrong:
            found.append(f"control {name}: {what} in {100 * mean:.3g} % of {len(scores)} trials, {limit} asked")
    return tuple(found)


def _stale(e: Evidence) -> str | None:
    """Why the run is no evidence any more, where a greatest age is set."""
    most = e.limits.max_age
    if most is None or e.now is None or not e.results:
        return None
    if e.answered is None:
        return f"stale evidence: no trial says when it was answered, at most {_age(most)} ago asked"
    age = e.now - e.answered[1]
    if age <= most:
        return None
    return (
        f"stale evidence: the last answer is {_age(age)} old, at most {_age(most)} asked; "
        "a finished run sends nothing again, so sweep under another --name"
    )


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.3g} days"


def unfinished(e: Evidence) -> tuple[str, ...]:
    """What is missing of a run, in words."""
    counts = counts_of(e.grid)
    planned = sum(counts.values())
    found = []
    if counts[MISSING]:
        found.append(f"{counts[MISSING]} of {planned} trials have not been run")
    errors = sum(r.outcome is Outcome.ERROR for r in e.results)
    if errors:
        found.append(f"{errors} of {len(e.results)} trials ended in an error of server or transport")
    have = Counter(r.trial.control for r in e.results)
    for name, wanted in e.planned_controls.items():
        if have[name] < wanted:
            found.append(f"{wanted - have[name]} of {wanted} control trials {name} have not been run")
    if not e.ordinary:
        found.append("the run holds no trial")
    return tuple(found)


def _check_grid(e: Evidence) -> None:
    """Raises RunError for results that the config does not ask for: its figures would leave them out."""
    if e.header.imported is not None:
        return
    planned = e.header.planned()
    for place, n in Counter((r.trial.context_length, r.trial.depth_percent) for r in e.ordinary).items():
        if n > planned.get(place, 0):
            where = f"{n} results at {place[0]:,} tokens and depth {place[1]:g} %"
            raise RunError(f"the run holds {where}, its config asks for {planned.get(place, 0)}; run it anew")


def _decided(drafts: list[PendingFinding], level: float) -> list[Finding]:
    tests = [d.finding.p_fail for d in drafts if d.finding.p_fail is not None]
    corrected = iter(holm(tests))
    return [_decide(d, level, next(corrected) if d.finding.p_fail is not None else None, len(tests)) for d in drafts]


def _decide(draft: PendingFinding, level: float, p_fail: float | None, tests: int) -> Finding:
    """A limit that is shown to be held passes first: a small loss inside its margin may well be real."""
    finding = draft.finding
    if p_fail is None:
        return finding
    if finding.p_pass is not None and finding.p_pass <= level:
        return replace(finding, verdict=Verdict.PASS)
    if p_fail <= level:
        return replace(finding, verdict=Verdict.FAIL)
    return replace(finding, more_trials=draft.more(level / tests, level) if draft.more else None)


def _verdict(
    invalid: tuple[str, ...], incomplete: tuple[str, ...], findings: list[Finding]
) -> tuple[Verdict, tuple[str, ...]]:
    if invalid:
        return Verdict.INVALID, invalid
    if incomplete:
        return Verdict.INCOMPLETE, incomplete
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        told = [f for f in findings if f.verdict is verdict and (verdict is Verdict.FAIL or not f.watched)]
        reasons = tuple(f"{f.gate}, {f.part}: {f.reason}" for f in told)
        if reasons:
            return verdict, reasons
    passed = tuple(f"{f.gate}, {f.part}: {f.reason}" for f in findings if f.verdict is Verdict.PASS)
    return (Verdict.PASS, passed) if passed else (Verdict.INCONCLUSIVE, ("no gate could be judged",))
