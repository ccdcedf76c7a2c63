"""A test per length that may stop at any trial, and the search for the last length that holds: few trials, same answer.

At every length two bets run side by side: that the share found is above the threshold, and that it is below. Each is
the likelihood of the trials so far, averaged over the shares on its side, over that at the threshold: a test martingale
(Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021), so a length that lies on the other side earns 1/level at most
so often as the level says, however often one looks. Fractional scores are rounded against the bet. Depths come in
blocks that hold each of them once, which makes their sum less erratic than independent draws (Hoeffding 1963).

Everything is a function of the scores in drawn order: a search that was interrupted goes on by replaying them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from math import ceil, exp, floor, inf, lgamma, log

from niah.verdict.exact import at_least, at_most

LEAN = 80  # trials, all found, that the bet on "above" is made with: most lengths that hold are found nearly always
BLIND = 5  # so many trials without any score end a length: its prompts are refused or cut


class Held(StrEnum):
    """What the trials at a length say of it."""

    HOLDS = "holds"  # shown to be above the threshold
    FAILS = "fails"  # shown to be below
    LEVEL = "on the line"  # all trials are spent and show neither: the share as measured decides
    UNSCORED = "unscored"  # no trial had a score
    OPEN = "open"  # more trials are to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a length is decided."""

    threshold: float = 0.856
    level: float = 0.1  # chance of a wrong answer at one length, either way
    most: int = 110  # trials at one length

    @property
    def probing(self) -> Rule:
        """That of the step beyond a bracket, which only warns: 4 to 1 are enough."""
        return replace(self, level=0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One length as far as it was tried. Its n is no fixed one: no interval stands beside it."""

    context_length: int
    held: Held
    n: int  # scored trials that decided; later ones, that were in flight, do not count
    found: float  # sum of their scores
    tried: int  # trials that decided, with those that had no score
    evidence: float  # of the side that is ahead, as a ratio; 1/level decides
    threshold: float

    @property
    def above(self) -> bool | None:
        """Whether the length counts as held; None while it is open."""
        if self.held is Held.OPEN:
            return None
        return self.held is Held.HOLDS or (self.held is Held.LEVEL and self.share >= self.threshold)

    @property
    def share(self) -> float:
        """The share found of the trials tried: one without a score was not found."""
        return self.found / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """Between which lengths a model stops holding, with what shows it on both sides."""

    holds: Step | None  # the longest length that is held; None: not even the shortest
    fails: Step | None  # the shortest that is not; None: every length is held
    probe: Step | None = None  # one step beyond it: where it holds, the model is not monotone
    search: str = "up"
    steps: tuple[Step, ...] = ()  # every length that was tried, shortest first
    spared: tuple[int, ...] = ()  # lengths that were not

    @property
    def monotone(self) -> bool | None:
        """Whether what lies beyond the bracket is lost as well; None where that was not tried or not decided."""
        if self.probe is None or self.probe.held is Held.OPEN:
            return None
        return not self.probe.above


def step_of(context_length: int, scores: Sequence[float | None], rule: Rule) -> Step:
    """A length from its scores in drawn order (None: ended without one), up to the trial that decides."""
    found, n, tried, ahead, held = 0.0, 0, 0, 1.0, Held.OPEN
    for tried, score in enumerate(scores[: rule.most], 1):
        if score is not None:
            n, found = n + 1, found + score
        above, below = bets(found, n, tried, rule.threshold)
        ahead = max(above, below)
        if ahead >= 1 / rule.level:
            held = Held.HOLDS if above > below else Held.FAILS
        elif not n and tried >= BLIND:
            held = Held.UNSCORED
        if held is not Held.OPEN:
            break
    if held is Held.OPEN and tried >= rule.most:
        held = Held.LEVEL
    return Step(
        context_length=context_length,
        held=held,
        n=n,
        found=found,
        tried=tried,
        evidence=ahead,
        threshold=rule.threshold,
    )


def soonest(found: float, n: int, tried: int, rule: Rule) -> int:
    """So many further trials could decide at the soonest, all of them found or none: they are needed in any case."""
    for more in range(1, rule.most - tried + 1):
        all_found = bets(found + more, n + more, tried + more, rule.threshold)[0]
        none_found = bets(found, n + more, tried + more, rule.threshold)[1]
        if max(all_found, none_found) >= 1 / rule.level or (not n and tried + more >= BLIND):
            return more
    return rule.most - tried


def bets(found: float, n: int, tried: int, threshold: float) -> tuple[float, float]:
    """What a bet of 1 on "above" and on "below" has grown to; a trial without a score is one more loss to the first."""
    return _above(floor(found + 1e-9), tried, threshold), _below(ceil(found - 1e-9), n, threshold)


@lru_cache(maxsize=65_536)
def _above(found: int, n: int, threshold: float) -> float:
    seen, of = found + LEAN, n + LEAN
    width = (1 - threshold ** (LEAN + 1)) / (LEAN + 1)
    return _mixed(seen, of, threshold, at_most(seen, of + 1, threshold), width) * threshold**LEAN


@lru_cache(maxsize=65_536)
def _below(found: int, n: int, threshold: float) -> float:
    return _mixed(found, n, threshold, at_least(found + 1, n + 1, threshold), threshold)


def _mixed(found: int, n: int, threshold: float, part: float, width: float) -> float:
    """The likelihood averaged over one side of the threshold (``part`` of a beta integral), over that at it."""
    if part <= 0:
        return 0.0
    whole = lgamma(found + 1) + lgamma(n - found + 1) - lgamma(n + 2)
    at = found * log(threshold) + (n - found) * log(1 - threshold)
    ratio = whole + log(part) - log(width) - at
    return exp(ratio) if ratio < 700 else inf


def next_length(lengths: Sequence[int], steps: Mapping[int, Step], search: str = "up") -> int | None:
    """The length to try next, from those tried so far; None where the search has ended.

    ``up`` goes from the shortest to the first that fails, as effective length is defined; ``bisect`` takes for granted
    that a model which fails at one length fails at all longer ones. Both then probe one step beyond.
    """
    lengths = sorted(lengths)
    low, high = -1, len(lengths)
    while high - low > 1:
        at = low + 1 if search == "up" else (low + high) // 2
        above = steps[lengths[at]].above if lengths[at] in steps else None
        if above is None:
            return lengths[at]
        low, high = (at, high) if above else (low, at)
    beyond = lengths[high + 1 : high + 2]
    refused = high < len(lengths) and steps[lengths[high]].held is Held.UNSCORED  # a longer prompt would be, too
    if not beyond or refused or (beyond[0] in steps and steps[beyond[0]].held is not Held.OPEN):
        return None
    return beyond[0]


def bracket_of(lengths: Sequence[int], steps: Mapping[int, Step], search: str = "up") -> Bracket:
    """What a search has found so far."""
    lengths = sorted(lengths)
    known = [n for n in lengths if n in steps and steps[n].above is not None]
    fails = next((n for n in known if not steps[n].above), None)
    under = [n for n in known if steps[n].above and (fails is None or n < fails)]
    after = [n for n in lengths if fails is not None and n > fails][:1]
    return Bracket(
        holds=steps[under[-1]] if under else None,
        fails=None if fails is None else steps[fails],
        probe=steps.get(after[0]) if after else None,
        search=search,
        steps=tuple(steps[n] for n in lengths if n in steps and steps[n].tried),
        spared=tuple(n for n in lengths if n not in steps or not steps[n].tried),
    )
