"""What kind of answer an answer is, once the values in it are read. Shared by all scorers.

Answer classes: ``right``; ``several`` (values listed where one was asked); ``distractor``, ``stale``, ``earlier`` and
``near-miss`` (a planted value that is not the answer, with its detail); ``wrong`` (another value of the right shape);
``not-there`` (says that it is not there); ``echo`` (repeats the question); ``off-format`` (none of these). A reply that
repeats itself until its budget ends is a ``loop``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from niah.records import Needle, Planting, Score
from niah.scorers.clauses import Layout, Mention
from niah.scorers.decide import Facts, Verdict
from niah.scorers.names import spaced
from niah.scorers.reading import Reading
from niah.scorers.reply import LINE, squashed
from niah.scorers.words import (
    asked_part,
    chinese,
    content_words,
    is_not_there_clause,
    latin,
    spelling,
    vocabulary,
    words,
)
from niah.text.normalise import fold

_LEAST_ECHO = 8  # characters of a question that must come back for an echo
_MOST_AT_AN_END = 200  # values read at the head and at the tail of an answer
_MOST_OFFER = 5  # words of an answer beside an abstention: "but Rosie's Flowers"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongValue:
    """A planted value that is not the answer: what an answer with it is called."""

    answer_class: str = "distractor"
    detail: str | None = None
    words: frozenset[str] = frozenset()  # of its fact, that neither the question nor the asked fact has
    denies: bool = False  # its line says of something that it is not so, and the asked line does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer is held against."""

    targets: tuple[str, ...]  # one value, or all values of a set
    wrong: Mapping[str, WrongValue] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)  # another spelling -> its target
    question: str = ""
    keys: tuple[str, ...] = ()  # what the targets belong to; of pairs one for each target, in order
    other_keys: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()  # of the asked fact
    negated: frozenset[str] = frozenset()  # of lines that hold a negation: who tells them denies nothing
    conditions: tuple[tuple[str, ...], ...] = ()  # of each kind, such as seasons, all that a fact could meet
    order: str | None = None  # latest or first: which of several values of one key is asked for

    @property
    def target(self) -> str:
        return self.targets[0]

    @property
    def facts(self) -> Facts:
        """What the rules need. Of values of one key in an order of time no other word tells which is asked."""
        own = {value: known.words for value, known in self.wrong.items() if known.words and self.order is None}
        asked = spaced(self.question)
        kinds = [frozenset(map(spaced, kind)) for kind in self.conditions]
        return Facts(
            order=self.order,
            wrong=frozenset(self.wrong),
            own=own,
            denials=frozenset(v for v, known in self.wrong.items() if known.denies),
            conditions=tuple((frozenset(c for c in kind if c in asked), kind) for kind in kinds),
        )


def expected_of(planting: Planting, places: Collection[str] = ()) -> Expected:
    """The targets of a planting with their keys; as known wrong answers all other values it planted, with theirs.

    ``places`` are names that could be keys though nothing was planted for them.
    """
    right = [n for n in planting.needles if n.answer_class == "right"]
    others = [n for n in planting.needles if n.answer_class != "right" and n.value not in planting.targets]
    question = fold(planting.question)
    keys = tuple(dict.fromkeys([n.key for n in right] + [p for p in places if fold(p) in question]))
    asked = content_words(question).union(*(_words_of(n) for n in right))
    affirmed = not any(_negates(n) for n in right)
    known = {fold(k) for k in keys}
    wrong = {
        n.value: WrongValue(
            answer_class=n.answer_class,
            detail=n.detail,
            words=_own_words(n, asked),
            denies=affirmed and _negates(n),
        )
        for n in others
    }
    named = [n.key for n in others] + list(places)
    return Expected(
        targets=planting.targets,
        wrong=wrong,
        question=planting.question,
        keys=keys,
        other_keys=tuple(dict.fromkeys(k for k in named if fold(k) not in known and fold(k) not in question)),
        words=frozenset().union(*(_words_of(n) for n in right)),
        negated=frozenset().union(*(_words_of(n) for n in right if _negates(n))) - content_words(question),
        order=_order_of(planting.needles),
    )


def read(
    text: str,
    values: Sequence[Mention],
    expected: Expected,
    fold_as: Callable[[str], str],
    find: Callable[[str, Collection[str]], Sequence[Mention]],
) -> Reading:
    """An answer taken apart. ``text`` is folded by ``fold_as``; ``find`` gives the places of names in it."""
    taken = {(m.start, m.stop) for m in values}
    asked, others = (
        [m for m in find(text, keys) if (m.start, m.stop) not in taken] for keys in (expected.keys, expected.other_keys)
    )
    layout = Layout(text, _ends(values), _ends(asked), _ends(others))
    return Reading(layout, fold_as(expected.question), expected.words, expected.negated)


def _ends(mentions: Sequence[Mention]) -> Sequence[Mention]:
    """Not more than an answer could hold: the first and last of thousands."""
    return (
        mentions
        if len(mentions) <= 2 * _MOST_AT_AN_END
        else [*mentions[:_MOST_AT_AN_END], *mentions[-_MOST_AT_AN_END:]]
    )


def lines_kept(text: str) -> str:
    """A text whose line ends, and dashes between words, survive folding."""
    text = re.sub(r"(?<=\S)[ \t]+[–-][ \t]+(?=\S)", " — ", text)
    return text.replace("\n", LINE).replace("…", " ; ").replace("...", " ; ").replace("’", "'")


def says_not_there(answer: str) -> bool:
    """Whether an answer says that the text does not tell, in any language of the grammar."""
    folded = fold(lines_kept(answer)).lstrip(" ¶")
    sentences = re.split(r"[.。!?;:¶]", folded)
    if _is_only("no", sentences[0]) or any(_is_only("nothing", s) for s in sentences):
        return True
    return any(
        (is_not_there_clause(clause) or _is_unsure(clause)) and not words("condition").match(clause.lstrip(" \"'*"))
        for clause in re.split(rf"[.。!?;¶]+(?!\w)|,|{spelling('contrast')}", folded)
    )


def offers_anyway(answer: str) -> bool:
    """Whether an answer that says it is not there goes on to give one: "not sure, maybe Oslo"."""
    folded = fold(lines_kept(answer))
    for m in words("contrast", "guess").finditer(folded):
        rest = re.split(r"[.。!?;¶]", folded[m.end() :])[0]
        guess = not words("contrast").fullmatch(m[0])
        denied = words("negation").match(rest.strip()) or words("only").search(rest) or rest.startswith(("没", "无"))
        if re.search(r"\w", rest) and not denied and not says_not_there(rest) and (guess or _is_short(rest)):
            return True
    return bool(re.search(r"\b(?:called|named) not\b", folded))


def without_phrase(answer: str, phrase: str) -> str:
    """An answer without a phrase, however it is spaced and punctuated."""
    letters = squashed(phrase)
    return re.sub(r"\W*".join(map(re.escape, letters)), " ", fold(answer)) if letters else answer


def repeats(answer: str, question: str) -> bool:
    """Whether an answer holds the whole question."""
    return bool(question) and squashed(question) in squashed(answer)


def is_echo(answer: str, question: str) -> bool:
    """Whether an answer repeats the question, or is a longer part of it."""
    said = squashed(answer)
    return repeats(answer, question) or (len(said) >= _LEAST_ECHO and said in squashed(question))


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
    given = values or set(named) or set(near)
    if given:
        return wrong_score("wrong", f"answered {', '.join(sorted(given))} instead of {target}")
    return no_value(answer, expected)


def no_value(answer: str, expected: Expected) -> Score:
    """Judge an answer without any value of the asked shape."""
    question = expected.question
    own = without_phrase(answer, question)
    for key in expected.keys:  # 雷克雅未克 is a place, though 未 is a negation
        own = own.replace(fold(key), " ")
    if repeats(answer, question) and not re.search(r"\w", words("label", "turn").sub("", own)):
        return wrong_score("echo", "repeated the question")
    if says_not_there(own):
        return wrong_score("not-there", "said that it is not there")
    if is_echo(answer, question):
        return wrong_score("echo", "repeated the question")
    return wrong_score("off-format", "no value of the asked form in the answer")


def wrong_score(answer_class: str, explanation: str, detail: str | None = None) -> Score:
    """A score of nought."""
    return Score(value=0.0, answer_class=answer_class, explanation=explanation, detail=detail)


def shares_words(text: str, question: str) -> bool:
    """Whether a folded text has a longer word, or two Chinese characters in a row, of a folded question."""
    return bool(content_words(asked_part(question)) & content_words(text))


def _own_words(needle: Needle, asked: set[str]) -> frozenset[str]:
    return frozenset(_words_of(needle) - asked)


def _words_of(needle: Needle) -> set[str]:
    """The words of a planted line beside its value."""
    return content_words(fold(needle.text).replace(fold(needle.value), " "))


def _negates(needle: Needle) -> bool:
    """Whether a planted line holds a negation: "no one trims a beard like", 不是."""
    return bool(words("denial", "not_there").search(fold(needle.text)))


def _order_of(needles: Sequence[Needle]) -> str | None:
    """Which of several values of one key is asked for, by what the others are called."""
    if any(n.answer_class in ("stale", "earlier") for n in needles):
        return "latest"
    return "first" if any(n.detail == "later" for n in needles) else None


def _is_unsure(clause: str) -> bool:
    """I'm not sure; 我不太肯定."""
    return bool(words("unsure").search(clause) and re.search(rf"\b(?:{latin('not')})\b|n't|{chinese('not')}", clause))


def _is_only(rule: str, text: str) -> bool:
    """Whether a folded text is nothing but a word of a rule, with any marks around it."""
    return re.fullmatch(rf"\W*{spelling(rule)}\W*", text) is not None


def _is_short(text: str) -> bool:
    """Whether a text could be a name, and no remark on the text: "but it is about sailing"."""
    said = re.findall(r"[a-z0-9']+", text)
    han = len(re.findall(r"[\u3400-\u9fff]", text))
    return len(said) <= _MOST_OFFER and han <= 2 * _MOST_OFFER and not (said and said[0] in vocabulary("remark"))
