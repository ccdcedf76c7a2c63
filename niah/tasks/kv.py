"""One value out of a JSON object of uuids (Liu et al., Lost in the Middle, arXiv:2307.03172)."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.generator.templated import pair_line, pair_values
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._template import ParsedQuestion, planting_of, solver
from niah.tasks._unused import UnusedNames
from niah.text.seeded import Draw
from niah.text.wording import Form, wording_of

SUMMARY = "look up one key in a JSON object full of uuids"
VERSION = 2
REPLY_TOKENS = 80  # a uuid is up to 36 tokens for a small vocabulary
WORDING = ()
OPTIONS = ()
FILLER = "pairs"


def plant(draw: Draw, site: TaskContext) -> Planting:
    """One pair at the trial's depth, in a form that no other pair differs from."""
    language, supply = site.language, UnusedNames(draw, site.haystack, site.language)
    key, value = supply.uuid(), supply.uuid()
    needle = Needle(key=key, value=value, text=pair_line(key, value))
    wording = wording_of(language)
    opening, question = f"{wording.text('kv.opening')}\n\n{{\n", wording.form("kv.question").fill(key=key)
    planting = planting_of(language, opening, question, [needle], [value])
    return replace(planting, closing=f"\n}}{planting.closing}")


def score(text: str, planting: Planting) -> Score:
    """The uuid, whole, in either case. The value of another pair of the haystack is a distractor."""
    score = scorers.uuid(text, scorers.expected_of(planting))
    if score.answer_class != "wrong":
        return score
    answer = scorers.answer_in(text).casefold()
    if any(value in answer for value in pair_values()):
        return replace(score, answer_class="distractor", explanation="answered the value of another pair")
    return score


def _answer(asked: ParsedQuestion, options: Options | None) -> str | None:
    """The value on the line of the key."""
    blanks = asked.wording.form("kv.question").parse(asked.question)
    if blanks is None:
        return None
    stated = Form(pair_line("{key}", "{value}")).found_in(asked.text, **blanks)
    return next((found["value"] for _, found in stated), None)


solve = solver(_answer)
