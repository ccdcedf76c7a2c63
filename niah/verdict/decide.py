"""From findings to one verdict.

Passing asks every gate to be shown, each at the full level; failing asks one of them to be broken,
corrected for their number (Holm 1979). So a run without a fault fails at most as often as the level
says, however many gates there are. The order of verdicts: an instrument that cannot be trusted, a
run that is not finished, a fail, not enough evidence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from niah.errors import RunError
from niah.records import CONTROLS, Outcome
from niah.text.shares import percent
from niah.verdict.evidence import Evidence
from niah.verdict.exact import holm
from niah.verdict.gates import PendingFinding, findings_of
from niah.verdict.grid import MISSING, counts_of
from niah.verdict.records import Finding, Judgement, Verdict
from niah.verdict.sample import Sample


def judge(evidence: Evidence, notes: tuple[str, ...] = (), *, count_more: bool = True) -> Judgement:
    """The verdict on a run, never a pass of one with nothing in it.

    How many more trials would decide what is open takes most of the time, and is told where
    ``count_more`` asks for it. Raises RunError for trials outside the grid.
    """
    _check_grid(evidence)
    findings = _decided(findings_of(evidence), evidence.limits.level, count_more)
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
        less = "the server counted far fewer prompt tokens than were sent"
        found.append(f"truncation: {less} in {cut} of {ended} trials")
    if stale := _stale(e):
        found.append(stale)
    oracle = _controls(e, "oracle")  # right with nothing but the needle
    lost = oracle.n and oracle.mean < limits.min_oracle
    if lost and (not oracle.mean or oracle.p_below(limits.min_oracle) <= limits.level):
        right = f"right with nothing but the needle in {_of_trials(oracle)}"
        found.append(f"control oracle: {right}, at least {limits.min_oracle:g} asked")
    most, guessed = limits.max_guess, _controls(e, "closed-book")
    if guessed.n and guessed.mean > most and guessed.p_above(most) <= limits.level:
        right = f"right without any haystack in {_of_trials(guessed)}"
        found.append(f"control closed-book: {right}, at most {most:g} asked")
    return tuple(found)


def _controls(e: Evidence, name: str) -> Sample:
    """Of a control; a refusal is nothing right."""
    return Sample(scores=tuple(r.score or 0.0 for r in e.controls(name)))


def _of_trials(right: Sample) -> str:
    return f"{percent(right.mean)} of {right.n} trials"


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
    if hours < 2:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.3g} days"


def unfinished(e: Evidence) -> tuple[str, ...]:
    """What is missing of a run, in words."""
    counts = counts_of(e.grid)
    planned = sum(counts.values())
    found = []
    if counts[MISSING]:
        found.append(f"{counts[MISSING]} of {planned} trials have not been run")
    errors, ended = sum(r.outcome is Outcome.ERROR for r in e.results), len(e.results)
    if errors:
        found.append(f"{errors} of {ended} trials ended in an error of server or transport")
    for name in CONTROLS:
        own = Counter[str]()
        for control in e.grid.controls:
            own.update(control.outcomes if control.control == name else {})
        if own[MISSING]:
            found.append(f"{own[MISSING]} of {own.total()} control trials {name} have not been run")
    if not e.ordinary:
        found.append("the run holds no trial")
    return tuple(found)


def _check_grid(e: Evidence) -> None:
    """Raises RunError for results that the config does not ask for: no figure would hold them."""
    if e.header.design.adaptive:
        raise RunError(
            "an adaptive run has no fixed grid to judge; "
            "its verdict is: niah effective --at-least LENGTH"
        )
    if e.header.imported is not None:
        return
    planned = e.header.planned()
    held = Counter((r.trial.context_length, r.trial.depth_percent) for r in e.ordinary)
    for place, n in held.items():
        if n > (asked := planned.get(place, 0)):
            where = f"{n} results at {place[0]:,} tokens and depth {place[1]:g} %"
            raise RunError(f"the run holds {where}, its config asks for {asked}; run it anew")


def _decided(pending: list[PendingFinding], level: float, count_more: bool) -> list[Finding]:
    tests = [p.finding.p_fail for p in pending if p.finding.p_fail is not None]
    corrected = iter(holm(tests))
    findings = []
    for p in pending:
        finding = p.finding
        p_fail = 1.0 if finding.p_fail is None else next(corrected)
        # a pass comes first: a small loss inside its margin may be real
        if finding.p_pass is not None and finding.p_pass <= level:
            finding = replace(finding, verdict=Verdict.PASS)
        elif p_fail <= level:
            finding = replace(finding, verdict=Verdict.FAIL)
        elif p.more is not None and count_more:
            finding = replace(finding, more_trials=p.more(level / len(tests), level))
        findings.append(finding)
    return findings


def _verdict(
    invalid: tuple[str, ...], incomplete: tuple[str, ...], findings: list[Finding]
) -> tuple[Verdict, tuple[str, ...]]:
    if invalid:
        return Verdict.INVALID, invalid
    if incomplete:
        return Verdict.INCOMPLETE, incomplete
    decisive = [f for f in findings if not (f.watched and f.verdict is Verdict.INCONCLUSIVE)]
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        told = [f for f in decisive if f.verdict is verdict]
        if told:
            return verdict, tuple(f"{f.gate}, {f.part}: {f.reason}" for f in told)
    return Verdict.INCONCLUSIVE, ("no gate could be judged",)
