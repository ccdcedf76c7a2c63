"""Talk without end: made-up podcast speech in some languages, for lengths that no corpus reaches.

A chapter is a row of exchanges. An exchange has a shape (something is told, asked about, answered,
laughed at ...), somebody and something that all of its lines are about, and a topic. A run of
exchanges stays with one topic and a few people; its first line leads over from the thing spoken of
before. Shapes, patterns, people and things are dealt like cards, in an order drawn for each
chapter, so that none comes often. No line comes twice in a season.

Lines are patterns with one word in each slot, and no line twice, without any memory. A slot is a
word of the exchange (``who``, ``thing``, ``event`` ...), by which lines refer to each other, or has
its own words. The running index of a pattern goes through an affine permutation of all choices of
its own words, so different indices give different choices, and the words of a slot are such that
different choices give different text. Each season has a permutation of its own: two seasons share a
line by chance only, and never a passage. The words are in ``vocabulary/<language>.toml``. To change
any of them changes every haystack made from them.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from niah.errors import HaystackError, UnknownName
from niah.generator.cache import key_of
from niah.generator.haystack import Leaks, Span, TokenizedText, block_of, cached_block
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment
from niah.text.seeded import Draw
from niah.text.wording import LANGUAGES

VERSION = 2  # raised by anything that changes a line
_CAST = 3  # people of one run
_MOST_AT_ONCE = 26  # cards whose order one draw of 128 bits decides: 26! is below 2 ** 89
_PAUSES_MS = (0, 0, 350, 0, 0, 0, 900, 0, 250, 0, 1600)  # behind one line after the other
T = TypeVar("T")
SEASON = 1 << 13  # chapters in which no line comes twice: over 110M tokens
CHAPTERS = 64 * SEASON  # chapters 0 .. CHAPTERS - 1, season after season
ROUNDS = 20  # of all shapes, in one chapter
RUNS = 24  # of exchanges that stay with one topic, in one chapter
OPENING = "turn"  # what is done in the first line of a run
OF_TOPIC = ("person", "thing", "event", "task", "place")
OF_EXCHANGE = (*OF_TOPIC, "who", "he", "his", "before", "measure", "noun")
_FOLDER = Path(__file__).parent / "vocabulary"
_SLOT = re.compile(r"\{(\w+)\}")


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
        """Chapter after chapter of one season from a drawn one, which seed and epoch decide."""
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
        def episodes() -> list[tuple[Segment, ...]]:
            return [chapter(self.language, number)]

        if (block := self._blocks.get(number)) is None:
            if self._keep:
                parts = (self.digest, number)
                block = cached_block("synthetic", parts, episodes, self._tokenizer, mapped=False)
            else:
                block = block_of(episodes(), self._tokenizer)
            self._blocks[number] = block
        return block


def chapter(language: str, number: int) -> tuple[Segment, ...]:
    """The segments of one chapter, equal on every machine. Raises HaystackError, UnknownName."""
    if not 0 <= number < CHAPTERS:
        raise HaystackError(
            f"there is no synthetic chapter {number}; chapters go from 0 to {CHAPTERS - 1}"
        )
    grammar = grammar_of(language)
    lines = _conversation(grammar, language, number)
    return tuple(_timed(lines, grammar.milliseconds_a_character))


class _Deck(Generic[T]):
    """Cards that are dealt to the last one before they are shuffled again."""

    def __init__(self, draw: Draw, cards: Sequence[T]) -> None:
        self._draw = draw
        self._cards = cards
        self._left: list[T] = []

    def deal(self) -> T:
        if not self._left and len(self._cards) > _MOST_AT_ONCE:
            self._left = self._draw.shuffled(self._cards)
        elif not self._left:  # of a few, the order itself is drawn by its number among all of them
            number, left = self._draw.below(math.factorial(len(self._cards))), list(self._cards)
            while left:
                number, place = divmod(number, len(left))
                self._left.append(left.pop(place))
        return self._left.pop()


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


def _conversation(grammar: Grammar, language: str, number: int) -> Iterator[str]:
    """The lines of one chapter, of what is dealt for it."""
    draw = Draw(0, "synthetic chapter", language, number)
    shapes, everybody = _Deck(draw, grammar.shapes), _Deck(draw, grammar.people)
    topics = _Deck(draw, list(grammar.topics))
    words = {
        topic: {slot: _Deck(draw, known[slot]) for slot in OF_TOPIC}
        for topic, known in grammar.topics.items()
    }
    patterns = {
        role: _Deck(draw, [pattern.lines(number) for pattern in forms])
        for role, forms in grammar.patterns.items()
    }
    exchanges = ROUNDS * len(grammar.shapes)
    cuts = sorted(draw.shuffled(range(1, exchanges))[: RUNS - 1])
    before = ""
    for first, stop in itertools.pairwise((0, *cuts, exchanges)):
        topic = topics.deal()
        people = _Deck(draw, [everybody.deal() for _ in range(_CAST)])
        for exchange in range(first, stop):
            scene = _Scene(words[topic], language, before=before, **people.deal())
            roles = shapes.deal()
            if before and exchange == first:
                roles = (OPENING, *roles)
            for role in roles:
                yield next(patterns[role].deal()).format_map(scene)
            before = scene.get("noun", before)


def _timed(lines: Iterator[str], milliseconds_a_character: int) -> Iterator[Segment]:
    """The lines at the speed of speech, with a breath now and then."""
    start = 0
    for line, pause in zip(lines, itertools.cycle(_PAUSES_MS), strict=False):
        end = start + milliseconds_a_character * len(line)
        yield Segment(text=line, start_s=start / 1000, end_s=end / 1000)
        start = end + pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """All lines of one form, and the order in which they come."""

    # own words with the text up to the next, shuffled; the lowest digit first
    columns: tuple[tuple[str, ...], ...]
    size: int  # of the product space
    uses: int  # in one chapter, at most
    seed: tuple[str, str, int]  # language, role and number among the role's patterns

    def lines(self, chapter: int) -> Iterator[str]:
        """The lines of this pattern in one chapter, words of the exchange still in braces."""
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
    topics: Mapping[str, Mapping[str, Sequence[str]]]  # words by slot of each


@cache
def grammar_of(language: str) -> Grammar:
    """The grammar of a language, read once. Raises UnknownName."""
    vocabulary = vocabulary_of(language)
    shapes = tuple(tuple(shape.split()) for shape in vocabulary["shapes"])
    patterns: dict[str, tuple[Pattern, ...]] = {}
    for role, lines in vocabulary["lines"].items():
        uses = _uses(role, shapes, len(lines))
        patterns[role] = tuple(
            _pattern(own_columns(vocabulary, line), uses, (language, role, index))
            for index, line in enumerate(lines)
        )
    male, female = vocabulary["pronouns"]
    women, names = frozenset(vocabulary["women"]), vocabulary["lists"]["name"]
    return Grammar(
        milliseconds_a_character=vocabulary["milliseconds_a_character"],
        shapes=shapes,
        patterns=patterns,
        people=tuple({"who": name, **(female if name in women else male)} for name in names),
        topics=vocabulary["topics"],
    )


@cache
def spoken() -> tuple[str, ...]:
    """The languages that there is a vocabulary of."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def vocabulary_file(language: str) -> Path:
    """Raises UnknownName, or HaystackError for a language that only needles speak."""
    if language in spoken():
        return _FOLDER / f"{language}.toml"
    if language in LANGUAGES:
        raise HaystackError(
            f"there is no synthetic:{language}, made-up speech knows {', '.join(spoken())};"
            f" use a haystack of transcripts, or one of those with --language {language}"
        )
    raise UnknownName("synthetic language", language, spoken())


def vocabulary_of(language: str) -> dict[str, Any]:
    """The lines and words in a language's file. Raises UnknownName, HaystackError."""
    return tomllib.loads(vocabulary_file(language).read_text(encoding="utf-8"))


def head_of(thing: str, language: str) -> tuple[str, str]:
    """Measure word and noun of a thing: 把 and 木鏟; nothing and "kettle" of "copper kettle"."""
    return ("", thing.rpartition(" ")[2]) if language == "en" else (thing[0], thing[1:])


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

    The step is coprime to the product of the radices and changes every slot, whether or not a carry
    comes from below.
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
