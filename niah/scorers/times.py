"""Times of a recording as people write and say them, and the scorer for them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from niah.records import Score
from niah.scorers.clauses import Mention
from niah.scorers.decide import decide, one_value
from niah.scorers.expected import Expected
from niah.scorers.reading import Reading
from niah.scorers.reply import answer_in, lines_kept
from niah.scorers.statements import between
from niah.scorers.words import HAN, chinese, latin, phrase, vocabulary, words
from niah.text.normalise import fold
from niah.text.numerals import NUMBER_WORDS, NumberWords, whole_numbers

_COLONS = r"(?<!\d)(?<!\d[:.])(\d{1,3}):([0-5]?\d)(?::([0-5]\d))?(?:[.,]\d{1,3})?(?![\d:])"
_HAN_DIGIT = "[零〇一二两三四五六七八九十百]"
_MARK = re.compile(r"[(\[]\s?(\d{1,3}(?::\d\d){1,2})\s?[)\]]")
_around = phrase(r"{around}\s+(?:(?:{latin article})\s+)?$")
_until = phrase(r"\s*(?:[-–—−~〜]|{until})\s*(?:(?:{latin article})\s+)?")
_MOST_RANGE_S = 60  # a longer one names no place in the recording
_MOST_BESIDE = 18  # signs to look for a word beside a time


def clock(seconds: int) -> str:
    """12:01 for 721; 1:02:03 from an hour on."""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def seconds_in(text: str) -> list[int]:
    """The times in a text, in seconds, in order.

    "12:01", "00:12:01", "12分01秒", "12m1s", "PT12M1S" and "twelve minutes one second" are one; so
    is "12点01分", which is how the sign 12:01 is read aloud.
    """
    return [seconds for seconds, _, _ in _located(_timed(text))]


def time_of_day(text: str, expected: Expected, tolerance_s: float) -> Score:
    """Whether the one time given is the target, as ``clock`` writes it, or near it.

    The score is exact; ``parts`` holds what it is within the tolerance, too. A time within it is a
    near miss, unless it is the time of another fact. A range of a minute or less is its start,
    since a mark stands above what it is the time of.
    """
    answer, target = answer_in(text, expected.question), seconds_in(expected.target)[0]
    folded = _timed(answer)
    mentions = _points(folded)
    points = [m for m in mentions if not _is_beside(folded, m)]
    verdict = decide(Reading(folded, points, expected, _timed))
    score = one_value(answer, verdict, expected, named={m.value for m in mentions})
    off = [abs(_second_of(value) - target) for value in verdict.values]
    near = len(off) == 1 and off[0] <= tolerance_s
    within = near and score.answer_class in ("right", "wrong")
    score = replace(score, parts={"exact": score.value, "within tolerance": float(within)})
    if within and score.answer_class == "wrong":
        return replace(score, answer_class="near-miss", detail=f"within {tolerance_s:g} s")
    return score


def _second_of(written: str) -> int:
    """What ``clock`` wrote, however many its hours: 721 for 12:01."""
    return sum(int(part) * 60**i for i, part in enumerate(reversed(written.split(":"))))


def _timed(text: str) -> str:
    """Folded for times. The brackets of a mark, (12:01), set nothing aside."""
    return _MARK.sub(r" \1 ", fold(lines_kept(text)))


def _points(folded: str) -> list[Mention]:
    """The times that are points of the recording: of a range its start, of a length nothing."""
    found: list[Mention] = []
    last = (0, 0)  # the second and the end of the time before
    for second, start, stop in _located(folded):
        joint = folded[last[1] : start]
        is_range = bool(found) and _joins_ends(joint, folded[: found[-1].start][-_MOST_BESIDE:])
        is_length = words("duration").match(folded[stop : stop + _MOST_BESIDE].lstrip(" -"))
        if not is_length and not (is_range and 0 <= second - last[0] <= _MOST_RANGE_S):
            found.append(Mention(value=clock(second), start=start, stop=stop))
        last = (second, stop)
    return found


def _is_beside(folded: str, m: Mention) -> bool:
    """Whether a time only says what is before or after it: "before 12:01", 12:01之前."""
    before = folded[max(0, m.start - _MOST_BESIDE) : m.start]
    behind = re.match(r"\s*(?:之|以)[前后]", folded[m.stop :][:_MOST_BESIDE])
    return bool(_around().search(before) or behind)


def _joins_ends(joint: str, before: str) -> bool:
    """Whether a text stands between the ends of a range: 12:16–12:44, between 12:16 and 12:44."""
    if len(joint) > _MOST_BESIDE:
        return False
    if _until().fullmatch(joint):
        return True
    coupled = re.fullmatch(rf"\s*(?:{_and()})\s+(?:(?:{latin('article')})\s+)?", joint)
    return coupled is not None and between().search(before) is not None


def _and() -> str:
    """and|y."""
    return "|".join(filter(None, (spelt.joint for spelt in NUMBER_WORDS.values())))


def _located(folded: str) -> list[tuple[int, int, int]]:
    """Every time with its place, in order; what two forms read, the first one of them has."""
    found: list[tuple[int, int, int]] = []
    taken = bytearray(len(folded))
    for kind, form in _forms():
        for match in form.finditer(folded):
            start, stop = match.span()
            if any(match.groups()) and not any(taken[start:stop]) and not _is_very(folded, match):
                taken[start:stop] = b"\x01" * (stop - start)
                found.append((_seconds(kind, match), start, stop))
    return sorted(found, key=lambda time: time[1])


def _is_very(folded: str, match: re.Match[str]) -> bool:
    """Whether 十分 is no ten minutes but "very"."""
    behind = folded[match.end() : match.end() + 9]
    return match[0].strip() == "十分" and re.match(rf"[整处]*+[{HAN}]", behind) is not None


def _seconds(kind: str, match: re.Match[str]) -> int:
    parts = [_count(group) if group else 0 for group in match.groups()]
    hours, minutes, seconds = [0, *parts[:2]] if kind == "clock" and match[3] is None else parts
    return hours * 3600 + minutes * 60 + seconds


def _count(text: str) -> int:
    first = re.split(r"[\s-]", text)[0]
    for spelt in NUMBER_WORDS.values():
        if first in spelt.values:
            return spelt.value(text)
    return next(iter(whole_numbers(text.removeprefix("零") or "零")), 0)


@cache
def _forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """How a time is written: as three ``units``, hours first, or on a ``clock``.

    Of a clock the first group is minutes where the third is missing. Counts are bounded, so that
    no long run of digits is read again from each of its places.
    """
    small = "|".join(filter(None, map(_small_numbers, NUMBER_WORDS.values())))
    count = rf"(零?(?<!\d)\d{{1,6}}(?:\.0{{1,3}})?|(?<!{_HAN_DIGIT}){_HAN_DIGIT}{{1,9}}|{small})"
    hour, minute, second = map(_unit, ("hour", "minute", "second"))
    joint, any_joint = rf"[\s,]*(?:(?:{_and()})\s+)?", r"[\s,]*(?:[a-z]{1,3}\s+)?"
    units = (
        rf"(?<![a-z0-9点])(?<!\d[:.])(?:{count}\s*(?:-\s*)?(?:{hour}){joint})?"
        rf"(?:{count}\s*(?:-\s*)?(?:{minute}){joint}又?)?(?:{count}\s*(?:-\s*)?(?:{second}))?"
    )
    whole_minute, whole_second = _whole("minute"), _whole("second")
    written = (
        ("units", r"(?<!\d)()(\d{1,3})\s*['′’]\s*(\d{1,2})\s*(?:[\"”]|['′’]{2})"),  # 12' 01"
        # minute 12 and second 1; minute 12, and 1 second
        ("units", rf"()\b(?:{whole_minute})\s+{count}{joint}(?:{whole_second})\s+{count}"),
        ("units", rf"()\b(?:{whole_minute})\s+{count}{any_joint}{count}\s*(?:{second})"),
        ("units", r"\bpt(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\b"),  # pt12m1s
        ("units", r"(?<!\d)(\d{1,2})h(\d{2})()(?!\d)"),  # 1h02
        # 12 min 01
        ("units", rf"(?<![\d:])()(\d{{1,3}})\s*(?:{minute})\s*(\d{{2}})(?=\W*$|[,;)])"),
        ("clock", rf"{count}点{count}分(?:{count}秒)?"),  # the sign 12:01 read aloud
        ("clock", _COLONS),
        ("units", units),
    )
    return tuple((kind, re.compile(form)) for kind, form in written)


def _unit(rule: str) -> str:
    """hours|hour|hr|h, where no letter follows, 小时."""
    return rf"(?:{latin(rule)})(?![a-z])\.?|(?:{chinese(rule)})(?!间)"


def _whole(rule: str) -> str:
    """The units that are no abbreviations: minutes|minute."""
    whole = [word for word in vocabulary(rule) if re.fullmatch("[a-z]{4,}", word)]
    return "|".join(sorted(whole, reverse=True))


def _small_numbers(spelt: NumberWords) -> str:
    """Number words below a hundred: thirty-two, treinta y dos."""
    low = {word: value for word, value in spelt.values.items() if value < 100}
    tens = [word for word, value in low.items() if value in range(20, 100, 10)]
    ones = [word for word, value in low.items() if value in range(1, 10)]
    others = "|".join(sorted(set(low) - set(tens), key=len, reverse=True))
    joint = rf"[\s-](?:{spelt.joint}\s)?"
    return rf"(?:{'|'.join(tens)})(?:{joint}(?:{'|'.join(ones)})\b)?|(?:{others})" if low else ""
