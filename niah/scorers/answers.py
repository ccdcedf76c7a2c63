"""What kind of answer an answer is, once the values in it are known. Shared by all scorers.

Answer classes: ``right``; ``several`` (values listed where one was asked); ``distractor``, ``stale``, ``earlier`` and
``near-miss`` (a planted value that is not the answer, with its detail); ``wrong`` (another value of the right shape);
``absent`` (says that it is not there); ``echo`` (repeats the question); ``off-format`` (none of these).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from niah.folding import fold
from niah.records import Planting, Score

_REASONING = re.compile(
    r"^.*(?:</(?:think(?:ing)?|thought|reasoning)>|◁/think▷|<\|channel\|>final<\|message\|>)"
    r"|<(?:think(?:ing)?|thought|reasoning)>.*$|◁think▷.*$",  # not closed: nothing was answered
    re.DOTALL | re.IGNORECASE,
)
_FINALLY = re.compile(r"^.*(?:\banswer(?:\s+is)?\W{0,2}[:：]|答案(?:是|：|:))\W*(?=\w)", re.DOTALL | re.IGNORECASE)
_NOT_SAID = (
    "mention|state|say|said|given|found|find|know|specif|provid|appear|contain|magic number|information|answer|clear"
    "|possible|determin|there|sure|avail|list|present|exist|discuss|cover|record|talk|applicable|enough|tell|told"
    "|includ|indicat|describ|idea|in the (?:text|transcript|passage|object|recording)"
)
_ABSENT = re.compile(
    rf"(?:(?<!called )(?<!named )\b(?:not|never|no|cannot|nothing)\b|n['’]t\b)[^.!?;\n]{{0,40}}\b(?:{_NOT_SAID})"
    r"|\b(?:unknown|unable to|insufficient|impossible to|nobody|no one|unspecified)\b|\bmissing\W*$"
    r"|^\W*(?:none|nothing|n/a|null|no|没有|无|没有人|无人)\W*$"
    r"|(?:没有?|未|无)(?:[^。!?;,\n]{0,6}?)(?:提|说|给|找|出现|相关|答案|记|讲|写|涉|交代|信息|资料|讯息|数字)|未知"
    r"|不在(?:文|原文|逐字稿)|找不到|不知道|不清楚|不确定|不存在|无法(?!国)|无从|不详",
    re.IGNORECASE,
)
_ANYWAY = re.compile(r"\bbut\b|\bmaybe\b|\bperhaps\b|\bguess\b|可能|也许|或许|但是?")
_CLAUSE = re.compile(r"[.:](?!\d)|,(?!\d{3})|[;!?。、…\n]|\bbut\b|\bthough\b|但|而是")
_SMALL = "the a an at in on for of to be it is was that this value number name answer called named think believe likely"
_PREFIX_NOT = re.compile(r"(?:\b(?:not|never|no)|n['’]t)\s+(?P<gap>(?:[\w'’]+\s+){0,6})$")
_PREFIX_NOT_HAN = re.compile(r"(?:不是|不会是|不可能是|并非|不在|没有提到|没提到)(?:在)?\s*$")
_SUFFIX_NOT = re.compile(
    r"\s*(?:(?:is|was|does|did|do|are|were|has|have|can)(?:\s+not\b|n['’]t\b)|并?(?:不|没有?|未))(.*)"
)
_OTHERS = re.compile(r"\s*(?:(?:is|was|belongs)\s+(?:for|to)\s+(?:the\s+)?(\w+)|是(\w{2,8}?)的)")
_LEAST_ECHO = 8  # characters of a question that must come back for an echo


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A planted value that is not the answer: what an answer with it is called."""

    answer_class: str = "distractor"
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer is held against."""

    targets: tuple[str, ...]  # one value, or all values of a set
    wrong: Mapping[str, Known] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)  # another spelling -> its target
    question: str = ""

    @property
    def target(self) -> str:
        return self.targets[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A value with its place in the folded answer."""

    value: str
    start: int
    stop: int


def expected_of(planting: Planting) -> Expected:
    """The targets of a planting, and as known wrong answers all other values it planted."""
    wrong = {
        n.value: Known(answer_class=n.answer_class, detail=n.detail)
        for n in planting.needles
        if n.answer_class != "right" and n.value not in planting.targets
    }
    return Expected(targets=planting.targets, wrong=wrong, question=planting.question)


def without_reasoning(text: str) -> str:
    """The answer behind a block of reasoning, in the marks that models use for one."""
    return _REASONING.sub("", text)


def answer_in(text: str) -> str:
    """What is given as the answer: behind the reasoning, and behind a last "Answer:" where there is one."""
    return _FINALLY.sub("", without_reasoning(text))


def says_absent(answer: str) -> bool:
    """Whether an answer says that the text does not tell, in English or Chinese of either script."""
    return bool(_ABSENT.search(fold(answer)))


def offers_anyway(answer: str) -> bool:
    """Whether an answer that says it is not there goes on to give one: "not sure, maybe Oslo"."""
    folded = fold(answer)
    rests = (folded[m.end() :] for m in _ANYWAY.finditer(folded))
    return any(re.search(r"\w", rest) and not says_absent(rest) and not re.match(r"\W*not?\b", rest) for rest in rests)


def without_phrase(answer: str, phrase: str) -> str:
    """An answer without a phrase, however it is spaced and punctuated."""
    letters = _squashed(phrase)
    return re.sub(r"\W*".join(map(re.escape, letters)), " ", fold(answer)) if letters else answer


def repeats(answer: str, question: str) -> bool:
    """Whether an answer holds the whole question."""
    return bool(question) and _squashed(question) in _squashed(answer)


def is_echo(answer: str, question: str) -> bool:
    """Whether an answer repeats the question, or is a longer part of it."""
    said = _squashed(answer)
    return repeats(answer, question) or (len(said) >= _LEAST_ECHO and said in _squashed(question))


def denied(text: str, mentions: Collection[Mention], question: str) -> set[str]:
    """The values that a folded answer only names to deny them: "not 42", "42 is for Oslo", "it does not say 42"."""
    cuts, asked = [m.span() for m in _CLAUSE.finditer(text)], fold(question)
    given = {m.value for m in mentions if not _denies(text, m, asked, cuts)}
    return {m.value for m in mentions} - given


def one_value(
    answer: str,
    found: Collection[str],
    expected: Expected,
    near: Collection[str] = (),
    denials: Collection[str] = (),
) -> Score:
    """Judge an answer that should hold one value.

    ``found`` are the values of the asked shape in it, spelt as the target is; ``near`` what is nearly of that shape;
    ``denials`` those of ``found`` that it only names to deny them.
    """
    target = expected.target
    found = set(found) - set(denials) or set(found)
    if found == {target}:
        if target in denials:
            return wrong_score("wrong", f"named {target} without giving it as the answer")
        return Score(value=1.0, answer_class="right", explanation=f"answered {target}")
    if len(found) > 1:
        return wrong_score("several", f"listed {', '.join(sorted(found))} where one was asked")
    for value in found:
        if known := expected.wrong.get(value):
            other = known.detail or known.answer_class
            planted = "for another key" if other == "distractor" else f"as another answer ({other})"
            return wrong_score(known.answer_class, f"answered {value}, planted {planted}", known.detail)
    given = found or near
    if given:
        return wrong_score("wrong", f"answered {', '.join(sorted(given))} instead of {target}")
    return no_value(answer, expected.question)


def no_value(answer: str, question: str) -> Score:
    """Judge an answer without any value of the asked shape."""
    if is_echo(answer, question) and not _squashed(question).endswith(_squashed(answer)):
        return wrong_score("echo", "repeated the question")
    if says_absent(answer):
        return wrong_score("absent", "said that it is not there")
    if is_echo(answer, question):
        return wrong_score("echo", "repeated the question")
    return wrong_score("off-format", "no value of the asked form in the answer")


def wrong_score(answer_class: str, explanation: str, detail: str | None = None) -> Score:
    """A score of nought."""
    return Score(value=0.0, answer_class=answer_class, explanation=explanation, detail=detail)


def shares_words(text: str, question: str) -> bool:
    """Whether a folded text has a longer word, or two Chinese characters in a row, of a folded question."""
    words = {w[:4] for w in re.findall(r"[a-z]{4,}", question.partition(" answer with")[0])}
    if words & {w[:4] for w in re.findall(r"[a-z]{4,}", text)}:
        return True
    return any(pair in question for pair in re.findall(r"(?=([\u3400-\u9fff]{2}))", text))


def _denies(text: str, mention: Mention, question: str, cuts: Sequence[tuple[int, int]]) -> bool:
    """Whether the clause around a mention denies it. ``cuts`` part the clauses, in order."""
    behind = bisect_left(cuts, (mention.stop, 0))
    end = cuts[behind][0] if behind < len(cuts) else len(text)
    ahead = bisect_left(cuts, (mention.start, 0))
    start = next((stop for _, stop in reversed(cuts[:ahead][-2:]) if stop <= mention.start), 0)
    before, after = text[start : mention.start], text[mention.stop : end]
    if not before.strip(" \"'*") and not after.strip(" \"'*"):
        return False  # nothing but the value
    if _PREFIX_NOT_HAN.search(before):
        return True
    if (gap := _PREFIX_NOT.search(before)) and _is_small(gap["gap"], question):
        return True
    absent = _ABSENT.search(text[start:end])
    if absent and absent.start() < mention.stop - start:
        return True
    if (other := _OTHERS.match(after)) and (other[1] or other[2]) not in question:
        return True
    rest = _SUFFIX_NOT.match(after)
    return rest is not None and (not rest[1].strip() or shares_words(rest[1], question) or says_absent(after))


def _is_small(gap: str, question: str) -> bool:
    """Whether the words between "not" and a value only name the value."""
    return all(word in _SMALL.split() or word in question for word in gap.split())


def _squashed(text: str) -> str:
    return re.sub(r"\W+", "", fold(text))
