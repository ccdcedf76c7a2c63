"""One value out of a JSON object of uuids (Liu et al., Lost in the Middle, arXiv:2307.03172)."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.generator.templated import pair_line, pair_values
from niah.records import Planting, Score
from niah.tasks import TaskContext
from niah.tasks._planter import Planter
from niah.tasks._template import Asked, planting_of, solver
from niah.text.seeded import Draw
from niah.text.wording import Form

SUMMARY = "look up one key in a JSON object full of uuids"
VERSION = 2
REPLY_TOKENS = 80  # a uuid is up to 36 tokens for a small vocabulary
OPTIONS = ()
FILLER = "pairs"
PAIR = Form(pair_line("{key}", "{value}"))


def plant(draw: Draw, site: TaskContext) -> Planting:
    """One pair at the trial's depth, in a form that no other pair differs from."""
    plan = Planter(draw, site)
    needle = plan.needle(PAIR, None, key=plan.uuid(), value=plan.uuid())
    opening = f"{plan.wording.text('kv.opening')}\n\n{{\n"
    question = plan.said("kv.question", key=needle.key)
    planting = planting_of(site.language, opening, question, [needle], [needle.value])
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


@solver("kv.question")
def solve(asked: Asked) -> str | None:
    """The value on the line of the key."""
    return next((found["value"] for _, found in asked.found(PAIR, key=asked.blanks["key"])), None)
