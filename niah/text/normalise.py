"""Fold what looks different and is the same: case, width, accents, script and spaces of Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

_HAN = r"[\u3400-\u9fff]"
_SPACE_IN_CHINESE = re.compile(rf"(?<={_HAN})\s+(?={_HAN})")
_LATIN = ((0xC0, 0x250), (0x1E00, 0x1F00))


def fold(text: str) -> str:
    """Compatibility forms, lower case, no accents, simplified Chinese without white space in it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    folded = without_accents(folded)
    if not re.search(_HAN, folded):
        return folded
    return _SPACE_IN_CHINESE.sub("", folded.translate(_simplified()))


def without_accents(text: str) -> str:
    """Latin letters without the marks that many people leave out, sign for sign."""
    return text.translate(_bare())


@cache
def _bare() -> Mapping[int, str]:
    """Accented Latin letter -> the letter."""
    letters = [c for first, last in _LATIN for c in range(first, last)]
    parts = {c: unicodedata.normalize("NFKD", chr(c)) for c in letters}
    return {c: d[0] for c, d in parts.items() if len(d) > 1 and d[0].isalpha()}


@cache
def _simplified() -> Mapping[int, str]:
    """Traditional character -> simplified one, where they differ (OpenCC's table)."""
    from opencc import OpenCC  # a table of 2 MB: only where Chinese is folded

    characters = [chr(c) for c in range(0x3400, 0xA000)]
    simplified = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(a): b for a, b in zip(characters, simplified, strict=True) if a != b}
