"""At what minute and second something is said: the time of a fact is asked for, among facts at other times."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Planting, Score
from niah.tasks import Options, Site, _clock, _magic_number
from niah.tasks._frame import Asked, planting_of, solver
from niah.wording import wording_of

SUMMARY = "tell at what time of the recording something is said (--tolerance-s)"
VERSION = 1
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "tolerance_s")
FILLER = None


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, under its time; the times of other facts are distractors."""
    facts = _clock.said_facts(draw, site)
    needles = [replace(fact.needle, value=scorers.clock(fact.second)) for fact in facts]
    question = wording_of(site.language).form("when.question").fill(key=needles[0].key)
    marks = _clock.marks_of(draw, site.trial, facts)
    return planting_of(
        site.language,
        _clock.opening(site.language),
        question,
        needles,
        [needles[0].value],
        marks=marks,
        tolerance_s=site.options.tolerance_s,
    )


def score(text: str, planting: Planting) -> Score:
    """The exact time; within the tolerance is scored apart."""
    return scorers.time_of_day(text, scorers.expected_of(planting), planting.tolerance_s)


def _answer(asked: Asked, options: Options | None) -> str | None:
    """The time above the sentence that the question is about."""
    blanks = asked.wording.form("when.question").parse(asked.question)
    return time_stated(asked, blanks["key"]) if blanks else None


solve = solver(_answer)


def time_stated(asked: Asked, key: str) -> str | None:
    """The time above the magic number of a key."""
    form = asked.wording.form("magic.number.sentence")
    for second, line in _clock.lines_with_times(asked.text):
        if any(form.found_in(line, key=key)):
            return scorers.clock(second)
    return None
