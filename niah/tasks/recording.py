"""Tasks about when something is said: lines like (12:01) between segments and above every needle.

The clock is niah's own, since a haystack goes round several episodes whose times would repeat. When
the recording starts is drawn for each trial (up to START_S), and so is how fast each part of it is
spoken, so that neither length and depth nor the times at both ends tell when something in between
is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from niah import scorers
from niah.errors import PromptError
from niah.records import Needle, Planting, Score, Trial
from niah.scorers import clock, seconds_in
from niah.tasks import magic
from niah.tasks._episodes import mark
from niah.tasks._frame import Asked
from niah.tasks._planter import BuiltIn, Planter
from niah.text.seeded import Draw

START_S = 3 * 3600
TOKENS_A_SECOND = (3.0, 6.0)  # slow and fast talk; an hour of Chinese talk has about 4.5
EVERY_S = 30  # seconds between two marks, give or take
FACTS_APART_S = 60  # twice the usual tolerance, where there is room: a near time is no other fact's
_PARTS = 8  # of the recording, each with a pace of its own
_TRIES = 60
_APART_S = 12  # a mark so near to a needle is left out
_MARK = re.compile(r"^\((\d+(?::\d\d){1,2})\)$")


class Clock:
    """When what stands at a depth is said: seconds rise with it, in each part at its own pace."""

    def __init__(self, draw: Draw, trial: Trial) -> None:
        slow, fast = TOKENS_A_SECOND
        paces = [slow + (fast - slow) * draw.between(0, 100) / 100 for _ in range(_PARTS)]
        self._depths = np.linspace(0, 100, _PARTS + 1)
        start, tokens = draw.between(0, START_S), trial.context_length / _PARTS
        self._seconds = np.cumsum([start, *(tokens / pace for pace in paces)])

    def at(self, depth: float) -> int:
        """The second at a depth."""
        return round(float(np.interp(depth, self._depths, self._seconds)))

    def depth_of(self, second: int) -> float:
        """The depth of a second."""
        return float(np.interp(second, self._seconds, self._depths))


class When(BuiltIn):
    """At what minute and second something is said:
    the time of a fact is asked for, among other lines with times.

    The fact is told in other words than the question; of ``distractor_count`` lines every other one
    names a wrong number of the same place in the question's own words, and takes it back.
    """

    def planted(self, plan: Planter) -> Planting:
        """The fact at the trial's depth, under its time; other lines' times are wrong answers."""
        facts, marks = timed(plan, _told_or_denied)
        needles = [replace(fact, value=clock_of(fact)) for fact in facts]
        question = plan.said("when.question", key=needles[0].key)
        planting = plan.planting("clock.hint", question, needles, [needles[0].value])
        return replace(planting, marks=marks, tolerance_s=plan.options.tolerance_s)

    def score(self, text: str, planting: Planting) -> Score:
        """The exact time; within the tolerance is scored apart."""
        return scorers.time_of_day(text, magic.expected_of(planting), planting.tolerance_s)

    def answer(self, asked: Asked) -> str | None:
        """The time above the sentence that tells what the question is about."""
        told = told_in(asked)
        return clock(told[0]) if told else None


class WhenAndWhat(BuiltIn):
    """Both halves in one question: which value belongs to a key,
    and at what time it is said. Scored apart."""

    def planted(self, plan: Planter) -> Planting:
        """The fact at the trial's depth, under its time. Targets are the number and the time."""
        facts, marks = timed(plan, _told_or_denied)
        question = plan.said("when-and-what.question", key=facts[0].key)
        targets = [facts[0].value, clock_of(facts[0])]
        planting = plan.planting("clock.hint", question, facts, targets)
        return replace(planting, marks=marks, tolerance_s=plan.options.tolerance_s)

    def score(self, text: str, planting: Planting) -> Score:
        """Half for the number, half for the exact time; the class is that of the first mistake."""
        number, time = planting.targets
        expected = magic.expected_of(planting)
        what = scorers.number(text, replace(expected, targets=(number,)))
        others = [n for n in planting.needles if n.answer_class != "right"]
        times = {clock_of(n): expected.wrong.get(n.value, scorers.WrongValue()) for n in others}
        timed = replace(expected, targets=(time,), wrong=times)
        when = scorers.time_of_day(text, timed, planting.tolerance_s)
        worse, near = what if what.value < 1 else when, when.parts["within tolerance"]
        return Score(
            value=(what.value + when.value) / 2,
            answer_class=worse.answer_class,
            explanation=f"number: {what.explanation}; time: {when.explanation}",
            detail=worse.detail,
            parts={"what": what.value, "when": when.value, "when, within tolerance": near},
        )

    def answer(self, asked: Asked) -> str | None:
        """The number of the key and the time above it."""
        told = told_in(asked)
        return f"{told[1]}, {clock(told[0])}" if told else None


class SaidAt(BuiltIn):
    """What is said at a given minute and second: the other half of ``when``."""

    def planted(self, plan: Planter) -> Planting:
        """The fact at the trial's depth, under its time; facts at other times are distractors."""
        needles, marks = timed(
            plan, lambda p: lambda i, depth: magic.needle(p, "number", depth, distractor=i > 0)
        )
        question = plan.said("said-at.question", time=clock_of(needles[0]))
        planting = plan.planting("clock.hint", question, needles, [needles[0].value])
        return replace(planting, marks=marks)

    def score(self, text: str, planting: Planting) -> Score:
        """The number, and no other."""
        expected = scorers.expected_of(planting)
        asked = tuple(map(clock, seconds_in(planting.question)))
        times = tuple(map(clock_of, planting.needles[1:]))
        other_keys = (*expected.other_keys, *times)
        keyed = replace(expected, keys=(*expected.keys, *asked), other_keys=other_keys)
        score = scorers.number(text, keyed)
        if score.value == 1 and scorers.names_in(text, asked):
            # "at 1:02 it is 42; 43 was said before": by the time
            return scorers.number(text, replace(keyed.told_alike(), other_keys=times))
        return score

    def answer(self, asked: Asked) -> str | None:
        """The number in what stands under the time of the question."""
        wanted = seconds_in(asked.blanks["time"])[0]
        under = (line for at, line in lines_with_times(asked.text) if at == wanted)
        told = (re.search(r"(?<!\d)\d{7}(?!\d)", line) for line in under)
        return next((number[0] for number in told if number), None)


def timed(
    plan: Planter, facts: Callable[[Planter], Callable[[int, float], Needle]]
) -> tuple[list[Needle], tuple[Needle, ...]]:
    """The asked fact at the trial's depth and others, each below its time; and marks in between.

    ``facts`` gives what makes the i-th fact for a depth; the asked one is the first. No two are
    said at one time.
    """
    times, fact, depths = Clock(plan.draw, plan.trial), facts(plan), [plan.depth]
    for _ in range(plan.options.distractor_count):
        depths.append(_further(times, plan, depths))
    needles = [fact(i, depth) for i, depth in enumerate(depths)]
    seconds = [times.at(depth) for depth in depths]
    told = [
        replace(needle, text=f"{mark(second)}\n{needle.text}")
        for needle, second in zip(needles, seconds, strict=True)
    ]
    return told, tuple(_marks(times, plan.draw, seconds))


def _told_or_denied(plan: Planter) -> Callable[[int, float], Needle]:
    """Needles for a question about one place: its number, in other words than the question's.

    Then, in turn, a line in the question's words that names a wrong one and takes it back, and the
    number of another place.
    """
    asked = plan.key()

    def needle_of(i: int, depth: float) -> Needle:
        key, value = plan.key() if i and i % 2 == 0 else asked, plan.number()
        form = plan.one("clock.denied" if i % 2 else "clock.told")
        said = ("near-miss", "denied") if i % 2 else ("distractor" if i else "right",)
        return plan.needle(form, depth, *said, key=key, value=value)

    return needle_of


def clock_of(needle: Needle) -> str:
    """The time above a needle."""
    return needle.text.split("\n")[0].strip("()")


def lines_with_times(text: str) -> Iterator[tuple[int, str]]:
    """Every line of a prompt with the time that stands above it."""
    now = None
    for line in text.split("\n"):
        if found := _MARK.match(line):
            now = seconds_in(found[1])[0]
        elif now is not None:
            yield now, line


def told_in(asked: Asked) -> tuple[int, str] | None:
    """The second at which the number of the asked key is told, and the number."""
    forms = asked.wording.forms("clock.told")
    for second, line in lines_with_times(asked.text):
        for form in forms:
            for _, blanks in form.found_in(line, key=asked.blanks["key"]):
                return second, blanks["value"]
    return None


def _further(times: Clock, plan: Planter, depths: Sequence[float]) -> float:
    """A depth whose time is FACTS_APART_S from all others, or nearer where there is no room.

    Raises PromptError.
    """
    for least in (FACTS_APART_S, _APART_S, 2):
        for _ in range(_TRIES):
            depth = plan.apart()
            if all(abs(times.at(depth) - times.at(d)) >= least for d in depths):
                return depth
    raise PromptError(
        f"context length {plan.trial.context_length} lasts {times.at(100) - times.at(0)} s, "
        f"too short for {len(depths) + 1} facts at different times; "
        "lower distractor_count or ask for a longer context"
    )


def _marks(times: Clock, draw: Draw, facts: Sequence[int]) -> list[Needle]:
    """Lines with the time, about every EVERY_S seconds, at no regular step; none near a fact."""
    marks, second = [], times.at(0) + draw.between(0, EVERY_S // 2)
    while second < times.at(100):
        if all(abs(second - fact) >= _APART_S for fact in facts):
            depth = times.depth_of(second)
            marks.append(Needle(key="", value="", text=mark(second), depth_percent=depth))
        second += EVERY_S + draw.between(-EVERY_S // 3, EVERY_S // 3)
    return marks
