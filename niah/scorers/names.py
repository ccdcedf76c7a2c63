"""Where names stand in a text, in any case, width or script, with or without accents or hyphens."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from niah.scorers.clauses import Mention
from niah.scorers.words import HAN, chinese, is_small, words
from niah.text.normalise import fold
from niah.text.numerals import located_numbers

_DIGIT = "0-9零〇一二三四五六七八九十百千万亿两"
_LEAST_PHRASE = 4  # Chinese characters, or one more than words, of a name that may hold punctuation
_PUNCTUATION = r"[\s,、.。!?:;'\"“”‘’「」()¶]*"
_UNIT = re.compile(rf"[{HAN}]{{1,3}}|[a-z]{{2,12}}|[$€£¥]")
_MONEY = (  # spellings of one unit, folded
    {"$", "dollar", "dollars", "usd", "bucks", "美元", "美金", "美刀"},
    {"€", "euro", "euros", "eur", "欧元"},
    {"£", "pound", "pounds", "gbp", "quid", "英镑"},
    {"¥", "元", "块", "块钱", "人民币", "yuan", "rmb", "圆"},
)
# "17 dozen loaves" are no 17
_SCALES = {"dozen", "hundred", "thousand", "million", "billion", "percent", "point"}


def names_in(answer: str, names: Iterable[str]) -> set[str]:
    """Those of the names that stand in the answer, and not only inside a longer one of them.

    Of names that fold to the same, the first one is given back.
    """
    return {m.value for m in names_at(spaced(answer), names)}


def names_at(folded: str, names: Iterable[str]) -> list[Mention]:
    """``names_in`` with the places in a ``spaced`` text; a whole number in any writing."""
    by_form: dict[str, str] = {}
    for candidate in names:
        by_form.setdefault(_form_of(candidate)[0], candidate)
    numbers = {v: f for f in by_form if (v := _form_of(f)[1]) is not None}
    found = [
        Mention(value=by_form[numbers[v]], start=a, stop=b)
        for v, a, b in (located_numbers(folded) if numbers else ())
        if v in numbers and _stands_alone(folded, a, b)
    ]
    bare = _letters(folded)
    counted = set(numbers.values())
    present = {f for f, n in by_form.items() if f and f not in counted and _letters_of(n) in bare}
    order = sorted(present, key=lambda f: (-len(f), f))
    forms = "|".join(f"({_bounded(f)})" for f in order)
    found += [
        Mention(value=by_form[order[(m.lastindex or 1) - 1]], start=m.start(), stop=m.end())
        for m in (re.finditer(forms, folded) if order else ())
    ]
    return sorted(found, key=lambda m: m.start)


def spaced(text: str) -> str:
    """Folded for names: hyphens and white space are one space, the dots of U.S. are left out."""
    folded = fold(text).replace("’", "'")
    folded = re.sub(r"(?<=\b[a-z])\.(?=[a-z]\b)|(?<=\b[a-z]\.[a-z])\.", "", folded)
    folded = re.sub(r"[\s_\-‐‑–]+(?!>)", " ", folded).strip()
    return re.sub(rf"(?<=[{HAN}]) (?=[a-z0-9])|(?<=[a-z0-9]) (?=[{HAN}])", "", folded)


@lru_cache(maxsize=8192)
def _form_of(name: str) -> tuple[str, int | None]:
    """A name as it is looked for, and its value where it is nothing but a whole number."""
    form = spaced(name)
    whole = (v for v, *place in located_numbers(form) if place == [0, len(form)])
    return form, next(whole, None)


@lru_cache(maxsize=8192)
def _letters_of(name: str) -> str:
    """What of a name must be in a text that holds it."""
    return _letters(_form_of(name)[0])


def without_unit(folded: str, target: str) -> list[tuple[int, int]]:
    """Where the number of a counted target stands without its unit, and with no other one.

    Such targets are "87 jars", 八十七階 and $87. The unit may be spelt otherwise (dollars, USD) and
    have a word before it ("87 empty jars").
    """
    number, unit = _counted(spaced(target))
    if number is None or not unit:
        return []
    same = next((units for units in _MONEY if unit in units), {unit})
    return [
        (a, b)
        for v, a, b in located_numbers(folded)
        if v == number
        and _stands_alone(folded, a, b)
        and _has_unit(folded[max(0, a - 1) : a], folded[b:], same)
    ]


def in_other_money(folded: str, number: Mention, spellings: Iterable[str]) -> bool:
    """Whether a number is said in another currency than its spellings: 3500美元, and not 3500元."""
    units = {unit for _, unit in map(_counted, map(spaced, spellings))}
    same = set().union(*(money for money in _MONEY if money & units))
    near = re.match(rf"\s*([a-z]+|[{HAN}]+|[$€£¥])", folded[number.stop : number.stop + 20])
    said = {folded[max(0, number.start - 1) : number.start], near[1] if near else ""}
    return bool(same) and any(said & money and not money & same for money in _MONEY)


def in_longer_word(folded: str, name: Mention, question: str) -> bool:
    """Whether the name is but the middle of a Chinese word: 臭豆腐店, of a dog called 豆腐."""
    sides = folded[: name.start], folded[name.stop :].rstrip("。!")
    known = fold(question) + chinese("onward", "backward")  # 到里昂去
    word = re.compile(rf"[{HAN}]{{1,2}}")
    return all(word.fullmatch(side) and not is_small(side, known) for side in sides)


def _counted(form: str) -> tuple[int | None, str]:
    """The number and the unit of a target: 87 and "jars"."""
    for value, start, stop in located_numbers(form):
        rest = f"{form[:start]}{form[stop:]}".strip()
        if (start == 0 or form[:start] in "$€£¥") and _UNIT.fullmatch(rest):
            return value, rest
    return None, ""


def _has_unit(before: str, behind: str, same: Collection[str]) -> bool:
    """Whether a number has one of the ``same`` units, or none: nothing or a small word behind."""
    behind = behind[:40]
    other = before in ("$", "€", "£", "¥") and before not in same
    if other or behind.lstrip().startswith("%"):
        return False
    near = re.match(rf"\s*([a-z]+|[{HAN}]+)(?:\s+([a-z]+))?", behind)
    if near is None:
        return True
    word, second = near.groups()
    if word.isascii():
        small = is_small(word) or words("function").fullmatch(word) is not None
        return small or word in same or (second in same and word not in _SCALES)
    return any(word.startswith(unit) for unit in same)


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text)


def _bounded(form: str) -> str:
    """A name that is no part of a longer word or number; a long one with any punctuation in it."""
    before = rf"(?<![{_DIGIT}])(?<!\d[.,:])" if re.match(rf"[{_DIGIT}]", form) else ""
    after = rf"(?![{_DIGIT}]|[.,:]\d)" if re.search(rf"[{_DIGIT}]$", form) else ""
    before += r"(?<![a-z0-9])" if re.match(r"[^\W_]", form, re.ASCII) else ""
    after += r"(?![a-z0-9])" if re.search(r"[^\W_]$", form, re.ASCII) else ""
    return rf"{before}{_loose(form)}{after}"


def _loose(form: str) -> str:
    if re.fullmatch(rf"[{HAN}]+", form):
        return _PUNCTUATION.join(form) if len(form) >= _LEAST_PHRASE else re.escape(form)
    parts = form.split(" ")
    between = r"[,;:]? " if len(parts) >= _LEAST_PHRASE - 1 else " ?"
    return between.join(re.escape(p) for p in parts)


def _stands_alone(folded: str, start: int, stop: int) -> bool:
    """Whether a number is no part of a time or a decimal fraction."""
    before, after = folded[max(0, start - 2) : start], folded[stop : stop + 2]
    return not re.search(r"\d[:.]$", before) and not re.match(r"[:.]\d", after)
