"""Fold what looks different and is the same: case, width, accents, script of Chinese, spaces of
speech recognition."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

_HAN = r"[\u3400-\u9fff]"
_SPACE_IN_CHINESE = re.compile(rf"(?<={_HAN})\s+(?={_HAN})")
_LATIN = ((0xC0, 0x250), (0x1E00, 0x1F00))


def fold(text: str) -> str:
    """Compatibility forms, lower case, no accents, simplified characters, no white space between
    Han characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    folded = without_accents(folded)
    if not re.search(_HAN, folded):
        return folded
    return _SPACE_IN_CHINESE.sub("", folded.translate(_simplified()))


def without_accents(text: str) -> str:
    """Latin letters without the marks above and below them, sign for sign: many people leave them
    out."""
    return text.translate(_bare())


@cache
def _bare() -> Mapping[int, str]:
    """Accented Latin letter -> the letter."""
    letters = [c for first, last in _LATIN for c in map(chr, range(first, last))]
    return {
        ord(c): d[0]
        for c in letters
        if len(d := unicodedata.normalize("NFKD", c)) > 1 and d[0].isalpha()
    }


@cache
def _simplified() -> Mapping[int, str]:
    """Traditional character -> simplified one, for every character where they differ (OpenCC's
    table)."""
    from opencc import OpenCC  # a table of 2 MB: only where Chinese is folded

    characters = [chr(c) for c in range(0x3400, 0xA000)]
    simplified = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(a): b for a, b in zip(characters, simplified, strict=True) if a != b}
