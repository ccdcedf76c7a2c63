"""Read what an answer says of each value: of which key, given or denied, firmly or in passing.

One grammar for all values and languages. A clause says something of the values in it. Its key is
the key beside the value; a denial, a doubt, a correction or an order of time is a word of the
clause. Words are data (grammar/).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property

from niah.scorers.clauses import Clause, Mention
from niah.scorers.denials import Denials, starts
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
from niah.scorers.words import LINE, content_words, is_small, phrase, words

_MOST_CLAIM = 40  # signs of a phrase such as "the answer would be"
_BOLD = re.compile(rf"\*\*[^*{LINE}]{{1,80}}\*\*")
_TICKED = re.compile(rf"(?<![^{LINE}])[^{LINE}]*[✔✓✅☑][^{LINE}]*")  # a whole line
_corrects = phrase(  # wait; but actually; 不对
    r"\W*(?:(?:{conjunction}|oh|hmm|ah|um)\W*)?(?:{correction}|{dismissal}\W*$)"
)
_dismisses = phrase(r"\W*{dismissal}\W*$")  # I don't think so.
_claims = phrase(r"{claim}\W*$")
_landmark = phrase(r"{landmark}\W*$")
_is = phrase(r"{linking}\W*$")


class Reading(Denials):
    """An answer taken apart."""

    @cached_property
    def statements(self) -> list[Statement]:
        """What is said of every value, in the order of the answer."""
        said: list[Statement] = []
        for i in dict.fromkeys(self.clause_at(m.start) for m in self.values):
            manner = self._manner(i)
            said += [self._statement(m, manner) for m in self.values_in(i)]
        return paired(self, list(grouped(self.text, said)))

    @cached_property
    def corrections(self) -> list[int]:
        """The clauses that take back what stands before them."""
        return [i for i, clause in enumerate(self.clauses) if _corrects().match(clause.text)]

    @cached_property
    def dismissals(self) -> list[int]:
        """The clauses that are nothing but "no"."""
        return [i for i, clause in enumerate(self.clauses) if _dismisses().match(clause.text)]

    def context(self, statement: Statement) -> str:
        """What is said together with a value, without values: what leads to it, and an aside."""
        i = statement.clause
        keyed = (j + 1 for j in range(i - 1, self.lead(i) - 1, -1) if self.keys_in(j))
        first = next(keyed, self.lead(i))
        lead = self.text[self.clauses[first].start : self.clauses[i].start]
        return f"{lead} {self._said(i)} {self.aside(i)}"

    def says(self, statement: Statement, rule: str, *, behind: bool = True) -> bool:
        """Whether a word of a rule is said together with a value, or ``behind`` it."""
        said = [self.context(statement)]
        if behind:
            said += [clause.text for clause in self.behind(statement.clause)]
        return words(rule).search(" ".join(said)) is not None

    def is_led_by(self, rule: str, statement: Statement) -> bool:
        """Whether its clause, or one leading to it, begins with a word of a rule: because, but."""
        i = statement.clause
        return any(starts(rule, clause.text) for clause in self.clauses[self.lead(i) : i + 1])

    def is_relative(self, statement: Statement) -> bool:
        """Whether a clause goes on about the value before: "42, which replaced 41"."""
        return starts("relative", self.clauses[statement.clause].text)

    def is_landmark(self, statement: Statement) -> bool:
        """Whether a value only says where another one stands: "Oslo, right after Riga"."""
        return _landmark().search(self.before(statement.start)) is not None

    def singles_out(self, statement: Statement) -> bool:
        """Whether a value is said to be the one: "but the one who was there is Niamh"."""
        said = self.text[self.clauses[self.lead(statement.clause)].start : statement.start]
        one = words("single").search(said)
        return one is not None and _is().search(said, one.end()) is not None

    def holds(self, rule: str) -> bool:
        """Whether a word of a rule stands in any clause."""
        return any(words(rule).search(clause.text) for clause in self.clauses)

    @property
    def ends_in_absence(self) -> bool:
        """Whether the last line says that the asked key has none: "Lusaka: not mentioned"."""
        last = len(self.clauses) - 1
        if last not in self.absences or not self.clauses[last].before.startswith(":"):
            return False
        label = self.keys_in(last - 1)
        return all(map(self.is_asked, label)) and bool(label or self._echoes(last - 1))

    def is_only_early(self, statement: Statement) -> bool:
        """Whether all that is said of a value is that it was before others: "Previously 42"."""
        said, early = self._said(statement.clause), words("early")
        return early.search(said) is not None and is_small(early.sub(" ", said))

    def is_bare(self, i: int) -> bool:
        """Whether a clause holds values and small words only."""
        said = self._said(i).replace("'s", " ")
        rest = words("conjunction", "guess", "addition", "thin").sub(" ", said)
        return not self.keys_in(i) and is_small(rest)

    def _statement(self, mention: Mention, manner: Statement) -> Statement:
        i = manner.clause
        key = key_of(self, mention, i)
        if key is None:
            after = self.text[mention.stop : self.clauses[i].stop]
            unknown = names_unknown_key(after, self.question) or self._is_elsewhere(i)
            whose, label = OTHER if unknown else None, None
        else:
            whose, label = ASKED if self.is_asked(key) else OTHER, self.spelt(key)
        return replace(
            manner,
            value=mention.value,
            start=mention.start,
            stop=mention.stop,
            key=whose,
            name=label,
            denied=manner.denied or self.is_denied(mention, i),
            doubted=manner.doubted or bool(words("belief").search(self.before(mention.start))),
            bold=any(a <= mention.start and mention.stop <= b for a, b in self._bold),
            rank=self._rank(mention, i),
        )

    def _manner(self, i: int) -> Statement:
        """What a clause does with any value in it."""
        clause, echoes = self.clauses[i], self._echoes(i)
        guessed = bool(words("guess").search(clause.text))
        # "although it could be 2" sets nothing aside
        concedes = starts("concession", clause.text) and not echoes and not guessed
        return Statement(
            value="",
            start=clause.start,
            stop=clause.stop,
            clause=i,
            sentence=clause.sentence,
            denied=self.denied_ahead(i) or clause.sentence == self._asked_last,
            doubted=concedes or clause.sentence in self._asked_aloud,
            concluded=i in self._concluded,
            guessed=guessed,
            added=bool(words("addition").search(clause.text)),
            bare=self.is_bare(i),
            echoes=echoes,
        )

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
        asks = starts("asks", first.text) or last.text.endswith("吗")
        return last.sentence if asks and last.behind.startswith("?") else None

    @cached_property
    def _bold(self) -> list[tuple[int, int]]:
        return [m.span() for mark in (_BOLD, _TICKED) for m in mark.finditer(self.text)]

    @cached_property
    def _concluded(self) -> set[int]:
        """Clauses from a word of conclusion to the end of its sentence; if alone, of the next."""
        found, sentence = set[int](), -1
        for i, clause in enumerate(self.clauses):
            if _concludes(clause):
                alone = not self.values_in(i) and i + 1 < len(self.clauses)
                sentence = self.clauses[i + 1].sentence if alone else clause.sentence
            if clause.sentence == sentence and not starts("concession", clause.text):
                found.add(i)
        return found

    def _is_elsewhere(self, i: int) -> bool:
        """Whether a clause is about what is not named: "42 belongs to some other city"."""
        said = [c.text for c in (*self.clauses[self.lead(i) : i + 1], *self.behind(i))]
        return any(words("elsewhere").search(t) and not words("negation").search(t) for t in said)

    def _said(self, i: int) -> str:
        """A clause without its values."""
        return self.without(i, self.values_in(i))

    def _echoes(self, i: int) -> int:
        """Words of the question in a clause, its lead or its label; or 1 for the asked fact's."""
        lead = range(self.lead(i), i)
        told = [  # no bare list of keys
            self.clauses[j].text for j in lead if re.search(r"\w", self.without(j, self.keys_in(j)))
        ]
        # Spain of "Niamh: Spain"
        labelled = [c.text for c in self.behind(i, 1) if c.before.startswith(":")]
        said = " ".join([*told, self._said(i), *labelled, self.aside(i)])
        taken_up = content_words(said) & self.cues
        return len(taken_up - self.expected.words) or min(1, len(taken_up))

    def _rank(self, mention: Mention, i: int) -> int:
        """Where a value stands in time, by the words since the value before, or behind it."""
        values = self.values_in(i)
        at = values.index(mention)
        start = values[at - 1].stop if at else self.clauses[self.lead(i)].start
        last = f"{self.text[mention.stop : self.clauses[i].stop]} {self.aside(i)}"
        return rank_of(self.text[start : mention.start], "" if at + 1 < len(values) else last)


def is_claimed(text: str, start: int) -> bool:
    """Whether a name or number that starts there is said to be the one: "so the answer is 42"."""
    return _claims().search(text[max(0, start - _MOST_CLAIM) : start]) is not None


def _concludes(clause: Clause) -> bool:
    """Whether a clause holds a phrase of conclusion, or starts with a word of it."""
    for match in words("conclusion").finditer(clause.text):
        lone = match[0].isascii() and " " not in match[0]
        if not lone or re.fullmatch(r"\W*(?:and\s+|but\s+)?", clause.text[: match.start()]):
            return True
    return False
