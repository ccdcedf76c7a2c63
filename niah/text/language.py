"""Tell English, traditional and simplified Chinese apart by the characters that only one script uses."""

from __future__ import annotations

import re
from collections.abc import Sequence

LANGUAGES = ("en", "zh-Hant", "zh-Hans")

_TRADITIONAL = (
    "們這說會個來對時為開過後還沒點現發動經學長見麼樣間問話實體電書車東兩當從進種讓頭給應業關機無氣錢裡節號聽讀寫練"
)
_SIMPLIFIED = (
    "们这说会个来对时为开过后还没点现发动经学长见么样间问话实体电书车东两当从进种让头给应业关机无气钱里节号听读写练"
)
_HANT = frozenset(_TRADITIONAL) - frozenset(_SIMPLIFIED)
_HANS = frozenset(_SIMPLIFIED) - frozenset(_TRADITIONAL) - {"里", "后"}


def language_of(text: str) -> str:
    """``en``, ``zh-Hant``, ``zh-Hans``, or ``mixed`` where Chinese and Latin words both weigh at least a quarter."""
    han = len(re.findall(r"[\u3400-\u9fff]", text))
    latin = len(re.findall(r"[A-Za-z]+", text))
    share = han / max(1, han + 2 * latin)  # a Latin word says about as much as two Han characters
    if share < 0.25:
        return "en"
    if share < 0.75:
        return "mixed"
    return chinese_script(text)


def language_of_all(languages: Sequence[str]) -> str:
    """The language of several texts together: of Chinese in both scripts the more frequent one, else ``mixed``."""
    if len(set(languages)) == 1:
        return languages[0]
    if set(languages) <= {"zh-Hant", "zh-Hans"}:
        return max(("zh-Hant", "zh-Hans"), key=languages.count)
    return "mixed"


def chinese_script(text: str) -> str:
    """``zh-Hant`` or ``zh-Hans``, by majority of characters that differ."""
    hant = sum(c in _HANT for c in text)
    hans = sum(c in _HANS for c in text)
    return "zh-Hans" if hans > hant else "zh-Hant"
