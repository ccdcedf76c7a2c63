"""At what minute and second something is said: the time of a fact is asked for, among facts at other times."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Planting, Score
from niah.tasks import Options, Site, _clock, _magic_number
from niah.tasks._frame import NOT_THERE, asked_in, planting_of
from niah.tasks._places import places_like

SUMMARY = "tell at what time of the recording something is said (--tolerance-s)"
VERSION = 1
REPLY_TOKENS = 32
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "tolerance_s")
FILLER = None
_QUESTION = {
    "en": (
        "At what time of the recording (minutes and seconds) is the magic number for {key} said? "
        "Answer with the time only."
    ),
    "zh-Hant": "{key}的神奇數字是在錄音的幾分幾秒說的？只回答時間。",
    "zh-Hans": "{key}的神奇数字是在录音的几分几秒说的？只回答时间。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, under its time; the times of other facts are distractors."""
    facts = _clock.said_facts(draw, site)
    needles = [replace(fact.needle, value=scorers.clock(fact.second)) for fact in facts]
    question = _QUESTION[site.language].format(key=needles[0].key)
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
    expected = scorers.expected_of(planting, places_like(planting.question))
    return scorers.time_of_day(text, expected, planting.tolerance_s)


def solve(text: str, options: Options | None = None) -> str:
    """The time above the sentence that the question is about."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    before, _, after = _QUESTION[asked.language].partition("{key}")
    key = asked.question.removeprefix(before).removesuffix(after)
    return time_stated(asked.text, asked.language, key) or NOT_THERE[asked.language]


def time_stated(text: str, language: str, key: str) -> str | None:
    """The time above the magic number of a key."""
    start = _magic_number.sentence(language, "number", key, "\0").partition("\0")[0]
    for second, line in _clock.lines_with_times(text):
        if line.startswith(start):
            return scorers.clock(second)
    return None
