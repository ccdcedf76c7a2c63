"""Cut a folded answer into clauses: the stretches in which one thing is said of a value.

A sentence ends at a full stop, a question mark, a semicolon or a line end; a clause at a comma, a colon, a bracket or
a word such as "but" and 而. No cut goes through a value or a key: 7,421,830 has no clauses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from niah.scorers.reply import LINE
from niah.scorers.words import spelling


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A value with its place in a folded answer."""

    value: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A part of a sentence. Joints are the signs before and behind it, such as "," or "." with a line end."""

    text: str
    start: int
    stop: int
    sentence: int
    before: str
    behind: str


def clauses_of(text: str, kept: Sequence[Mention]) -> list[Clause]:
    """The clauses of a folded text that are not empty, in order. ``kept`` are not cut, in order of their places."""
    cuts = [(0, 0, ""), *_cuts(text, kept), (len(text), len(text), LINE)]
    found: list[Clause] = []
    sentence, before = 0, ""
    for (_, start, _), (stop, _, sign) in zip(cuts, cuts[1:], strict=False):
        if re.search(r"\w", text[start:stop]):
            found.append(
                Clause(
                    text=text[start:stop], start=start, stop=stop, sentence=sentence, before=before, behind=sign
                )
            )
            before = sign
        else:
            before = (before + sign)[:8]
        sentence += sign[:1] in _STRONG and sign != ""
    return found


_STRONG = tuple("¶。;…!?.")


def _cuts(text: str, kept: Sequence[Mention]) -> list[tuple[int, int, str]]:
    """First and last place of every joint, and its sign: one letter of it, or nothing for a word."""
    found, i = [], 0
    for match in _joints().finditer(text):
        while i < len(kept) and kept[i].stop <= match.start():
            i += 1
        if i == len(kept) or match.end() <= kept[i].start or match.start() == match.end() == kept[i].start:
            found.append((match.start(), match.end(), match[0].strip()))
    return found


@cache
def _joints() -> re.Pattern[str]:
    """A full stop, a comma, or the place before a word such as "but"."""
    return re.compile(rf"{LINE}+|[。;…!?]+|\.+(?!\w)|[,、()\[\]{{}}|:]|—+|--+(?!>)|(?={spelling('conjunction')})")
