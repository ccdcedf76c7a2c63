"""The needle that most tasks share: a value that belongs to a place.

After the original form ("the magic number is 42"), with a key so that one text can hold several, and seven digits so
that guessing is hopeless. The wording is ours; the construction is RULER's niah tasks (arXiv:2404.06654), whose value
types are numbers, words and uuids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from niah import scorers
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._names import places_like
from niah.tasks._template import ParsedQuestion, planting_of, solver, speech_opening
from niah.tasks._unused import UnusedNames, words_in
from niah.text.seeded import Draw
from niah.text.wording import wording_of

VERSION = 3  # values of each haystack; needles behind sentence ends
REPLY_TOKENS = 32
SAID = ("said.magic_number",)
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def sentence(language: str, kind: str, key: str, value: str) -> str:
    """The magic number for Lisbon is 7421830."""
    return wording_of(language).form(f"magic.{kind}.sentence").fill(key=key, value=value)


def one_of_several(language: str, kind: str, key: str, value: str) -> str:
    """One of the magic numbers for Lisbon is 7421830."""
    return wording_of(language).form(f"magic.{kind}.one_of").fill(key=key, value=value)


def question_for(language: str, kind: str, key: str) -> str:
    """What is the magic number for Lisbon?"""
    return wording_of(language).form(f"magic.{kind}.question").fill(key=key)


def opening(language: str, kind: str, *, several: bool = False) -> str:
    """What stands above the haystack."""
    hint = "hints" if several else "hint"
    return speech_opening(language, wording_of(language).text(f"magic.{kind}.{hint}"))


def plant(draw: Draw, site: TaskContext, depths: Sequence[float | None]) -> Planting:
    """One needle for each depth; the first is asked about, the others are for other keys."""
    supply, language, kind = UnusedNames(draw, site.haystack, site.language), site.language, site.options.values
    needles = [needle(supply, language, kind, depth, distractor=i > 0) for i, depth in enumerate(depths)]
    question = question_for(language, kind, needles[0].key)
    several = len(needles) > 1 or site.haystack.name.startswith("needles:")
    above = opening(language, kind, several=several)
    return planting_of(language, above, question, needles, [needles[0].value])


def needle(supply: UnusedNames, language: str, kind: str, depth: float | None, *, distractor: bool) -> Needle:
    """A needle for a key of its own."""
    key = supply.key()
    value = supply.value(kind)
    return Needle(
        key=key,
        value=value,
        text=sentence(language, kind, key, value),
        depth_percent=depth,
        answer_class="distractor" if distractor else "right",
    )


def score(text: str, planting: Planting) -> Score:
    """The value asked for, and no others, by the scorer of its kind."""
    expected = scorers.expected_of(planting, places_like(planting.question))
    kind = kind_of(expected.target)
    if kind == "word":
        return scorers.name(text, expected, words_in(scorers.answer_in(text)))
    return scorers.number(text, expected) if kind == "number" else scorers.uuid(text, expected)


def kind_of(value: str) -> str:
    """number, word or uuid, by the value's own form."""
    if value.isdecimal():
        return "number"
    return "uuid" if re.fullmatch(_UUID, value) else "word"


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The value stated for the key in the question."""
    return next(iter(stated(asked, key_asked(asked))), None)


solve = solver(_answer)


def key_asked(asked: ParsedQuestion) -> str:
    """The key in the question for a value."""
    for kind in asked.wording.keys("magic"):
        if blanks := asked.wording.form(f"magic.{kind}.question").parse(asked.question):
            return blanks["key"]
    return ""


def stated(asked: ParsedQuestion, key: str) -> list[str]:
    """The values that the text states for a key, in order, in any of the needle's forms."""
    if not key:
        return []
    forms = [
        asked.wording.form(f"magic.{kind}.{form}")
        for kind in asked.wording.keys("magic")
        for form in ("sentence", "one_of")
    ]
    found = [(at, blanks["value"]) for form in forms for at, blanks in form.found_in(asked.text, key=key)]
    return [value for _, value in sorted(found)]
