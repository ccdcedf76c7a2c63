"""Talk without end: made-up podcast speech in some languages, for lengths that no corpus reaches.

No sentence comes twice in all chapters together, and that needs no memory. A sentence is a pattern with one word in
each slot; the running index of a pattern within a topic goes through an affine permutation of all its choices, so
different indices give different choices, and the words of a slot are such that different choices give different text.
The words are in ``vocabulary/<language>.toml``. To change any of them changes every haystack made from them.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from niah.errors import HaystackError, UnknownName
from niah.records import Segment
from niah.text.language import LANGUAGES
from niah.text.seeded import Draw

VERSION = 1  # raised by anything that changes a sentence
CHAPTER_SENTENCES = 5_000
CHAPTERS = 1 << 14  # chapters 0 .. CHAPTERS - 1
_FOLDER = Path(__file__).parent / "vocabulary"
_SLOT = re.compile(r"\{(\w+)\}")
_PAUSES_MS = (0, 0, 350, 0, 0, 0, 900, 0, 250, 0, 1600)  # behind one sentence after the other


def chapter(language: str, number: int) -> tuple[Segment, ...]:
    """The segments of one chapter, equal on every machine. It stays with each topic for a while, in its own order."""
    if not 0 <= number < CHAPTERS:
        raise HaystackError(f"there is no synthetic chapter {number}; chapters go from 0 to {CHAPTERS - 1}")
    talk = talk_of(language)
    topics = Draw(0, "order of topics", language, number).shuffled(list(talk.topics))
    lines = [line for topic in topics for line in talk.stretch(topic, number)]
    return tuple(_timed(lines, talk.milliseconds_a_character))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """All sentences of one type in one topic, and the order in which they come."""

    columns: tuple[tuple[str, ...], ...]  # the words of each slot with the text up to the next; the lowest digit first
    size: int  # of the product space
    step: int
    start: int
    in_a_stretch: int

    def lines(self, stretch: int) -> Iterator[str]:
        """The sentences that this pattern gives to one stretch of its topic."""
        first = stretch * self.in_a_stretch
        choices = [(self.step * j + self.start) % self.size for j in range(first, first + self.in_a_stretch)]
        words, below = [], 1
        for column in self.columns:
            words.append([column[choice // below % len(column)] for choice in choices])
            below *= len(column)
        return map("".join, zip(*words, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One language, ready to speak."""

    milliseconds_a_character: int
    rhythm: tuple[int, ...]  # which pattern speaks, all through a stretch
    topics: Mapping[str, tuple[Pattern, ...]]

    def stretch(self, topic: str, number: int) -> list[str]:
        """The sentences of one chapter about one topic."""
        lines = [pattern.lines(number) for pattern in self.topics[topic]]
        return [next(lines[pattern]) for pattern in self.rhythm]


@cache
def talk_of(language: str) -> Talk:
    """The talk of a language, read once."""
    vocabulary = vocabulary_of(language)
    shares = [pattern["in_a_stretch"] for pattern in vocabulary["patterns"]]
    topics = {
        topic: tuple(
            _pattern(columns_of(vocabulary, pattern["line"], topic), pattern["in_a_stretch"], (language, index, topic))
            for index, pattern in enumerate(vocabulary["patterns"])
        )
        for topic in vocabulary["topics"]
    }
    speed = vocabulary["milliseconds_a_character"]
    return Talk(milliseconds_a_character=speed, rhythm=_rhythm(shares), topics=topics)


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
    """The patterns and words of a language, as they stand in its file."""
    return tomllib.loads(vocabulary_file(language).read_text(encoding="utf-8"))


def columns_of(vocabulary: Mapping[str, Any], line: str, topic: str) -> list[list[str]]:
    """For each slot of a pattern's line its words, each with the text up to the next slot."""
    opening, *rest = _SLOT.split(line)
    columns = []
    for slot, text in zip(rest[::2], rest[1::2], strict=True):
        columns.append([f"{opening}{word}{text}" for word in _words(vocabulary, slot, topic)])
        opening = ""
    return columns


def _words(vocabulary: Mapping[str, Any], slot: str, topic: str) -> Sequence[object]:
    """What may fill a slot: a list of the topic, a list of all topics, or the whole numbers of a range."""
    if slot in vocabulary["ranges"]:
        first, last = vocabulary["ranges"][slot]
        return range(first, last + 1)
    words: Sequence[object] = vocabulary["topics"][topic].get(slot) or vocabulary["lists"][slot]
    return words


def _pattern(columns: Sequence[Sequence[str]], in_a_stretch: int, seed: tuple[object, ...]) -> Pattern:
    draw = Draw(0, "synthetic pattern", *seed)
    shuffled = tuple(tuple(draw.shuffled(column)) for column in columns)
    radices = [len(column) for column in shuffled]
    size = math.prod(radices)
    return Pattern(
        columns=shuffled,
        size=size,
        step=_step(draw, radices),
        start=draw.below(size),
        in_a_stretch=in_a_stretch,
    )


def _step(draw: Draw, radices: Sequence[int]) -> int:
    """A step coprime to the product of the radices that changes every slot, whether or not a carry comes from below."""
    size = math.prod(radices)
    step = 0
    while math.gcd(step, size) != 1:
        step, below = 0, 1
        for radix in radices:
            step += below * draw.between(1, radix - 2)
            below *= radix
    return step


def _rhythm(shares: Sequence[int]) -> tuple[int, ...]:
    """Each pattern as often as its share, never twice in a row: its turns lie evenly, each moved by up to a third."""
    draw = Draw(0, "synthetic rhythm", *shares)
    beats = [
        ((3_000 * turn + draw.below(1_000)) / share, pattern)
        for pattern, share in enumerate(shares)
        for turn in range(share)
    ]
    return tuple(pattern for _, pattern in sorted(beats))


def _timed(lines: Sequence[str], milliseconds_a_character: int) -> Iterator[Segment]:
    """The lines at the speed of speech, with a breath now and then."""
    start = 0
    for line, pause in zip(lines, itertools.cycle(_PAUSES_MS), strict=False):
        end = start + milliseconds_a_character * len(line)
        yield Segment(text=line, start_s=start / 1000, end_s=end / 1000)
        start = end + pause
