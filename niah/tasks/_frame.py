"""What stands around a haystack, alike for every task: an opening, and a closing with the question.

The closing ends in "Answer:" without a space, which is what models without a chat template continue best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from niah.records import Needle, Planting

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
NOT_THERE: Mapping[str, str] = {"en": "It is not mentioned.", "zh-Hant": "文中沒有提到。", "zh-Hans": "文中没有提到。"}
MAY_BE_ABSENT: Mapping[str, str] = {  # what a question says in addition where its needle is left out
    "en": " If the text does not say, answer: not mentioned.",
    "zh-Hant": "如果文中沒有提到，請回答：沒有提到。",
    "zh-Hans": "如果文中没有提到，请回答：没有提到。",
}
_SPEECH: Mapping[str, str] = {
    "en": (
        "What follows is a transcript of podcast conversations. {hint} "
        "Read all of it, then answer the question at the end.\n\n"
    ),
    "zh-Hant": "以下是 Podcast 節目的逐字稿 {hint} 請全部讀完 再回答最後的問題\n\n",
    "zh-Hans": "以下是播客节目的逐字稿 {hint} 请全部读完 再回答最后的问题\n\n",
}
_QUESTION: Mapping[str, str] = {"en": "Question: ", "zh-Hant": "問題：", "zh-Hans": "问题："}
_ANSWER: Mapping[str, str] = {"en": "Answer:", "zh-Hant": "答案：", "zh-Hans": "答案："}
_AND: Mapping[str, tuple[str, str]] = {"en": (", ", " and "), "zh-Hant": ("、", "和"), "zh-Hans": ("、", "和")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader finds at the end of a prompt, and the text before it."""

    language: str
    question: str
    text: str


def speech_opening(language: str, hint: str) -> str:
    """The opening over a transcript; the hint says what is in it."""
    return _SPEECH[language].format(hint=hint)


def closing_of(language: str, question: str) -> str:
    """The question, and the word that asks for the answer."""
    return f"\n\n{_QUESTION[language]}{question}\n\n{_ANSWER[language]}"


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
    for language in LANGUAGES:
        start = body.rfind("\n\n" + _QUESTION[language])
        if start >= 0 or body.startswith(_QUESTION[language]):
            before = body[: max(0, start)]
            question = body[max(0, start) :].lstrip("\n").removeprefix(_QUESTION[language])
            question = question.removesuffix(MAY_BE_ABSENT[language])
            return Asked(language=language, question=question, text=before + "\n")
    return None


def listed(language: str, items: Sequence[str]) -> str:
    """A, B and C."""
    comma, last = _AND[language]
    return last.join([comma.join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]
