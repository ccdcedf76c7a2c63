"""Times of a recording as people write and say them, and the scorer for them."""

from __future__ import annotations

import re
from dataclasses import replace

from niah.folding import fold
from niah.numerals import whole_numbers
from niah.records import Score
from niah.scorers.answers import Expected, one_value, without_reasoning

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"  # noqa: E501
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_WORDS = {word: value for value, word in enumerate(_ONES.split())} | _TENS
_WORD = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_ONES.split()[1:10])}))?|{'|'.join(reversed(_ONES.split()))})"
_COUNT = rf"(\d+(?:\.0+)?|[零〇一二两三四五六七八九十百]+|{_WORD})"
_COLONS = re.compile(r"(?<![\d:.])(\d{1,3}):([0-5]?\d)(?::([0-5]\d))?(?:[.,]\d{1,3})?(?![\d:])")
_UNITS = re.compile(
    rf"""(?<![a-z0-9])
    (?: {_COUNT} \s*-?\s* (?:hours?|hrs?|h(?![a-z])|个?小时|时) [\s,]* (?:and\s+)? )?
    (?: {_COUNT} \s*-?\s* (?:minutes?|mins?|m(?![a-z])|分钟?) [\s,]* (?:and\s+)? )?
    (?: {_COUNT} \s*-?\s* (?:seconds?|secs?|s(?![a-z])|秒钟?) )?
    """,
    re.VERBOSE,
)


def clock(seconds: int) -> str:
    """12:01 for 721; 1:02:03 from an hour on."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def seconds_in(text: str) -> list[int]:
    """The times in a text, in seconds, in order.

    "12:01", "00:12:01", "12分01秒", "12m1s" and "twelve minutes one second" are one.
    """
    folded = fold(text)
    found = [(m.start(), _colons(m)) for m in _COLONS.finditer(folded)]
    found += [(m.start(), _units(m)) for m in _UNITS.finditer(folded) if any(m.groups()) and m[0] != "十分"]
    return [seconds for _, seconds in sorted(found)]


def time_of_day(text: str, expected: Expected, tolerance_s: float) -> Score:
    """Whether the one time in the answer is the target (as ``clock`` writes it), exactly and within a tolerance.

    The score is exact; ``parts`` holds both. A time within the tolerance is a near miss.
    """
    answer = without_reasoning(text)
    seconds, target = set(seconds_in(answer)), seconds_in(expected.target)[0]
    score = one_value(answer, {clock(s) for s in seconds}, expected)
    within = len(seconds) == 1 and abs(min(seconds) - target) <= tolerance_s
    parts = {"exact": score.value, "within tolerance": float(within)}
    if within and score.answer_class == "wrong":
        return replace(score, answer_class="near-miss", detail=f"within {tolerance_s:g} s", parts=parts)
    return replace(score, parts=parts)


def _colons(match: re.Match[str]) -> int:
    first, second, third = match.groups()
    if third is None:
        return int(first) * 60 + int(second)
    return int(first) * 3600 + int(second) * 60 + int(third)


def _units(match: re.Match[str]) -> int:
    hours, minutes, seconds = (0 if g is None else _count(g) for g in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _count(text: str) -> int:
    words = re.split(r"[\s-]", text)
    if words[0] in _WORDS:
        return sum(_WORDS[w] for w in words)
    return next(iter(whole_numbers(text)), 0)
