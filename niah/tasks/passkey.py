"""A pass key between lines that say the same over and over (Mohtashami & Jaggi, arXiv:2305.16300). The easiest test."""

from __future__ import annotations

import re

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.tasks import Options, Site
from niah.tasks._frame import NOT_THERE, asked_in, planting_of

SUMMARY = "find a pass key of five digits between lines of noise; needs no reading"
VERSION = 1
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ()
FILLER = "noise"
_OPENING = {
    "en": "A pass key is hidden in the many lines below, which mean nothing. Find it and remember it.\n\n",
    "zh-Hant": "下面許多行沒有意義的文字裡藏著一組通行碼 請找出來並記住\n\n",
    "zh-Hans": "下面许多行没有意义的文字里藏着一组通行码 请找出来并记住\n\n",
}
_NEEDLE = {
    "en": "The pass key is {value}. Remember it: {value} is the pass key.",
    "zh-Hant": "通行碼是{value}。請記住{value}就是通行碼。",
    "zh-Hans": "通行码是{value}。请记住{value}就是通行码。",
}
_QUESTION = {
    "en": "What is the pass key? Answer with the number only.",
    "zh-Hant": "通行碼是多少？只回答數字。",
    "zh-Hans": "通行码是多少？只回答数字。",
}


def plant(draw: Draw, site: Site) -> Planting:
    """One needle at the trial's depth. Its first digit is not 0, so that it is one number however it is written."""
    language, value = site.language, str(draw.between(10_000, 99_999))
    needle = Needle(key="pass key", value=value, text=_NEEDLE[language].format(value=value))
    return planting_of(language, _OPENING[language], _QUESTION[language], [needle], [value])


def score(text: str, planting: Planting) -> Score:
    """The five digits, and no others."""
    return scorers.number(text, scorers.expected_of(planting))


def solve(text: str, options: Options | None = None) -> str:
    """The number between the words of the needle."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    start, _, _ = _NEEDLE[asked.language].partition("{value}")
    stated = re.search(rf"{start}(\d+)", asked.text)
    return stated[1] if stated else NOT_THERE[asked.language]
