"""A haystack in memory: every segment's bytes and tokens counted once, and tours through them of any length.

Each segment is one line ending in "\\n". A tour goes round all episodes in a seeded order, from a seeded segment,
and round again in another order as often as needed, so a short corpus fills any length and the repeated share is known.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from niah.errors import HaystackError
from niah.generator.draw import Draw
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment, Transcript


class Haystack:
    """The segments of some episodes with their token counts in one tokenizer."""

    def __init__(self, name: str, language: str, episodes: Sequence[Transcript], tokenizer: Tokenizer) -> None:
        segments = [s for e in episodes for s in e.segments]
        if not segments:
            raise HaystackError(f"haystack {name!r} holds no speech; add transcripts to it")
        lines = [s.text + "\n" for s in segments]
        encoded = [line.encode() for line in lines]
        self.name = name
        self.language = language
        self.segments: tuple[Segment, ...] = tuple(segments)
        self.utf8 = b"".join(encoded)
        self.digest = hashlib.sha256(self.utf8).hexdigest()
        self.byte_offsets = _offsets([len(b) for b in encoded])
        self.token_offsets = _offsets(tokenizer.counts(lines))
        sizes = [len(e.segments) for e in episodes]
        self.episodes = [(sum(sizes[:i]), sum(sizes[: i + 1])) for i in range(len(sizes))]

    @property
    def tokens(self) -> int:
        return int(self.token_offsets[-1])

    @cached_property
    def folded(self) -> str:
        """The text without case and white space, to search for leaks."""
        return "".join(self.utf8.decode().split()).casefold()

    def unique_share(self) -> float:
        """Share of tokens in segments that do not repeat an earlier segment word for word."""
        first = {s.text: i for i, s in reversed(list(enumerate(self.segments)))}
        counts = np.diff(self.token_offsets)
        return float(sum(counts[i] for i in first.values()) / self.tokens)


def _offsets(sizes: Sequence[int]) -> npt.NDArray[np.int64]:
    """Cumulative sizes, starting with 0: shape (n + 1,)."""
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))]).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A place between two segments of a tour."""

    tokens: int  # before it, from the start of the tour
    span: int
    segment: int  # the segment that follows, in the haystack's numbering


class Tour:
    """One endless walk over the episodes of a haystack. Equal draws give equal walks."""

    def __init__(self, haystack: Haystack, seed: int, *coordinates: object) -> None:
        self._haystack = haystack
        self._seed = seed
        self._coordinates = coordinates
        self._spans: list[tuple[int, int]] = []
        self._starts = [0]  # tokens before each span, and at the end
        self._rounds = 0

    def floor(self, tokens: int) -> Boundary:
        """The last boundary with at most that many tokens before it."""
        while self._starts[-1] <= tokens:
            self._walk_another_round()
        span = bisect_right(self._starts, tokens) - 1
        start, stop = self._spans[span]
        offsets = self._haystack.token_offsets
        inside = tokens - self._starts[span] + int(offsets[start])
        segment = start + int(np.searchsorted(offsets[start : stop + 1], inside, side="right")) - 1
        return Boundary(tokens=self._starts[span] + int(offsets[segment] - offsets[start]), span=span, segment=segment)

    def nearest(self, tokens: float) -> Boundary:
        """The boundary with the fewest tokens between it and the asked place."""
        below = self.floor(int(tokens))
        above = self.after(below)
        return below if tokens - below.tokens <= above.tokens - tokens else above

    def after(self, boundary: Boundary) -> Boundary:
        """The next boundary."""
        _, tokens = self.segment_at(boundary)
        return self.floor(boundary.tokens + tokens)

    def segment_at(self, boundary: Boundary) -> tuple[str, int]:
        """Text and tokens (newline included) of the segment behind a boundary."""
        offsets = self._haystack.token_offsets
        size = int(offsets[boundary.segment + 1] - offsets[boundary.segment])
        return self._haystack.segments[boundary.segment].text, size

    def pieces(self, start: Boundary, stop: Boundary) -> Iterator[memoryview]:
        """The bytes between two boundaries, without copying them."""
        view = memoryview(self._haystack.utf8)
        offsets = self._haystack.byte_offsets
        for span in range(start.span, stop.span + 1):
            first, last = self._spans[span]
            first = start.segment if span == start.span else first
            last = stop.segment if span == stop.span else last
            yield view[int(offsets[first]) : int(offsets[last])]

    def unique_share(self, tokens: int) -> float:
        """Share of the first tokens that the tour meets for the first time."""
        return min(1.0, self._haystack.tokens / tokens) if tokens else 1.0

    def _walk_another_round(self) -> None:
        draw = Draw(self._seed, "tour", *self._coordinates, self._rounds)
        order = draw.shuffled(self._haystack.episodes)
        if self._rounds == 0:  # start inside the first episode; what stands before comes last, so nothing repeats yet
            start, stop = order[0]
            first = start + draw.below(stop - start)
            order = [(first, stop), *order[1:], (start, first)]
        for start, stop in order:
            if stop > start:
                offsets = self._haystack.token_offsets
                self._spans.append((start, stop))
                self._starts.append(self._starts[-1] + int(offsets[stop] - offsets[start]))
        self._rounds += 1
