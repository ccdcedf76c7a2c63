"""At what minute and second something is said: the time of a fact is asked for, among other lines with times.

The fact is told in other words than the question; every other line of ``distractors`` names a wrong number of the same
place in the question's own words, and takes it back.
"""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.tasks import Options, TaskContext, _clock, _magic_number
from niah.tasks._names import places_like
from niah.tasks._template import ParsedQuestion, planting_of, solver
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "tell at what time of the recording something is said, among lines that deny a wrong one (--tolerance-s)"
VERSION = 2  # start and pace of the clock are drawn; told in other words than the question
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "tolerance_s")
FILLER = None


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, under its time; the times of the other lines are wrong answers."""
    times = _clock.Clock(draw, site.trial)
    facts = _clock.facts_in(times, draw, site, _clock.told_or_denied(draw, site))
    needles = [replace(fact.needle, value=scorers.clock(fact.second)) for fact in facts]
    return planting_of(
        site.language,
        _clock.opening(site.language),
        wording_of(site.language).form("when.question").fill(key=needles[0].key),
        needles,
        [needles[0].value],
        marks=_clock.marks_of(times, draw, facts),
        tolerance_s=site.options.tolerance_s,
    )


def score(text: str, planting: Planting) -> Score:
    """The exact time; within the tolerance is scored apart."""
    expected = scorers.expected_of(planting, places_like(planting.question))
    return scorers.time_of_day(text, expected, planting.tolerance_s)


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The time above the sentence that tells what the question is about."""
    blanks = asked.wording.form("when.question").parse(asked.question)
    told = _clock.told_in(asked, blanks["key"]) if blanks else None
    return scorers.clock(told[0]) if told else None


solve = solver(_answer)
