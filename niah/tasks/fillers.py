"""Tasks in made haystacks of one kind of line, whose classic form is no speech."""

from __future__ import annotations

from dataclasses import replace

from niah import scorers
from niah.generator.templated import pair_line, pair_values
from niah.records import Planting, Score
from niah.tasks._planter import BuiltIn, Planter
from niah.tasks._template import Asked, planting_of
from niah.text.wording import Form

_PAIR = Form(pair_line("{key}", "{value}"))


class Passkey(BuiltIn):
    """A pass key between lines that say the same over and over (Mohtashami & Jaggi, arXiv:2305.16300). The easiest."""

    def planted(self, plan: Planter) -> Planting:
        """One needle at the trial's depth. Its first digit is not 0, so that it is one number however it is written."""
        value = str(plan.draw.between(10_000, 99_999))
        needle = plan.needle(plan.wording.form("passkey.needle"), None, key="pass key", value=value)
        opening = f"{plan.wording.text('passkey.opening')}\n\n"
        return planting_of(plan.language, opening, plan.wording.text("passkey.question"), [needle], [value])

    def score(self, text: str, planting: Planting) -> Score:
        """The five digits, and no others."""
        return scorers.number(text, scorers.expected_of(planting))

    def answer(self, asked: Asked) -> str | None:
        """The number between the words of the needle."""
        return next((blanks["value"] for _, blanks in asked.found("passkey.needle")), None)


class Kv(BuiltIn):
    """One value out of a JSON object of uuids (Liu et al., Lost in the Middle, arXiv:2307.03172)."""

    def planted(self, plan: Planter) -> Planting:
        """One pair at the trial's depth, in a form that no other pair differs from."""
        needle = plan.needle(_PAIR, None, key=plan.uuid(), value=plan.uuid())
        opening = f"{plan.wording.text('kv.opening')}\n\n{{\n"
        question = plan.said("kv.question", key=needle.key)
        planting = planting_of(plan.language, opening, question, [needle], [needle.value])
        return replace(planting, closing=f"\n}}{planting.closing}")

    def score(self, text: str, planting: Planting) -> Score:
        """The uuid, whole, in either case. The value of another pair of the haystack is a distractor."""
        score = scorers.uuid(text, scorers.expected_of(planting))
        answer = scorers.answer_in(text).casefold()
        if score.answer_class == "wrong" and any(value in answer for value in pair_values()):
            return replace(score, answer_class="distractor", explanation="answered the value of another pair")
        return score

    def answer(self, asked: Asked) -> str | None:
        """The value on the line of the key."""
        return next((found["value"] for _, found in asked.found(_PAIR, key=asked.blanks["key"])), None)
