"""Tell languages apart by the commonest words that only one of them has; of Chinese scripts, by such characters.

The words are in each language's file of wordings, so that a new language is recognised as soon as its file is there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from niah.text.wording import ByLanguage, languages

LANGUAGES = languages()
COMMON = ByLanguage(lambda wording: frozenset(wording.words("language.common")))
_HAN = r"\u3400-\u9fff"
_WORD = re.compile(rf"[{_HAN}]|[^\W\d_{_HAN}]+")
_UNLESS_TOLD = ("en", "zh-Hant")  # where no word tells


def language_of(text: str) -> str:
    """One of ``LANGUAGES``, or ``mixed`` where Chinese and Latin words both weigh at least a quarter."""
    words = Counter(_WORD.findall(text.casefold()))
    han = sum(count for word, count in words.items() if is_chinese(word))
    share = han / max(1, han + 2 * (words.total() - han))  # a Latin word says about as much as two Han characters
    if 0.25 <= share < 0.75:
        return "mixed"
    alike = [language for language, common in COMMON.items() if is_chinese(min(common)) == (share >= 0.75)]
    return max(alike, key=lambda language: (sum(words[w] for w in COMMON[language]), language in _UNLESS_TOLD))


def language_of_all(names: Sequence[str]) -> str:
    """The language of several texts together: of Chinese in both scripts the more frequent one, else ``mixed``."""
    if len(set(names)) == 1:
        return names[0]
    if set(names) <= {"zh-Hant", "zh-Hans"}:
        return max(("zh-Hant", "zh-Hans"), key=names.count)
    return "mixed"


def is_chinese(text: str) -> bool:
    """Whether a text begins with a Han character."""
    return bool(re.match(rf"[{_HAN}]", text))
