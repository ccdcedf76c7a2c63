"""A reader that searches and understands nothing: it quotes the lines most like the question.

It sees the prompt only and knows of no task: an instruction above, a question at the end, and
between them lines, some of which may be times that belong to what stands below them. What such a
reader scores is what a task measures beside reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from niah.text.ranking import Ranking, asked_part, terms_of

AS_GOOD = 0.8  # of the best score: such lines are hits as well
AS_GOOD_AGAIN = 0.3  # of the step before: a worse line ends a chain
MOST_STEPS = 12  # of a chain
_STAMP = re.compile(r"\(?\d+(?::\d\d)+\)?")


class Search:
    """A prompt that is read by searching: indexed once, answered in any of WAYS."""

    def __init__(self, prompt: str) -> None:
        text, question = _parted(prompt)
        self._lines = _lines(text)
        self._query = terms_of(question)
        self._index = Ranking(list(map(terms_of, self._lines))) if self._lines else None

    def answer(self, way: str) -> str:
        """The lines that a way of searching finds for the question, quoted; "" without any."""
        found = WAYS[way](self._index, self._query) if self._index else []
        return "\n".join(self._lines[i] for i in found)


def _best(index: Ranking, query: Sequence[str]) -> list[int]:
    scores = index.scores(query)
    return [int(scores.argmax())] if scores.max() > 0 else []


def _hits(index: Ranking, query: Sequence[str]) -> list[int]:
    """The lines that are about as good as the best one, in the order of the text."""
    scores = index.scores(query)
    best = float(scores.max())
    return np.flatnonzero(scores >= AS_GOOD * best).tolist() if best > 0 else []


def _chain(index: Ranking, query: Sequence[str]) -> list[int]:
    """The best line, then the best one for the new words in it, and so on while one is good."""
    found: list[int] = []
    seen, least = set[str](), 0.0
    while len(found) < MOST_STEPS:
        scores = index.scores([term for term in query if term not in seen])
        scores[found] = 0
        if scores.max() <= least:
            break
        seen |= set(query)
        found.append(int(scores.argmax()))
        query, least = index.lines[found[-1]], AS_GOOD_AGAIN * float(scores.max())
    return found


WAYS: Mapping[str, Callable[[Ranking, Sequence[str]], list[int]]] = {
    "": _best,
    "first": lambda index, query: _hits(index, query)[:1],
    "last": lambda index, query: _hits(index, query)[-1:],
    "all": _hits,
    "again": lambda index, query: _chain(index, query)[-1:],  # where the chain ends
    "chain": _chain,
}


def _parted(prompt: str) -> tuple[str, str]:
    """The text between instruction and question, and what is asked without the answer's form."""
    body = prompt[: prompt.rfind("\n\n")]
    text, _, question = body.rpartition("\n\n")
    return text.partition("\n\n")[2], asked_part(question)


def _lines(text: str) -> list[str]:
    """The lines, each behind the time above it, where there is one."""
    lines, stamp = [], ""
    for line in text.split("\n"):
        if _STAMP.fullmatch(line):
            stamp = line
        elif line.strip():
            lines.append(f"{stamp} {line}".strip())
    return lines
