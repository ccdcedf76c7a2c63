"""What an answer is held against: the targets with their keys, and every other planted value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from niah.records import Needle, Planting
from niah.scorers.words import content_words, words
from niah.text.normalise import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongValue:
    """A planted value that is not the answer: what an answer with it is called."""

    answer_class: str = "distractor"
    detail: str | None = None
    words: frozenset[str] = frozenset()  # of its fact, but for the question's and the asked fact's
    denies: bool = False  # its line holds a negation, and the asked line does not


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
    negated: frozenset[str] = frozenset()  # of asked lines with a negation: telling denies nothing
    conditions: tuple[tuple[str, ...], ...] = ()  # of each kind, such as seasons, all there are
    order: str | None = None  # latest or first: which of several values of one key is asked for

    @property
    def target(self) -> str:
        return self.targets[0]

    def told_alike(self) -> Expected:
        """The same where the words of a line do not show whose value it is."""
        alike = {v: replace(known, words=frozenset()) for v, known in self.wrong.items()}
        return replace(self, wrong=alike)


def expected_of(planting: Planting, places: Collection[str] = ()) -> Expected:
    """The targets of a planting with their keys; its other values, with theirs, as wrong answers.

    ``places`` are names that could be keys though nothing was planted for them.
    """
    right = [n for n in planting.needles if n.answer_class == "right"]
    aside = [n for n in planting.needles if n.answer_class != "right"]
    others = [n for n in aside if n.value not in planting.targets]
    question = fold(planting.question)
    known = dict.fromkeys([*places, *(n.key for n in others)])
    asked = [key for key in known if _folded(key) in question]
    keys = tuple(dict.fromkeys([*(n.key for n in right), *asked]))
    told = frozenset().union(*map(_words_of, right))
    denied = frozenset().union(*(_words_of(n) for n in right if _denies(n)))
    order = _order_of(planting)
    wrong = {
        n.value: WrongValue(
            answer_class=n.answer_class,
            detail=n.detail,
            words=frozenset() if order else _words_of(n) - told - content_words(question),
            denies=not denied and _denies(n),
        )
        for n in others
    }
    return Expected(
        targets=planting.targets,
        wrong=wrong,
        question=planting.question,
        keys=keys,
        other_keys=tuple(key for key in known if key not in keys),
        words=told,
        negated=denied - content_words(question),
        order=order,
    )


@lru_cache(maxsize=8_192)
def _folded(name: str) -> str:
    """The same few hundred names are looked for in every answer of a sweep."""
    return fold(name)


def _words_of(needle: Needle) -> frozenset[str]:
    """The words of a planted line beside its value."""
    return frozenset(content_words(fold(needle.text).replace(fold(needle.value), " ")))


def _denies(needle: Needle) -> bool:
    """Whether a planted line holds a negation: "no one trims a beard like", 不是."""
    return bool(words("denial", "not_there").search(fold(needle.text)))


def _order_of(planting: Planting) -> str | None:
    """Which of several values of one key is asked for, by what the others are called."""
    if any(n.answer_class in ("stale", "earlier") for n in planting.needles):
        return "latest"
    return "first" if any(n.detail == "later" for n in planting.needles) else None
