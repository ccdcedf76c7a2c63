"""The needle that ``single`` and ``multikey`` share: a number that belongs to a place, in three languages.

After the original form ("the magic number is 42"), with a key so that one text can hold several, and seven digits so
that guessing is hopeless. The wording is ours; the construction is RULER's niah_single and niah_multikey
(arXiv:2404.06654).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from niah import scorers
from niah.errors import HaystackError
from niah.generator.draw import Draw
from niah.generator.haystack import Haystack
from niah.records import Needle, Planting, Score
from niah.tasks.places import PLACES

VERSION = 1
REPLY_TOKENS = 32
SAID = ("magic number", "神奇數字")  # folded: any case, width or script
_DRAWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    opening: str
    needle: str
    closing: str
    question: str
    asked: re.Pattern[str]


WORDING: Mapping[str, _Wording] = {
    "en": _Wording(
        opening=(
            "What follows is a transcript of podcast conversations. "
            "Somewhere in it a magic number is given for a place. "
            "Read all of it, then answer the question at the end.\n\n"
        ),
        needle="The magic number for {key} is {value}.",
        question="What is the magic number for {key}? Answer with the number only.",
        closing="\n\nQuestion: {question}\n\nAnswer:",
        asked=re.compile(r"magic number for (.+?)\?"),
    ),
    "zh-Hant": _Wording(
        opening="以下是 Podcast 節目的逐字稿 其中某處說出了一個地方的神奇數字 請全部讀完 再回答最後的問題\n\n",
        needle="{key}的神奇數字是{value}。",
        question="{key}的神奇數字是多少？只回答數字。",
        closing="\n\n問題：{question}\n\n答案：",
        asked=re.compile(r"問題：(.+?)的神奇數字是多少"),
    ),
    "zh-Hans": _Wording(
        opening="以下是播客节目的逐字稿 其中某处说出了一个地方的神奇数字 请全部读完 再回答最后的问题\n\n",
        needle="{key}的神奇数字是{value}。",
        question="{key}的神奇数字是多少？只回答数字。",
        closing="\n\n问题：{question}\n\n答案：",
        asked=re.compile(r"问题：(.+?)的神奇数字是多少"),
    ),
}


def plant(draw: Draw, haystack: Haystack, language: str, depths: Sequence[float | None]) -> Planting:
    """One needle for each depth; the first is asked about. No key or value occurs in the haystack or twice."""
    wording = WORDING[language]
    needles: list[Needle] = []
    for depth in depths:
        key = _unused(draw, haystack, PLACES[language], [n.key for n in needles])
        value = _unused_number(draw, haystack, [n.value for n in needles])
        text = wording.needle.format(key=key, value=value)
        needles.append(Needle(key=key, value=value, text=text, depth_percent=depth))
    question = wording.question.format(key=needles[0].key)
    return Planting(
        opening=wording.opening,
        closing=wording.closing.format(question=question),
        question=question,
        needles=tuple(needles),
        targets=(needles[0].value,),
    )


def score(text: str, planting: Planting) -> Score:
    """The seven digits asked for, and no others."""
    return scorers.number(text, planting.targets[0], [n.value for n in planting.needles[1:]])


def solve(text: str) -> str:
    """What a reader answers who sees this text and nothing else: the number stated for the place in the question."""
    for wording in WORDING.values():
        asked = wording.asked.search(text, max(0, text.rfind("\n\n", 0, text.rfind("\n\n"))))
        if asked:
            before, _, after = wording.needle.format(key=asked[1], value="\0").partition("\0")
            stated = re.search(re.escape(before) + r"(\d+)" + re.escape(after), text[: asked.start()])
            return stated[1] if stated else "It is not mentioned."
    return "There is no question."


def _unused(draw: Draw, haystack: Haystack, places: Sequence[str], taken: Sequence[str]) -> str:
    held = haystack.leaks.held(places)
    for _ in range(_DRAWS):
        place = draw.choice(places)
        if place not in taken and place not in held:
            return place
    raise HaystackError(
        f"haystack {haystack.name!r} names nearly every place that a needle could use; leave out an episode"
    )


def _unused_number(draw: Draw, haystack: Haystack, taken: Sequence[str]) -> str:
    for _ in range(_DRAWS):
        value = draw.between(1_000_000, 9_999_999)
        if str(value) not in taken and value not in haystack.leaks.numbers:
            return str(value)
    raise HaystackError(f"haystack {haystack.name!r} holds nearly every number of seven digits; leave out an episode")
