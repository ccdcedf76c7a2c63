"""What kind of answer an answer is, once the values in it are known. Shared by all scorers.

Answer classes: ``right``; ``several`` (values listed where one was asked); ``distractor``, ``stale``, ``earlier`` and
``near-miss`` (a planted value that is not the answer, with its detail); ``wrong`` (another value of the right shape);
``absent`` (says that it is not there); ``echo`` (repeats the question); ``off-format`` (none of these).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from niah.folding import fold
from niah.records import Planting, Score

_REASONING = re.compile(
    r"^.*(?:</think(?:ing)?>|</reasoning>|◁/think▷|<\|channel\|>final<\|message\|>)", re.DOTALL | re.IGNORECASE
)
_ABSENT = re.compile(
    r"(?:\b(?:not|never|no|cannot)\b|n['’]t\b).{0,40}\b(?:mention|state|say|said|given|found|find|know|specif|provid"
    r"|appear|contain|magic number|information|answer|clear|possible|determin|there|sure)"
    r"|\bunknown\b|\bunable to\b|^\W*(?:none|nothing|n/a|null)\W*$"
    r"|没有?(?:人)?(?:提|说|给|找|出现|相关|答案|记载|讲)|未(?:提|说|给|找|出现|知)|找不到|不知道|不清楚|不确定|不存在|无法|无从|不详",
    re.IGNORECASE,
)
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


def says_absent(answer: str) -> bool:
    """Whether an answer says that the text does not tell, in English or Chinese of either script."""
    return bool(_ABSENT.search(fold(answer)))


def repeats(answer: str, question: str) -> bool:
    """Whether an answer holds the whole question."""
    return bool(question) and _squashed(question) in _squashed(answer)


def is_echo(answer: str, question: str) -> bool:
    """Whether an answer repeats the question, or is a longer part of it."""
    said = _squashed(answer)
    return repeats(answer, question) or (len(said) >= _LEAST_ECHO and said in _squashed(question))


def denies(answer: str, target: str) -> bool:
    """Whether an answer names the target only to deny it: "it is not 42"."""
    spelt = fold(answer).replace(",", "")
    return bool(re.search(rf"(?:\bnot|n['’]t be|isn['’]t|不是)\s*(?:the\s+)?{re.escape(fold(target))}", spelt))


def one_value(answer: str, found: Collection[str], expected: Expected, near: Collection[str] = ()) -> Score:
    """Judge an answer that should hold one value.

    ``found`` are the values of the asked shape in it, spelt as the target is; ``near`` what is nearly of that shape.
    """
    target, listed = expected.target, ", ".join(sorted(found))
    if set(found) == {target}:
        if denies(answer, target):
            return wrong_score("wrong", f"named {target} without giving it as the answer")
        return Score(value=1.0, answer_class="right", explanation=f"answered {target}")
    if len(set(found)) > 1:
        return wrong_score("several", f"listed {listed} where one was asked")
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
    if says_absent(answer):
        return wrong_score("absent", "said that it is not there")
    if is_echo(answer, question):
        return wrong_score("echo", "repeated the question")
    return wrong_score("off-format", "no value of the asked form in the answer")


def wrong_score(answer_class: str, explanation: str, detail: str | None = None) -> Score:
    """A score of nought."""
    return Score(value=0.0, answer_class=answer_class, explanation=explanation, detail=detail)


def _squashed(text: str) -> str:
    return re.sub(r"\W+", "", fold(text))
