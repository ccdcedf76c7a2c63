"""Whole numbers as people write and say them: digits, grouped, scaled, in Chinese, or in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property

from niah.text.normalise import without_accents
from niah.text.wording import ByLanguage, Wording

_NUMBER = re.compile(
    r"""
    (?<![A-Za-z0-9]) (?<!\d\.) (?<!(?<![A-Za-z0-9.百千万萬亿億])\d\ )
    (?P<spaced>\d(?:\ \d){4,}) (?!\ ?\d|[A-Za-z])
  | (?<![A-Za-z0-9]) (?<!\d\.)
    (?P<grouped>\d{1,3}['’]\d{3},\d{3}
               |\d{1,3} (?P<by>,|_|'|’|\.|\ |\{,\}|\\,) \d{3} (?:(?P=by)\d{3})*)
    (?:\.0+)? (?![A-Za-z0-9]|\.\d|(?<=\.\d{3})[百千万萬亿億])
  | (?<![A-Za-z0-9]) (?<!\d\.)
    (?P<scaled>\d+(?:\.\d+)?[百千万萬亿億](?:\d+(?:\.\d+)?[百千万萬]?)*)
  | (?<![A-Za-z0-9]) (?<!\d\.) (?P<plain>\d+) (?:\.0+)? (?![A-Za-z0-9]|\.\d)
  | (?P<chinese>[零〇○一二三四五六七八九十百千万萬亿億兩两]+
               |[壹贰貳貮叁參参叄肆伍陆陸柒捌玖拾佰仟零万萬亿億]{3,})
    """,
    re.VERBOSE,
)
_SCALES = {"": 1, "百": 100, "千": 1_000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_PLAIN = str.maketrans(
    "兩〇○壹贰貳貮叁參参叄肆伍陆陸柒捌玖拾佰仟",  # behind the first three, the signs of cheques
    "两零零一二二二三三三三四五六六七八九十百千",
)
_LEAST_SPELT = 3  # words of a number that is said digit by digit
_MOST_SIGNS = 40  # a longer run is a model stuck in a loop, not a number


class NumberWords:
    """The number words of a language in its file of wordings; none where it writes by rule."""

    def __init__(self, wording: Wording) -> None:
        self.values = _valued(wording, "words")
        self._scales = _valued(wording, "scales")
        self._bare = wording.words("numerals.bare")
        self._beside = wording.words("numerals.beside")
        self.joint = wording.text("numerals.and")
        exact = "|".join(scale for scale, value in self._scales.items() if value >= 1_000)
        self._decimal = re.compile(
            rf"(?<![\d.,])(\d{{1,4}}(?:\.\d{{1,6}}|,\d{{1,2}})) ?({exact or '(?!)'})\b"
        )

    def located(self, folded: str) -> list[tuple[int, int, int]]:
        """The numbers in a folded text and where they stand: "seven million", "7.4 million"."""
        if not self.values:
            return []
        spelt = (m for m in self._spelt.finditer(folded) if m[0] not in self._beside)
        short = (m for m in spelt if len(re.findall("[ -]", m[0])) < _MOST_SIGNS)
        found = [(self.value(m[0]), *m.span()) for m in short]
        for m in self._decimal.finditer(folded):
            number = float(m[1].replace(",", "."))
            found.append((round(number * self._scales[m[2]]), *m.span()))
        return found

    @cached_property
    def _spelt(self) -> re.Pattern[str]:
        first = _longest([*self.values, *self._bare])
        further = _longest([*self.values, *self._scales])
        return re.compile(rf"\b(?:{first})(?:(?:,? |-| {self.joint} )(?:{further}))*\b")

    def value(self, folded: str) -> int:
        """seven million four hundred and twenty-one thousand is 7421000; three seven six is 376."""
        total = part = 0
        said = re.findall(r"[a-z]+", folded)
        if len(said) >= _LEAST_SPELT and all(self.values.get(word, 10) < 10 for word in said):
            return int("".join(str(self.values[word]) for word in said))
        for word in said:
            scale = self._scales.get(word, 0)
            if scale > total and scale >= 1_000:  # of all before it: "mil millones"
                total, part = (total + part or 1) * scale, 0
            elif scale >= 1_000:
                total, part = total + (part or 1) * scale, 0
            elif scale:
                part = (part or 1) * scale
            elif word != self.joint:
                part += self.values[word]
        return total + part


def whole_numbers(text: str) -> list[int]:
    """The whole numbers of a text, in order.

    "7,421,830", "7.421.830", "7 421 830", "７４２１８３０", "742萬1830" and
    "七百四十二萬一千八百三十" are one. "1.000" may be one or a thousand, and is a thousand here.
    """
    spelt = text.replace("…", " ")  # in NFKC three full stops, which look like a decimal point
    return [value for value, _, _ in _digits_in(unicodedata.normalize("NFKC", spelt))]


def located_numbers(folded: str) -> list[tuple[int, int, int]]:
    """The whole numbers of a folded text, in words ("forty-two") as well, and where they stand."""
    found = _digits_in(folded)
    for words in NUMBER_WORDS.values():
        found += words.located(folded)
    return sorted(found, key=lambda number: number[1])


def _valued(wording: Wording, key: str) -> dict[str, int]:
    """ "one 1 two 2" as a table, without accents."""
    listed = iter(wording.words(f"numerals.{key}"))
    return {without_accents(word): int(value) for word, value in zip(listed, listed, strict=True)}


def _longest(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


def _digits_in(text: str) -> list[tuple[int, int, int]]:
    matches = [m for m in _NUMBER.finditer(text) if len(m[0]) <= _MOST_SIGNS]
    return [(value, *m.span()) for m in matches if (value := _value(m)) is not None]


def _value(match: re.Match[str]) -> int | None:
    if match["scaled"]:  # 3萬2千, 742萬1830, 1.2万
        parts = re.findall(r"(\d+(?:\.\d+)?)([百千万萬亿億]?)", match["scaled"])
        return round(sum(float(n) * _SCALES[scale] for n, scale in parts))
    if match["chinese"]:
        return _chinese(match["chinese"])
    return int(re.sub(r"\D", "", match["spaced"] or match["grouped"] or match["plain"]))


def _chinese(text: str) -> int | None:
    from cn2an import cn2an  # 0.2 s: only where a text holds Chinese numerals

    try:
        return int(cn2an(text.translate(_PLAIN), "smart"))
    except (ValueError, KeyError, IndexError):
        return None  # a stray numeral, such as the 千萬 of "by all means"


NUMBER_WORDS = ByLanguage(NumberWords)
