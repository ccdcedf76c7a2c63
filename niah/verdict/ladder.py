"""An adaptive run as its rule sees it: which lengths are decided, which trials come next. Replayed from the log.

The trials of a length have a fixed order. A wave holds only trials that are surely needed: so many as could decide at
the soonest. What is sent is therefore the same at any concurrency, and after any interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from niah.errors import RunError
from niah.records import Grid, Header, Outcome, Row
from niah.text.lengths import label_of
from niah.text.seeded import adaptive_places
from niah.text.shares import percent
from niah.verdict.records import EXIT_CODES, Verdict
from niah.verdict.sequential import Bracket, Held, Rule, Step, bracket_of, next_length, soonest, step_of

Place = tuple[int, float, int]  # length, depth, epoch


@dataclass(frozen=True)
class Ladder:
    """The lengths of an adaptive run, and what has been tried on each."""

    header: Header
    rows: Iterable[Row]

    @cached_property
    def rule(self) -> Rule:
        if not self.header.design.adaptive:
            raise RunError("the run is not adaptive: it asks all of its grid (niah run --adaptive finds a bracket)")
        return Rule(
            threshold=self.header.design.recipe["threshold"], most=self.header.design.recipe["trials_per_length"]
        )

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
        """That of a probe where the next shorter length fails; bisection has longer ones decided before."""
        shorter = steps.get(max((n for n in self.lengths if n < length), default=0))
        return self.rule.probing if shorter and shorter.above is False and self.search == "up" else self.rule

    @cached_property
    def bracket(self) -> Bracket:
        return bracket_of(self.lengths, self.steps, self.search)

    @cached_property
    def next(self) -> tuple[Place, ...]:
        """The trials that are surely needed now, in their order; none where the search has ended."""
        length = next_length(self.lengths, self.steps, self.search)
        if length is None:
            return ()
        step = self.steps.get(length)
        done = step.tried if step else 0
        rule = self._rule_at(length, self.steps)
        needed = soonest(step.found if step else 0.0, step.n if step else 0, done, rule)
        wanted = self.places(length)[done : done + needed]
        return tuple((length, *place) for place in wanted if not self._ended((length, *place)))

    @property
    def planned(self) -> dict[tuple[int, float], int]:
        """Trials by cell: those that were asked for, and the next one where the search goes on."""
        cells = {(length, float(depth)): 0 for length in self.lengths for depth in self.header.design.depths}
        for length, depth, _ in (*self._known, *self.next[:1]):
            cells[length, depth] = cells.get((length, depth), 0) + 1
        return cells

    def marked(self, grid: Grid) -> Grid:
        """The grid without the intervals of a fixed n, which a rule did not fix, and with the bracket in words."""
        cells = tuple(replace(cell, low=None, high=None, by_rule=True) for cell in grid.cells)
        whole = replace(grid.whole, low=None, high=None)
        words = bracket_words(self.bracket, ended=not self.next)
        return replace(grid, cells=cells, whole=whole, epochs=1, adaptive=words)

    def places(self, length: int) -> list[tuple[float, int]]:
        """Depth and epoch of a length's trials, in their order."""
        design = self.header.design
        seed = self.header.design.recipe["seed"]
        return adaptive_places(seed, length, design.depths, self.rule.most, shared=design.haystack_shared)

    @cached_property
    def _known(self) -> Mapping[Place, Row]:
        ordinary = (r for r in self.rows if r.trial.control is None)
        return {(r.trial.context_length, float(r.trial.depth_percent), r.trial.epoch): r for r in ordinary}

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
    claimed: int | None

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def effective_of(header: Header, rows: Iterable[Row], at_least: int | None) -> Effective:
    """The bracket of an adaptive run, and whether the model holds at least so many tokens.

    Only a length that is shown to hold passes, only one that is shown not to fails. Raises RunError for another run.
    """
    ladder = Ladder(header, rows)
    bracket, ended = ladder.bracket, not ladder.next
    verdict = Verdict.PASS if ended else Verdict.INCOMPLETE
    if at_least is not None:
        sure = [s for s in bracket.steps if s is not bracket.probe]
        held = [s.context_length for s in sure if s.held is Held.HOLDS and s.context_length >= at_least]
        lost = [s.context_length for s in sure if s.held is Held.FAILS and s.context_length <= at_least]
        undecided = Verdict.INCONCLUSIVE if ended else Verdict.INCOMPLETE
        verdict = Verdict.FAIL if lost else Verdict.PASS if held else undecided
    return Effective(bracket=bracket, ended=ended, at_least=at_least, verdict=verdict, claimed=header.claimed)


def bracket_words(b: Bracket, ended: bool = True) -> str:
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


def _step_words(step: Step) -> str:
    unsure = {Held.LEVEL: ", on the line", Held.UNSCORED: ", without a score", Held.OPEN: ", open"}.get(step.held, "")
    share = f"{percent(step.found / step.n)} of " if step.n else ""
    return f"{label_of(step.context_length)} ({share}n = {step.n}{unsure})"
