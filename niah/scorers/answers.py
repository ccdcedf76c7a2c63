"""What kind of answer an answer is, once the values in it are read. Shared by all scorers.

Answer classes: ``right``; ``several`` (values listed where one was asked); ``distractor``, ``stale``, ``earlier`` and
``near-miss`` (a planted value that is not the answer, with its detail); ``wrong`` (another value of the right shape);
``not-there`` (says that it is not there); ``echo`` (repeats the question); ``off-format`` (none of these). A reply that
repeats itself until its budget ends is a ``loop``.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from niah.records import Score
from niah.scorers.decide import Verdict
from niah.scorers.expected import Expected
from niah.scorers.reply import lines_kept, squashed
from niah.scorers.words import HAN, chinese, is_not_there_clause, latin, spelling, vocabulary, words
from niah.text.normalise import fold

_LEAST_ECHO = 8  # characters of a question that must come back for an echo
_MOST_OFFER = 5  # words of an answer beside an abstention: "but Rosie's Flowers"
_SENTENCE = re.compile(r"[.。!?;:¶]")


def says_not_there(answer: str) -> bool:
    """Whether an answer says that the text does not tell, in any language of the grammar."""
    folded = fold(lines_kept(answer)).lstrip(" ¶")
    sentences = _SENTENCE.split(folded)
    if _is_only("no", sentences[0]) or any(_is_only("nothing", s) for s in sentences):
        return True
    clauses = re.split(rf"[.。!?;¶]+(?!\w)|,|{spelling('contrast')}", folded)
    supposed = words("condition")
    return any(_is_not_there(clause) and not supposed.match(clause.lstrip(" \"'*")) for clause in clauses)


def offers_anyway(answer: str) -> bool:
    """Whether an answer that says it is not there goes on to give one: "not sure, maybe Oslo"."""
    folded = fold(lines_kept(answer))
    for m in words("contrast", "guess").finditer(folded):
        rest = _SENTENCE.split(folded[m.end() :])[0]
        guess = not words("contrast").fullmatch(m[0])
        denied = words("negation").match(rest.strip()) or words("only").search(rest) or rest.startswith(("没", "无"))
        if not denied and not says_not_there(rest) and (guess or _is_short(rest)):
            return True
    return bool(re.search(r"\b(?:called|named) not\b", folded))


def without_phrase(answer: str, phrase: str) -> str:
    """An answer without a phrase, however it is spaced and punctuated."""
    letters = squashed(phrase)
    return re.sub(r"\W*".join(map(re.escape, letters)), " ", fold(answer)) if letters else answer


def is_echo(answer: str, question: str) -> bool:
    """Whether an answer repeats the question, or is a longer part of it."""
    said, asked = squashed(answer), squashed(question)
    return bool(asked) and (asked in said or (len(said) >= _LEAST_ECHO and said in asked))


def one_value(
    answer: str, verdict: Verdict, expected: Expected, near: Collection[str] = (), named: Collection[str] = ()
) -> Score:
    """Judge an answer that should hold one value.

    ``near`` are values that are nearly of the asked shape, ``named`` all of that shape that stand in the answer.
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
            return wrong_score(known.answer_class, f"answered {value}, planted {planted}", known.detail)
    if given := values or set(named) or set(near):
        return wrong_score("wrong", f"answered {', '.join(sorted(given))} instead of {target}")
    return no_value(answer, expected)


def no_value(answer: str, expected: Expected) -> Score:
    """Judge an answer without any value of the asked shape."""
    own = without_phrase(answer, expected.question)
    for key in expected.keys:  # 雷克雅未克 is a place, though 未 is a negation
        own = own.replace(fold(key), " ")
    echo = is_echo(answer, expected.question)
    if says_not_there(own) and not (echo and not re.search(r"\w", words("label", "turn").sub("", own))):
        return wrong_score("not-there", "said that it is not there")
    if echo:
        return wrong_score("echo", "repeated the question")
    return wrong_score("off-format", "no value of the asked form in the answer")


def wrong_score(answer_class: str, explanation: str, detail: str | None = None) -> Score:
    """A score of nought."""
    return Score(value=0.0, answer_class=answer_class, explanation=explanation, detail=detail)


def _is_not_there(clause: str) -> bool:
    """The text does not say; I'm not sure; 我不太肯定."""
    unsure = words("unsure").search(clause) and re.search(rf"\b(?:{latin('not')})\b|n't|{chinese('not')}", clause)
    return is_not_there_clause(clause) or bool(unsure)


def _is_only(rule: str, text: str) -> bool:
    """Whether a folded text is nothing but a word of a rule, with any marks around it."""
    return re.fullmatch(rf"\W*{spelling(rule)}\W*", text) is not None


def _is_short(text: str) -> bool:
    """Whether a text could be a name, and no remark on the text: "but it is about sailing"."""
    said = re.findall(rf"[a-z0-9']+|[{HAN}]{{1,2}}", text)
    return 0 < len(said) <= _MOST_OFFER and said[0] not in vocabulary("remark")
