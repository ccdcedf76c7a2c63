"""The lines of made-up talk: patterns with one word in each slot, and no line twice, without any memory.

A slot is a word of the exchange (``who``, ``thing``, ``event`` ...), by which lines refer to each other, or has its own
words. The running index of a pattern goes through an affine permutation of all choices of its own words, so different
indices give different choices, and the words of a slot are such that different choices give different text. Each
season has a permutation of its own: two seasons share a line by chance only, and never a passage.
The words are in ``vocabulary/<language>.toml``. To change any of them changes every haystack made from them.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from niah.errors import HaystackError, UnknownName
from niah.text.language import LANGUAGES
from niah.text.seeded import Draw

SEASON = 1 << 13  # chapters in which no line comes twice: over 110M tokens
CHAPTERS = 64 * SEASON  # chapters 0 .. CHAPTERS - 1, season after season
ROUNDS = 20  # of all shapes, in one chapter
RUNS = 24  # of exchanges that stay with one topic, in one chapter
OPENING = "turn"  # what is done in the first line of a run
OF_TOPIC = ("person", "thing", "event", "task", "place")
OF_EXCHANGE = (*OF_TOPIC, "who", "he", "his", "before", "measure", "noun")
_FOLDER = Path(__file__).parent / "vocabulary"
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """All lines of one form, and the order in which they come."""

    columns: tuple[tuple[str, ...], ...]  # own words with the text up to the next, shuffled; the lowest digit first
    size: int  # of the product space
    uses: int  # in one chapter, at most
    seed: tuple[str, str, int]  # language, role and number among the role's patterns

    def lines(self, chapter: int) -> Iterator[str]:
        """The lines that this pattern has for one chapter, with the words of the exchange still in braces."""
        season, inside = divmod(chapter, SEASON)
        step, start = _order(self.seed, tuple(map(len, self.columns)), season)
        first = inside * self.uses
        choices = [(step * j + start) % self.size for j in range(first, first + self.uses)]
        words, below = [], 1
        for column in self.columns:
            words.append([column[choice // below % len(column)] for choice in choices])
            below *= len(column)
        return map("".join, zip(*words, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """One language, ready to speak."""

    milliseconds_a_character: int
    shapes: tuple[tuple[str, ...], ...]  # of an exchange: the roles of its lines
    patterns: Mapping[str, tuple[Pattern, ...]]  # by role
    people: tuple[Mapping[str, str], ...]  # who, he and his of each
    topics: Mapping[str, Mapping[str, Sequence[str]]]


@cache
def grammar_of(language: str) -> Grammar:
    """The grammar of a language, read once. Raises UnknownName."""
    vocabulary = vocabulary_of(language)
    shapes = tuple(tuple(shape.split()) for shape in vocabulary["shapes"])
    patterns = {
        role: tuple(
            _pattern(own_columns(vocabulary, line), _uses(role, shapes, len(lines)), (language, role, index))
            for index, line in enumerate(lines)
        )
        for role, lines in vocabulary["lines"].items()
    }
    (male, female), women = vocabulary["pronouns"], frozenset(vocabulary["women"])
    names = vocabulary["lists"]["name"]
    return Grammar(
        milliseconds_a_character=vocabulary["milliseconds_a_character"],
        shapes=shapes,
        patterns=patterns,
        people=tuple({"who": name, **(female if name in women else male)} for name in names),
        topics={topic: {slot: words[slot] for slot in OF_TOPIC} for topic, words in vocabulary["topics"].items()},
    )


@cache
def spoken() -> tuple[str, ...]:
    """The languages that there is a vocabulary of."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def vocabulary_file(language: str) -> Path:
    """Raises UnknownName, or HaystackError for a language that needles speak and made-up speech does not."""
    if language in spoken():
        return _FOLDER / f"{language}.toml"
    if language in LANGUAGES:
        raise HaystackError(
            f"there is no synthetic:{language}, made-up speech knows {', '.join(spoken())}; use a haystack of "
            f"transcripts, or one of those with --language {language}"
        )
    raise UnknownName("synthetic language", language, spoken())


def vocabulary_of(language: str) -> dict[str, Any]:
    """The lines and words of a language, as they stand in its file. Raises UnknownName, HaystackError."""
    return tomllib.loads(vocabulary_file(language).read_text(encoding="utf-8"))


def head_of(thing: str, language: str) -> tuple[str, str]:
    """The measure word and the noun of a thing: 把 and 木鏟; in English nothing and "kettle" of "copper kettle"."""
    return ("", thing.rsplit(" ", 1)[-1]) if language == "en" else (thing[0], thing[1:])


def columns_of(vocabulary: Mapping[str, Any], line: str) -> list[tuple[str, list[str]]]:
    """For each slot of a line its name and its words, each with the text up to the next slot.

    Words of the exchange stay in braces.
    """
    opening, *rest = _SLOT.split(line)
    columns = []
    for slot, text in zip(rest[::2], rest[1::2], strict=True):
        words = [f"{{{slot}}}"] if slot in OF_EXCHANGE else _words(vocabulary, slot)
        columns.append((slot, [f"{opening}{word}{text}" for word in words]))
        opening = ""
    return columns


def own_columns(vocabulary: Mapping[str, Any], line: str) -> list[list[str]]:
    """For each slot with own words these, each with all text up to the next such slot."""
    columns: list[list[str]] = [[""]]
    for slot, words in columns_of(vocabulary, line):
        if slot in OF_EXCHANGE or columns == [[""]] or len(columns[-1]) == 1:
            columns[-1] = [before + word for before in columns[-1] for word in words]
        else:
            columns.append(words)
    return columns


def _words(vocabulary: Mapping[str, Any], slot: str) -> Sequence[object]:
    """What may fill a slot: a list, or the whole numbers of a range."""
    if slot in vocabulary["ranges"]:
        first, last = vocabulary["ranges"][slot]
        return range(first, last + 1)
    words: Sequence[object] = vocabulary["lists"][slot]
    return words


def _uses(role: str, shapes: Sequence[Sequence[str]], patterns: int) -> int:
    """How often a chapter may use one pattern of a role, since all of them are dealt in turn."""
    dealt = RUNS if role == OPENING else ROUNDS * sum(shape.count(role) for shape in shapes)
    return -(-dealt // patterns)


def _pattern(columns: Sequence[Sequence[str]], uses: int, seed: tuple[str, str, int]) -> Pattern:
    draw = Draw(0, "synthetic pattern", *seed)
    shuffled = tuple(tuple(draw.shuffled(column)) for column in columns)
    return Pattern(columns=shuffled, size=math.prod(map(len, shuffled)), uses=uses, seed=seed)


@lru_cache(maxsize=1 << 12)
def _order(seed: tuple[str, str, int], radices: tuple[int, ...], season: int) -> tuple[int, int]:
    """Step and start of a pattern's permutation in one season.

    The step is coprime to the product of the radices and changes every slot, whether or not a carry comes from below.
    """
    draw = Draw(0, "synthetic order", *seed, season)
    size = math.prod(radices)
    start, step = draw.below(size), 0
    while math.gcd(step, size) != 1:
        step, below = 0, 1
        for radix in radices:
            step += below * draw.between(1, radix - 2)
            below *= radix
    return step, start
