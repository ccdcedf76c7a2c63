"""Whether the words around a value deny it: "not 42", "42 is wrong", "42 is there, but it's not X".

No word denies in a clause that tells a planted line, such as "no one trims a beard like the Lemur".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, cached_property

from niah.scorers.clauses import Clause, Layout, Mention, Mentions
from niah.scorers.expected import Expected
from niah.scorers.names import names_at
from niah.scorers.statements import key_of
from niah.scorers.words import (
    HAN,
    LINE,
    absence,
    asked_part,
    content_words,
    is_not_there_clause,
    is_small,
    phrase,
    spelling,
    words,
)

_MOST_AT_AN_END = 200  # values read at the head and at the tail of an answer
_LEAST_RETOLD = 2  # words of a planted line in a clause that tells it
_MARKS = f" \"'*([¿¡-{LINE}"
_THOSE = re.compile(rf"^[那这][{HAN}]{{0,2}}(?=不|没)")  # 42和43那两个不是
_TIME = re.compile(r"\d{1,3}(?::\d\d){1,2}")
_HAS_NOT = re.compile(r"(?:没有?|无)#")  # 没有 before a key
_takes_up = phrase(r"\W*(?:{conjunction}\W*)?{reference}")  # but it; 但那
# says nothing other than 42; there is no doubt that it is 42
_excepted = phrase(r"(?:\b(?:{latin not}|without)\b|n't\b).*(?:{except}\W*|{doubt}.*)$")
# #'s landlord; #的房东; the landlord of #
_owns = phrase(
    r"#'s\s+[a-z]+(?:\s[a-z]+)?\W*|#的[{HAN}]{2,4}\W*|(?:[a-z]+\s+){2,3}(?:of|del?)\s+#\W*"
)
_is_denial = phrase(r"\W*(?:{conjunction}\W*)?{negation}")
_rejects = phrase(
    r"\W*(?:{conjunction}\s*)?{linking}\s*(?:(?:[a-z]+(?:ly|mente)|just)\s+)?{rejection}"
)


class Denials(Layout):
    """An answer as clauses. Text, question and values are folded in one way."""

    def __init__(
        self, text: str, values: Mentions, expected: Expected, fold_as: Callable[[str], str]
    ) -> None:
        taken = {(m.start, m.stop) for m in values}
        asked, others = (
            [m for m in names_at(text, keys) if (m.start, m.stop) not in taken]
            for keys in (expected.keys, expected.other_keys)
        )
        super().__init__(text, _ends(values), _ends(asked), _ends(others))
        self.expected, self.question = expected, fold_as(expected.question)
        self.cues = content_words(asked_part(self.question)) | expected.words
        self._words_asked = set(re.findall(rf"[a-z0-9']+|[{HAN}]", self.question))

    @cached_property
    def absences(self) -> list[int]:
        """The clauses that say that the text does not tell what was asked."""
        return [i for i, c in enumerate(self.clauses) if self._is_absence(i, c)]

    def is_denied(self, mention: Mention, i: int) -> bool:
        """Whether the words of its clause, or of the one behind, deny a value."""
        before, after = self.before(mention.start), self.text[mention.stop : self.clauses[i].stop]
        return (
            self._denies(i, before, after)
            or (self.values_in(i)[-1] is mention and self._denied_behind(i))
            or (not mention.value[0].isdigit() and self._is_of_another(before, after))
        )

    def denied_ahead(self, i: int) -> bool:
        """Whether the clause before denies what comes: "not at the start, where it is 42"."""
        if not i or self.values_in(i - 1):
            return False
        lead, clause = self.clauses[i - 1], self.clauses[i]
        if clause.before.startswith(":") and words("rejection").fullmatch(lead.text.strip(" *-")):
            return True  # "Wrong: 42"
        denied = _is_denial().match(lead.text) is not None
        return denied and starts("relative", clause.text) and lead.sentence == clause.sentence

    def before(self, place: int) -> str:
        """What stands before a place in its clause."""
        return self.text[self.clauses[self.clause_at(place)].start : place]

    def _denies(self, i: int, before: str, after: str) -> bool:
        """Whether the words around a value in its clause deny it."""
        clause = self._unnamed(i, ())
        if self._retells(clause) or _excepted().search(before):
            return False
        if any(self._is_thin(before[m.end() :]) for m in words("negation").finditer(before)):
            return True
        unsaid = absence().search(clause) or (
            words("unsaid").search(before) and words("not_there").search(before)
        )
        if unsaid and unsaid.start() < len(clause) - len(after):
            return True
        rest = _refuted().match(_THOSE.sub("", after))
        refuted = rest is not None and (
            is_small(words("truth").sub(" ", rest[1])) or bool(content_words(rest[1]) & self.cues)
        )
        return refuted or _is_rejected(after)

    def _denied_behind(self, i: int) -> bool:
        """Whether the clause behind takes a value up and denies it: "42, but it's not Oslo's"."""
        if i + 1 == len(self.clauses) or self.values_in(i + 1):
            return False
        behind = self.clauses[i + 1]
        said, same_sentence = behind.text, behind.sentence == self.clauses[i].sentence
        aside = same_sentence and not behind.behind.startswith(":")
        if _is_rejected(said) or (aside and words("rejection").fullmatch(said.strip())):
            return True  # 42 (wrong)
        taken_up = _takes_up().match(said)
        rest = _refuted().match(said, taken_up.end()) if taken_up else None
        if rest is None or words("only").match(rest[1].strip()):
            return False
        asked = content_words(rest[1]) & self.cues
        return not rest[1].strip() or (bool(asked) and self._is_thin(rest[1]))

    def _is_of_another(self, before: str, after: str) -> bool:
        """Whether a name says whose something is: "Niamh's landlord", not "Niamh's the one"."""
        owned = _owns().fullmatch(f"{before.lstrip(_MARKS)}#{after}")
        return (
            owned is not None and not is_small(owned[0]) and not content_words(owned[0]) & self.cues
        )

    def _is_thin(self, text: str) -> bool:
        """Whether the words behind "not" only name the value, or others in a list with it."""
        named = {self.spelt(m) for m in [*self.values[:20], *self.keys[:20]]}
        for form in sorted((f for f in named if f in text), key=len, reverse=True):
            text = text.replace(form, " ")
        left = words("thin").sub(" ", _TIME.sub(" ", text).replace("'s", " "))
        return is_small(left, self._words_asked)

    def _unnamed(self, i: int, values: Mentions) -> str:
        """A clause with # for its keys and some values: there is a 未 in the name 雷克雅未克."""
        clause = self.clauses[i]
        text = clause.text
        for m in [*self.keys_in(i), *values]:
            a, b = m.start - clause.start, m.stop - clause.start
            text = f"{text[:a]}{'#' * (b - a)}{text[b:]}"
        return text

    def _retells(self, clause: str) -> bool:
        """Whether a clause tells a planted line with a negation in it."""
        negated = self.expected.negated
        said = words("not_there").sub(" ", absence().sub(" ", clause)) if negated else ""
        return len(content_words(said) & negated) >= _LEAST_RETOLD

    def _is_absence(self, i: int, clause: Clause) -> bool:
        """Whether a clause says of what was asked, or of nothing, that the text does not tell."""
        if starts("condition", clause.text) or self._retells(clause.text):
            return False
        keys, values = self.keys_in(i), self.values_in(i)
        if any(
            key_of(self, m, i) is None or _excepted().search(self.before(m.start)) for m in values
        ):
            return False  # it denies a value
        asked, unnamed = any(map(self.is_asked, keys)), self._unnamed(i, values)
        if is_not_there_clause(unnamed):
            return asked or not keys
        lacks = words("negation").search(clause.text) or _HAS_NOT.search(unnamed)
        return bool(starts("nobody", clause.text) or (asked and not values and lacks))


def starts(rule: str, text: str) -> bool:
    """Whether a clause begins with a word of a rule, behind any marks."""
    return words(rule).match(text, len(text) - len(text.lstrip(_MARKS))) is not None


def _ends(mentions: Mentions) -> Mentions:
    """Not more than an answer could hold: the first and last of thousands."""
    many = len(mentions) > 2 * _MOST_AT_AN_END
    return [*mentions[:_MOST_AT_AN_END], *mentions[-_MOST_AT_AN_END:]] if many else mentions


def _is_rejected(text: str) -> bool:
    """would be wrong; but is a decoy; 是错的. Not: is not wrong, is unlikely to be wrong."""
    return _rejects().match(text) is not None and len(words("rejection").findall(text)) % 2 == 1


@cache
def _refuted() -> re.Pattern[str]:
    """is not the one; 's not; 并不是."""
    adverb = r"\s+(?:(?:[a-z]+ly|just|still)\s+)?"
    refuted = spelling("refuted").replace(r"\s+", adverb)
    return re.compile(rf"\s*(?:{refuted}|'s{adverb}not\b)(.*)")
