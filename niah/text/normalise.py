"""Fold what looks different and is the same: case, width, script of Chinese, and the spaces of speech recognition."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

_HAN = r"[\u3400-\u9fff]"
_SPACE_IN_CHINESE = re.compile(rf"(?<={_HAN})\s+(?={_HAN})")


def fold(text: str) -> str:
    """Compatibility forms, lower case, simplified characters, no white space between Han characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    return _SPACE_IN_CHINESE.sub("", folded.translate(_simplified()))


@cache
def _simplified() -> Mapping[int, str]:
    """Traditional character -> simplified one, for every character where they differ (OpenCC's table)."""
    from opencc import OpenCC  # a table of 2 MB: only where Chinese is folded

    characters = [chr(c) for c in range(0x3400, 0xA000)]
    simplified = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(a): b for a, b in zip(characters, simplified, strict=True) if a != b}
