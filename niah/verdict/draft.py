"""Findings in the making: how a gate says that it has decided, cannot decide, or leaves it to a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from niah.verdict.records import Finding, Verdict
from niah.verdict.sample import FEWEST_CLUSTERS

More = Callable[[float, float], int | None]  # trials until a fail or a pass, by the levels of both


@dataclass(frozen=True, slots=True)
class PendingFinding:
    """A finding before all findings are judged together."""

    finding: Finding
    more: More | None = None


def undecided(
    gate: str, part: str, reason: str, limit: float, n: int = 0, measured: float | None = None
) -> PendingFinding:
    return counted(gate, part, Verdict.INCONCLUSIVE, reason, measured, limit, n)


def counted(
    gate: str, part: str, verdict: Verdict, reason: str, measured: float | None, limit: float, n: int
) -> PendingFinding:
    found = Finding(gate=gate, part=part, verdict=verdict, reason=reason, measured=measured, limit=limit, n=n)
    return PendingFinding(found)


def tested(
    gate: str, part: str, reason: str, measured: float, limit: float, n: int, p_fail: float, p_pass: float, more: More
) -> PendingFinding:
    """What a test decides; open until all are judged."""
    found = counted(gate, part, Verdict.INCONCLUSIVE, reason, measured, limit, n).finding
    return PendingFinding(replace(found, p_fail=p_fail, p_pass=p_pass), more)


def few(clusters: int) -> str:
    have = "all trials share one haystack" if clusters == 1 else f"its trials share {clusters} haystacks"
    return f"{have}, at least {FEWEST_CLUSTERS} or one per trial are needed to speak for others"
