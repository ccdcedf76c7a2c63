"""Whole numbers as people write and say them: digits of any width, with separators, scaled, or in Chinese."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(
    r"""
    (?<![A-Za-z0-9]) (?<!\d\.) (?P<spaced>\d(?:\ \d){4,}) (?!\ ?\d|[A-Za-z])
  | (?<![A-Za-z0-9]) (?<!\d\.)
    (?P<grouped>\d{1,3} (?P<by>,|_|'|’|\.|\ |\{,\}|\\,) \d{3} (?:(?P=by)\d{3})*) (?:\.0+)?
    (?![A-Za-z0-9]|\.\d|(?<=\.\d{3})[百千万萬亿億])
  | (?<![A-Za-z0-9]) (?<!\d\.) (?P<scaled>\d+(?:\.\d+)?[百千万萬亿億](?:\d+(?:\.\d+)?[百千万萬]?)*)
  | (?<![A-Za-z0-9]) (?<!\d\.) (?P<plain>\d+) (?:\.0+)? (?![A-Za-z0-9]|\.\d)
  | (?P<chinese>[零〇○一二三四五六七八九十百千万萬亿億兩两]+|[壹贰貳貮叁參参叄肆伍陆陸柒捌玖拾佰仟零万萬亿億]{3,})
    """,
    re.VERBOSE,
)
_SCALES = {"": 1, "百": 100, "千": 1_000, "万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"  # noqa: E501
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {w: i for i, w in enumerate(_ONES.split())} | {w: 20 + 10 * i for i, w in enumerate(_TENS.split())}
_EXACT = {"thousand": 1_000, "million": 1_000_000}
_ANY = "|".join([*sorted(_WORDS, key=len, reverse=True), "hundred", *_EXACT])
_ENGLISH = re.compile(rf"\b(?:{'|'.join(sorted(_WORDS, key=len, reverse=True))})(?:(?:,? |-| and )(?:{_ANY}))*\b")
_DECIMAL = re.compile(r"(?<![\d.,])(\d{1,4}\.\d{1,6}) ?(thousand|million)\b")
_FORMAL = dict(
    zip("壹贰貳貮叁參参叄肆伍陆陸柒捌玖拾佰仟", "一二二二三三三三四五六六七八九十百千", strict=True)
)  # of cheques
_PLAIN = str.maketrans({"兩": "两", "〇": "零", "○": "零", **_FORMAL})
_LEAST_SPELT = 3  # words of a number that is said digit by digit
_MOST_SIGNS = 40  # a longer run is a model stuck in a loop, not a number


def whole_numbers(text: str) -> list[int]:
    """The whole numbers of a text, in order.

    "7,421,830", "7.421.830", "7 421 830", "７４２１８３０", "742萬1830", "七百四十二萬一千八百三十" are one.
    "1.000" may be either one or a thousand, and is a thousand here.
    """
    spelt = text.replace("…", " ")  # its compatibility form is three full stops, which look like a decimal point
    return [value for value, _, _ in _digits_in(unicodedata.normalize("NFKC", spelt))]


def located_numbers(folded: str) -> list[tuple[int, int, int]]:
    """The whole numbers of a folded text with their first and last place; English words ("forty-two") as well."""
    found = [*_digits_in(folded), *_words_in(folded)]
    found += [(round(float(m[1]) * _EXACT[m[2]]), *m.span()) for m in _DECIMAL.finditer(folded)]
    return sorted(found, key=lambda number: number[1])


def _digits_in(text: str) -> list[tuple[int, int, int]]:
    matches = [m for m in _NUMBER.finditer(text) if len(m[0]) <= _MOST_SIGNS]
    return [(value, *m.span()) for m in matches if (value := _value(m)) is not None]


def _words_in(folded: str) -> list[tuple[int, int, int]]:
    return [(_english(m[0]), *m.span()) for m in _ENGLISH.finditer(folded)]


def _english(text: str) -> int:
    """seven million four hundred and twenty-one thousand is 7421000; three seven six is 376."""
    total = part = 0
    said = re.findall(r"[a-z]+", text)
    if len(said) >= _LEAST_SPELT and all(_WORDS.get(word, 10) < 10 for word in said):
        return int("".join(str(_WORDS[word]) for word in said))
    for word in said:
        if word in _EXACT:
            total, part = total + (part or 1) * _EXACT[word], 0
        elif word == "hundred":
            part = (part or 1) * 100
        elif word != "and":
            part += _WORDS[word]
    return total + part


def _value(match: re.Match[str]) -> int | None:
    if match["scaled"]:
        return _scaled(match["scaled"])
    if match["chinese"]:
        return _chinese(match["chinese"])
    return int(re.sub(r"\D", "", match["spaced"] or match["grouped"] or match["plain"]))


def _scaled(text: str) -> int:
    """3萬2千 is 32000, 742萬1830 is 7421830, 1.2万 is 12000."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([百千万萬亿億]?)", text)
    return round(sum(float(n) * _SCALES[scale] for n, scale in parts))


def _chinese(text: str) -> int | None:
    from cn2an import cn2an  # 0.2 s: only where a text holds Chinese numerals

    try:
        return int(cn2an(text.translate(_PLAIN), "smart"))
    except (ValueError, KeyError, IndexError):
        return None  # a stray numeral, such as the 千萬 of "by all means"
