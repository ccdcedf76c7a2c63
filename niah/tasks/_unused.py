"""Keys and values for needles, drawn so that none stands in the haystack and none is drawn twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from niah import scorers
from niah.errors import ConfigError, HaystackError
from niah.generator.haystack import Haystack
from niah.generator.templated import new_uuid, spare_terms
from niah.generator.terms import WORDS
from niah.tasks._names import PEOPLE, PLACES
from niah.text.seeded import Draw
from niah.text.wording import wording_of

_DRAWS = 400
_VARIABLES = 600


@cache
def _variables() -> tuple[str, ...]:
    draw = Draw(0, "variables")
    return tuple("".join(draw.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(5)) for _ in range(_VARIABLES))


def words_in(answer: str) -> set[str]:
    """Every pair of words in an answer that ``Supply.word`` or ``title`` could have drawn, in any language."""
    return set(_any_word().findall(scorers.spaced(answer)))


@cache
def _any_word() -> re.Pattern[str]:
    return re.compile("|".join(_pair_of(language, *words) for language, words in WORDS.items()))


def _pair_of(language: str, *words: Sequence[str]) -> str:
    """Any two words as the language joins them: \\b(?:amber|ashen) (?:abacus|acorn)\\b."""
    first, second = ("|".join(sorted({scorers.spaced(w) for w in part})) for part in words)
    joint = " " if " " in scorers.spaced(wording_of(language).form("terms.word").fill(first="a", second="b")) else ""
    edge = r"\b" if joint else ""
    return rf"{edge}(?:{first}){joint}(?:{second}){edge}"


class UnusedNames:
    """Draws for one trial."""

    def __init__(self, draw: Draw, haystack: Haystack, language: str) -> None:
        self.draw = draw
        self._haystack = haystack
        self._language = language
        self._taken: set[str] = set()

    def key(self) -> str:
        """What a magic number belongs to: a place, or in a haystack of needles a term like all others there."""
        if not self._haystack.name.startswith("needles:"):
            return self.place()
        term = self._unused(spare_terms(self._language), "terms")
        return wording_of(self._language).form("haystack.needle_key").fill(term=term)

    def value(self, kind: str) -> str:
        """A number of seven digits, a word or a uuid."""
        return {"number": self.number, "word": self.word, "uuid": self.uuid}[kind]()

    def place(self) -> str:
        return self._unused(PLACES[self._language], "places")

    def person(self) -> str:
        return self._unused(PEOPLE[self._language], "people")

    def number(self) -> str:
        for _ in range(_DRAWS):
            value = self.draw.between(1_000_000, 9_999_999)
            if str(value) not in self._taken and value not in self._haystack.leaks.numbers:
                return self._take(str(value))
        raise HaystackError(
            f"haystack {self._haystack.name!r} holds nearly every number of seven digits; leave out an episode"
        )

    def uuid(self) -> str:
        return self._take(new_uuid(self.draw))

    def word(self) -> str:
        """Two words joined by a hyphen (of Chinese, written together): amber-falcon, 琥珀獵鷹."""
        first, second = (self._unused(words, "words") for words in WORDS[self._language])
        return self._take(wording_of(self._language).form("terms.word").fill(first=first, second=second))

    def title(self) -> str:
        """The name of an invented shop or book: Amber Falcon, 琥珀獵鷹."""
        return self.word().replace("-", " ").title()

    def variable(self) -> str:
        """Five upper-case consonants: a name that is no word."""
        return self._unused(_variables(), "variables")

    def one_of(self, words: Sequence[str], what: str) -> str:
        """One of a task's own words."""
        return self._unused(words, what)

    def _unused(self, words: Sequence[str], what: str) -> str:
        held = self._haystack.leaks.held(words)
        for _ in range(_DRAWS):
            word = self.draw.choice(words)
            if word not in self._taken and word not in held:
                return self._take(word)
        free = len([w for w in set(words) if w not in held])
        if len(held) * 2 < len(words):
            raise ConfigError(
                f"there are {free} {what} to plant, and more are needed; lower distractors or needle_count"
            )
        raise HaystackError(
            f"haystack {self._haystack.name!r} leaves too few {what} that it does not name itself: {len(held)} of "
            f"{len(words)} are taken by it; lower distractors or needle_count, or leave out an episode"
        )

    def _take(self, value: str) -> str:
        self._taken.add(value)
        return value
