"""What is said at a given minute and second: the other half of ``when``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import TaskContext, _clock, _magic_number
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw

SUMMARY = "tell what is said at a given time of the recording"
VERSION = 3
WORDING = _magic_number.SAID
OPTIONS = ("distractor_count",)


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, under its time; facts at other times are distractors."""
    plan = Planter(draw, site)
    needles, marks = _clock.timed(plan, _numbers)
    question = plan.said("said-at.question", time=_clock.clock_of(needles[0]))
    return plan.planting("clock.hint", question, needles, [needles[0].value], marks)


def score(text: str, planting: Planting) -> Score:
    """The number, and no other."""
    expected = scorers.expected_of(planting)
    asked = [scorers.clock(s) for s in scorers.seconds_in(planting.question)]
    times = [_clock.clock_of(n) for n in planting.needles[1:]]
    keyed = replace(expected, keys=(*expected.keys, *asked), other_keys=(*expected.other_keys, *times))
    return scorers.number(text, keyed)


@solver("said-at.question")
def solve(asked: Asked) -> str | None:
    """The number in what stands under the time of the question."""
    wanted = scorers.seconds_in(asked.blanks["time"])[0]
    told = (re.search(r"(?<!\d)\d{7}(?!\d)", line) for at, line in _clock.lines_with_times(asked.text) if at == wanted)
    return next((number[0] for number in told if number), None)


def _numbers(plan: Planter) -> Callable[[int, float], Needle]:
    return lambda i, depth: _magic_number.needle(plan, "number", depth, distractor=i > 0)
