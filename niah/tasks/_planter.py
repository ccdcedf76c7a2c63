"""What a task of niah plants with: names and values that nobody says by chance, sentences of the
language, and depths.

No name is part of another of its list, and none is famous. Depth is the trial's; what it means
where one question has several needles is stated for each way. ``together``: all at the depth, line
after line. ``spread``: evenly over a span with the depth as its centre, 40 points wide and cut at
both ends of the text. ``random``: one of them at the depth (of unordered ones the first), the
others anywhere. Ordered needles keep their order.

Around every haystack stand an opening, and a closing with the question. The closing ends in
"Answer:" without a space, which is what models without a chat template continue best.
"""

from __future__ import annotations

import re
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from niah import scorers
from niah.errors import ConfigError, HaystackError
from niah.generator.templated import WORDS, new_uuid, spare_terms
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.text.normalise import fold
from niah.text.seeded import Draw
from niah.text.wording import LANGUAGES, ByLanguage, Form, Wording, wording_of

PEOPLE = ByLanguage(lambda wording: wording.words("names.people"))  # of Chinese: full names
PLACES = ByLanguage(lambda wording: wording.words("names.places"))
SPAN_PERCENT = 40.0
APART_PERCENT = 5.0  # distractors of one fact keep so far from it
_DRAWS = 400
_VARIABLES = 600
NO_QUESTION = "There is no question."
MAY_BE_ABSENT = ByLanguage(
    lambda wording: wording.text("frame.may_be_absent")
)  # said where a needle may be left out


class BuiltIn(ABC):
    """A task of niah: what it plants with its Planter, and how it answers its questions; the rest
    is alike for all."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        """What tasks.toml says of it."""
        self.SUMMARY: str = row["summary"]
        self.VERSION: int = row["version"]
        self.REPLY_TOKENS: int = row.get("reply_tokens", 32)
        self.COUNT: int | None = row.get("needles")  # the usual needle_count
        self.FILLER: str | None = row.get("filler")
        self.DEPTH_OF: str | None = row.get("depth_of")
        self.OPTIONS, self.WORDING, self._asks = (
            tuple(row.get(k, ())) for k in ("options", "wording", "asks")
        )

    def plant(self, draw: Draw, site: TaskContext) -> Planting:
        return self.planted(Planter(draw, site, self.COUNT or 1))

    @abstractmethod
    def planted(self, plan: Planter) -> Planting:
        """The needles of a trial, and the question."""

    @abstractmethod
    def score(self, text: str, planting: Planting) -> Score:
        """The score of an answer."""

    @abstractmethod
    def answer(self, asked: Asked) -> str | None:
        """What a reader answers who sees the text of a prompt only; None where the text does not
        tell."""

    def solve(self, text: str, options: Options | None = None) -> str:
        """The answer to the question at the end of a text; says so where nothing answers it."""
        asked = asked_in(text)
        if asked is None:
            return NO_QUESTION
        forms = {key: asked.wording.form(key).parse(asked.question) for key in self._asks} or {
            "": {}
        }
        read = (
            replace(asked, options=options, key=key, blanks=b)
            for key, b in forms.items()
            if b is not None
        )
        return next(map(self.answer, read), None) or asked.wording.text("frame.not_there")


class Planter:
    """Draws and sentences of one trial. No key or value stands in the haystack, and none is drawn
    twice."""

    def __init__(self, draw: Draw, site: TaskContext, needle_count: int = 1) -> None:
        """``needle_count`` is what it is where no option says it."""
        self.draw, self.trial, self.options, self.language = (
            draw,
            site.trial,
            site.options,
            site.language,
        )
        self.depth, self.wording = site.trial.depth_percent, wording_of(site.language)
        self.haystack, self.needle_count = site.haystack, site.options.needle_count or needle_count
        self._taken: set[str] = set()

    @property
    def among_needles(self) -> bool:
        """Whether the whole haystack is made of needles."""
        return self.haystack.name.startswith("needles:")

    def count(self, least: int, unit: str, most: int | None = None) -> int:
        """How many needles. Raises ConfigError where the task cannot do with so many."""
        count = self.needle_count
        if count < least or (most is not None and count > most):
            which = f"{least} or more" if most is None else f"{least} to {most}"
            raise ConfigError(
                f"needle_count = {count}: task {self.trial.task} takes {which} {unit}; give one of"
                " these"
            )
        return count

    def one(self, key: str) -> Form:
        """One of the forms of a key."""
        return self.draw.choice(self.wording.forms(key))

    def said(self, form: str, /, **blanks: str) -> str:
        """The one form of a key of wording, filled."""
        return self.wording.form(form).fill(**blanks)

    def needle(
        self,
        form: Form,
        depth: float | None,
        answer_class: str = "right",
        detail: str | None = None,
        *,
        key: str,
        value: str,
        **blanks: str,
    ) -> Needle:
        """A line in which ``value`` is told of ``key``; ``blanks`` are what else the form asks
        for."""
        text = form.fill(key=key, value=value, **blanks)
        return Needle(
            key=key,
            value=value,
            text=text,
            depth_percent=depth,
            answer_class=answer_class,
            detail=detail,
        )

    def planting(
        self, hint: str, question: str, needles: Sequence[Needle], targets: Sequence[str]
    ) -> Planting:
        """A planting in speech, under an opening with the hint of a key."""
        opening = speech_opening(self.language, self.wording.text(hint))
        return planting_of(self.language, opening, question, needles, targets)

    def depths(self, count: int, *, ordered: bool = False) -> list[float]:
        """The depths of ``count`` needles of one question, as ``placement`` says."""
        if self.options.placement == "together" or count == 1:
            return [self.depth] * count
        if self.options.placement == "spread":
            low, high = (
                max(0.0, self.depth - SPAN_PERCENT / 2),
                min(100.0, self.depth + SPAN_PERCENT / 2),
            )
            return [low + (high - low) * i / (count - 1) for i in range(count)]
        depths = [self.depth, *(self.anywhere() for _ in range(count - 1))]
        return sorted(depths) if ordered else depths

    def beside(self, count: int, low: float, high: float) -> list[float]:
        """Rising depths of ``count`` further needles on one side of the asked one, from ``low`` to
        ``high``.

        ``together``: at its depth. ``random``: anywhere on that side. ``spread``: one in each equal
        part of it.
        """
        if self.options.placement == "together":
            return [self.depth] * count
        if self.options.placement == "random":
            return sorted(self.anywhere(low, high) for _ in range(count))
        part = (high - low) / max(1, count)
        return [self.anywhere(low + part * i, low + part * (i + 1)) for i in range(count)]

    def anywhere(self, low: float = 0.0, high: float = 100.0) -> float:
        """A random depth, in tenths of a percent of the stretch from low to high."""
        return low + (high - low) * self.draw.between(0, 1000) / 1000

    def apart(self) -> float:
        """A random depth at least APART_PERCENT away from the trial's."""
        while True:
            drawn = self.draw.between(0, 1000) / 10
            if abs(drawn - self.depth) >= APART_PERCENT:
                return drawn

    def key(self) -> str:
        """What a magic number belongs to: a place, or in a haystack of needles a term like all
        others there."""
        if not self.among_needles:
            return self.place()
        return self.said(
            "haystack.needle_key", term=self.one_of(spare_terms(self.language), "terms")
        )

    def value(self, kind: str) -> str:
        """A number of seven digits, a word or a uuid."""
        return {"number": self.number, "word": self.word, "uuid": self.uuid}[kind]()

    def place(self) -> str:
        return self.one_of(PLACES[self.language], "places")

    def person(self) -> str:
        return self.one_of(PEOPLE[self.language], "people")

    def number(self) -> str:
        for _ in range(_DRAWS):
            value = self.draw.between(1_000_000, 9_999_999)
            if str(value) not in self._taken and value not in self.haystack.leaks.numbers:
                return self._take(str(value))
        raise HaystackError(
            f"haystack {self.haystack.name!r} holds nearly every number of seven digits; leave out"
            " an episode"
        )

    def uuid(self) -> str:
        return self._take(new_uuid(self.draw))

    def word(self) -> str:
        """Two words joined by a hyphen (of Chinese, written together): amber-falcon, 琥珀獵鷹."""
        first, second = (self.one_of(words, "words") for words in WORDS[self.language])
        return self._take(self.said("terms.word", first=first, second=second))

    def title(self) -> str:
        """The name of an invented shop or book: Amber Falcon, 琥珀獵鷹."""
        return self.word().replace("-", " ").title()

    def variable(self) -> str:
        """Five upper-case consonants: a name that is no word."""
        return self.one_of(_variables(), "variables")

    def coloured(self, kind: str) -> str:
        """A thing of some kind with a colour: the teal amulet."""
        form, colours = self.wording.form("hops.thing"), self.wording.texts("hops.colours")
        nouns = self.wording.texts(f"hops.{kind}")
        return self.one_of(
            [form.fill(colour=colour, noun=noun) for colour in colours for noun in nouns], "things"
        )

    def one_of(self, words: Sequence[str], what: str) -> str:
        """One of some words that is free. Raises ConfigError or HaystackError where none is."""
        held = self.haystack.leaks.held(words)
        for _ in range(_DRAWS):
            word = self.draw.choice(words)
            if word not in self._taken and word not in held:
                return self._take(word)
        if len(held) * 2 < len(words):
            free = len(set(words) - set(held))
            raise ConfigError(
                f"there are {free} {what} to plant, and more are needed; lower distractor_count or"
                " needle_count"
            )
        raise HaystackError(
            f"haystack {self.haystack.name!r} leaves too few {what} that it does not name itself:"
            f" {len(held)} of {len(words)} are taken by it; lower distractor_count or needle_count,"
            " or leave out an episode"
        )

    def _take(self, value: str) -> str:
        self._taken.add(value)
        return value


def places_like(question: str) -> tuple[str, ...]:
    """All places of the lists that have the one that a question names: Lusaka is spelt alike in
    several languages."""
    lists = [names for names in PLACES.values() if any(name in question for name in names)]
    return tuple(dict.fromkeys(name for names in lists for name in names))


def cities() -> set[str]:
    """Every place of every language."""
    return {city for places in PLACES.values() for city in places}


def names_of_city(name: str) -> tuple[str, ...]:
    """What an answer may call a city, in any language: Vienna, Wien and 维也纳. A name of none stands
    for itself."""
    return next((names for names in _cities() if fold(name) in map(fold, names)), (name,))


def words_in(answer: str) -> set[str]:
    """Every pair of words in an answer that ``Planter.word`` or ``title`` could have drawn, in any
    language."""
    return set(_any_word().findall(scorers.spaced(answer)))


@cache
def _cities() -> tuple[tuple[str, ...], ...]:
    table = tomllib.loads(Path(__file__).with_name("cities.toml").read_text(encoding="utf-8"))
    return tuple(tuple(line.split(" / ")) for line in table["names"].strip().split("\n"))


@cache
def _any_word() -> re.Pattern[str]:
    return re.compile("|".join(_pair_of(language, *words) for language, words in WORDS.items()))


def _pair_of(language: str, *words: Sequence[str]) -> str:
    """Any two words as the language joins them: \\b(?:amber|ashen) (?:abacus|acorn)\\b."""
    first, second = ("|".join(sorted({scorers.spaced(w) for w in part})) for part in words)
    joint = (
        " "
        if " "
        in scorers.spaced(wording_of(language).form("terms.word").fill(first="a", second="b"))
        else ""
    )
    edge = r"\b" if joint else ""
    return rf"{edge}(?:{first}){joint}(?:{second}){edge}"


@cache
def _variables() -> tuple[str, ...]:
    draw = Draw(0, "variables")
    return tuple(
        "".join(draw.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(5)) for _ in range(_VARIABLES)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader finds at the end of a prompt, and the text before it."""

    wording: Wording
    question: str
    text: str
    options: Options | None = None
    key: str = ""  # of the question's form, with the words in its blanks
    blanks: Mapping[str, str] = field(default_factory=dict)

    def found(self, *forms: str | Form, **known: str) -> list[tuple[int, dict[str, str]]]:
        """Every line in one of some forms, or of those of a key, in order: its place, and the words
        in its blanks."""
        all_forms = [
            f
            for form in forms
            for f in (self.wording.forms(form) if isinstance(form, str) else [form])
        ]
        return sorted(
            (line for f in all_forms for line in f.found_in(self.text, **known)),
            key=lambda line: line[0],
        )


def speech_opening(language: str, hint: str) -> str:
    """The opening over a transcript; the hint says what is in it."""
    return f"{wording_of(language).form('frame.speech').fill(hint=hint)}\n\n"


def closing_of(language: str, question: str) -> str:
    """The question, and the word that asks for the answer."""
    wording = wording_of(language)
    return f"\n\n{wording.text('frame.question')}{question}\n\n{wording.text('frame.answer')}"


def planting_of(
    language: str, opening: str, question: str, needles: Sequence[Needle], targets: Sequence[str]
) -> Planting:
    """A planting in the common frame."""
    return Planting(
        opening=opening,
        closing=closing_of(language, question),
        question=question,
        needles=tuple(needles),
        targets=tuple(targets),
    )


def asked_in(prompt: str) -> Asked | None:
    """The last question of a prompt; None where it ends in none."""
    body = prompt[: prompt.rfind("\n\n")]
    for wording in map(wording_of, LANGUAGES):
        label = wording.text("frame.question")
        start = body.rfind("\n\n" + label)
        if start >= 0 or body.startswith(label):
            before = body[: max(0, start)]
            question = body[max(0, start) :].lstrip("\n").removeprefix(label)
            question = question.removesuffix(wording.text("frame.may_be_absent"))
            return Asked(wording=wording, question=question, text=before + "\n")
    return None


def listed(wording: Wording, items: Sequence[str]) -> str:
    """A, B and C."""
    comma, last = wording.text("frame.comma"), wording.text("frame.last_comma")
    return last.join([comma.join(items[:-1]), items[-1]]) if len(items) > 1 else items[0]


def unlisted(wording: Wording, text: str) -> list[str]:
    """The items of "A, B and C"."""
    return re.split(
        "|".join(re.escape(wording.text(f"frame.{joint}")) for joint in ("comma", "last_comma")),
        text,
    )
