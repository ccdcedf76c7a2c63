"""Both halves in one question: which value belongs to a key, and at what time it is said. Scored apart."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import TaskContext, _clock, _magic_number
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw

SUMMARY = "tell a value and the time at which it is said, scored apart (--tolerance-s)"
VERSION = 2  # as when
REPLY_TOKENS = 48
WORDING = _magic_number.SAID
OPTIONS = ("distractor_count", "tolerance_s")


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, under its time. Targets are the number and the time."""
    plan = Planter(draw, site)
    facts, marks = _clock.timed(plan, _clock.told_or_denied)
    question, targets = (
        plan.said("when-and-what.question", key=facts[0].key),
        [facts[0].value, _clock.clock_of(facts[0])],
    )
    return plan.planting("clock.hint", question, facts, targets, marks, site.options.tolerance_s)


def score(text: str, planting: Planting) -> Score:
    """Half for the number, half for the exact time; the answer class is the number's unless only the time is wrong."""
    number, time = planting.targets
    expected = _magic_number.expected_of(planting)
    what = scorers.number(text, replace(expected, targets=(number,)))
    others = [n for n in planting.needles if n.answer_class != "right"]
    times = {_clock.clock_of(n): expected.wrong.get(n.value, scorers.WrongValue()) for n in others}
    when = scorers.time_of_day(text, replace(expected, targets=(time,), wrong=times), planting.tolerance_s)
    worse = what if what.value < 1 else when
    return Score(
        value=(what.value + when.value) / 2,
        answer_class=worse.answer_class,
        explanation=f"number: {what.explanation}; time: {when.explanation}",
        detail=worse.detail,
        parts={"what": what.value, "when": when.value, "when, within tolerance": when.parts["within tolerance"]},
    )


@solver("when-and-what.question")
def solve(asked: Asked) -> str | None:
    """The number of the key and the time above it."""
    told = _clock.told_in(asked)
    return f"{told[1]}, {scorers.clock(told[0])}" if told else None
