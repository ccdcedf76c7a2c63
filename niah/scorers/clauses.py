"""Cut a folded answer into clauses: the stretches in which one thing is said of a value.

A sentence ends at a full stop, a question mark, a semicolon or a line end; a clause at a comma, a
colon, a bracket or a word such as "but" and 而. No cut goes through a value or a key: 7,421,830 has
no clauses. Nor does one part a value between commas from what is said of it: "another number, 42,
is said there".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from niah.scorers.words import LINE, phrase

_LONGEST = 300  # signs of a clause: a longer one is cut before a value, so that reading stays cheap
_MOST_LEADS = 8  # clauses that may lead to another
_ENDS = tuple(f"{LINE}。;…!?.")
_joints = phrase(  # a full stop, a comma, or the place before a word such as "but"
    r"{LINE}+|[。;…!?]+|\.+(?!\w)|[,、()\[\]{}|]|:(?!(?<=\d:)\d)|—+|--+(?!>)"
    r"|(?<!anything )(?<!everything )(?={conjunction})"
)
_predicate = phrase(r",\s*(?={linking})")  # ", is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A value or a key with its place in a folded answer."""

    value: str
    start: int
    stop: int


Mentions = Sequence[Mention]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A part of a sentence, with the signs before and behind it, such as "," or ".¶"."""

    text: str
    start: int
    stop: int
    sentence: int
    before: str
    behind: str


class Layout:
    """An answer as clauses, with the values and keys in each of them."""

    def __init__(self, text: str, values: Mentions, asked: Mentions, others: Mentions) -> None:
        self.text = text
        self.values = sorted(values, key=lambda m: (m.start, -m.stop))
        self._asked = {(m.start, m.stop) for m in asked}
        self.keys = sorted([*asked, *others], key=lambda m: m.start)
        whole = [*map(self._with_commas, self.values), *((k.start, k.stop) for k in self.keys)]
        self.clauses = clauses_of(text, sorted(whole))
        self._starts = [c.start for c in self.clauses]
        self._values_in = self._by_clause(self.values)
        self._keys_in = self._by_clause(self.keys)

    def clause_at(self, place: int) -> int:
        return max(0, bisect_right(self._starts, place) - 1)

    def values_in(self, i: int) -> list[Mention]:
        return self._values_in.get(i, [])

    def keys_in(self, i: int) -> list[Mention]:
        return self._keys_in.get(i, [])

    def is_asked(self, key: Mention) -> bool:
        """Whether a key is the one that the question is about."""
        return (key.start, key.stop) in self._asked

    def spelt(self, mention: Mention) -> str:
        """A mention as it stands in the answer."""
        return self.text[mention.start : mention.stop]

    def lead(self, i: int) -> int:
        """The first of the clauses before in its sentence that hold no value and so lead to it."""
        sentence, first = self.clauses[i].sentence, i
        while first and i - first < _MOST_LEADS:
            of_value = self._is_aside(first - 1) and self.values_in(first - 2)
            parted = self.clauses[first - 1].sentence != sentence
            if parted or of_value or self.values_in(first - 1):
                break
            first -= 1
        return first

    def behind(self, i: int, most: int = 3) -> list[Clause]:
        """The clauses without a value behind a clause in its sentence."""
        found = []
        for j, clause in enumerate(self.clauses[i + 1 : i + 1 + most], i + 1):
            if self.values_in(j) or clause.sentence != self.clauses[i].sentence:
                break
            found.append(clause)
        return found

    def in_brackets(self, place: int) -> bool:
        """Whether a bracket is open at a place."""
        before = self.text[:place]
        return before.count("(") > before.count(")")

    def aside(self, i: int) -> str:
        """What stands in brackets right behind a clause, without a value in it."""
        silent = i + 1 < len(self.clauses) and not self.values_in(i + 1)
        return self.clauses[i + 1].text if silent and self._is_aside(i + 1) else ""

    def without(self, i: int, mentions: Mentions) -> str:
        """A clause without some mentions."""
        left, place = [], self.clauses[i].start
        for m in mentions:
            left.append(self.text[place : m.start])
            place = max(place, m.stop)
        return " ".join([*left, self.text[place : self.clauses[i].stop]])

    def _is_aside(self, i: int) -> bool:
        return self.clauses[i].before.startswith("(") and self.clauses[i].behind.startswith(")")

    def _with_commas(self, value: Mention) -> tuple[int, int]:
        """The place of a value, with the commas around it where a verb follows."""
        said = _predicate().match(self.text, value.stop)
        head = self.text[max(0, value.start - 2) : value.start].rstrip()
        if said and head.endswith(","):
            return value.start - 2, said.end()
        return value.start, value.stop

    def _by_clause(self, mentions: Mentions) -> Mapping[int, list[Mention]]:
        found = defaultdict[int, list[Mention]](list)
        for m in mentions:
            found[self.clause_at(m.start)].append(m)
        return found


def clauses_of(text: str, kept: Sequence[tuple[int, int]]) -> list[Clause]:
    """The clauses of a folded text that hold a word, in order; none parts a ``kept`` place."""
    found: list[Clause] = []
    sentence, before, start = 0, "", 0
    for stop, next_start in _cuts(text, kept):
        said, sign = text[start : min(stop, start + 2 * _LONGEST)], text[stop:next_start].strip()
        if re.search(r"\w", said):
            clause = Clause(
                text=said, start=start, stop=stop, sentence=sentence, before=before, behind=sign
            )
            found.append(clause)
            before = sign
        else:
            before = (before + sign)[:8]
        sentence += sign.startswith(_ENDS)
        start = next_start
    return found


def _cuts(text: str, kept: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The place of every joint, which is empty for a word."""
    i = last = 0
    for start, stop in [*(m.span() for m in _joints().finditer(text)), (len(text), len(text))]:
        while i < len(kept) and kept[i][1] <= start:
            if kept[i][0] - last > _LONGEST:  # a stretch without a joint
                last = kept[i][0]
                yield last, last
            i += 1
        if i == len(kept) or stop <= kept[i][0]:
            last = stop
            yield start, stop
