"""What is said at a given minute and second: the other half of ``when``."""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Planting, Score
from niah.tasks import Options, Site, _clock, _magic_number
from niah.tasks._frame import NOT_THERE, asked_in, planting_of

SUMMARY = "tell what is said at a given time of the recording"
VERSION = 1
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("distractors",)
FILLER = None
_QUESTION = {
    "en": "Which magic number is said at {time}? Answer with the number only.",
    "zh-Hant": "在 {time} 說出的神奇數字是多少？只回答數字。",
    "zh-Hans": "在 {time} 说出的神奇数字是多少？只回答数字。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, under its time; facts at other times are distractors."""
    facts = _clock.said_facts(draw, site)
    needles = [fact.needle for fact in facts]
    question = _QUESTION[site.language].format(time=scorers.clock(facts[0].second))
    marks = _clock.marks_of(draw, site.trial, facts)
    opening = _clock.opening(site.language)
    return planting_of(site.language, opening, question, needles, [needles[0].value], marks=marks)


def score(text: str, planting: Planting) -> Score:
    """The number, and no other."""
    expected, (_, *others) = scorers.expected_of(planting), planting.needles
    asked = [scorers.clock(s) for s in scorers.seconds_in(planting.question)]
    times = [n.text.split("\n")[0].strip("()") for n in others]
    keyed = replace(expected, keys=(*expected.keys, *asked), other_keys=(*expected.other_keys, *times))
    return scorers.number(text, keyed)


def solve(text: str, options: Options | None = None) -> str:
    """The number in what stands under the time of the question."""
    asked = asked_in(text)
    seconds = scorers.seconds_in(asked.question) if asked else []
    if asked is None or not seconds:
        return "There is no question."
    for second, line in _clock.lines_with_times(asked.text):
        stated = re.search(r"(?<!\d)\d{7}(?!\d)", line)
        if second == seconds[0] and stated:
            return stated[0]
    return NOT_THERE[asked.language]
