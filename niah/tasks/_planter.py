"""What a task of niah plants with: names and values that nobody says by chance, and depths.

No name is part of another of its list, and none is famous. Depth is the trial's; what it means
where one question has several needles is stated for each way. ``together``: all at the depth, line
after line. ``spread``: evenly over a span with the depth as its centre, 40 points wide and cut at
both ends of the text. ``random``: one of them at the depth (of unordered ones the first), the
others anywhere. Ordered needles keep their order.
"""

from __future__ import annotations

import re
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from niah import scorers
from niah.errors import ConfigError, HaystackError
from niah.generator.templated import WORDS, new_uuid, spare_terms
from niah.records import Needle, Planting, Score
from niah.tasks import Options, TaskContext
from niah.tasks._frame import NO_QUESTION, Asked, asked_in, planting_of
from niah.text.normalise import fold
from niah.text.seeded import Draw
from niah.text.wording import ByLanguage, Form, wording_of

PEOPLE = ByLanguage(lambda wording: wording.words("names.people"))  # of Chinese: full names
PLACES = ByLanguage(lambda wording: wording.words("names.places"))
SPAN_PERCENT = 40.0
APART_PERCENT = 5.0  # distractors of one fact keep so far from it
_DRAWS = 400
_VARIABLES = 600


class BuiltIn(ABC):
    """A task of niah: what it plants, and how a reader answers. The rest is alike for all."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        """What tasks.toml says of it, with what is usual."""
        self.SUMMARY: str = row["summary"]
        self.VERSION: int = row["version"]
        self.REPLY_TOKENS: int = row["reply_tokens"]
        self.COUNT: int | None = row.get("needles")  # the usual needle_count
        self.FILLER: str | None = row["filler"]
        self.DEPTH_OF: str | None = row.get("depth_of")
        self.OPTIONS = tuple(row.get("options", ()))
        self.WORDING = tuple(row["wording"])
        self._asks = tuple(row.get("asks", ()))

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
        """What a reader answers who sees a prompt's text only; None where it does not tell."""

    def solve(self, text: str, options: Options | None = None) -> str:
        """The answer to the question at the end of a text; says so where nothing answers it."""
        asked = asked_in(text)
        if asked is None:
            return NO_QUESTION
        asked = replace(asked, options=options)
        found = [(key, asked.wording.form(key).parse(asked.question)) for key in self._asks]
        read = [replace(asked, key=key, blanks=b) for key, b in found if b is not None]
        answers = map(self.answer, read if found else [asked])
        return next(answers, None) or asked.wording.text("frame.not_there")


class Planter:
    """Draws and sentences of one trial. No key or value stands in the haystack, or comes twice."""

    def __init__(self, draw: Draw, site: TaskContext, needle_count: int = 1) -> None:
        """``needle_count`` is what it is where no option says it."""
        self.draw, self.trial, self.haystack = draw, site.trial, site.haystack
        self.options, self.language = site.options, site.language
        self.depth, self.wording = site.trial.depth_percent, wording_of(site.language)
        self.needle_count = site.options.needle_count or needle_count
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
                f"needle_count = {count}: task {self.trial.task} takes {which} {unit}; "
                "give one of these"
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
        """A line that tells ``value`` of ``key``; ``blanks`` are what else the form asks for."""
        return Needle(
            key=key,
            value=value,
            text=form.fill(key=key, value=value, **blanks),
            depth_percent=depth,
            answer_class=answer_class,
            detail=detail,
        )

    def planting(
        self, hint: str, question: str, needles: Sequence[Needle], targets: Sequence[str]
    ) -> Planting:
        """A planting in speech, under an opening with the hint of a key."""
        opening = self.said("frame.speech", hint=self.wording.text(hint))
        return planting_of(self.language, f"{opening}\n\n", question, needles, targets)

    def depths(self, count: int, *, ordered: bool = False) -> list[float]:
        """The depths of ``count`` needles of one question, as ``placement`` says."""
        if self.options.placement == "together" or count == 1:
            return [self.depth] * count
        if self.options.placement == "spread":
            low = max(0.0, self.depth - SPAN_PERCENT / 2)
            high = min(100.0, self.depth + SPAN_PERCENT / 2)
            return [low + (high - low) * i / (count - 1) for i in range(count)]
        depths = [self.depth, *(self.anywhere() for _ in range(count - 1))]
        return sorted(depths) if ordered else depths

    def beside(self, count: int, low: float, high: float) -> list[float]:
        """Rising depths of ``count`` needles beside the asked one, from ``low`` to ``high``.

        ``together``: at its depth. ``random``: anywhere there. ``spread``: one in each equal part.
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
        """What a magic number belongs to: a place, or in a haystack of needles a term as there."""
        if not self.among_needles:
            return self.place()
        term = self.one_of(spare_terms(self.language), "terms")
        return self.said("haystack.needle_key", term=term)

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
            f"haystack {self.haystack.name!r} holds nearly every number of seven digits; "
            "leave out an episode"
        )

    def uuid(self) -> str:
        return self._take(new_uuid(self.draw))

    def word(self) -> str:
        """Two words joined as the language does: amber-falcon, 琥珀獵鷹."""
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
        form = self.wording.form("hops.thing")
        colours, nouns = self.wording.texts("hops.colours"), self.wording.texts(f"hops.{kind}")
        things = [form.fill(colour=colour, noun=noun) for colour in colours for noun in nouns]
        return self.one_of(things, "things")

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
                f"there are {free} {what} to plant, and more are needed; "
                "lower distractor_count or needle_count"
            )
        raise HaystackError(
            f"haystack {self.haystack.name!r} leaves too few {what} that it does not name itself: "
            f"{len(held)} of {len(words)} are taken by it; "
            "lower distractor_count or needle_count, or leave out an episode"
        )

    def _take(self, value: str) -> str:
        self._taken.add(value)
        return value


def places_like(question: str) -> tuple[str, ...]:
    """All places of the lists with the one that a question names; Lusaka stands in several."""
    lists = [names for names in PLACES.values() if any(name in question for name in names)]
    return tuple(dict.fromkeys(name for names in lists for name in names))


def cities() -> set[str]:
    """Every place of every language."""
    return {city for places in PLACES.values() for city in places}


def names_of_city(name: str) -> tuple[str, ...]:
    """What an answer may call a city, in any language: Vienna, Wien, 维也纳; else the name."""
    return next((names for names in _cities() if fold(name) in map(fold, names)), (name,))


def words_in(answer: str) -> set[str]:
    """Every pair of words in an answer that ``Planter.word`` or ``title`` could have drawn."""
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
    joined = scorers.spaced(wording_of(language).form("terms.word").fill(first="a", second="b"))
    if " " in joined:
        return rf"\b(?:{first}) (?:{second})\b"
    return f"(?:{first})(?:{second})"


@cache
def _variables() -> tuple[str, ...]:
    draw, letters = Draw(0, "variables"), "BCDFGHJKLMNPQRSTVWXZ"
    return tuple("".join(draw.choice(letters) for _ in range(5)) for _ in range(_VARIABLES))
