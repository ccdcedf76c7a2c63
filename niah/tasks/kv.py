"""One value out of a JSON object of uuids (Liu et al., Lost in the Middle, arXiv:2307.03172)."""

from __future__ import annotations

import re
from dataclasses import replace

from niah import scorers
from niah.generator.draw import Draw
from niah.generator.fillers import pair_line, pair_values
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site
from niah.tasks._frame import NOT_THERE, asked_in, planting_of
from niah.tasks._supply import Supply

SUMMARY = "look up one key in a JSON object full of uuids"
VERSION = 1
REPLY_TOKENS = 80  # a uuid is up to 36 tokens for a small vocabulary
WORDING = ()
OPTIONS = ()
FILLER = "pairs"
_OPENING = {
    "en": "Below is a JSON object of keys and values. Find the value of the key that the question names.\n\n{\n",
    "zh-Hant": "以下是一個由鍵和值組成的 JSON 物件 請找出問題所問的鍵的值\n\n{\n",
    "zh-Hans": "以下是一个由键和值组成的 JSON 对象 请找出问题所问的键的值\n\n{\n",
}
_QUESTION = {
    "en": 'What is the value of the key "{key}"? Answer with the value only.',
    "zh-Hant": "鍵「{key}」的值是什麼？只回答值。",
    "zh-Hans": "键“{key}”的值是什么？只回答值。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """One pair at the trial's depth, in a form that no other pair differs from."""
    language, supply = site.language, Supply(draw, site.haystack, site.language)
    key, value = supply.uuid(), supply.uuid()
    needle = Needle(key=key, value=value, text=pair_line(key, value))
    planting = planting_of(language, _OPENING[language], _QUESTION[language].format(key=key), [needle], [value])
    return replace(planting, closing=f"\n}}{planting.closing}")


def score(text: str, planting: Planting) -> Score:
    """The uuid, whole, in either case. The value of another pair of the haystack is a distractor."""
    score = scorers.uuid(text, scorers.expected_of(planting))
    if score.answer_class == "wrong" and any(v in scorers.answer_in(text).casefold() for v in pair_values()):
        return replace(score, answer_class="distractor", explanation="answered the value of another pair")
    return score


def solve(text: str, options: Options | None = None) -> str:
    """The value on the line of the key."""
    asked = asked_in(text)
    key = re.search(r"[0-9a-f-]{36}", asked.question) if asked else None
    if asked is None or key is None:
        return "There is no question."
    stated = re.search(rf'"{key[0]}": "([^"]+)"', asked.text)
    return stated[1] if stated else NOT_THERE[asked.language]
