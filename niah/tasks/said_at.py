"""What is said at a given minute and second: the other half of ``when``."""

from __future__ import annotations

import re

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Planting, Score
from niah.tasks import Options, Site, _clock, _magic_number
from niah.tasks._frame import Asked, planting_of, solver
from niah.wording import wording_of

SUMMARY = "tell what is said at a given time of the recording"
VERSION = 1
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("distractors",)
FILLER = None


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, under its time; facts at other times are distractors."""
    facts = _clock.said_facts(draw, site)
    needles = [fact.needle for fact in facts]
    question = wording_of(site.language).form("said-at.question").fill(time=scorers.clock(facts[0].second))
    marks = _clock.marks_of(draw, site.trial, facts)
    opening = _clock.opening(site.language)
    return planting_of(site.language, opening, question, needles, [needles[0].value], marks=marks)


def score(text: str, planting: Planting) -> Score:
    """The number, and no other."""
    return scorers.number(text, scorers.expected_of(planting))


def _answer(asked: Asked, options: Options | None) -> str | None:
    """The number in what stands under the time of the question."""
    blanks = asked.wording.form("said-at.question").parse(asked.question)
    wanted = scorers.seconds_in(blanks["time"])[0] if blanks else None
    for second, line in _clock.lines_with_times(asked.text):
        stated = re.search(r"(?<!\d)\d{7}(?!\d)", line)
        if second == wanted and stated:
            return stated[0]
    return None


solve = solver(_answer)
