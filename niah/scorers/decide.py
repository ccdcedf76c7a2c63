"""Which value an answer gives, of all that it names, and what kind of answer that is.

A value that stands alone in front is the answer where all others stand in sentences about it.
Elsewhere rules are tried in order; the first that leaves one decides.

1. What is denied, asked aloud, taken back or said of another key is not given.
   Nor is what stands in a reason behind another value.
2. After a conclusion ("so", 所以, a boxed value) the value in it.
3. Two joined by "or", and one that is guessed or added, are several.
4. Of values in an order of time the one that is asked for.
5. The value of the asked key; the bold one; the one in the clause that takes up the question.
6. The value that stands alone at the head or the end, and no other does or echoes the question.

Answer classes: ``right``; ``several`` (values listed where one was asked); ``distractor``,
``stale``, ``earlier`` and ``near-miss`` (a planted value that is not the answer, with its detail);
``wrong`` (another value of the right shape); ``not-there`` (says that it is not there); ``echo``
(repeats the question); ``off-format`` (none of these). A reply that repeats itself until its budget
ends is a ``loop``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from niah.records import Score
from niah.scorers.expected import Expected
from niah.scorers.names import spaced
from niah.scorers.reading import Reading, is_claimed
from niah.scorers.reply import lines_kept, squashed
from niah.scorers.statements import ASKED, EARLY, LATE, OTHER, PLAIN, Statement
from niah.scorers.words import (
    HAN,
    LINE,
    asked_part,
    content_words,
    is_not_there_clause,
    phrase,
    spelling,
    vocabulary,
    words,
)
from niah.text.normalise import fold

_MOST_OR = 40  # signs around an "or" between two values
_LEAST_ECHO = 8  # characters of a question that must come back for an echo
_MOST_OFFER = 5  # words of an answer beside an abstention: "but Rosie's Flowers"
_MOST_SENTENCE = 300  # signs of a sentence that are read behind a "maybe"
_AT_LAST = re.compile(r":\s*+([^.:;!?¶]++)[.。!]?\s*$")  # but it can be worked out: Oslo
_SENTENCE = re.compile(r"[.。!?;:¶]")
_not = phrase(r"\b(?:{latin not})\b|n't|{chinese not}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The values an answer gives: one where it has chosen."""

    values: frozenset[str]
    not_there: bool = False  # it says that the text does not tell
    refused: bool = False  # some are named and not given


def decide(reading: Reading) -> Verdict:
    """The value or values that are given as the answer."""
    named, head = frozenset(s.value for s in reading.statements), _head(reading)
    if head is None and reading.holds("undecided"):
        head = named
    if head:
        return Verdict(values=head, refused=head != named)
    given, not_there = _given_in(reading), _is_not_there(reading)
    if not_there:
        only = {s.group for s in reading.statements if reading.says(s, "only", behind=False)}
        given = [s for s in given if _stands(reading, s, only=s.group in only)]
    values = frozenset(_chosen(reading, given) if given else ())
    return Verdict(values=values, not_there=not_there and not values, refused=values != named)


def _head(reading: Reading) -> frozenset[str] | None:
    """The value that stands alone in front, all others in sentences about it: "42. Oslo's was 41".

    Both where one of those gives the asked key's value. None where no value stands so, or where
    something behind it could be the answer after all: a correction, a conclusion, another value
    that stands alone.
    """
    if not reading.statements:
        return None
    head = reading.statements[0]
    others = [s for s in reading.statements if s.value != head.value]
    if not others or head.clause or head.denied or head.doubted or head.guessed:
        return None
    if any(s.bare or s.bold or s.concluded or s.guessed or s.added for s in others):
        return None
    turns = reading.corrections or reading.dismissals or reading.absences
    if turns or reading.holds("undecided") or not reading.is_bare(0):
        return None
    if all(reading.is_relative(s) and s.sentence == head.sentence for s in others):
        return frozenset({head.value})
    if any(s.sentence == head.sentence for s in others):
        return None
    if any(s.group == head.group and LINE in reading.text[head.stop : s.start] for s in others):
        return None  # "\n- 42\n- 43 it is"
    others = [s for s in others if not (s.denied or s.doubted or _is_foreign(reading, s))]
    rival = {s.value for s in others if s.key == ASKED}
    return frozenset({head.value, *rival})


def all_given(reading: Reading) -> tuple[list[Statement], bool]:
    """The statements that give a value of a set, or none because the text does not tell."""
    given = _given_in(reading)
    return given, not given and _is_not_there(reading)


def _given_in(reading: Reading) -> list[Statement]:
    """The statements that give a value, before one of them is chosen."""
    own = [s for s in reading.statements if s.key != OTHER]
    given = [s for s in own if not s.denied]
    sure = [s for s in given if not s.doubted]
    # "42? I don't think so."
    given = sure or [s for s in given if s.clause + 1 not in reading.dismissals]
    if reading.expected.order == "latest":
        given = [s for s in given if not reading.is_only_early(s)]
    behind = ([s for s in given if s.clause >= i] for i in reversed(reading.corrections))
    given = next(filter(None, behind), given)  # behind the last correction with a value
    if len({s.value for s in given}) < 2:
        return given
    given = [s for s in given if not _is_foreign(reading, s)] or given
    refused = {s.value for s in own if s.denied}  # "A, not B: B is only near"
    return [s for s in given if s.value not in refused or s.concluded or s.key == ASKED] or given


def _is_foreign(reading: Reading, s: Statement) -> bool:
    """Whether a value is told as the fact of a wrong one; a right value told so is none, either."""
    expected, context = reading.expected, reading.context(s)
    known = expected.wrong.get(s.value)
    wrong = [known] if known and known.words else expected.wrong.values()
    if content_words(context) & frozenset().union(*(w.words for w in wrong)):
        return True
    denials = any(w.denies for w in expected.wrong.values())
    if denials and (known is None or known.denies) and reading.says(s, "denial"):
        return True
    asked = spaced(expected.question)
    told = ([c for c in map(spaced, kind) if c in context] for kind in expected.conditions)
    return any(named and not any(c in asked for c in named) for named in told)


def _is_not_there(reading: Reading) -> bool:
    """Whether an answer says so, or names others only: "The text only gives Oslo's and Riga's"."""
    if reading.absences:
        return True
    # "so that must be it" is a guess
    only = bool(reading.keys) and reading.holds("only") and not reading.holds("guess")
    return only and all(s.key == OTHER or s.denied for s in reading.statements)


def _stands(reading: Reading, s: Statement, *, only: bool) -> bool:
    """Whether a value is the answer beside "it does not say"; ``only`` is said of its list."""
    if (only or reading.ends_in_absence) and not s.guessed and not s.concluded:
        return False
    if _is_foreign(reading, s) and not (s.bare or s.concluded):
        return False
    if reading.absences and reading.absences[0] < s.clause < reading.absences[-1]:
        return s.guessed
    return s.bare or s.guessed or s.echoes > 0 or is_claimed(reading.text, s.start)


def _chosen(reading: Reading, given: list[Statement]) -> set[str]:
    """The one value that is chosen, or all of them."""
    concluded, order = [s for s in given if s.concluded], reading.expected.order
    if len(last := {s.value for s in concluded if s.sentence == concluded[-1].sentence}) == 1:
        return last
    given = [s for s in given if s is given[0] or not reading.is_led_by("reason", s)]
    if order is None:
        given = [s for s in given if not reading.is_landmark(s)] or given
    everything = {s.value for s in given}
    if len(everything) == 1 or _leaves_open(reading, given):
        return everything
    if order is not None and len(timed := _timed(given, order)) == 1:
        return timed
    most, keyed = max(s.echoes for s in given), any(s.key == ASKED for s in given)
    turned = [s for s in given if s.key is None and reading.is_led_by("contrast", s)]
    rules: tuple[Callable[[Statement], bool], ...] = (
        lambda s: s.key == ASKED and not any(t.echoes >= s.echoes for t in turned),
        lambda s: s.bold,
        reading.singles_out,
        lambda s: s.bare and s.echoes > 0,
        lambda s: not reading.in_brackets(s.start),
        lambda s: 0 < s.echoes == most and not keyed,
    )
    for rule in rules:
        left = {s.value for s in given if rule(s)}
        if len(left) == 1:
            return left
    return _alone(reading, given) or everything


def _leaves_open(reading: Reading, given: list[Statement]) -> bool:
    """Whether an "or" joins two values, or one of them is guessed or added to the other."""
    gaps = [reading.text[a.stop : b.start] for a, b in pairwise(given)]
    if any(len(gap) <= _MOST_OR and words("alternative").search(gap) for gap in gaps):
        return True
    beside = given[1:] if reading.expected.order is None else []
    return any((s.guessed or s.added) and (s.bare or s.echoes) for s in beside)


def _timed(given: Sequence[Statement], order: str) -> set[str]:
    """The value that was said last, or first; none where the answer does not tell."""
    ranks = [s.rank for s in given]
    rank = min(ranks) if order == "first" else max(ranks)
    chosen = [s.value for s in given if s.rank == rank]
    told = len(set(ranks)) > 1 or rank == (EARLY if order == "first" else LATE)
    if order == "latest" and rank == LATE:
        chosen = chosen[-1:]  # then 1, then 2
    return set(chosen) if told or rank > PLAIN else set()


def _alone(reading: Reading, given: list[Statement]) -> set[str]:
    """The value of a bare head or end, where no other one is bare or takes up the question."""
    for end in (given[0], given[-1]):
        others = [s for s in given if s.value != end.value]
        apart = all(s.sentence != end.sentence for s in others)
        if end.bare and apart and not any(s.bare or s.echoes for s in others):
            return {end.value}
    return set()


def says_not_there(answer: str) -> bool:
    """Whether an answer says that the text does not tell, in any language of the grammar."""
    folded = fold(lines_kept(answer)).lstrip(" ¶")
    sentences = _SENTENCE.split(folded)
    if _is_only("no", sentences[0]) or any(_is_only("nothing", s) for s in sentences):
        return True
    clauses = re.split(rf"[.。!?;¶]+(?!\w)|,|{spelling('contrast')}", folded)
    return any(_tells_nothing(clause) and not _is_supposed(clause) for clause in clauses)


def offers_anyway(answer: str) -> bool:
    """Whether an answer that says it is not there goes on to give one: "not sure, maybe Oslo"."""
    folded = fold(lines_kept(answer))
    for m in words("contrast", "guess").finditer(folded):
        rest = _SENTENCE.split(folded[m.end() :][:_MOST_SENTENCE])[0]
        after = _AT_LAST.match(folded, m.end() + len(rest))
        rest = after[1] if after and not says_not_there(rest) else rest
        denied = words("negation").match(rest.strip()) or words("only").search(rest)
        if denied or rest.startswith(("没", "无")) or says_not_there(rest):
            continue
        if _is_short(rest) or not words("contrast").fullmatch(m[0]):
            return True
    return bool(re.search(r"\b(?:called|named) not\b", folded))


def without_phrase(answer: str, said: str) -> str:
    """An answer without a phrase, however it is spaced and punctuated."""
    letters = squashed(said)
    return re.sub(r"\W*".join(map(re.escape, letters)), " ", fold(answer)) if letters else answer


def is_echo(answer: str, question: str) -> bool:
    """Whether an answer repeats the question, or is a longer part of it."""
    said, asked = squashed(answer), squashed(question)
    return bool(asked) and (asked in said or (len(said) >= _LEAST_ECHO and said in asked))


def one_value(
    answer: str,
    verdict: Verdict,
    expected: Expected,
    near: Collection[str] = (),
    named: Collection[str] = (),
) -> Score:
    """Judge an answer that should hold one value.

    Of the values in the answer ``named`` are of the asked shape, ``near`` nearly so.
    """
    target, values = expected.target, verdict.values
    if values == {target}:
        return Score(value=1.0, answer_class="right", explanation=f"answered {target}")
    if len(values) > 1:
        return wrong_score("several", f"listed {', '.join(sorted(values))} where one was asked")
    if verdict.not_there:
        return wrong_score("not-there", "said that it is not there")
    if not values and target in named:
        return wrong_score("wrong", f"named {target} without giving it as the answer")
    for value in values or sorted(named):
        if known := expected.wrong.get(value):
            other = known.detail or known.answer_class
            planted = "for another key" if other == "distractor" else f"as another answer ({other})"
            why = f"answered {value}, planted {planted}"
            return wrong_score(known.answer_class, why, known.detail)
    if given := values or set(named) or set(near):
        return wrong_score("wrong", f"answered {', '.join(sorted(given))} instead of {target}")
    return no_value(answer, expected)


def no_value(answer: str, expected: Expected) -> Score:
    """Judge an answer without any value of the asked shape."""
    own = without_phrase(answer, expected.question)
    for key in expected.keys:  # 雷克雅未克 is a place, though 未 is a negation
        own = own.replace(fold(key), " ")
    echo = is_echo(answer, expected.question)
    absent = says_not_there(own) or _negates(own, expected.question)
    if absent and not (echo and not re.search(r"\w", words("label", "turn").sub("", own))):
        return wrong_score("not-there", "said that it is not there")
    if echo:
        return wrong_score("echo", "repeated the question")
    return wrong_score("off-format", "no value of the asked form in the answer")


def _negates(answer: str, question: str) -> bool:
    """Whether an answer without a value denies what was asked: "Farouk did not recommend any"."""
    asked = content_words(asked_part(fold(question)))
    clauses = re.split(r"[.。!?;,¶]", fold(lines_kept(answer)))
    said = [c for c in clauses if not _is_supposed(c)]
    return any(words("negation", "denial").search(c) and content_words(c) & asked for c in said)


def wrong_score(answer_class: str, explanation: str, detail: str | None = None) -> Score:
    """A score of nought."""
    return Score(value=0.0, answer_class=answer_class, explanation=explanation, detail=detail)


def _tells_nothing(clause: str) -> bool:
    """The text does not say; I'm not sure; 我不太肯定."""
    unsure = words("unsure").search(clause) and _not().search(clause)
    return is_not_there_clause(clause) or unsure is not None


def _is_supposed(clause: str) -> bool:
    """Whether a clause begins with "if"."""
    return words("condition").match(clause.lstrip(" \"'*")) is not None


def _is_only(rule: str, text: str) -> bool:
    """Whether a folded text is nothing but a word of a rule, with any marks around it."""
    return re.fullmatch(rf"\W*{spelling(rule)}\W*", text) is not None


def _is_short(text: str) -> bool:
    """Whether a text could be a name, and no remark on the text: "but it is about sailing"."""
    said = re.findall(rf"[a-z0-9']+|[{HAN}]{{1,2}}", text)
    return 0 < len(said) <= _MOST_OFFER and said[0] not in vocabulary("remark")
