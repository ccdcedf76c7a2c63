"""A haystack: speech whose segments are counted once, tours through it, and what it already says.

Each segment is one line ending in "\\n". A block is some episodes as one run of bytes, with where
every segment begins, in bytes and in tokens. A tour goes round all episodes in a seeded order, from
a seeded segment, and round again in another order as often as needed, so a short corpus fills any
length and the repeated share is known.

A needle's key or value that stands in the text anyway would answer the question. The text is folded
once (case, width, accents, script, spaces between Han characters) and searched once for all keys a
task may draw; whole numbers are parsed as answers are, Chinese numerals included. Both are kept in
the cache.
"""

from __future__ import annotations

import hashlib
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, compress, pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from niah.errors import HaystackError
from niah.generator.cache import Arrays, cached, key_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment, Transcript
from niah.text.normalise import fold
from niah.text.numerals import whole_numbers
from niah.text.seeded import Draw

# raised with every change of what the parsers make of a file, or of the arrays below
PARSER_VERSION = 2
# raised with every change of what is found in a text: folding, numerals, the pattern below
SEARCH_VERSION = 2
_Offsets = npt.NDArray[np.int64]
LEAST_NUMBER = 10_000  # smaller ones are said in every talk, and no needle has one
_LONG_NUMBER = re.compile(
    r"\d[\d.]*[百千万亿][\d.百千万亿]*|\d[\d.,_'’{}\\ \u00a0\u202f]{3,}\d"
    r"|[零〇○一二两三四五六七八九十百千万亿]{3,}"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class TokenizedText:
    """n segments, each a line with its newline."""

    utf8: npt.NDArray[np.uint8]
    byte_offsets: _Offsets  # (n + 1,)
    token_offsets: _Offsets  # (n + 1,)
    start_s: npt.NDArray[np.float64]  # (n,); NaN where a transcript has no times
    end_s: npt.NDArray[np.float64]
    begins: npt.NDArray[np.uint8]  # (n,); 1 where a cue of the transcript begins
    episodes: tuple[tuple[int, int], ...]  # first segment of each, and the one behind its last

    def __len__(self) -> int:
        return len(self.byte_offsets) - 1

    @property
    def tokens(self) -> int:
        return int(self.token_offsets[-1])

    def text(self, segment: int) -> str:
        """One segment without its newline."""
        return bytes(self.bytes_between(segment, segment + 1)[:-1]).decode()

    def tokens_between(self, first: int, stop: int) -> int:
        """Tokens of segments first .. stop - 1, newlines included."""
        return int(self.token_offsets[stop] - self.token_offsets[first])

    def bytes_between(self, first: int, last: int) -> memoryview:
        """The bytes of segments first .. last - 1, not copied."""
        return self.utf8[int(self.byte_offsets[first]) : int(self.byte_offsets[last])].data


def block_of(episodes: Iterable[Sequence[Segment]], tokenizer: Tokenizer) -> TokenizedText:
    """The block of parsed episodes, made in memory."""
    speech = _speech(episodes)
    return _block(speech, _counted(speech, tokenizer))


def cached_block(
    kind: str,
    parts: Sequence[object],
    read: Callable[[], Iterable[Sequence[Segment]]],
    tokenizer: Tokenizer,
    *,
    mapped: bool = True,
) -> TokenizedText:
    """The block of some episodes, from the cache where it is there.

    ``parts`` names all that decides their text. Text and counts are kept apart: a second tokenizer
    does not parse again.
    """

    def count() -> Arrays:
        return {"token_offsets": _counted(speech, tokenizer)}

    key = key_of(kind, *parts, PARSER_VERSION)
    speech = cached("speech", key, lambda: _speech(read()), mapped=mapped)
    counts = cached("tokens", key_of(key, tokenizer.name), count, mapped=mapped)
    return _block(speech, counts["token_offsets"])


def _speech(episodes: Iterable[Sequence[Segment]]) -> Arrays:
    """Everything about the episodes but their tokens, as flat arrays."""
    spoken = list(episodes)
    segments = list(chain.from_iterable(spoken))
    lines = [s.text.encode() + b"\n" for s in segments]
    return {
        "utf8": np.frombuffer(b"".join(lines), dtype=np.uint8),
        "byte_offsets": _cumulated([len(line) for line in lines]),
        "start_s": np.array([s.start_s for s in segments], dtype=np.float64),  # None is NaN
        "end_s": np.array([s.end_s for s in segments], dtype=np.float64),
        "begins": np.array([s.begins for s in segments], dtype=np.uint8),
        "edges": _cumulated([len(episode) for episode in spoken]),
    }


def _counted(speech: Arrays, tokenizer: Tokenizer) -> _Offsets:
    return _cumulated(tokenizer.line_counts(bytes(speech["utf8"]).decode()))


def _block(speech: Arrays, token_offsets: _Offsets) -> TokenizedText:
    arrays = dict(speech)
    episodes = tuple(pairwise(arrays.pop("edges").tolist()))
    return TokenizedText(**arrays, token_offsets=token_offsets, episodes=episodes)


def _cumulated(sizes: Sequence[int] | _Offsets) -> _Offsets:
    """Cumulative sizes, starting with 0: shape (n + 1,)."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


@dataclass(frozen=True, eq=False)
class Leaks:
    """The keys and numbers of one text."""

    _digest: str
    _read: Callable[[], str]
    _held: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)

    def held(self, words: Iterable[str]) -> frozenset[str]:
        """Those of the words that stand in the text, in any case, width or script, or in a word."""

        def search() -> Arrays:
            return {"held": np.array([fold(word) in self._folded for word in wanted], np.bool_)}

        wanted = tuple(sorted(set(words)))
        if wanted not in self._held:
            found = self._kept(wanted, search)["held"]
            self._held[wanted] = frozenset(compress(wanted, found))
        return self._held[wanted]

    @cached_property
    def numbers(self) -> frozenset[int]:
        """Every whole number from LEAST_NUMBER on, however it is written."""

        def search() -> Arrays:
            return {"numbers": np.array(list(map(str, self._long_numbers())), np.str_)}  # any size

        return frozenset(map(int, self._kept("numbers", search)["numbers"].tolist()))

    def _long_numbers(self) -> set[int]:
        written = (whole_numbers(m[0]) for m in _LONG_NUMBER.finditer(self._folded))
        return {n for numbers in written for n in numbers if n >= LEAST_NUMBER}

    def _kept(self, searched: object, search: Callable[[], Arrays]) -> Arrays:
        key = key_of(self._digest, searched, SEARCH_VERSION)
        return cached("leaks", key, search, mapped=False)

    @cached_property
    def _folded(self) -> str:
        return fold(self._read())


class Span(NamedTuple):
    """Segments first .. stop - 1 of a block."""

    block: TokenizedText
    first: int
    stop: int

    @property
    def tokens(self) -> int:
        return self.block.tokens_between(self.first, self.stop)


class Haystack(Protocol):
    """What prompts are built from."""

    @property
    def name(self) -> str: ...

    @property
    def language(self) -> str: ...

    @property
    def digest(self) -> str:
        """SHA-256 of the text, or of what makes it."""
        ...

    @property
    def tokens(self) -> int | None:
        """All tokens there are; None where there is no end."""
        ...

    @property
    def leaks(self) -> Leaks:
        """What the text already says."""
        ...

    def unique_tokens(self) -> int | None:
        """Tokens in segments that repeat no earlier one; None where there is no end."""
        ...

    def walk(self, seed: int, *coordinates: object) -> Iterator[Span]:
        """An endless walk through the text. Equal arguments give equal walks."""
        ...


@dataclass(frozen=True, eq=False)
class Corpus:
    """Episodes of transcripts, in one block or several."""

    name: str
    language: str
    blocks: Sequence[TokenizedText]
    files: Sequence[str] = ()  # names the episodes, in their order
    tokenizer: str | None = None  # what its tokens were counted in

    @cached_property
    def episodes(self) -> list[Span]:
        return [Span(block, start, stop) for block in self.blocks for start, stop in block.episodes]

    @property
    def tokens(self) -> int:
        return sum(b.tokens for b in self.blocks)

    @property
    def segments(self) -> int:
        return sum(len(b) for b in self.blocks)

    @cached_property
    def digest(self) -> str:
        digests = [hashlib.sha256(b.utf8.data).digest() for b in self.blocks]
        return hashlib.sha256(b"".join(digests)).hexdigest()

    @cached_property
    def leaks(self) -> Leaks:
        return Leaks(self.digest, lambda: "".join(bytes(b.utf8).decode() for b in self.blocks))

    def walk(self, seed: int, *coordinates: object) -> Iterator[Span]:
        """Round after round over all episodes; the first starts inside one and repeats nothing."""
        laps = 0
        while True:
            draw = Draw(seed, "tour", *coordinates, laps)
            order = draw.shuffled(self.episodes)
            if laps == 0:
                block, start, stop = order[0]
                first = start + draw.below(stop - start)
                order = [Span(block, first, stop), *order[1:], Span(block, start, first)]
            yield from (span for span in order if span.stop > span.first)
            laps += 1

    def unique_share(self) -> float:
        """Share of tokens in segments that do not repeat an earlier segment word for word."""
        return self.unique_tokens() / self.tokens

    def unique_tokens(self) -> int:
        """Tokens in segments that repeat no earlier one; counted once and kept in the cache."""

        def count() -> Arrays:
            seen: dict[bytes, int] = {}
            for block in self.blocks:
                sizes = np.diff(block.token_offsets).tolist()
                for line, size in zip(bytes(block.utf8).split(b"\n")[:-1], sizes, strict=True):
                    seen.setdefault(line, size)
            return {"tokens": np.array(sum(seen.values()), dtype=np.int64)}

        key = key_of(self.digest, self.tokens)
        return int(cached("unique", key, count, mapped=False)["tokens"])


def corpus_of(
    name: str, language: str, episodes: Sequence[Transcript], tokenizer: Tokenizer
) -> Corpus:
    """A haystack of transcripts in memory, without a cache. Raises HaystackError for silence."""
    if not any(e.segments for e in episodes):
        raise HaystackError(f"haystack {name!r} holds no speech; add transcripts to it")
    block = block_of([e.segments for e in episodes], tokenizer)
    return Corpus(name, language, [block], tokenizer=tokenizer.name)


class Boundary(NamedTuple):
    """A place between two segments of a tour; a later one is greater."""

    tokens: int  # before it, from the start of the tour
    span: int
    segment: int  # the segment that follows, in its block's numbering


class HaystackStream:
    """One walk through a haystack, remembered as far as it was needed. Safe among threads."""

    def __init__(self, walk: Iterator[Span], unique_tokens: int | None) -> None:
        self._walk = walk
        self._unique_tokens = unique_tokens
        self._spans: list[Span] = []
        self._starts = [0]  # tokens before each span, and at the end
        self._lock = threading.Lock()

    def floor(self, tokens: int) -> Boundary:
        """The last boundary with at most that many tokens before it."""
        if self._starts[-1] <= tokens:
            with self._lock:
                while self._starts[-1] <= tokens:
                    self._spans.append(next(self._walk))
                    self._starts.append(self._starts[-1] + self._spans[-1].tokens)
        span = bisect_right(self._starts, tokens) - 1
        block, start, stop = self._spans[span]
        offsets = block.token_offsets
        inside = tokens - self._starts[span] + int(offsets[start])
        segment = start + int(np.searchsorted(offsets[start : stop + 1], inside, side="right")) - 1
        before = self._starts[span] + int(offsets[segment] - offsets[start])
        return Boundary(before, span, segment)

    def nearest(self, tokens: float) -> Boundary:
        """The boundary with the fewest tokens between it and the asked place."""
        below = self.floor(int(tokens))
        above = self.after(below)
        return below if tokens - below.tokens <= above.tokens - tokens else above

    def after(self, boundary: Boundary) -> Boundary:
        """The next boundary."""
        block, segment = self._spans[boundary.span].block, boundary.segment
        return self.floor(boundary.tokens + block.tokens_between(segment, segment + 1))

    def line_at(self, tokens: int) -> str:
        """The segment behind the last boundary with at most that many tokens before it."""
        here = self.floor(tokens)
        return self._spans[here.span].block.text(here.segment)

    def pieces(self, start: Boundary, stop: Boundary) -> Iterator[memoryview]:
        """The bytes between two boundaries, without copying them."""
        for number in range(start.span, stop.span + 1):
            block, first, last = self._spans[number]
            first = start.segment if number == start.span else first
            last = stop.segment if number == stop.span else last
            yield block.bytes_between(first, last)

    def unique_share(self, tokens: int) -> float:
        """Share of the first tokens met for the first time, at most: repeats may come early."""
        if self._unique_tokens is None:
            return 1.0
        return min(1.0, self._unique_tokens / tokens)


def stream_of(haystack: Haystack, seed: int, *coordinates: object) -> HaystackStream:
    """A walk through a haystack as a stream. Equal arguments give equal streams."""
    return HaystackStream(haystack.walk(seed, *coordinates), haystack.unique_tokens())
