"""Both halves in one question: which value belongs to a key, and at what time it is said. Scored apart."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.records import Planting, Score
from niah.scorers import WrongValue
from niah.tasks import Options, TaskContext, _clock, _magic_number
from niah.tasks._names import places_like
from niah.tasks._template import ParsedQuestion, planting_of, solver
from niah.text.seeded import Draw
from niah.text.wording import wording_of

SUMMARY = "tell a value and the time at which it is said, scored apart (--tolerance-s)"
VERSION = 2  # as when
REPLY_TOKENS = 48
WORDING = _magic_number.SAID
OPTIONS = ("distractors", "tolerance_s")
FILLER = None


def plant(draw: Draw, site: TaskContext) -> Planting:
    """The fact at the trial's depth, under its time. Targets are the number and the time."""
    times = _clock.Clock(draw, site.trial)
    facts = _clock.facts_in(times, draw, site, _clock.told_or_denied(draw, site))
    needles = [fact.needle for fact in facts]
    return planting_of(
        site.language,
        _clock.opening(site.language),
        wording_of(site.language).form("when-and-what.question").fill(key=needles[0].key),
        needles,
        [needles[0].value, scorers.clock(facts[0].second)],
        marks=_clock.marks_of(times, draw, facts),
        tolerance_s=site.options.tolerance_s,
    )


def score(text: str, planting: Planting) -> Score:
    """Half for the number, half for the exact time; the answer class is the number's unless only the time is wrong."""
    number, time = planting.targets
    expected = scorers.expected_of(planting, places_like(planting.question))
    what = scorers.number(text, replace(expected, targets=(number,)))
    others = [n for n in planting.needles if n.answer_class != "right"]
    times = {n.text.split("\n")[0].strip("()"): expected.wrong.get(n.value, WrongValue()) for n in others}
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


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The number of the key and the time above it."""
    blanks = asked.wording.form("when-and-what.question").parse(asked.question)
    told = _clock.told_in(asked, blanks["key"]) if blanks else None
    return f"{told[1]}, {scorers.clock(told[0])}" if told else None


solve = solver(_answer)
