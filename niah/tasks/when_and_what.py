"""Both halves in one question: which value belongs to a key, and at what time it is said. Scored apart."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Planting, Score
from niah.scorers import Known
from niah.tasks import Options, Site, _clock, _magic_number
from niah.tasks._frame import NOT_THERE, asked_in, planting_of
from niah.tasks._places import places_like
from niah.tasks.when import time_stated

SUMMARY = "tell a value and the time at which it is said, scored apart (--tolerance-s)"
VERSION = 1
REPLY_TOKENS = 48
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "tolerance_s")
FILLER = None
_QUESTION = {
    "en": (
        "What is the magic number for {key}, and at what time of the recording (minutes and seconds) is it said? "
        "Answer with the number and the time only."
    ),
    "zh-Hant": "{key}的神奇數字是多少？又是在錄音的幾分幾秒說的？只回答數字和時間。",
    "zh-Hans": "{key}的神奇数字是多少？又是在录音的几分几秒说的？只回答数字和时间。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """The fact at the trial's depth, under its time. Targets are the number and the time."""
    facts = _clock.said_facts(draw, site)
    needles = [fact.needle for fact in facts]
    question = _QUESTION[site.language].format(key=needles[0].key)
    return planting_of(
        site.language,
        _clock.opening(site.language),
        question,
        needles,
        [needles[0].value, scorers.clock(facts[0].second)],
        marks=_clock.marks_of(draw, site.trial, facts),
        tolerance_s=site.options.tolerance_s,
    )


def score(text: str, planting: Planting) -> Score:
    """Half for the number, half for the exact time; the answer class is the number's unless only the time is wrong."""
    number, time = planting.targets
    expected = scorers.expected_of(planting, places_like(planting.question))
    what = scorers.number(text, replace(expected, targets=(number,)))
    times = {n.text.split("\n")[0].strip("()"): Known() for n in planting.needles[1:]}
    when = scorers.time_of_day(text, replace(expected, targets=(time,), wrong=times), planting.tolerance_s)
    worse = what if what.value < 1 else when
    parts = {"what": what.value, "when": when.value, "when, within tolerance": when.parts["within tolerance"]}
    return Score(
        value=(what.value + when.value) / 2,
        answer_class=worse.answer_class,
        explanation=f"number: {what.explanation}; time: {when.explanation}",
        detail=worse.detail,
        parts=parts,
    )


def solve(text: str, options: Options | None = None) -> str:
    """The number of the key and the time above it."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    before, _, after = _QUESTION[asked.language].partition("{key}")
    key = asked.question.removeprefix(before).removesuffix(after)
    time, values = time_stated(asked.text, asked.language, key), _magic_number.stated(asked, key)
    return f"{values[0]}, {time}" if time and values else NOT_THERE[asked.language]
