"""Words that a text is searched by, and lines ranked by them: BM25 (Robertson & Zaragoza, 2009).

The simulated reader ``search`` and the deliveries that retrieve search alike. Chinese is cut into
pairs of characters, English words lose their endings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_TERM = re.compile(r"\d+(?::\d\d)+|[a-z0-9]+|[\u3400-\u9fff]+")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s|e)$")


def asked_part(question: str) -> str:
    """A question without what it says about the answer's form."""
    asked = re.search(r"[?？]", question)
    return question[: asked.end()] if asked else question


def terms_of(text: str) -> list[str]:
    """What a text is searched by: words without endings, numbers, pairs of Chinese characters."""
    terms: list[str] = []
    for word in _TERM.findall(text.casefold()):
        if "\u3400" <= word[0] <= "\u9fff":
            terms += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        else:
            terms.append(_ENDING.sub("", word))
    return terms


class Ranking:
    """Texts that can be ranked by the terms of a query."""

    def __init__(self, lines: Sequence[list[str]]) -> None:
        import bm25s  # type: ignore[import-untyped]  # 0.1 s: only where something is searched

        self.lines = lines
        self._known = {term for line in lines for term in line}
        self._ranked: Any = bm25s.BM25()
        self._ranked.index([line or [""] for line in lines], show_progress=False)

    def scores(self, query: Sequence[str]) -> npt.NDArray[np.float32]:
        """One score for each line; all are 0 where no line has a term of the query."""
        known = [term for term in dict.fromkeys(query) if term in self._known]
        if not known:
            return np.zeros(len(self.lines), dtype=np.float32)
        scores: npt.NDArray[np.float32] = self._ranked.get_scores(known)
        return scores
