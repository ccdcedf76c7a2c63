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
from niah.scorers import Expected
from niah.tasks import TaskContext
from niah.tasks._names import places_like
from niah.tasks._planter import Planter, words_in
from niah.tasks._template import Asked, solver
from niah.text.seeded import Draw
from niah.text.wording import wording_of

VERSION = 3  # values of each haystack; needles behind sentence ends
SAID = ("said.magic_number",)
KINDS = ("number", "word", "uuid")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def question_for(language: str, kind: str, key: str) -> str:
    """What is the magic number for Lisbon?"""
    return wording_of(language).form(f"magic.{kind}.question").fill(key=key)


def plant(draw: Draw, site: TaskContext, depths: Sequence[float | None]) -> Planting:
    """One needle for each depth; the first is asked about, the others are for other keys."""
    plan, kind = Planter(draw, site), site.options.value_kind
    needles = [needle(plan, kind, depth, distractor=i > 0) for i, depth in enumerate(depths)]
    several = len(needles) > 1 or plan.among_needles
    question = question_for(site.language, kind, needles[0].key)
    return plan.planting(f"magic.{kind}.{'hints' if several else 'hint'}", question, needles, [needles[0].value])


def needle(
    plan: Planter, kind: str, depth: float | None, *, distractor: bool = False, form: str = "sentence"
) -> Needle:
    """The magic number for Lisbon is 7421830. The key is a new one."""
    said = plan.wording.form(f"magic.{kind}.{form}")
    key = plan.key()
    return plan.needle(said, depth, "distractor" if distractor else "right", key=key, value=plan.value(kind))


def expected_of(planting: Planting) -> Expected:
    """What an answer is held against; any place could be a key."""
    return scorers.expected_of(planting, places_like(planting.question))


def score(text: str, planting: Planting) -> Score:
    """The value asked for, and no others, by the scorer of its kind."""
    expected = expected_of(planting)
    if expected.target.isdecimal():
        return scorers.number(text, expected)
    if re.fullmatch(_UUID, expected.target):
        return scorers.uuid(text, expected)
    return scorers.name(text, expected, words_in(scorers.answer_in(text)))


@solver(*(f"magic.{kind}.question" for kind in KINDS))
def solve(asked: Asked) -> str | None:
    """The value stated for the key in the question."""
    return next(iter(stated(asked, asked.blanks["key"])), None)


def stated(asked: Asked, key: str) -> list[str]:
    """The values that the text states for a key, in order, in any of the needle's forms."""
    forms = (f"magic.{kind}.{form}" for kind in KINDS for form in ("sentence", "one_of"))
    return [blanks["value"] for _, blanks in asked.found(*forms, key=key)]
