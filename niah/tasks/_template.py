"""What stands around a haystack, alike for every task: an opening, and a closing with the question.

The closing ends in "Answer:" without a space, which is what models without a chat template continue best.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from niah.records import Needle, Planting
from niah.tasks import Options
from niah.text.wording import ByLanguage, Form, Wording, languages, wording_of

NO_QUESTION = "There is no question."
MAY_BE_ABSENT = ByLanguage(lambda wording: wording.text("frame.may_be_absent"))  # said where a needle may be left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader finds at the end of a prompt, and the text before it."""

    wording: Wording
    question: str
    text: str
    options: Options | None = None
    key: str = ""  # of the question's form, with the words in its blanks
    blanks: Mapping[str, str] = field(default_factory=dict)

    def found(self, *forms: str | Form, **known: str) -> list[tuple[int, dict[str, str]]]:
        """Every line in one of some forms, or of those of a key, in order: its place, and the words in its blanks."""
        all_forms = [f for form in forms for f in (self.wording.forms(form) if isinstance(form, str) else [form])]
        return sorted((line for f in all_forms for line in f.found_in(self.text, **known)), key=lambda line: line[0])


def speech_opening(language: str, hint: str) -> str:
    """The opening over a transcript; the hint says what is in it."""
    return f"{wording_of(language).form('frame.speech').fill(hint=hint)}\n\n"


def closing_of(language: str, question: str) -> str:
    """The question, and the word that asks for the answer."""
    wording = wording_of(language)
    return f"\n\n{wording.text('frame.question')}{question}\n\n{wording.text('frame.answer')}"


def planting_of(
    language: str,
    opening: str,
    question: str,
    needles: Sequence[Needle],
    targets: Sequence[str],
    marks: Sequence[Needle] = (),
    tolerance_s: float = 0.0,
) -> Planting:
    """A planting in the common frame."""
    return Planting(
        opening=opening,
        closing=closing_of(language, question),
        question=question,
        needles=tuple(needles),
        targets=tuple(targets),
        marks=tuple(marks),
        tolerance_s=tolerance_s,
    )


def asked_in(prompt: str) -> Asked | None:
    """The last question of a prompt; None where it ends in none."""
    body = prompt[: prompt.rfind("\n\n")]
    for wording in map(wording_of, languages()):
        label = wording.text("frame.question")
        start = body.rfind("\n\n" + label)
        if start >= 0 or body.startswith(label):
            before = body[: max(0, start)]
            question = body[max(0, start) :].lstrip("\n").removeprefix(label)
            question = question.removesuffix(wording.text("frame.may_be_absent"))
            return Asked(wording=wording, question=question, text=before + "\n")
    return None


def listed(wording: Wording, items: Sequence[str]) -> str:
    """A, B and C."""
    comma, last = _joints(wording)
    return last.join([comma.join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]


def unlisted(wording: Wording, text: str) -> list[str]:
    """The items of "A, B and C"."""
    return re.split("|".join(map(re.escape, _joints(wording))), text)


def _joints(wording: Wording) -> tuple[str, str]:
    return wording.text("frame.comma"), wording.text("frame.last_comma")
