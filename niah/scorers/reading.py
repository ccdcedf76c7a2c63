"""Read what an answer says of each value: of which key, given or denied, as a conclusion or in passing.

One grammar for all values and languages. A clause says something of the values in it. Its key is the key beside the
value; a denial, a doubt, a correction or an order of time is a word of the clause. Words are data (grammar/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from niah.scorers.binding import key_of, names_unknown_key
from niah.scorers.clauses import Clause, Layout, Mention
from niah.scorers.lists import grouped, paired
from niah.scorers.order import rank_of
from niah.scorers.reply import LINE
from niah.scorers.statements import ASKED, OTHER, Statement
from niah.scorers.words import (
    HAN,
    absence,
    asked_part,
    content_words,
    is_not_there_clause,
    is_small,
    latin,
    spelling,
    words,
)

_LEAST_RETOLD = 2  # words of a planted line in a clause that tells it
_BOLD = re.compile(rf"\*\*([^*{LINE}]{{1,80}})\*\*")
_MARKS = f" \"'*([¿¡-{LINE}"
_TIME = re.compile(r"\d{1,3}(?::\d\d){1,2}")
_HAS_NOT = re.compile(r"(?:没有?|无)#")  # 没有 before a key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """What a clause does with the values in it."""

    doubted: bool
    guessed: bool
    added: bool
    bare: bool
    echoes: bool


class Reading:
    """An answer taken apart. ``question`` is folded as the answer is; ``cues`` are words of the asked fact.

    ``negated`` are words of planted lines that hold a negation themselves.
    """

    def __init__(
        self,
        layout: Layout,
        question: str,
        cues: frozenset[str] = frozenset(),
        negated: frozenset[str] = frozenset(),
    ) -> None:
        self.layout, self._question, self._negated = layout, question, negated
        self._cues = content_words(asked_part(question)) | cues
        self._manners: dict[int, _Manner] = {}

    @cached_property
    def statements(self) -> list[Statement]:
        """What is said of every value, in the order of the answer."""
        said = [self._statement(m) for m in self.layout.values]
        return paired(self.layout, grouped(self.layout.text, said))

    @cached_property
    def absences(self) -> list[int]:
        """The clauses that say that the text does not tell what was asked."""
        return [i for i, c in enumerate(self.layout.clauses) if self._is_absence(i, c)]

    @cached_property
    def corrections(self) -> list[int]:
        """The clauses that take back what stands before them."""
        starts = re.compile(
            rf"\W*(?:(?:{spelling('conjunction')}|oh|hmm|ah|um)\W*)?"
            rf"(?:{spelling('correction')}|{spelling('dismissal')}\W*$)"
        )
        return [i for i, clause in enumerate(self.layout.clauses) if starts.match(clause.text)]

    @cached_property
    def dismissals(self) -> list[int]:
        """The clauses that are nothing but "no"."""
        alone = re.compile(rf"\W*{spelling('dismissal')}\W*$")
        return [i for i, clause in enumerate(self.layout.clauses) if alone.match(clause.text)]

    def denies_something(self, statement: Statement) -> bool:
        """Whether what is said together with a value, also behind it in its sentence, is that something is not so."""
        said = f"{self.context(statement)} {self._behind(statement.clause)}"
        return words("denial").search(said) is not None

    def context(self, statement: Statement) -> str:
        """What is said together with a value: its clause, what leads to it, and a bracket behind it, without values."""
        layout, i = self.layout, statement.clause
        first = layout.lead(i)
        while first < i and any(layout.keys_in(j) for j in range(first, i)):
            first += 1
        lead = layout.text[layout.clauses[first].start : layout.clauses[i].start]
        return f"{lead} {layout.without(i, layout.values_in(i))} {layout.aside(i)}"

    def follows(self, statement: Statement, rule: str) -> bool:
        """Whether a word of a rule stands in a value's clause, or leads to it."""
        return bool(words(rule).search(self.context(statement)))

    def claims(self, statement: Statement) -> bool:
        """Whether a value is what something without a name is said to be: "but from memory it is 42"."""
        return (
            statement.key is None and re.search(rf"{spelling('claim')}\W*$", self._before(statement.start)) is not None
        )

    def is_only_early(self, statement: Statement) -> bool:
        """Whether nothing is said of a value but that it was said before others: "Previously 42"."""
        without = self.layout.without(statement.clause, self.layout.values_in(statement.clause))
        early = words("early")
        return early.search(without) is not None and is_small(early.sub(" ", without))

    def is_in_question(self, statement: Statement) -> bool:
        """Whether the question names the key of a value, and not only the asked facts."""
        return statement.name is not None and statement.name in self._question

    def sentence_of(self, statement: Statement) -> int:
        return self.layout.clauses[statement.clause].sentence

    def _statement(self, mention: Mention) -> Statement:
        layout, i = self.layout, self.layout.clause_at(mention.start)
        clause = layout.clauses[i]
        before, after = layout.text[clause.start : mention.start], layout.text[mention.stop : clause.stop]
        key, manner = key_of(layout, mention, i), self._manner(i)
        unknown = key is None and (names_unknown_key(after, self._question) or self._is_elsewhere(i))
        other = unknown if key is None else not layout.is_asked(key)
        return Statement(
            value=mention.value,
            start=mention.start,
            stop=mention.stop,
            clause=i,
            key=OTHER if other else None if key is None else ASKED,
            name=None if key is None else layout.spelt(key),
            denied=self._denies(i, before, after)
            or self._denied_behind(mention, i)
            or self._denied_ahead(i)
            or clause.sentence == self._asked_last,
            doubted=manner.doubted or bool(words("belief").search(before)),
            concluded=i in self._concluded,
            guessed=manner.guessed,
            added=manner.added,
            bare=manner.bare,
            bold=any(a <= mention.start and mention.stop <= b for a, b in self._bold),
            echoes=manner.echoes,
            rank=self._rank(mention, i),
        )

    def _manner(self, i: int) -> _Manner:
        if i not in self._manners:
            clause, echoes = self.layout.clauses[i], self._echoes(i)
            guessed = bool(words("guess").search(clause.text))
            concedes = _concedes(clause) and not echoes and not guessed  # "although it could be 2" sets nothing aside
            self._manners[i] = _Manner(
                doubted=concedes or clause.sentence in self._asked_aloud,
                guessed=guessed,
                added=bool(words("addition").search(clause.text)),
                bare=self._is_bare(i),
                echoes=echoes,
            )
        return self._manners[i]

    @cached_property
    def _asked_aloud(self) -> set[int]:
        """Sentences that end in a question mark, where more follows."""
        clauses = self.layout.clauses
        return {c.sentence for c in clauses if c.behind.startswith("?") and c.sentence < clauses[-1].sentence}

    @cached_property
    def _asked_last(self) -> int | None:
        """The last sentence, where it is a question by its form: "Is it 42?"."""
        clauses = self.layout.clauses
        first = next(c for c in clauses if c.sentence == clauses[-1].sentence)
        asks = clauses[-1].behind.startswith("?") and (_starts("asks", first.text) or clauses[-1].text.endswith("吗"))
        return first.sentence if asks else None

    @cached_property
    def _bold(self) -> list[tuple[int, int]]:
        return [m.span() for m in _BOLD.finditer(self.layout.text)]

    @cached_property
    def _concluded(self) -> set[int]:
        """Clauses from a word of conclusion to the end of their sentence; of the next one, where it stands alone."""
        found: set[int] = set()
        clauses, sentence = self.layout.clauses, -1
        for i, clause in enumerate(clauses):
            if self._concludes(clause):
                alone = not self.layout.values_in(i) and i + 1 < len(clauses)
                sentence = clauses[i + 1].sentence if alone else clause.sentence
            if clause.sentence == sentence and not _concedes(clause):
                found.add(i)
        return found

    def _concludes(self, clause: Clause) -> bool:
        """Whether a clause holds a phrase of conclusion, or starts with a word of it."""
        for match in words("conclusion").finditer(clause.text):
            lone = match[0].isascii() and " " not in match[0]
            if not lone or re.fullmatch(r"\W*(?:and\s+|but\s+)?\W*", clause.text[: match.start()]):
                return True
        return False

    def _denies(self, i: int, before: str, after: str) -> bool:
        """Whether the words around a value in its clause deny it."""
        clause = self._unnamed(i, ())
        alone = not before.strip(" \"'*") and not after.strip(" \"'*")
        if alone or self._retells(clause) or _excepted().search(before):
            return False  # nothing but the value; the planted line
        if any(self._is_thin(before[m.end() :]) for m in words("negation").finditer(before)):
            return True
        unsaid = absence().search(clause) or (words("unsaid").search(before) and words("not_there").search(before))
        if unsaid and unsaid.start() < len(clause) - len(after) and not words("unsure").search(before):
            return True
        rest = _refuted().match(after)
        denied = rest is not None and (
            is_small(words("truth").sub(" ", rest[1]))
            or bool(content_words(rest[1]) & self._cues)
            or is_not_there_clause(after)
        )
        return denied or _rejects().match(after) is not None

    def _is_elsewhere(self, i: int) -> bool:
        """Whether a clause is about something that is not named: "42 belongs to some other city"."""
        layout = self.layout
        start = layout.clauses[layout.lead(i)].start
        said = f"{layout.text[start : layout.clauses[i].stop]} {self._behind(i)}"
        named = words("elsewhere").search(said)
        return named is not None and not words("negation").search(said[: named.start()])

    def _behind(self, i: int) -> str:
        """The clauses without a value behind a clause in its sentence."""
        clauses, said = self.layout.clauses, []
        for j in range(i + 1, min(i + 4, len(clauses))):
            if self.layout.values_in(j) or clauses[j].sentence != clauses[i].sentence:
                break
            said.append(clauses[j].text)
        return " ".join(said)

    def _before(self, place: int) -> str:
        """What stands before a place in its clause."""
        return self.layout.text[self.layout.clauses[self.layout.clause_at(place)].start : place]

    def _unnamed(self, i: int, values: Sequence[Mention]) -> str:
        """A clause without its keys and some values, in its length: there is a 未 in the name 雷克雅未克."""
        clause = self.layout.clauses[i]
        text = clause.text
        for m in [*self.layout.keys_in(i), *values]:
            a, b = m.start - clause.start, m.stop - clause.start
            text = f"{text[:a]}{'#' * (b - a)}{text[b:]}"
        return text

    def _denied_ahead(self, i: int) -> bool:
        """Whether a value is denied right before its clause: "not at the start, where it is 42", "Wrong: 42"."""
        if not i or self.layout.values_in(i - 1):
            return False
        lead = self.layout.clauses[i - 1]
        if self.layout.clauses[i].before.startswith(":") and words("rejection").fullmatch(lead.text.strip(" *-")):
            return True
        if not _starts("relative", self.layout.clauses[i].text):
            return False
        denied = re.match(rf"\W*(?:{spelling('conjunction')}\W*)?{spelling('negation')}", lead.text)
        return lead.sentence == self.layout.clauses[i].sentence and denied is not None

    def _denied_behind(self, mention: Mention, i: int) -> bool:
        """Whether a clause behind takes the last value of a clause up and denies it: "42 is there, but it's not X"."""
        layout = self.layout
        if layout.values_in(i)[-1] is not mention or i + 1 == len(layout.clauses) or layout.values_in(i + 1):
            return False
        if _rejects().match(layout.clauses[i + 1].text):
            return True
        taken_up = _takes_up().match(layout.clauses[i + 1].text)
        rest = _refuted().match(layout.clauses[i + 1].text, taken_up.end()) if taken_up else None
        if rest is None or words("only").match(rest[1].strip()):
            return False
        return not rest[1].strip() or (bool(content_words(rest[1]) & self._cues) and self._is_thin(rest[1]))

    def _is_thin(self, text: str) -> bool:
        """Whether the words between "not" and a value only name the value, or others in a list with it."""
        named = {self.layout.spelt(m) for m in [*self.layout.values[:20], *self.layout.keys[:20]]}
        for form in sorted((f for f in named if f in text), key=len, reverse=True):
            text = text.replace(form, " ")
        return is_small(words("thin").sub(" ", _TIME.sub(" ", text).replace("'s", " ")), self._small)

    @cached_property
    def _small(self) -> set[str]:
        return set(re.findall(rf"[a-z0-9']+|[{HAN}]", self._question))

    def _is_bare(self, i: int) -> bool:
        """Whether a clause holds values and small words only."""
        if self.layout.keys_in(i):
            return False
        rest = words("conjunction", "guess", "addition").sub(" ", self.layout.without(i, self.layout.values_in(i)))
        return is_small(words("thin").sub(" ", rest.replace("'s", " ")))

    def _echoes(self, i: int) -> bool:
        """Whether a clause, what leads to it, or what it is a label of takes up the question or the asked fact."""
        layout, leads = self.layout, range(self.layout.lead(i), i)
        told = [j for j in leads if re.search(r"\w", layout.without(j, layout.keys_in(j)))]  # no bare list
        said = "".join(f"{layout.clauses[j].text} " for j in told) + self.layout.without(i, self.layout.values_in(i))
        said += f" {layout.labelled(i)} {layout.aside(i)}"
        return bool(content_words(said) & self._cues)

    def _is_absence(self, i: int, clause: Clause) -> bool:
        """Whether a clause says of what was asked, or of nothing in particular, that the text does not tell it."""
        if words("condition").match(clause.text.lstrip(f" \"'*{LINE}")) or self._retells(clause.text):
            return False
        keys, values = self.layout.keys_in(i), self.layout.values_in(i)
        if any(key_of(self.layout, m, i) is None or _excepted().search(self._before(m.start)) for m in values):
            return False  # it denies a value
        asked = any(self.layout.is_asked(k) for k in keys)
        unnamed = self._unnamed(i, values)
        if is_not_there_clause(unnamed):
            return asked or not keys
        lacks = words("negation").search(clause.text) or _HAS_NOT.search(unnamed)
        return bool(_starts("nobody", clause.text) or (asked and not values and lacks))

    def _retells(self, clause: str) -> bool:
        """Whether a clause tells a planted line with a negation in it: "no one trims a beard like the Lemur"."""
        said = words("not_there").sub(" ", absence().sub(" ", clause)) if self._negated else ""
        return len(content_words(said) & self._negated) >= _LEAST_RETOLD

    def _rank(self, mention: Mention, i: int) -> int:
        """Where a value stands in time, by the words between it and the value before, or behind it."""
        layout, values = self.layout, self.layout.values_in(i)
        at = values.index(mention)
        start = values[at - 1].stop if at else layout.clauses[layout.lead(i)].start
        last = f"{layout.text[mention.stop : layout.clauses[i].stop]} {layout.aside(i)}"
        behind = "" if at + 1 < len(values) else last
        return rank_of(layout.text[start : mention.start], behind)


@cache
def _rejects() -> re.Pattern[str]:
    """would be wrong; but is a decoy; 是错的. Not: is not wrong."""
    begin = rf"\W*(?:{spelling('conjunction')}\s*)?{spelling('linking')}\s*(?:(?:[a-z]+(?:ly|mente)|just)\s+)?"
    return re.compile(rf"{begin}{spelling('rejection')}")


def _concedes(clause: Clause) -> bool:
    """Whether a clause is set aside by its first word: although, 虽然."""
    return re.match(rf"\W*{spelling('concession')}", clause.text) is not None


@cache
def _takes_up() -> re.Pattern[str]:
    """but it; 但那."""
    return re.compile(rf"\W*(?:{spelling('conjunction')}\W*)?{spelling('reference')}")


@cache
def _refuted() -> re.Pattern[str]:
    """is not the one; 's not; 并不是."""
    adverb = r"\s+(?:(?:[a-z]+ly|just|still)\s+)?"
    refuted = spelling("refuted").replace(r"\s+", adverb)
    return re.compile(rf"\s*(?:{refuted}|'s{adverb}not\b)(.*)")


def _starts(rule: str, text: str) -> bool:
    """Whether a clause begins with a word of a rule, behind any marks."""
    return words(rule).match(text, len(text) - len(text.lstrip(_MARKS))) is not None


@cache
def _excepted() -> re.Pattern[str]:
    """says nothing other than 42; there is no doubt that it is 42."""
    no = rf"(?:\b(?:{latin('not')}|without)\b|n't\b)"
    return re.compile(rf"{no}.*(?:{spelling('except')}\W*|{spelling('doubt')}.*)$")
