"""Times of a recording as people write and say them, and the scorer for them."""

from __future__ import annotations

import re
from dataclasses import replace

from niah.records import Score
from niah.scorers.answers import Expected, lines_kept, one_value, read
from niah.scorers.clauses import Mention
from niah.scorers.decide import decide
from niah.scorers.names import names_at
from niah.scorers.reply import answer_in
from niah.scorers.words import words
from niah.text.normalise import fold
from niah.text.numerals import whole_numbers

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"  # noqa: E501
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {w: i for i, w in enumerate(_ONES.split())} | {w: 20 + 10 * i for i, w in enumerate(_TENS.split())}
_DIGITS = "|".join(_ONES.split()[1:10])
_WORD = rf"(?:(?:{_TENS.replace(' ', '|')})(?:[\s-](?:{_DIGITS}))?|{'|'.join(reversed(_ONES.split()))})"
# counts are bounded, so that no long run of digits is read again from each of its places
_HAN_DIGIT = "[零〇一二两三四五六七八九十百]"
_COUNT = rf"(零?(?<!\d)\d{{1,6}}(?:\.0{{1,3}})?|(?<!{_HAN_DIGIT}){_HAN_DIGIT}{{1,9}}|{_WORD})"
_COLONS = re.compile(r"(?<!\d)(?<!\d[:.])(\d{1,3}):([0-5]?\d)(?::([0-5]\d))?(?:[.,]\d{1,3})?(?![\d:])")
_MARK = re.compile(r"[(\[]\s?(\d{1,3}(?::\d\d){1,2})\s?[)\]]")
_READ_ALOUD = re.compile(rf"{_COUNT}点{_COUNT}分(?:{_COUNT}秒)?")  # the sign 12:01, not a time of day
_UNITS = re.compile(
    rf"""(?<![a-z0-9点])(?<!\d[:.])
    (?: {_COUNT} \s*-?\s* (?:hours?|hrs?\.?|h(?![a-z])|个?小时|时(?!间)) [\s,]* (?:and\s+)? )?
    (?: {_COUNT} \s*-?\s* (?:minutes?|mins?\.?|m(?![a-z])|分钟?) [\s,]* (?:and\s+|又)? )?
    (?: {_COUNT} \s*-?\s* (?:seconds?|secs?\.?|s(?![a-z])|秒钟?) )?
    """,
    re.VERBOSE,
)
_OTHER_FORMS = (  # hours, minutes, seconds
    re.compile(r"(?<!\d)()(\d{1,3})\s*['′’]\s*(\d{1,2})\s*(?:[\"”]|['′’]{2})"),
    re.compile(rf"()\bminute\s+{_COUNT}[\s,]*(?:and\s+)?second\s+{_COUNT}"),
    re.compile(r"\bpt(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\b"),
    re.compile(r"(?<!\d)(\d{1,2})h(\d{2})()(?!\d)"),
    re.compile(r"(?<![\d:])()(\d{1,3})\s*(?:minutes?|mins?\.?|m|分)\s*(\d{2})(?=\W*$|[,;)])"),
)
_BESIDE = (re.compile(r"\b(?:before|after)\s+(?:the\s+)?$"), re.compile(r"\s*(?:之|以)[前后]"))
_RANGE = re.compile(r"\s*(?:-|–|—|−|~|〜|to|until|till|through|and|到|至)\s*")  # 12:16–12:44
_MOST_RANGE_S = 60  # a longer one names no place in the recording
_MOST_BESIDE = 14  # signs to look for a word beside a time


def clock(seconds: int) -> str:
    """12:01 for 721; 1:02:03 from an hour on."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def seconds_in(text: str) -> list[int]:
    """The times in a text, in seconds, in order.

    "12:01", "00:12:01", "12分01秒", "12m1s", "PT12M1S" and "twelve minutes one second" are one; so is "12点01分", which
    is how the sign 12:01 is read aloud.
    """
    return [seconds for seconds, _, _ in _located(_timed(text))]


def time_of_day(text: str, expected: Expected, tolerance_s: float) -> Score:
    """Whether the one time the answer gives is the target (as ``clock`` writes it), exactly and within a tolerance.

    The score is exact; ``parts`` holds both. A time within the tolerance is a near miss, unless it is the time of
    another fact. A range of a minute or less is its start, since a mark stands above what it is the time of.
    """
    answer, target = answer_in(text, expected.question), seconds_in(expected.target)[0]
    folded = _timed(answer)
    mentions = _points(folded)
    points = [m for m in mentions if not _is_beside(folded, m)]
    reading = read(folded, points, expected, _timed, names_at)
    verdict = decide(reading, expected.facts)
    score = one_value(answer, verdict, expected, named={m.value for m in mentions})
    near = len(verdict.values) == 1 and abs(seconds_in(min(verdict.values))[0] - target) <= tolerance_s
    within = near and score.answer_class in ("right", "wrong")
    parts = {"exact": score.value, "within tolerance": float(within)}
    if within and score.answer_class == "wrong":
        return replace(score, answer_class="near-miss", detail=f"within {tolerance_s:g} s", parts=parts)
    return replace(score, parts=parts)


def _timed(text: str) -> str:
    """Folded for times. The brackets of a mark, (12:01), set nothing aside."""
    return _MARK.sub(r" \1 ", fold(lines_kept(text)))


def _points(folded: str) -> list[Mention]:
    """The times of an answer that are points of the recording: of a range its start, of a length nothing."""
    found: list[Mention] = []
    last = (0, 0)  # the second and the end of the time before
    for second, start, stop in _located(folded):
        joint = folded[last[1] : start]
        inside = found and len(joint) <= _MOST_BESIDE and _RANGE.fullmatch(joint)
        is_range = inside and (joint.strip() != "and" or re.search(r"\bbetween\s*$", folded[: found[-1].start][-12:]))
        is_length = words("duration").match(folded[stop : stop + _MOST_BESIDE].lstrip(" -"))
        if not is_length and not (is_range and 0 <= second - last[0] <= _MOST_RANGE_S):
            found.append(Mention(value=clock(second), start=start, stop=stop))
        last = (second, stop)
    return found


def _is_beside(folded: str, m: Mention) -> bool:
    """Whether a time only says what is before or after it: "before 12:01", 12:01之前."""
    before = folded[max(0, m.start - _MOST_BESIDE) : m.start]
    return bool(_BESIDE[0].search(before) or _BESIDE[1].match(folded, m.stop))


def _located(folded: str) -> list[tuple[int, int, int]]:
    """Every time with its place, in order; what two forms read, the first one of them has."""
    found: list[tuple[int, int, int]] = []
    taken = bytearray(len(folded) + 1)
    for form in (*_OTHER_FORMS, _READ_ALOUD, _COLONS, _UNITS):
        for match in form.finditer(folded):
            start, stop = match.span()
            if any(match.groups()) and not any(taken[start:stop]) and not _is_very(folded, match):
                taken[start:stop] = b"\x01" * (stop - start)
                found.append((_colons(match) if form in (_COLONS, _READ_ALOUD) else _units(match), start, stop))
    return sorted(found, key=lambda time: time[1])


def _is_very(folded: str, match: re.Match[str]) -> bool:
    """Whether 十分 is no ten minutes but "very"."""
    return match[0].strip() == "十分" and bool(
        re.match(r"[整处]*+[\u3400-\u9fff]", folded[match.end() : match.end() + 9])
    )


def _colons(match: re.Match[str]) -> int:
    first, second, third = match.groups()
    if third is None:
        return _count(first) * 60 + _count(second)
    return _count(first) * 3600 + _count(second) * 60 + _count(third)


def _units(match: re.Match[str]) -> int:
    hours, minutes, seconds = (_count(g) if g else 0 for g in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _count(text: str) -> int:
    words = re.split(r"[\s-]", text.removeprefix("零") or "零")
    if words[0] in _WORDS:
        return sum(_WORDS[w] for w in words)
    return next(iter(whole_numbers(text if text[-1] not in "0123456789" else text.removeprefix("零"))), 0)
