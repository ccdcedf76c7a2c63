"""Two judges of the same answers: how often they agree, and how much of that is more than chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Answers that both called right or wrong."""

    n: int
    agree: int
    kappa: float | None  # Cohen 1960; None where one of them said the same of every answer
    unclear: int = 0  # that one of them could not decide; not in n

    def words(self) -> str:
        """ "12 answers, 11 alike (Cohen's kappa 0.63, n = 12)"."""
        if not self.n:
            return f"no answer is judged by both{f', {self.unclear} unclear' if self.unclear else ''}"
        kappa = "no kappa, as one side said the same of all" if self.kappa is None else f"kappa {self.kappa:.2f}"
        unclear = f", {self.unclear} unclear" if self.unclear else ""
        return f"{self.agree} of {self.n} alike (Cohen's {kappa}, n = {self.n}){unclear}"


def agreed(pairs: Iterable[tuple[bool, bool | None]]) -> Agreed:
    """Of (one, other) on each answer; None is unclear."""
    everything = list(pairs)
    both = [(a, b) for a, b in everything if b is not None]
    n, agree = len(both), sum(a == b for a, b in both)
    kappa = None
    if n:
        first, second = sum(a for a, _ in both) / n, sum(bool(b) for _, b in both) / n
        chance = first * second + (1 - first) * (1 - second)
        kappa = None if chance == 1 or {first, second} & {0.0, 1.0} else (agree / n - chance) / (1 - chance)
    return Agreed(n=n, agree=agree, kappa=kappa, unclear=len(everything) - n)
