"""Read what an answer says of each value: of which key, given or denied, as a conclusion or in passing.

One grammar for all values and languages. A clause says something of the values in it. Its key is the key beside the
value; a denial, a doubt, a correction or an order of time is a word of the clause. Words are data (grammar.toml).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from niah.scorers.clauses import Clause, Mention, clauses_of
from niah.scorers.order import PLAIN, rank_of
from niah.scorers.reply import LINE
from niah.scorers.words import HAN, absence, content_words, is_absent_clause, is_small, spelling, words

OTHER, ASKED = "other", "asked"
_JOINER = re.compile(
    rf"[\s,、;/|&\"'`*“”「」{LINE}]*(?:{LINE}\s*(?:[-*•+]|\d{{1,3}}[.):、])[\s*\"'`]*)?"
    r"(?:(?:and|or|nor|either|和|与|跟|及|以及|或|或者|或是|还是)?\s*)(?:the\s+|in\s+)?[\"'`*\s“”「」]*"
)
_COUPLES = re.compile(r"\b(?:and|or|nor)\b|[和与跟及或、]|还是")
_MOST_GAP = 40  # signs between two values of a list
_MOST_ASIDE = 16  # signs of an interjection between a value and "that is for Oslo"
_BOLD = re.compile(rf"\*\*([^*{LINE}]{{1,80}})\*\*")
_SUFFIX_NOT = re.compile(
    r"\s*(?:(?:is|was|does|did|do|are|were|has|have|can)(?:\s+not\b|n't\b)|并?(?:不|没有?|未))(.*)"
)
_WRONG = re.compile(r"\s*(?:(?:is|was|are)\s+(?:wrong|incorrect|irrelevant|false)\b|是错)")
_UNKNOWN_KEY = re.compile(r"\s*(?:(?:is|was|belongs)\s+(?:for|to)\s+(?:the\s+)?([a-z]\w+)|是(\w{2,8}?)的)")


M = TypeVar("M", "Mention", "Statement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What values can belong to, with their places in a folded answer."""

    asked: Sequence[Mention] = ()
    others: Sequence[Mention] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One mention of a value and what is said of it."""

    value: str
    start: int
    stop: int
    clause: int
    key: str | None = None  # ASKED, OTHER, or not said
    name: str | None = None  # of the key, as it stands in the answer
    denied: bool = False
    doubted: bool = False  # asked aloud, or only taken for the answer at first
    concluded: bool = False
    guessed: bool = False
    added: bool = False  # "also"
    bare: bool = False  # the clause is nothing but the value
    bold: bool = False
    echoes: bool = False  # the clause takes up the question
    rank: int = PLAIN
    coupled: bool = False  # joined to the one before by "or"
    group: int = 0


class Reading:
    """An answer taken apart. ``question`` and ``cues`` are folded as ``text`` is."""

    def __init__(
        self, text: str, values: Sequence[Mention], keys: Keys, question: str, cues: frozenset[str] = frozenset()
    ) -> None:
        self.text, self.question = text, question
        self.values = sorted(values, key=lambda m: (m.start, -m.stop))
        self._asked = {(m.start, m.stop) for m in keys.asked}
        self.keys = sorted([*keys.asked, *keys.others], key=lambda m: m.start)
        self.clauses = clauses_of(text, sorted([*self.values, *self.keys], key=lambda m: m.start))
        self._starts = [c.start for c in self.clauses]
        self._cues = content_words(question.partition(" answer with")[0]) | cues
        self._values_in = self._by_clause(self.values)
        self._keys_in = self._by_clause(self.keys)

    @cached_property
    def statements(self) -> list[Statement]:
        """What is said of every value, in the order of the answer."""
        said = [self._statement(m) for m in self.values]
        said = self._grouped(said)
        return self._zipped(said)

    @cached_property
    def absences(self) -> list[int]:
        """The clauses that say that the text does not tell what was asked."""
        return [i for i, c in enumerate(self.clauses) if self._is_absence(i, c)]

    def context(self, statement: Statement) -> str:
        """What is said together with a value: its clause, what leads to it, and a bracket behind it."""
        i = statement.clause
        clause = self.clauses[i]
        first = i
        while first > 0 and self._leads(first - 1, clause.sentence):
            first -= 1
        last = i + 1
        if last < len(self.clauses) and self.clauses[last].before.startswith("(") and last not in self._values_in:
            return self.text[self.clauses[first].start : self.clauses[last].stop]
        return self.text[self.clauses[first].start : clause.stop]

    def follows(self, statement: Statement, rule: str) -> bool:
        """Whether a word of a rule stands in a value's clause, or leads to it."""
        return bool(words(rule).search(self.context(statement)))

    def _leads(self, i: int, sentence: int) -> bool:
        return self.clauses[i].sentence == sentence and i not in self._values_in and i not in self._keys_in

    def _by_clause(self, mentions: Sequence[Mention]) -> dict[int, list[Mention]]:
        found: dict[int, list[Mention]] = {}
        for m in mentions:
            found.setdefault(self._clause_at(m.start), []).append(m)
        return found

    def _clause_at(self, place: int) -> int:
        return max(0, bisect_right(self._starts, place) - 1)

    def _statement(self, mention: Mention) -> Statement:
        i = self._clause_at(mention.start)
        clause = self.clauses[i]
        before, after = self.text[clause.start : mention.start], self.text[mention.stop : clause.stop]
        key = self._key_of(mention, i)
        unknown = key is None and self._names_unknown_key(after)
        return Statement(
            value=mention.value,
            start=mention.start,
            stop=mention.stop,
            clause=i,
            key=OTHER if unknown else None if key is None else ASKED if self._is_asked(key) else OTHER,
            name=None if key is None else self.text[key.start : key.stop],
            denied=self._denies(before, after, clause),
            doubted=clause.sentence in self._questions or bool(words("belief").search(before)),
            concluded=i in self._concluded,
            guessed=bool(words("guess").search(clause.text)),
            added=bool(words("addition").search(clause.text)),
            bare=self._is_bare(i, mention),
            bold=any(a <= mention.start and mention.stop <= b for a, b in self._bold),
            echoes=self._echoes(i),
            rank=self._rank(mention, i),
        )

    # keys

    def _key_of(self, mention: Mention, i: int) -> Mention | None:
        """The key that a value belongs to by its place."""
        keys, values = self._keys_in.get(i, []), self._values_in[i]
        if keys:
            return _beside(mention, keys, values)
        return self._topic(i) or self._attribution(i)

    def _topic(self, i: int) -> Mention | None:
        """The key of a clause before, that is about nothing else: "For Oslo, it is 42", "Oslo: 42", "Oslo (42)"."""
        if i == 0 or (i - 1) in self._values_in or not (keys := self._keys_in.get(i - 1)):
            return None
        clause, topic = self.clauses[i], self.clauses[i - 1]
        left = self._without_keys(topic, keys)
        label = ":" in clause.before or "(" in clause.before or "|" in clause.before
        relative = re.match(r"\s*(?:which|who|where)\b", clause.text)
        near = clause.sentence == topic.sentence and (is_small(left) or label or relative)
        return keys[-1] if near or (":" in clause.before and clause.sentence - topic.sentence == 1) else None

    def _attribution(self, i: int) -> Mention | None:
        """The key of a clause behind, that takes the value up: "42, but that is for Oslo", "42 (Oslo)"."""
        for j in range(i + 1, min(i + 5, len(self.clauses))):
            clause, keys = self.clauses[j], self._keys_in.get(j)
            if j in self._values_in:
                return None
            if keys:
                bracket = j == i + 1 and clause.before.startswith("(")
                return keys[0] if bracket or self._takes_up(clause, keys) else None
            if len(clause.text) > _MOST_ASIDE:
                return None
        return None

    def _takes_up(self, clause: Clause, keys: Sequence[Mention]) -> bool:
        """that is for KEY; it is KEY's; 那是KEY的."""
        head = self.text[clause.start : keys[0].start]
        starts = re.match(rf"\s*(?:{spelling('conjunction')})?\s*{spelling('reference')}", head)
        if not starts or words("negation").search(clause.text):
            return False
        tail = self.text[keys[0].stop : clause.stop]
        return bool(words("belonging").search(head[starts.end() - 1 :]) or re.match(r"'s\b|的", tail) or "'s" in head)

    def _is_asked(self, key: Mention) -> bool:
        return (key.start, key.stop) in self._asked

    def _names_unknown_key(self, after: str) -> bool:
        """Whether a value is said to belong to something that is not in the question: "42 is for Oslo"."""
        other = _UNKNOWN_KEY.match(after)
        name = (other[1] or other[2]) if other else ""
        return bool(name) and name not in self.question and not is_small(name)

    def _without_keys(self, clause: Clause, keys: Sequence[Mention]) -> str:
        left, place = [], clause.start
        for key in keys:
            left.append(self.text[place : key.start])
            place = key.stop
        rest = " ".join([*left, self.text[place : clause.stop]])
        return words("conjunction").sub(" ", rest).replace("'s", " ")

    # what a clause does

    @cached_property
    def _questions(self) -> set[int]:
        """Sentences that end in a question mark, where more follows."""
        last = self.clauses[-1].sentence if self.clauses else 0
        return {c.sentence for c in self.clauses if c.behind.startswith("?") and c.sentence < last}

    @cached_property
    def _bold(self) -> list[tuple[int, int]]:
        return [m.span() for m in _BOLD.finditer(self.text)]

    @cached_property
    def _concluded(self) -> set[int]:
        """Clauses from a word of conclusion to the end of their sentence; of the next one, where it stands alone."""
        found: set[int] = set()
        sentence = -1
        for i, clause in enumerate(self.clauses):
            if self._concludes(clause):
                sentence = clause.sentence
                if i not in self._values_in and i + 1 < len(self.clauses):
                    sentence = self.clauses[i + 1].sentence
            if clause.sentence == sentence:
                found.add(i)
        return found

    def _concludes(self, clause: Clause) -> bool:
        for match in words("conclusion").finditer(clause.text):
            lone = match[0].isascii() and " " not in match[0]
            if not lone or re.fullmatch(r"\W*(?:and\s+|but\s+)?\W*", clause.text[: match.start()]):
                return True
        return False

    @cached_property
    def corrections(self) -> list[int]:
        """Clauses that take back what stands before them."""
        starts = re.compile(
            rf"\W*(?:(?:{spelling('conjunction')}|oh|hmm|ah|um)\W*)?"
            rf"(?:{spelling('correction')}|{spelling('dismissal')}\W*$)"
        )
        return [i for i, clause in enumerate(self.clauses) if starts.match(clause.text)]

    def _denies(self, before: str, after: str, clause: Clause) -> bool:
        """Whether the words around a value in its clause deny it."""
        if not before.strip(" \"'*") and not after.strip(" \"'*"):
            return False  # nothing but the value
        if any(self._is_thin(before[m.end() :]) for m in words("negation").finditer(before)):
            return True
        absent = absence().search(before)
        if absent or (words("unsaid").search(before) and words("absent").search(before)):
            return not words("unsure").search(before)
        if _WRONG.match(after):
            return True
        rest = _SUFFIX_NOT.match(after)
        return rest is not None and (
            not rest[1].strip() or bool(content_words(rest[1]) & self._cues) or is_absent_clause(after)
        )

    def _is_thin(self, text: str) -> bool:
        """Whether the words between "not" and a value only name the value."""
        gap = re.sub("|".join(re.escape(v) for v in self._spellings), " ", text) if self._spellings else text
        gap = re.sub(r"\b(?:or|nor|either|even|quite|really|necessarily|'s)\b|'s|[或和]", " ", gap)
        return is_small(gap, self._small)

    @cached_property
    def _spellings(self) -> list[str]:
        """Values and keys as they stand in the answer, a few of them."""
        forms = {self.text[m.start : m.stop] for m in [*self.values[:20], *self.keys[:20]]}
        return sorted((f for f in forms if f), key=len, reverse=True)

    @cached_property
    def _small(self) -> set[str]:
        return set(re.findall(rf"[a-z0-9']+|[{HAN}]", self.question))

    def _is_bare(self, i: int, mention: Mention) -> bool:
        """Whether a clause holds values and small words only."""
        left, place = [], self.clauses[i].start
        for m in self._values_in[i]:
            left.append(self.text[place : m.start])
            place = max(place, m.stop)
        left.append(self.text[place : self.clauses[i].stop])
        rest = words("conjunction").sub(" ", " ".join(left))
        return is_small(re.sub(r"\b(?:or|nor)\b|或者?", " ", rest)) and i not in self._keys_in

    def _echoes(self, i: int) -> bool:
        clause = self.clauses[i]
        first = i
        while first > 0 and self.clauses[first - 1].sentence == clause.sentence and first - 1 not in self._values_in:
            first -= 1
        said = self.text[self.clauses[first].start : clause.stop]
        for m in self._values_in[i]:
            said = said.replace(self.text[m.start : m.stop], " ")
        return bool(content_words(said) & self._cues)

    def _is_absence(self, i: int, clause: Clause) -> bool:
        text = clause.text
        if words("condition").match(text.lstrip(" \"'*¶")):
            return False
        for m in self._values_in.get(i, []):
            if re.match(r"\s*(?:is|was|or)\b", text[m.stop - clause.start :]):
                return False
        if is_absent_clause(text):
            keys = self._keys_in.get(i, [])
            return not keys or any(self._is_asked(k) for k in keys) or not self._asked
        keys = self._keys_in.get(i, [])
        if words("negation").search(text) and any(self._is_asked(k) for k in keys) and i not in self._values_in:
            return True  # "but not for Lusaka"
        people = re.match(r"\W*(?:没有人|无人|没人|nobody|no\s+one|none)", text)
        return bool(people)

    # the order of time

    def _rank(self, mention: Mention, i: int) -> int:
        """Where a value stands in time, by the words between it and the value before, or behind it."""
        clause, values = self.clauses[i], self._values_in[i]
        at = values.index(mention)
        start = values[at - 1].stop if at else self._lead(i)
        before = self.text[start : mention.start]
        behind = "" if at + 1 < len(values) else self.text[mention.stop : clause.stop]
        return rank_of(before, behind)

    def _lead(self, i: int) -> int:
        """The start of what leads to a clause in its sentence, without a value."""
        while i > 0 and self.clauses[i - 1].sentence == self.clauses[i].sentence and i - 1 not in self._values_in:
            i -= 1
        if i > 0 and self.clauses[i - 1].sentence == self.clauses[i].sentence:
            return self.clauses[i - 1].stop
        return self.clauses[i].start

    # lists

    def _grouped(self, said: list[Statement]) -> list[Statement]:
        """Values of one list share what is said of one of them."""
        found: list[Statement] = []
        for number, group in enumerate(_groups(self.text, said)):
            joints = ["", *(self.text[a.stop : b.start] for a, b in pairwise(group))]
            group = [replace(s, coupled=bool(_COUPLES.search(j))) for s, j in zip(group, joints, strict=True)]
            found += _shared(group, number)
        return found

    def _zipped(self, said: list[Statement]) -> list[Statement]:
        """Pairs of "Oslo, Riga and Lusaka are 1, 2 and 3", and of a table with its keys in the first row."""
        keys = list(_groups(self.text, self.keys))
        byplace = {group[-1].stop: group for group in keys if len(group) > 1}
        groups: dict[int, list[int]] = {}
        for n, s in enumerate(said):
            groups.setdefault(s.group, []).append(n)
        stops = sorted(byplace)
        for members in groups.values():
            first = said[members[0]]
            at = bisect_right(stops, first.start) - 1
            if at < 0 or len(members) < 2:
                continue
            named = byplace[stops[at]]
            between = self.text[stops[at] : first.start]
            if len(named) == len(members) and not re.search(r"[.。;!?]", between) and "\0" not in between:
                if any(stops[at] <= k.start < first.start for k in self.keys) or any(said[n].coupled for n in members):
                    continue
                for n, key in zip(members, named, strict=True):
                    kind = ASKED if self._is_asked(key) else OTHER
                    said[n] = replace(said[n], key=kind, name=self.text[key.start : key.stop])
        return said


def _beside(mention: Mention, keys: Sequence[Mention], values: Sequence[Mention]) -> Mention:
    """Of several keys in a clause the one of a value: in turn, else the nearest before it, else the next."""
    places = sorted([*((k.start, "k") for k in keys), *((v.start, "v") for v in values)])
    order = "".join(kind for _, kind in places)
    if len(keys) == len(values) and order in ("kv" * len(keys), "vk" * len(keys)):
        return keys[values.index(mention)]
    before = [k for k in keys if k.stop <= mention.start]
    return before[-1] if before else keys[0]


def _shared(group: Sequence[Statement], number: int) -> list[Statement]:
    """The values of a list with what is said of it: its key, its denial, and the question that it takes up."""
    coupled = any(s.coupled for s in group)
    key = name = None
    denied, found = False, []
    for s in group:
        if s.key is not None:
            key, name = s.key, s.name
        denied = s.denied or (denied and coupled)
        found.append(replace(s, key=s.key or key, name=s.name or name, denied=denied, group=number))
    if coupled:  # "Oslo and Riga are 1 and 2" says it of both, from the last one backwards too
        last = found[-1]
        found = [replace(s, key=s.key or last.key, name=s.name or last.name) for s in found]
    echoes, added = any(s.echoes for s in found), any(s.added for s in found)
    bare = all(s.bare for s in found)
    return [replace(s, echoes=echoes, added=added, bare=bare) for s in found] if len(found) > 1 else found


def _groups(text: str, mentions: Sequence[M]) -> Iterator[list[M]]:
    """Runs of mentions with nothing but commas, bullets and "and" between them."""
    group: list[M] = []
    for m in mentions:
        if group:
            gap = text[group[-1].stop : m.start]
            if len(gap) > _MOST_GAP or not _JOINER.fullmatch(gap):
                yield group
                group = []
        group.append(m)
    if group:
        yield group
