"""At what minute and second something is said: the time of a fact is asked for, among other lines with times.

The fact is told in other words than the question; every other line of ``distractors`` names a wrong number of the same
place in the question's own words, and takes it back.
"""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import TaskContext, _clock, _magic_number
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw

SUMMARY = "tell at what time of the recording something is said, among lines that deny a wrong one (--tolerance-s)"
VERSION = 2  # start and pace of the clock are drawn; told in other words than the question
WORDING = _magic_number.SAID
OPTIONS = ("distractor_count", "tolerance_s")


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, under its time; the times of the other lines are wrong answers."""
    plan = Planter(draw, site)
    facts, marks = _clock.timed(plan, _clock.told_or_denied)
    needles = [replace(fact, value=_clock.clock_of(fact)) for fact in facts]
    question = plan.said("when.question", key=needles[0].key)
    return plan.planting("clock.hint", question, needles, [needles[0].value], marks, site.options.tolerance_s)


def score(text: str, planting: Planting) -> Score:
    """The exact time; within the tolerance is scored apart."""
    return scorers.time_of_day(text, _magic_number.expected_of(planting), planting.tolerance_s)


@solver("when.question")
def solve(asked: Asked) -> str | None:
    """The time above the sentence that tells what the question is about."""
    told = _clock.told_in(asked)
    return scorers.clock(told[0]) if told else None
