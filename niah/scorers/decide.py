"""Which value an answer gives, of all that it names. The rules are tried in order; the first that leaves one decides.

1. What is denied, asked aloud, taken back or said of another key is not given.
2. After a conclusion ("so", 所以, a boxed value) the value in it.
3. Two joined by "or", and one that is guessed or added, are several.
4. Of values in an order of time the one that is asked for.
5. The value of the asked key; the bold one; the one in the clause that takes up the question.
6. The value that stands alone at the head or the end, where all others stand in sentences about something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from niah.scorers.order import EARLY, LATE, PLAIN
from niah.scorers.reading import Reading
from niah.scorers.statements import ASKED, OTHER, Statement
from niah.scorers.words import content_words, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was planted, as the rules need it. Words are folded content words."""

    order: str | None = None  # "latest" or "first": of several values of one key the one asked for
    wrong: frozenset[str] = frozenset()  # planted values that are not the answer
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)  # of such: words that only its own fact has
    denials: frozenset[str] = frozenset()  # such values whose fact is that something is not so
    conditions: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()  # of a kind the asked ones, and all


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The values an answer gives: one where it has chosen. ``not_there``: it says that the text does not tell."""

    values: frozenset[str]
    not_there: bool = False
    refused: frozenset[str] = frozenset()  # named, and not given


def decide(reading: Reading, facts: Facts) -> Verdict:
    """The value or values that are given as the answer."""
    said = reading.statements
    named = frozenset(s.value for s in said)
    given = given_in(reading, facts)
    not_there = bool(reading.absences) or _others_only(reading, given)
    values = frozenset(s.value for s in given)
    if not_there and given:
        given = [s for s in given if _stands(reading, s)]
        values = frozenset(s.value for s in given)
    if len(values) > 1:
        values = frozenset(_chosen(reading, given, facts))
    return Verdict(values=values, not_there=not_there and not values, refused=named - values)


def all_given(reading: Reading, facts: Facts) -> tuple[list[Statement], bool]:
    """The statements that give a value of a set, and whether there are none because the text does not tell."""
    given = given_in(reading, facts)
    return given, not given and (bool(reading.absences) or _others_only(reading, given))


def given_in(reading: Reading, facts: Facts) -> list[Statement]:
    """The statements that give a value, not considering a choice between them."""
    given = [s for s in reading.statements if not s.denied and s.key != OTHER]
    sure = [s for s in given if not s.doubted]
    given = sure or [s for s in given if not _is_dismissed(reading, s)]
    if facts.order == "latest":
        given = [s for s in given if not reading.is_only_early(s)]
    given = _not_taken_back(reading, given)
    return _of_the_question(reading, given, facts)


def _not_taken_back(reading: Reading, given: list[Statement]) -> list[Statement]:
    """What stands behind the last correction with a value."""
    for i in reversed(reading.corrections):
        behind = [s for s in given if s.clause >= i]
        if behind and any(s.clause < i for s in given):
            return behind
    return given


def _of_the_question(reading: Reading, given: list[Statement], facts: Facts) -> list[Statement]:
    """Without what is told as the fact of a wrong value: in its own words, as a denial, with a broken condition."""
    if len({s.value for s in given}) < 2:
        return given
    foreign = frozenset().union(*facts.own.values())
    return [s for s in given if not _is_foreign(reading, s, facts, foreign)] or given


def _is_foreign(reading: Reading, s: Statement, facts: Facts, foreign: frozenset[str]) -> bool:
    """Whether a value is told as the fact of a wrong one; a right value told so is none, either."""
    context = reading.context(s)
    if content_words(context) & (facts.own.get(s.value, frozenset()) if s.value in facts.own else foreign):
        return True
    if facts.denials and (s.value in facts.denials or s.value not in facts.wrong) and reading.denies_something(s):
        return True
    told = (({c for c in kind if c in context}, asked) for asked, kind in facts.conditions)
    return any(named and not named & asked for named, asked in told)


def _is_dismissed(reading: Reading, s: Statement) -> bool:
    """Whether "no" stands right behind a value that is asked aloud: "42? I don't think so."."""
    return s.doubted and s.clause + 1 in reading.dismissals


def _stands(reading: Reading, s: Statement) -> bool:
    """Whether a value stands as the answer beside "the text does not say"."""
    if s.concluded or s.key == ASKED or s.bold:
        return True
    if reading.follows(s, "only") and not s.guessed:
        return False
    if reading.absences[:1] and reading.absences[0] < s.clause < reading.absences[-1]:
        return s.guessed
    return s.bare or s.guessed or s.echoes or reading.claims(s)


def _others_only(reading: Reading, given: Sequence[Statement]) -> bool:
    """Whether an answer names others only and says so: "The text only gives numbers for Oslo and Riga"."""
    only = any(words("only").search(c.text) for c in reading.layout.clauses)
    return only and not given and bool(reading.layout.keys) and not any(s.key == ASKED for s in reading.statements)


def _chosen(reading: Reading, given: list[Statement], facts: Facts) -> set[str]:
    """The one value that is chosen, or all of them."""
    everything = {s.value for s in given}
    if (concluded := _last_sentence(reading, [s for s in given if s.concluded])) is not None:
        return {concluded}
    if any(a.group == b.group and b.coupled and _is_or(reading, a, b) for a, b in pairwise(given)):
        return everything
    second = [s for s in given[1:] if (s.guessed or s.added) and (s.bare or s.echoes or s.key == ASKED)]
    if second and facts.order is None:
        return everything
    if facts.order is not None and (timed := _timed(given, facts.order)) is not None:
        return {timed}
    rules: tuple[Callable[[Statement], bool], ...] = (
        lambda s: s.key == ASKED and reading.is_in_question(s),
        lambda s: s.key == ASKED,
        lambda s: s.bold,
        lambda s: s.echoes,
    )
    for rule in rules:
        if len(left := {s.value for s in given if rule(s)}) == 1:
            return left
    return _alone(reading, given) or everything


def _last_sentence(reading: Reading, concluded: Sequence[Statement]) -> str | None:
    """The one value of the last sentence that concludes."""
    if not concluded:
        return None
    sentence = reading.sentence_of(concluded[-1])
    values = {s.value for s in concluded if reading.sentence_of(s) == sentence}
    return values.pop() if len(values) == 1 else None


def _is_or(reading: Reading, a: Statement, b: Statement) -> bool:
    return bool(words("alternative").search(reading.layout.text[a.stop : b.start]))


def _timed(given: Sequence[Statement], order: str) -> str | None:
    """The value that was said last, or first; None where the answer does not tell."""
    if order == "first":
        rank = min(s.rank for s in given)
        chosen = [s.value for s in given if s.rank == rank]
        told = rank == EARLY or any(s.rank > PLAIN for s in given)
    else:
        rank = max(s.rank for s in given)
        chosen = [s.value for s in given if s.rank == rank]
        chosen = chosen[-1:] if rank == LATE else chosen  # then 1, then 2
        told = rank > PLAIN or any(s.rank == EARLY for s in given)
    return chosen[0] if told and len(set(chosen)) == 1 else None


def _alone(reading: Reading, given: list[Statement]) -> set[str]:
    """The value of a bare head or last line, where no other one is bare or takes up the question."""
    for end in (given[0], given[-1]):
        others = [s for s in given if s.value != end.value]
        apart = all(reading.sentence_of(s) != reading.sentence_of(end) for s in others)
        if end.bare and apart and not any(s.bare or s.echoes or s.group == end.group for s in others):
            return {end.value}
    return set()
