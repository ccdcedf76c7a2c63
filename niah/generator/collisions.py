"""What a haystack already says: a needle's key or value that stands there anyway would answer the question.

The text is folded once (case, width, accents, script, spaces between Han characters) and searched once for all keys a
task may draw; whole numbers are parsed as answers are, Chinese numerals included. Both are kept in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from niah.generator.cache import Arrays, cached, key_of
from niah.text.normalise import fold
from niah.text.numerals import whole_numbers

SEARCH_VERSION = 2  # raised with every change of what is found in a text: folding, numerals, the pattern below
LEAST_NUMBER = 10_000  # smaller ones are said in every talk, and no needle has one
_LONG_NUMBER = re.compile(
    r"\d[\d.]*[百千万亿][\d.百千万亿]*|\d[\d.,_'’{}\\ \u00a0\u202f]{3,}\d|[零〇○一二两三四五六七八九十百千万亿]{3,}"
)


class Leaks:
    """The keys and numbers of one text."""

    def __init__(self, digest: str, read: Callable[[], str]) -> None:
        self._digest = digest
        self._read = read
        self._held: dict[tuple[str, ...], frozenset[str]] = {}

    def held(self, words: Iterable[str]) -> frozenset[str]:
        """Those of the words that stand in the text in any case, width or script, also inside other words."""
        wanted = tuple(sorted(set(words)))
        if wanted not in self._held:
            self._held[wanted] = self._searched(wanted)
        return self._held[wanted]

    def _searched(self, wanted: tuple[str, ...]) -> frozenset[str]:
        def search() -> Arrays:
            return {"held": np.array([fold(word) in self._folded for word in wanted], dtype=np.bool_)}

        found = cached("leaks", key_of(self._digest, wanted, SEARCH_VERSION), search, mapped=False)["held"]
        return frozenset(word for word, held in zip(wanted, found, strict=True) if held)

    @cached_property
    def numbers(self) -> frozenset[int]:
        """Every whole number from LEAST_NUMBER on, however it is written."""

        def search() -> Arrays:
            return {"numbers": np.array([str(n) for n in self._long_numbers()], dtype=np.str_)}  # of any size

        found = cached("leaks", key_of(self._digest, "numbers", SEARCH_VERSION), search, mapped=False)["numbers"]
        return frozenset(map(int, found.tolist()))

    def _long_numbers(self) -> set[int]:
        written = (whole_numbers(m[0]) for m in _LONG_NUMBER.finditer(self._folded))
        return {n for numbers in written for n in numbers if n >= LEAST_NUMBER}

    @cached_property
    def _folded(self) -> str:
        return fold(self._read())
