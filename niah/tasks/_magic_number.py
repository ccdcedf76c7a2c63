"""The needle that most tasks share: a value that belongs to a place, in three languages.

After the original form ("the magic number is 42"), with a key so that one text can hold several, and seven digits so
that guessing is hopeless. The wording is ours; the construction is RULER's niah tasks (arXiv:2404.06654), whose value
types are numbers, words and uuids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Site
from niah.tasks._frame import NOT_THERE, Asked, asked_in, planting_of, speech_opening
from niah.tasks._places import places_like
from niah.tasks._supply import Supply, words_in

VERSION = 2  # Chinese needles without a full stop, which no transcript has
REPLY_TOKENS = 32
SAID = ("magic number", "神奇數字")  # folded: any case, width or script
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One kind of value in one language."""

    label: str
    labels: str  # of several
    only: str
    hint: str
    hints: str  # of several


WORDING: Mapping[str, Mapping[str, Wording]] = {
    "en": {
        "number": Wording(
            label="magic number",
            labels="magic numbers",
            only="Answer with the number only.",
            hint="Somewhere in it a magic number is given for a place.",
            hints="Here and there in it magic numbers are given for places.",
        ),
        "word": Wording(
            label="code word",
            labels="code words",
            only="Answer with the code word only.",
            hint="Somewhere in it a code word is given for a place.",
            hints="Here and there in it code words are given for places.",
        ),
        "uuid": Wording(
            label="tracking id",
            labels="tracking ids",
            only="Answer with the id only.",
            hint="Somewhere in it a tracking id is given for a place.",
            hints="Here and there in it tracking ids are given for places.",
        ),
    },
    "zh-Hant": {
        "number": Wording(
            label="神奇數字",
            labels="神奇數字",
            only="只回答數字。",
            hint="其中某處說出了一個地方的神奇數字",
            hints="其中幾處說出了一些地方的神奇數字",
        ),
        "word": Wording(
            label="通關暗語",
            labels="通關暗語",
            only="只回答暗語。",
            hint="其中某處說出了一個地方的通關暗語",
            hints="其中幾處說出了一些地方的通關暗語",
        ),
        "uuid": Wording(
            label="追蹤編號",
            labels="追蹤編號",
            only="只回答編號。",
            hint="其中某處說出了一個地方的追蹤編號",
            hints="其中幾處說出了一些地方的追蹤編號",
        ),
    },
    "zh-Hans": {
        "number": Wording(
            label="神奇数字",
            labels="神奇数字",
            only="只回答数字。",
            hint="其中某处说出了一个地方的神奇数字",
            hints="其中几处说出了一些地方的神奇数字",
        ),
        "word": Wording(
            label="通关暗语",
            labels="通关暗语",
            only="只回答暗语。",
            hint="其中某处说出了一个地方的通关暗语",
            hints="其中几处说出了一些地方的通关暗语",
        ),
        "uuid": Wording(
            label="追踪编号",
            labels="追踪编号",
            only="只回答编号。",
            hint="其中某处说出了一个地方的追踪编号",
            hints="其中几处说出了一些地方的追踪编号",
        ),
    },
}
_SENTENCE: Mapping[str, str] = {"en": "The {label} for {key} is {value}.", "zh": "{key}的{label}是{value}"}
_ONE_OF: Mapping[str, str] = {
    "en": "One of the {labels} for {key} is {value}.",
    "zh-Hant": "{key}的其中一個{label}是{value}",
    "zh-Hans": "{key}的其中一个{label}是{value}",
}
_QUESTION: Mapping[str, Mapping[str, str]] = {
    "en": {"number": "What is the {label} for {key}?"},
    "zh-Hant": {"number": "{key}的{label}是多少？", "word": "{key}的{label}是什麼？"},
    "zh-Hans": {"number": "{key}的{label}是多少？", "word": "{key}的{label}是什么？"},
}


def sentence(language: str, kind: str, key: str, value: str) -> str:
    """The magic number for Lisbon is 7421830."""
    return _SENTENCE[language[:2]].format(label=WORDING[language][kind].label, key=key, value=value)


def one_of_several(language: str, kind: str, key: str, value: str) -> str:
    """One of the magic numbers for Lisbon is 7421830."""
    wording = WORDING[language][kind]
    return _ONE_OF[language].format(label=wording.label, labels=wording.labels, key=key, value=value)


def question_for(language: str, kind: str, key: str) -> str:
    """What is the magic number for Lisbon? Answer with the number only."""
    forms, wording = _QUESTION[language], WORDING[language][kind]
    form = forms.get(kind) or forms.get("number" if language == "en" else "word", "")
    asked = form.format(label=wording.label, key=key)
    return f"{asked} {wording.only}" if language == "en" else asked + wording.only


def opening(language: str, kind: str, *, several: bool = False) -> str:
    """What stands above the haystack."""
    wording = WORDING[language][kind]
    return speech_opening(language, wording.hints if several else wording.hint)


def plant(draw: Draw, site: Site, depths: Sequence[float | None]) -> Planting:
    """One needle for each depth; the first is asked about, the others are for other keys."""
    supply, language, kind = Supply(draw, site.haystack, site.language), site.language, site.options.values
    needles = [needle(supply, language, kind, depth, distractor=i > 0) for i, depth in enumerate(depths)]
    question = question_for(language, kind, needles[0].key)
    return planting_of(language, opening(language, kind), question, needles, [needles[0].value])


def needle(supply: Supply, language: str, kind: str, depth: float | None, *, distractor: bool) -> Needle:
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


def solve(text: str, options: object = None) -> str:
    """What a reader answers who sees this text and nothing else: the value stated for the key in the question."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    values = stated(asked, key_asked(asked))
    return values[0] if values else NOT_THERE[asked.language]


def key_asked(asked: Asked) -> str:
    """The key in a question made by ``question_for``."""
    for kind in WORDING[asked.language]:
        before, _, after = question_for(asked.language, kind, "\0").partition("\0")
        if asked.question.startswith(before) and asked.question.endswith(after):
            return asked.question.removeprefix(before).removesuffix(after)
    return ""


def stated(asked: Asked, key: str) -> list[str]:
    """The values that the text states for a key, in order, in any of the needle's forms."""
    found: list[tuple[int, str]] = []
    if not key:
        return []
    for kind in WORDING[asked.language]:
        for form in (sentence, one_of_several):
            before, _, after = form(asked.language, kind, key, "\0").partition("\0")
            pattern = rf"^{re.escape(before)}(.+?){re.escape(after)}$"
            found += [(m.start(), m[1]) for m in re.finditer(pattern, asked.text, re.MULTILINE)]
    return [value for _, value in sorted(found)]
