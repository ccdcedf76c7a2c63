"""An adaptive run, replayed from its log: few trials, same answer.

A test per length may stop at any trial, and a search looks for the last length that holds.

At every length two bets run side by side: that the share found is above the threshold, and that it
is below. Each is the likelihood of the trials so far, averaged over the shares on its side, over
that at the threshold: a test martingale (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021),
so a length that lies on the other side earns 1/level at most so often as the level says, however
often one looks. Fractional scores are rounded against the bet. Depths come in blocks that hold each
of them once, which makes their sum less erratic than independent draws (Hoeffding 1963).

The trials of a length have a fixed order. A wave holds only trials that are surely needed: so many
as could decide at the soonest. What is sent is therefore the same at any concurrency, and after any
interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import product
from math import ceil, exp, floor, inf, lgamma, log

from niah.errors import RunError
from niah.records import Header, Outcome, Row
from niah.text.lengths import label_of
from niah.text.seeded import adaptive_places
from niah.text.shares import percent
from niah.verdict.exact import at_least, at_most
from niah.verdict.records import EXIT_CODES, Grid, Verdict

# trials, all found, that the bet on "above" is made with: what holds is found nearly always
LEAN = 80
# part of that bet on any share above, alike: for a low threshold, and readers far from sure
OPEN_MIND = 0.1
BLIND = 5  # so many trials without any score end a length: its prompts are refused or cut

Place = tuple[int, float, int]  # length, depth, epoch


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
        """Whether what lies beyond the bracket is lost as well; None: not tried, or undecided."""
        if self.probe is None or self.probe.held is Held.OPEN:
            return None
        return not self.probe.above


def step_of(context_length: int, scores: Sequence[float | None], rule: Rule) -> Step:
    """A length from its scores in drawn order (None: it has none), up to the one that decides."""
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
    """So many further trials could decide at the soonest, all found or none: all are needed."""
    for more in range(1, rule.most - tried + 1):
        all_found = bets(found + more, n + more, tried + more, rule.threshold)[0]
        none_found = bets(found, n + more, tried + more, rule.threshold)[1]
        if max(all_found, none_found) >= 1 / rule.level or (not n and tried + more >= BLIND):
            return more
    return rule.most - tried


def bets(found: float, n: int, tried: int, threshold: float) -> tuple[float, float]:
    """What a bet of 1 on "above" and on "below" has grown to; no score is a loss to the first."""
    return _above(floor(found + 1e-9), tried, threshold), _below(ceil(found - 1e-9), n, threshold)


@lru_cache(maxsize=65_536)
def _above(found: int, n: int, threshold: float) -> float:
    seen, of = found + LEAN, n + LEAN
    width = (1 - threshold ** (LEAN + 1)) / (LEAN + 1)
    sure = _mixed(seen, of, threshold, at_most(seen, of + 1, threshold), width) * threshold**LEAN
    alike = _mixed(found, n, threshold, at_most(found, n + 1, threshold), 1 - threshold)
    return (1 - OPEN_MIND) * sure + OPEN_MIND * alike


@lru_cache(maxsize=65_536)
def _below(found: int, n: int, threshold: float) -> float:
    return _mixed(found, n, threshold, at_least(found + 1, n + 1, threshold), threshold)


def _mixed(found: int, n: int, threshold: float, part: float, width: float) -> float:
    """The likelihood averaged over one side (``part`` of a beta integral), over the threshold's."""
    if part <= 0:
        return 0.0
    whole = lgamma(found + 1) + lgamma(n - found + 1) - lgamma(n + 2)
    at = found * log(threshold) + (n - found) * log(1 - threshold)
    ratio = whole + log(part) - log(width) - at
    return exp(ratio) if ratio < 700 else inf


def next_length(
    lengths: Sequence[int], steps: Mapping[int, Step], search: str = "up"
) -> int | None:
    """The length to try next, from those tried so far; None where the search has ended.

    ``up`` goes from the shortest to the first that fails, as effective length is defined;
    ``bisect`` takes for granted that a model which fails at one length fails at all longer ones.
    Both then probe one step beyond.
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
    if not beyond or steps[lengths[high]].held is Held.UNSCORED:  # a longer prompt would be, too
        return None
    tried = steps.get(beyond[0])
    return None if tried and tried.held is not Held.OPEN else beyond[0]


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


@dataclass(frozen=True)
class Ladder:
    """The lengths of an adaptive run, and what has been tried on each."""

    header: Header
    rows: Iterable[Row]

    @cached_property
    def rule(self) -> Rule:
        if not self.header.design.adaptive:
            told = "the run is not adaptive: it asks all of its grid"
            raise RunError(f"{told} (niah run --adaptive finds a bracket)")
        recipe = self.header.design.recipe
        return Rule(threshold=recipe["threshold"], most=recipe["trials_per_length"])

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        return tuple(sorted(self.header.design.lengths))

    @property
    def search(self) -> str:
        return "bisect" if self.header.design.recipe["bisect"] else "up"

    @cached_property
    def steps(self) -> Mapping[int, Step]:
        """Every length with a trial that has ended, up to its first that has not."""
        steps: dict[int, Step] = {}
        for length in self.lengths:
            step = step_of(length, self._scores(length), self._rule_at(length, steps))
            if step.tried:
                steps[length] = step
        return steps

    def _rule_at(self, length: int, steps: Mapping[int, Step]) -> Rule:
        """A probe's where the next shorter length fails; bisection decides longer ones before."""
        shorter = steps.get(max((n for n in self.lengths if n < length), default=0))
        fails = shorter is not None and shorter.above is False
        return self.rule.probing if fails and self.search == "up" else self.rule

    @cached_property
    def bracket(self) -> Bracket:
        return bracket_of(self.lengths, self.steps, self.search)

    @cached_property
    def next(self) -> tuple[Place, ...]:
        """The trials that are surely needed now, in their order; none: the search has ended."""
        length = next_length(self.lengths, self.steps, self.search)
        if length is None:
            return ()
        rule = self._rule_at(length, self.steps)
        step = self.steps.get(length) or step_of(length, (), rule)
        needed = soonest(step.found, step.n, step.tried, rule)
        wanted = self.places(length)[step.tried : step.tried + needed]
        return tuple((length, *place) for place in wanted if not self._ended((length, *place)))

    @property
    def planned(self) -> dict[tuple[int, float], int]:
        """Trials by cell: those that were asked for, and the next one where the search goes on."""
        depths = map(float, self.header.design.depths)
        cells = dict.fromkeys(product(self.lengths, depths), 0)
        for length, depth, _ in (*self._known, *self.next[:1]):
            cells[length, depth] = cells.get((length, depth), 0) + 1
        return cells

    def marked(self, grid: Grid) -> Grid:
        """The grid with the bracket in words, without the intervals of an n that nobody fixed."""
        cells = tuple(replace(cell, low=None, high=None, by_rule=True) for cell in grid.cells)
        whole = replace(grid.whole, low=None, high=None)
        words = bracket_words(self.bracket, ended=not self.next)
        return replace(grid, cells=cells, whole=whole, epochs=1, adaptive=words)

    def places(self, length: int) -> list[tuple[float, int]]:
        """Depth and epoch of a length's trials, in their order."""
        d, most = self.header.design, self.rule.most
        return adaptive_places(d.recipe["seed"], length, d.depths, most, shared=d.haystack_shared)

    @cached_property
    def _known(self) -> Mapping[Place, Row]:
        trials = ((r.trial, r) for r in self.rows if r.trial.control is None)
        return {(t.context_length, float(t.depth_percent), t.epoch): r for t, r in trials}

    def _ended(self, place: Place) -> bool:
        return place in self._known and self._known[place].outcome is not Outcome.ERROR

    def _scores(self, length: int) -> list[float | None]:
        """In their order, up to the first trial that has not ended."""
        scores: list[float | None] = []
        for place in self.places(length):
            if not self._ended((length, *place)):
                break
            scores.append(self._known[length, *place].score)
        return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What an adaptive run says of a model."""

    bracket: Bracket
    ended: bool
    at_least: int | None  # what was asked for; None: nothing
    verdict: Verdict

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def effective_of(header: Header, rows: Iterable[Row], at_least: int | None) -> Effective:
    """The bracket of an adaptive run, and whether the model holds at least so many tokens.

    Only a length that is shown to hold passes, only one that is shown not to fails. Raises RunError
    for another run.
    """
    ladder = Ladder(header, rows)
    bracket, ended = ladder.bracket, not ladder.next
    verdict = Verdict.PASS if ended else Verdict.INCOMPLETE
    if at_least is not None:
        # a step beyond may stop earlier
        sure = [s for s in bracket.steps if s.evidence >= 1 / ladder.rule.level]
        held = [s for s in sure if s.held is Held.HOLDS and s is not bracket.probe]
        if any(s.held is Held.FAILS and s.context_length <= at_least for s in sure):
            verdict = Verdict.FAIL
        elif any(s.context_length >= at_least for s in held):
            verdict = Verdict.PASS
        elif ended:
            verdict = Verdict.INCONCLUSIVE
    return Effective(bracket=bracket, ended=ended, at_least=at_least, verdict=verdict)


def bracket_words(b: Bracket, ended: bool) -> str:
    """holds at 128k (n = 22), not at 181k (n = 9)"""
    if not b.steps:
        return "nothing tried yet"
    holds = "holds at no length tried" if b.holds is None else f"holds at {_step_words(b.holds)}"
    fails = ", the longest length" if b.fails is None and ended else ""
    fails = f", not at {_step_words(b.fails)}" if b.fails is not None else fails
    said = f"{holds}{fails}" if ended else f"so far {holds}{fails}"
    if b.monotone is False and b.probe is not None:
        said += f"; not monotone: {_step_words(b.probe)} is held again, so run the full grid"
    return said


_UNSURE = {Held.LEVEL: ", on the line", Held.UNSCORED: ", without a score", Held.OPEN: ", open"}


def _step_words(step: Step) -> str:
    unsure = _UNSURE.get(step.held, "")
    share = f"{percent(step.found / step.n)} of " if step.n else ""
    return f"{label_of(step.context_length)} ({share}n = {step.n}{unsure})"
