"""Pure functions from an answer and its targets to a Score. Values are parsed, not searched for as substrings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from niah.records import Score

_SEPARATOR = r"[,_'’ \u00a0\u202f]"
_NUMBER = re.compile(
    rf"""
    (?<![A-Za-z0-9.]) (?P<grouped>\d{{1,3}}(?:{_SEPARATOR}\d{{3}})+) (?![A-Za-z0-9]|\.\d)
  | (?<![A-Za-z0-9.]) (?P<scaled>\d+(?:\.\d+)?[百千万萬亿億](?:\d+(?:\.\d+)?[百千万萬]?)*)
  | (?<![A-Za-z0-9.]) (?P<plain>\d+) (?![A-Za-z0-9]|\.\d)
  | (?P<chinese>[零〇一二三四五六七八九十百千万萬亿億兩两]+)
    """,
    re.VERBOSE,
)
_SCALES = {"": 1, "百": 100, "千": 1_000, "万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_ABSENT = re.compile(
    r"\b(?:not|n't|never|no|doesn't|isn't|cannot)\b.{0,40}\b(?:mention|state|say|said|given|found|find|know|specif|provid|appear|contain)"
    r"|沒有?提|没有?提|未提|沒有說|没有说|找不到|不知道|無法|无法|沒有給|没有给",
    re.IGNORECASE,
)


def number(text: str, target: str, others: Collection[str] = ()) -> Score:
    """Whether the one value of the target's length in the answer is the target.

    Answer classes: ``right``, ``several`` (the target among other values of its shape), ``distractor`` (a value planted
    for another key), ``wrong``, ``absent`` (says that it is not there), ``off-format`` (no value of that shape).
    """
    numbers = {str(v) for v in whole_numbers(without_reasoning(text))}
    values = {n for n in numbers if len(n) == len(target)}
    if values == {target}:
        return Score(value=1.0, answer_class="right", explanation=f"answered {target}")
    listed = ", ".join(sorted(values))
    if target in values:
        return Score(value=0.0, answer_class="several", explanation=f"listed {listed} where one was asked")
    if values & set(others):
        return Score(value=0.0, answer_class="distractor", explanation=f"answered {listed}, planted for another key")
    near = values or {n for n in numbers if 2 * len(n) > len(target)}  # digits dropped or added
    if near:
        return Score(
            value=0.0, answer_class="wrong", explanation=f"answered {', '.join(sorted(near))} instead of {target}"
        )
    if _ABSENT.search(text):
        return Score(value=0.0, answer_class="absent", explanation="said that it is not there")
    return Score(value=0.0, answer_class="off-format", explanation=f"no number like {len(target)} digits in the answer")


def without_reasoning(text: str) -> str:
    """The answer behind a leading block of reasoning that ends in ``</think>``."""
    return text.rpartition("</think>")[2]


def whole_numbers(text: str) -> list[int]:
    """The whole numbers of a text, in order: digits of any width, with separators, scaled, or written in Chinese.

    "7,421,830", "7421830", "7 421 830", "７４２１８３０", "742萬1830" and "七百四十二萬一千八百三十" are one number.
    """
    values = (_value(match) for match in _NUMBER.finditer(unicodedata.normalize("NFKC", text)))
    return [v for v in values if v is not None]


def _value(match: re.Match[str]) -> int | None:
    if match["grouped"]:
        return int(re.sub(_SEPARATOR, "", match["grouped"]))
    if match["plain"]:
        return int(match["plain"])
    return _scaled(match["scaled"]) if match["scaled"] else _chinese(match["chinese"])


def _scaled(text: str) -> int:
    """3萬2千 is 32000, 742萬1830 is 7421830, 1.2万 is 12000."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([百千万萬亿億]?)", text)
    return round(sum(float(n) * _SCALES[scale] for n, scale in parts))


def _chinese(text: str) -> int | None:
    from cn2an import cn2an  # 0.2 s: only where an answer holds Chinese numerals

    try:
        return int(cn2an(text.replace("兩", "两").replace("〇", "零"), "smart"))
    except ValueError:
        return None  # a stray numeral, such as the 千萬 of "by all means"
