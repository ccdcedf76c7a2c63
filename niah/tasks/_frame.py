"""What stands around a haystack: an opening, and a closing with the question; and how to read it.

The closing ends in "Answer:" without a space, which is what models without a chat template
continue best.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from niah.records import Needle, Planting
from niah.tasks import Options
from niah.text.wording import LANGUAGES, ByLanguage, Form, Wording, wording_of

NO_QUESTION = "There is no question."
# said where a needle may be left out
MAY_BE_ABSENT = ByLanguage(lambda wording: wording.text("frame.may_be_absent"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader finds at the end of a prompt, and the text before it."""

    wording: Wording
    question: str
    text: str
    options: Options | None = None
    key: str = ""  # of the question's form, with the words in its blanks
    blanks: Mapping[str, str] = field(default_factory=dict)

    def found(self, *forms: str | Form, **known: str) -> list[dict[str, str]]:
        """What fills the blanks of every line in some forms, or in those of a key, in order."""
        lines: list[tuple[int, dict[str, str]]] = []
        for said in forms:
            for form in self.wording.forms(said) if isinstance(said, str) else [said]:
                given = {blank: known[blank] for blank in form.blanks & known.keys()}
                lines += ((at, given | read) for at, read in form.found_in(self.text, **known))
        return [blanks for _, blanks in sorted(lines, key=lambda line: line[0])]

    def first(self, blank: str, *forms: str | Form, **known: str) -> str | None:
        """What fills a blank of the first line in some forms."""
        return next((line[blank] for line in self.found(*forms, **known)), None)


def closing_of(language: str, question: str) -> str:
    """The question, and the word that asks for the answer."""
    wording = wording_of(language)
    return f"\n\n{wording.text('frame.question')}{question}\n\n{wording.text('frame.answer')}"


def planting_of(
    language: str, opening: str, question: str, needles: Sequence[Needle], targets: Sequence[str]
) -> Planting:
    """A planting in the common frame."""
    return Planting(
        opening=opening,
        closing=closing_of(language, question),
        question=question,
        needles=tuple(needles),
        targets=tuple(targets),
    )


def asked_in(prompt: str) -> Asked | None:
    """The last question of a prompt; None where it ends in none."""
    body = "\n\n" + prompt[: prompt.rfind("\n\n")]
    for wording in map(wording_of, LANGUAGES):
        before, label, question = body.rpartition("\n\n" + wording.text("frame.question"))
        if label:
            question = question.removesuffix(wording.text("frame.may_be_absent"))
            text = before.removeprefix("\n\n") + "\n"
            return Asked(wording=wording, question=question, text=text)
    return None


def listed(wording: Wording, items: Sequence[str]) -> str:
    """A, B and C."""
    comma, last = wording.text("frame.comma"), wording.text("frame.last_comma")
    return last.join([comma.join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]


def unlisted(wording: Wording, text: str) -> list[str]:
    """The items of "A, B and C"."""
    joints = (wording.text(f"frame.{joint}") for joint in ("comma", "last_comma"))
    return re.split("|".join(map(re.escape, joints)), text)
