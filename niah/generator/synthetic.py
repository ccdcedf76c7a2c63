"""Talk without end: made-up podcast speech in some languages, for lengths that no corpus reaches.

A chapter is a row of exchanges. An exchange has a shape (something is told, asked about, answered, laughed at ...),
somebody and something that all of its lines are about, and a topic. A run of exchanges stays with one topic and a few
people; its first line leads over from the thing spoken of before. Shapes, patterns, people and things are dealt like
cards, in an order drawn for each chapter, so that none comes often. No line comes twice in a season.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from niah.errors import HaystackError
from niah.generator.cache import key_of
from niah.generator.collisions import Leaks
from niah.generator.grammar import (
    CHAPTERS,
    OF_TOPIC,
    OPENING,
    ROUNDS,
    RUNS,
    SEASON,
    Grammar,
    grammar_of,
    head_of,
    vocabulary_file,
)
from niah.generator.haystack import Span
from niah.generator.tokenized import TokenizedText, block_of, cached_block
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment
from niah.text.seeded import Draw

VERSION = 2  # raised by anything that changes a line
_CAST = 3  # people of one run
_MOST_AT_ONCE = 26  # cards whose order one draw of 128 bits decides: 26! is below 2 ** 89
_PAUSES_MS = (0, 0, 350, 0, 0, 0, 900, 0, 250, 0, 1600)  # behind one line after the other
T = TypeVar("T")


class Synthetic:
    """Speech of one language. A walk starts at a drawn chapter and never meets a sentence twice."""

    tokens = None

    def __init__(self, language: str, tokenizer: Tokenizer, *, keep: bool) -> None:
        """``keep``: store chapters in the cache, for walks that are taken again."""
        self.name = f"synthetic:{language}"
        self.language = language
        words = vocabulary_file(language).read_text(encoding="utf-8")
        self.digest = key_of(language, words, VERSION)
        self.leaks = Leaks(self.digest, lambda: words)  # every word that it can say
        self._tokenizer = tokenizer
        self._keep = keep
        # for as long as a tour holds them
        self._blocks: WeakValueDictionary[int, TokenizedText] = WeakValueDictionary()

    def unique_tokens(self) -> None:
        """Without an end."""

    def walk(self, seed: int, *coordinates: object) -> Iterator[Span]:
        """Chapter after chapter of one season from a drawn one; another seed or epoch starts elsewhere."""
        number = Draw(seed, "synthetic", *coordinates).below(CHAPTERS)
        while True:
            block = self._block(number)
            yield Span(block, 0, len(block))
            number = self.following(number)

    @staticmethod
    def following(number: int) -> int:
        """The next chapter of the same season."""
        season, inside = divmod(number, SEASON)
        return season * SEASON + (inside + 1) % SEASON

    def _block(self, number: int) -> TokenizedText:
        if (block := self._blocks.get(number)) is None:
            if self._keep:
                parts, read = [self.digest, number], partial(self._episodes, number)
                block = cached_block("synthetic", parts, read, self._tokenizer, mapped=False)
            else:
                block = block_of(self._episodes(number), self._tokenizer)
            self._blocks[number] = block
        return block

    def _episodes(self, number: int) -> list[tuple[Segment, ...]]:
        return [chapter(self.language, number)]


def chapter(language: str, number: int) -> tuple[Segment, ...]:
    """The segments of one chapter, equal on every machine. Raises HaystackError, UnknownName."""
    if not 0 <= number < CHAPTERS:
        raise HaystackError(f"there is no synthetic chapter {number}; chapters go from 0 to {CHAPTERS - 1}")
    grammar = grammar_of(language)
    talk = _Conversation(grammar, language, number)
    return tuple(_timed(talk.lines(), grammar.milliseconds_a_character))


class _Deck(Generic[T]):
    """Cards that are dealt to the last one before they are shuffled again."""

    def __init__(self, draw: Draw, cards: Sequence[T]) -> None:
        self._draw = draw
        self._cards = cards
        self._left: list[T] = []

    def deal(self) -> T:
        if not self._left:
            self._left = _shuffled(self._draw, self._cards)
        return self._left.pop()


def _shuffled(draw: Draw, cards: Sequence[T]) -> list[T]:
    """The cards in a drawn order: of a few, the order itself is drawn by its number among all of them."""
    if len(cards) > _MOST_AT_ONCE:
        return draw.shuffled(cards)
    number, left, order = draw.below(math.factorial(len(cards))), list(cards), []
    while left:
        number, place = divmod(number, len(left))
        order.append(left.pop(place))
    return order


class _Scene(dict[str, str]):
    """What all lines of an exchange are about. A word is dealt when it is first spoken."""

    def __init__(self, words: Mapping[str, _Deck[str]], language: str, **known: str) -> None:
        super().__init__(known)
        self._words = words
        self._language = language

    def __missing__(self, slot: str) -> str:
        if slot in ("thing", "measure", "noun"):
            self["thing"] = thing = self._words["thing"].deal()
            self["measure"], self["noun"] = head_of(thing, self._language)
        else:
            self[slot] = self._words[slot].deal()
        return self[slot]


class _Conversation:
    """One chapter: what is dealt, and the lines that come of it."""

    def __init__(self, grammar: Grammar, language: str, number: int) -> None:
        self._language = language
        self._draw = draw = Draw(0, "synthetic chapter", language, number)
        self._shapes = _Deck(draw, grammar.shapes)
        self._people = _Deck(draw, grammar.people)
        self._topics = _Deck(draw, list(grammar.topics))
        self._words = {
            topic: {slot: _Deck(draw, words[slot]) for slot in OF_TOPIC} for topic, words in grammar.topics.items()
        }
        self._lines = {role: [p.lines(number) for p in patterns] for role, patterns in grammar.patterns.items()}
        self._patterns = {role: _Deck(draw, range(len(lines))) for role, lines in self._lines.items()}
        self._exchanges = ROUNDS * len(grammar.shapes)

    def lines(self) -> Iterator[str]:
        cuts = sorted(self._draw.shuffled(range(1, self._exchanges))[: RUNS - 1])
        before = ""
        for first, stop in itertools.pairwise((0, *cuts, self._exchanges)):
            words, cast = self._words[self._topics.deal()], [self._people.deal() for _ in range(_CAST)]
            people = _Deck(self._draw, cast)
            for exchange in range(first, stop):
                scene = _Scene(words, self._language, before=before, **people.deal())
                roles = self._shapes.deal()
                if before and exchange == first:
                    roles = (OPENING, *roles)
                for role in roles:
                    yield next(self._lines[role][self._patterns[role].deal()]).format_map(scene)
                before = scene.get("noun", before)


def _timed(lines: Iterator[str], milliseconds_a_character: int) -> Iterator[Segment]:
    """The lines at the speed of speech, with a breath now and then."""
    start = 0
    for line, pause in zip(lines, itertools.cycle(_PAUSES_MS), strict=False):
        end = start + milliseconds_a_character * len(line)
        yield Segment(text=line, start_s=start / 1000, end_s=end / 1000)
        start = end + pause
