"""Pure functions from an answer and its targets to a Score. Values are parsed, not searched for as substrings."""

from __future__ import annotations

import re
from collections.abc import Collection

from niah.numerals import whole_numbers
from niah.records import Score

_ABSENT = re.compile(
    r"(?:\b(?:not|never|no|cannot)\b|n['’]t\b).{0,40}"
    r"\b(?:mention|state|say|said|given|found|find|know|specif|provid|appear|contain|magic number)"
    r"|沒有?提|没有?提|未提|沒有說|没有说|找不到|不知道|無法|无法|沒有給|没有给",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"^.*(?:</think(?:ing)?>|</reasoning>|◁/think▷|<\|channel\|>final<\|message\|>)", re.DOTALL | re.IGNORECASE
)


def number(text: str, target: str, others: Collection[str] = ()) -> Score:
    """Whether the one value of the target's length in the answer is the target.

    Answer classes: ``right``, ``several`` (the target among other values of its shape), ``distractor`` (a value planted
    for another key), ``wrong``, ``absent`` (says that it is not there), ``off-format`` (no value of that shape).
    """
    answer = without_reasoning(text)
    numbers = {str(v) for v in whole_numbers(answer)}
    values = {n for n in numbers if len(n) == len(target) and not _rounds(n, target)}
    if values == {target}:
        return _right(answer, target)
    listed = ", ".join(sorted(values))
    if target in values:
        return Score(value=0.0, answer_class="several", explanation=f"listed {listed} where one was asked")
    if values & set(others):
        return Score(value=0.0, answer_class="distractor", explanation=f"answered {listed}, planted for another key")
    near = values or {n for n in numbers if 2 * len(n) > len(target)}  # digits dropped or added
    if near:
        given = ", ".join(sorted(near))
        return Score(value=0.0, answer_class="wrong", explanation=f"answered {given} instead of {target}")
    if _ABSENT.search(answer):
        return Score(value=0.0, answer_class="absent", explanation="said that it is not there")
    return Score(value=0.0, answer_class="off-format", explanation=f"no number like {len(target)} digits in the answer")


def without_reasoning(text: str) -> str:
    """The answer behind a block of reasoning, in the marks that models use for one."""
    return _REASONING.sub("", text)


def _rounds(value: str, target: str) -> bool:
    """Whether a value is the target said roughly, as in "7421830, about 7.42 million"."""
    significant = value.rstrip("0")
    return value != target and len(significant) <= len(value) - 3 and abs(int(value) - int(target)) * 200 < int(target)


def _right(answer: str, target: str) -> Score:
    """Right, unless the answer names the value only to deny it or makes another quantity of it."""
    spelt = answer.replace(",", "")
    if re.search(
        rf"(?:\bnot|n['’]t be|不是)\s+{target}|[-−]{target}|{target}\s*(?:thousand|million|billion|萬|万|億|亿)", spelt
    ):
        return Score(value=0.0, answer_class="wrong", explanation=f"named {target} without giving it as the answer")
    return Score(value=1.0, answer_class="right", explanation=f"answered {target}")
