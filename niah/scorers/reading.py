"""Read what an answer says of each value: of which key, given or denied, as a conclusion or in
passing.

One grammar for all values and languages. A clause says something of the values in it. Its key is
the key beside the value; a denial, a doubt, a correction or an order of time is a word of the
clause. Words are data (grammar/).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property

from niah.scorers.clauses import Clause, Layout, Mention
from niah.scorers.expected import Expected
from niah.scorers.names import names_at
from niah.scorers.statements import (
    ASKED,
    OTHER,
    Statement,
    grouped,
    key_of,
    names_unknown_key,
    paired,
    rank_of,
)
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
_MOST_CLAIM = 40  # signs of a phrase such as "the answer would be"
_LEAST_RETOLD = 2  # words of a planted line in a clause that tells it
_BOLD = re.compile(rf"\*\*[^*{LINE}]{{1,80}}\*\*")
_TICKED = re.compile(rf"(?<![^{LINE}])[^{LINE}]*[✔✓✅☑][^{LINE}]*")  # a whole line
_MARKS = f" \"'*([¿¡-{LINE}"
_THOSE = re.compile(rf"^[那这][{HAN}]{{0,2}}(?=不|没)")  # 42和43那两个不是
_TIME = re.compile(r"\d{1,3}(?::\d\d){1,2}")
_HAS_NOT = re.compile(r"(?:没有?|无)#")  # 没有 before a key
_corrects = phrase(  # wait; but actually; 不对
    r"\W*(?:(?:{conjunction}|oh|hmm|ah|um)\W*)?(?:{correction}|{dismissal}\W*$)"
)
_dismisses = phrase(r"\W*{dismissal}\W*$")  # I don't think so.
_takes_up = phrase(r"\W*(?:{conjunction}\W*)?{reference}")  # but it; 但那
# says nothing other than 42; there is no doubt that it is 42
_excepted = phrase(r"(?:\b(?:{latin not}|without)\b|n't\b).*(?:{except}\W*|{doubt}.*)$")
# #'s landlord; #的房东; the landlord of #
_owns = phrase(
    r"#'s\s+[a-z]+(?:\s[a-z]+)?\W*|#的[{HAN}]{2,4}\W*|(?:[a-z]+\s+){2,3}(?:of|del?)\s+#\W*"
)
_claims = phrase(r"{claim}\W*$")
_landmark = phrase(r"{landmark}\W*$")
_is = phrase(r"{linking}\W*$")
_is_denial = phrase(r"\W*(?:{conjunction}\W*)?{negation}")
_rejects = phrase(
    r"\W*(?:{conjunction}\s*)?{linking}\s*(?:(?:[a-z]+(?:ly|mente)|just)\s+)?{rejection}"
)


class Reading(Layout):
    """An answer taken apart. Text, question and values are folded in one way."""

    def __init__(
        self,
        text: str,
        values: Sequence[Mention],
        expected: Expected,
        fold_as: Callable[[str], str],
    ) -> None:
        taken = {(m.start, m.stop) for m in values}
        asked, others = (
            [m for m in names_at(text, keys) if (m.start, m.stop) not in taken]
            for keys in (expected.keys, expected.other_keys)
        )
        super().__init__(text, _ends(values), _ends(asked), _ends(others))
        self.expected, self._question = expected, fold_as(expected.question)
        self._cues = content_words(asked_part(self._question)) | expected.words
        self._manners: dict[int, Statement] = {}

    @cached_property
    def statements(self) -> list[Statement]:
        """What is said of every value, in the order of the answer."""
        return paired(self, list(grouped(self.text, [self._statement(m) for m in self.values])))

    @cached_property
    def absences(self) -> list[int]:
        """The clauses that say that the text does not tell what was asked."""
        return [i for i, c in enumerate(self.clauses) if self._is_absence(i, c)]

    @cached_property
    def corrections(self) -> list[int]:
        """The clauses that take back what stands before them."""
        return [i for i, clause in enumerate(self.clauses) if _corrects().match(clause.text)]

    @cached_property
    def dismissals(self) -> list[int]:
        """The clauses that are nothing but "no"."""
        return [i for i, clause in enumerate(self.clauses) if _dismisses().match(clause.text)]

    def context(self, statement: Statement) -> str:
        """What is said together with a value: its clause, what leads to it, and a bracket behind
        it, without values."""
        i = statement.clause
        keyed = (j + 1 for j in range(i - 1, self.lead(i) - 1, -1) if self.keys_in(j))
        first = next(keyed, self.lead(i))
        lead = self.text[self.clauses[first].start : self.clauses[i].start]
        return f"{lead} {self._said(i)} {self.aside(i)}"

    def says(self, statement: Statement, rule: str, *, behind: bool = True) -> bool:
        """Whether a word of a rule stands in what is said together with a value, also ``behind`` it
        in its sentence."""
        said = [
            self.context(statement),
            *(clause.text for clause in self.behind(statement.clause) if behind),
        ]
        return words(rule).search(" ".join(said)) is not None

    def is_reason(self, statement: Statement) -> bool:
        """Whether a value stands in a clause that says why: "because 42 is the price"."""
        i = statement.clause
        return any(_starts("reason", clause.text) for clause in self.clauses[self.lead(i) : i + 1])

    def is_relative(self, statement: Statement) -> bool:
        """Whether a value stands in a clause that goes on about the value before: "42, which
        replaced 41"."""
        return _starts("relative", self.clauses[statement.clause].text)

    def is_landmark(self, statement: Statement) -> bool:
        """Whether a value only says where another one stands: "Oslo, right after Riga"."""
        return _landmark().search(self._before(statement.start)) is not None

    def singles_out(self, statement: Statement) -> bool:
        """Whether a value is said to be the one: "but the one who was there is Niamh"."""
        said = self.text[self.clauses[self.lead(statement.clause)].start : statement.start]
        one = words("single").search(said)
        return one is not None and _is().search(said, one.end()) is not None

    def turns_to(self, statement: Statement) -> bool:
        """Whether a value stands behind a "but"."""
        i = statement.clause
        return any(
            _starts("contrast", clause.text) for clause in self.clauses[self.lead(i) : i + 1]
        )

    def holds(self, rule: str) -> bool:
        """Whether a word of a rule stands in any clause."""
        return any(words(rule).search(clause.text) for clause in self.clauses)

    @property
    def ends_in_absence(self) -> bool:
        """Whether the last line is of the asked key, and says that there is none: "Lusaka: not
        mentioned"."""
        last = len(self.clauses) - 1
        if last not in self.absences or not self.clauses[last].before.startswith(":"):
            return False
        label = self.keys_in(last - 1)
        return all(map(self.is_asked, label)) and bool(label or self._echoes(last - 1))

    def claims(self, statement: Statement) -> bool:
        """Whether a value is what something without a name is said to be: "but from memory it is
        42"."""
        return is_claimed(self.text, statement.start)

    def is_only_early(self, statement: Statement) -> bool:
        """Whether nothing is said of a value but that it was said before others: "Previously
        42"."""
        said, early = self._said(statement.clause), words("early")
        return early.search(said) is not None and is_small(early.sub(" ", said))

    def _statement(self, mention: Mention) -> Statement:
        i = self.clause_at(mention.start)
        before, after = self._before(mention.start), self.text[mention.stop : self.clauses[i].stop]
        key, manner = key_of(self, mention, i), self._manner(i)
        unknown = key is None and (
            names_unknown_key(after, self._question) or self._is_elsewhere(i)
        )
        other = unknown if key is None else not self.is_asked(key)
        return replace(
            manner,
            value=mention.value,
            start=mention.start,
            stop=mention.stop,
            key=OTHER if other else None if key is None else ASKED,
            name=None if key is None else self.spelt(key),
            denied=manner.denied
            or self._denies(i, before, after)
            or (self.values_in(i)[-1] is mention and self._denied_behind(i))
            or (not mention.value[0].isdigit() and self._is_of_another(before, after)),
            doubted=manner.doubted or bool(words("belief").search(before)),
            bold=any(a <= mention.start and mention.stop <= b for a, b in self._bold),
            rank=self._rank(mention, i),
        )

    def _manner(self, i: int) -> Statement:
        """What a clause does with any value in it."""
        if i not in self._manners:
            clause, echoes = self.clauses[i], self._echoes(i)
            guessed = bool(words("guess").search(clause.text))
            concedes = (
                _concedes(clause) and not echoes and not guessed
            )  # "although it could be 2" sets nothing aside
            self._manners[i] = Statement(
                value="",
                start=clause.start,
                stop=clause.stop,
                clause=i,
                sentence=clause.sentence,
                denied=self._denied_ahead(i) or clause.sentence == self._asked_last,
                doubted=concedes or clause.sentence in self._asked_aloud,
                concluded=i in self._concluded,
                guessed=guessed,
                added=bool(words("addition").search(clause.text)),
                bare=self.is_bare(i),
                echoes=echoes,
            )
        return self._manners[i]

    @cached_property
    def _asked_aloud(self) -> set[int]:
        """Sentences that end in a question mark, where more follows."""
        last = self.clauses[-1].sentence
        return {c.sentence for c in self.clauses if c.behind.startswith("?") and c.sentence < last}

    @cached_property
    def _asked_last(self) -> int | None:
        """The last sentence, where it is a question by its form: "Is it 42?"."""
        last = self.clauses[-1]
        first = next(c for c in self.clauses if c.sentence == last.sentence)
        asks = last.behind.startswith("?") and (
            _starts("asks", first.text) or last.text.endswith("吗")
        )
        return last.sentence if asks else None

    @cached_property
    def _bold(self) -> list[tuple[int, int]]:
        return [m.span() for mark in (_BOLD, _TICKED) for m in mark.finditer(self.text)]

    @cached_property
    def _concluded(self) -> set[int]:
        """Clauses from a word of conclusion to the end of their sentence; of the next one, where it
        stands alone."""
        found, sentence = set[int](), -1
        for i, clause in enumerate(self.clauses):
            if _concludes(clause):
                alone = not self.values_in(i) and i + 1 < len(self.clauses)
                sentence = self.clauses[i + 1].sentence if alone else clause.sentence
            if clause.sentence == sentence and not _concedes(clause):
                found.add(i)
        return found

    def _denies(self, i: int, before: str, after: str) -> bool:
        """Whether the words around a value in its clause deny it."""
        clause = self._unnamed(i, ())
        if self._retells(clause) or _excepted().search(before):
            return False  # the planted line
        if any(self._is_thin(before[m.end() :]) for m in words("negation").finditer(before)):
            return True
        unsaid = absence().search(clause) or (
            words("unsaid").search(before) and words("not_there").search(before)
        )
        if unsaid and unsaid.start() < len(clause) - len(after):
            return True
        rest = _refuted().match(_THOSE.sub("", after))
        refuted = rest is not None and (
            is_small(words("truth").sub(" ", rest[1])) or bool(content_words(rest[1]) & self._cues)
        )
        return refuted or _is_rejected(after)

    def _is_of_another(self, before: str, after: str) -> bool:
        """Whether a name only says whose something is: "Niamh's landlord", and not "Niamh's the
        one"."""
        owned = _owns().fullmatch(f"{before.lstrip(_MARKS)}#{after}")
        return (
            owned is not None
            and not is_small(owned[0])
            and not content_words(owned[0]) & self._cues
        )

    def _is_elsewhere(self, i: int) -> bool:
        """Whether a clause is about something that is not named: "42 belongs to some other
        city"."""
        said = [c.text for c in (*self.clauses[self.lead(i) : i + 1], *self.behind(i))]
        return any(words("elsewhere").search(t) and not words("negation").search(t) for t in said)

    def _before(self, place: int) -> str:
        """What stands before a place in its clause."""
        return self.text[self.clauses[self.clause_at(place)].start : place]

    def _said(self, i: int) -> str:
        """A clause without its values."""
        return self.without(i, self.values_in(i))

    def _unnamed(self, i: int, values: Sequence[Mention]) -> str:
        """A clause without its keys and some values, in its length: there is a 未 in the name
        雷克雅未克."""
        clause = self.clauses[i]
        text = clause.text
        for m in [*self.keys_in(i), *values]:
            a, b = m.start - clause.start, m.stop - clause.start
            text = f"{text[:a]}{'#' * (b - a)}{text[b:]}"
        return text

    def _denied_ahead(self, i: int) -> bool:
        """Whether a value is denied right before its clause: "not at the start, where it is 42",
        "Wrong: 42"."""
        if not i or self.values_in(i - 1):
            return False
        lead, clause = self.clauses[i - 1], self.clauses[i]
        if clause.before.startswith(":") and words("rejection").fullmatch(lead.text.strip(" *-")):
            return True
        denied = _is_denial().match(lead.text) is not None
        return denied and _starts("relative", clause.text) and lead.sentence == clause.sentence

    def _denied_behind(self, i: int) -> bool:
        """Whether a clause behind takes the last value of a clause up and denies it: "42 is there,
        but it's not X"."""
        if i + 1 == len(self.clauses) or self.values_in(i + 1):
            return False
        behind = self.clauses[i + 1]
        said, aside = (
            behind.text,
            behind.sentence == self.clauses[i].sentence and not behind.behind.startswith(":"),
        )
        if _is_rejected(said) or (
            aside and words("rejection").fullmatch(said.strip())
        ):  # 42 (wrong)
            return True
        taken_up = _takes_up().match(said)
        rest = _refuted().match(said, taken_up.end()) if taken_up else None
        if rest is None or words("only").match(rest[1].strip()):
            return False
        return not rest[1].strip() or (
            bool(content_words(rest[1]) & self._cues) and self._is_thin(rest[1])
        )

    def _is_thin(self, text: str) -> bool:
        """Whether the words between "not" and a value only name the value, or others in a list with
        it."""
        named = {self.spelt(m) for m in [*self.values[:20], *self.keys[:20]]}
        for form in sorted((f for f in named if f in text), key=len, reverse=True):
            text = text.replace(form, " ")
        return is_small(
            words("thin").sub(" ", _TIME.sub(" ", text).replace("'s", " ")), self._small
        )

    @cached_property
    def _small(self) -> set[str]:
        return set(re.findall(rf"[a-z0-9']+|[{HAN}]", self._question))

    def is_bare(self, i: int) -> bool:
        """Whether a clause holds values and small words only."""
        rest = words("conjunction", "guess", "addition", "thin").sub(
            " ", self._said(i).replace("'s", " ")
        )
        return not self.keys_in(i) and is_small(rest)

    def _echoes(self, i: int) -> int:
        """Words of the question in a clause, what leads to it, or what it labels; or 1 for words of
        the asked fact."""
        told = [
            j for j in range(self.lead(i), i) if re.search(r"\w", self.without(j, self.keys_in(j)))
        ]  # no bare list
        labelled = (
            c.text for c in self.behind(i, 1) if c.before.startswith(":")
        )  # Spain of "Niamh: Spain"
        said = [*(self.clauses[j].text for j in told), self._said(i), *labelled, self.aside(i)]
        taken_up = content_words(" ".join(said)) & self._cues
        return len(taken_up - self.expected.words) or min(1, len(taken_up))

    def _is_absence(self, i: int, clause: Clause) -> bool:
        """Whether a clause says of what was asked, or of nothing in particular, that the text does
        not tell it."""
        if _starts("condition", clause.text) or self._retells(clause.text):
            return False
        keys, values = self.keys_in(i), self.values_in(i)
        if any(
            key_of(self, m, i) is None or _excepted().search(self._before(m.start)) for m in values
        ):
            return False  # it denies a value
        asked, unnamed = any(map(self.is_asked, keys)), self._unnamed(i, values)
        if is_not_there_clause(unnamed):
            return asked or not keys
        lacks = words("negation").search(clause.text) or _HAS_NOT.search(unnamed)
        return bool(_starts("nobody", clause.text) or (asked and not values and lacks))

    def _retells(self, clause: str) -> bool:
        """Whether a clause tells a planted line with a negation in it: "no one trims a beard like
        the Lemur"."""
        negated = self.expected.negated
        said = words("not_there").sub(" ", absence().sub(" ", clause)) if negated else ""
        return len(content_words(said) & negated) >= _LEAST_RETOLD

    def _rank(self, mention: Mention, i: int) -> int:
        """Where a value stands in time, by the words between it and the value before, or behind
        it."""
        values = self.values_in(i)
        at = values.index(mention)
        start = values[at - 1].stop if at else self.clauses[self.lead(i)].start
        last = f"{self.text[mention.stop : self.clauses[i].stop]} {self.aside(i)}"
        return rank_of(self.text[start : mention.start], "" if at + 1 < len(values) else last)


def is_claimed(text: str, start: int) -> bool:
    """Whether a name or number that starts there is said to be the one: "so the answer is 42"."""
    return _claims().search(text[max(0, start - _MOST_CLAIM) : start]) is not None


def _ends(mentions: Sequence[Mention]) -> Sequence[Mention]:
    """Not more than an answer could hold: the first and last of thousands."""
    many = len(mentions) > 2 * _MOST_AT_AN_END
    return [*mentions[:_MOST_AT_AN_END], *mentions[-_MOST_AT_AN_END:]] if many else mentions


def _concludes(clause: Clause) -> bool:
    """Whether a clause holds a phrase of conclusion, or starts with a word of it."""
    for match in words("conclusion").finditer(clause.text):
        lone = match[0].isascii() and " " not in match[0]
        if not lone or re.fullmatch(r"\W*(?:and\s+|but\s+)?", clause.text[: match.start()]):
            return True
    return False


def _concedes(clause: Clause) -> bool:
    """Whether a clause is set aside by its first word: although, 虽然."""
    return _starts("concession", clause.text)


def _starts(rule: str, text: str) -> bool:
    """Whether a clause begins with a word of a rule, behind any marks."""
    return words(rule).match(text, len(text) - len(text.lstrip(_MARKS))) is not None


def _is_rejected(text: str) -> bool:
    """would be wrong; but is a decoy; 是错的. Not: is not wrong, is unlikely to be wrong."""
    return _rejects().match(text) is not None and len(words("rejection").findall(text)) % 2 == 1


@cache
def _refuted() -> re.Pattern[str]:
    """is not the one; 's not; 并不是."""
    adverb = r"\s+(?:(?:[a-z]+ly|just|still)\s+)?"
    refuted = spelling("refuted").replace(r"\s+", adverb)
    return re.compile(rf"\s*(?:{refuted}|'s{adverb}not\b)(.*)")
