"""What is said at a given minute and second: the other half of ``when``."""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext, _clock, _magic_number
from niah.tasks._template import ParsedQuestion, planting_of, solver
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "tell what is said at a given time of the recording"
VERSION = 3
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("distractors",)
FILLER = None


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, under its time; facts at other times are distractors."""
    times, supply = _clock.Clock(draw, site.trial), UnusedNames(draw, site.haystack, site.language)

    def needle_of(i: int, depth: float) -> Needle:
        return _magic_number.needle(supply, site.language, "number", depth, distractor=i > 0)

    facts = _clock.facts_in(times, draw, site, needle_of)
    needles = [fact.needle for fact in facts]
    question = wording_of(site.language).form("said-at.question").fill(time=scorers.clock(facts[0].second))
    marks = _clock.marks_of(times, draw, facts)
    opening = _clock.opening(site.language)
    return planting_of(site.language, opening, question, needles, [needles[0].value], marks=marks)


def score(text: str, planting: Planting) -> Score:
    """The number, and no other."""
    expected, (_, *others) = scorers.expected_of(planting), planting.needles
    asked = [scorers.clock(s) for s in scorers.seconds_in(planting.question)]
    times = [n.text.split("\n")[0].strip("()") for n in others]
    keyed = replace(expected, keys=(*expected.keys, *asked), other_keys=(*expected.other_keys, *times))
    return scorers.number(text, keyed)


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The number in what stands under the time of the question."""
    blanks = asked.wording.form("said-at.question").parse(asked.question)
    wanted = scorers.seconds_in(blanks["time"])[0] if blanks else None
    for second, line in _clock.lines_with_times(asked.text):
        stated = re.search(r"(?<!\d)\d{7}(?!\d)", line)
        if second == wanted and stated:
            return stated[0]
    return None


solve = solver(_answer)
