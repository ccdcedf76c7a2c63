"""A stretch of speech that is asked about where it stands: the haystack is turned so that it comes at the asked depth.

Nothing is inserted: the walk begins so many tokens before the passage that its depth is met to half a segment, and goes
once round all episodes. A context longer than all of them would meet the passage twice and is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from niah.errors import PromptError
from niah.generator.haystack import Corpus, Haystack, Span
from niah.records import Passage
from niah.text.seeded import Draw

SLACK_TOKENS = 48  # of the tail, which reads a little further than the prompt goes


class PassageCentred:
    """A corpus seen from one passage. Its walk has the passage after ``before`` tokens, or leaves it out."""

    def __init__(self, haystack: Haystack, passage: Passage, seed: int, epoch: int, room: int, depth: float) -> None:
        """``room`` is all haystack tokens of the prompt. Raises PromptError where the text would repeat."""
        if not isinstance(haystack, Corpus):
            raise PromptError(f"haystack {haystack.name!r} holds no transcripts to ask about; name one of your own")
        self._corpus = haystack
        self._passage = passage
        self.tokens = _tokens(self._span)
        self._lead: list[Span] = []
        if room + SLACK_TOKENS > haystack.tokens - (0 if passage.present else self.tokens):
            raise PromptError(
                f"haystack {haystack.name!r} holds {haystack.tokens} tokens, too few for {room} in which the passage "
                "stands once; add episodes or ask for shorter contexts"
            )
        others = [span for i, span in enumerate(haystack.episodes) if i != passage.episode]
        ring = [self._behind, *Draw(seed, "passage", epoch).shuffled(others), self._ahead]
        self._ring = [span for span in ring if span[2] > span[1]]  # from behind the passage round to just before it
        self.before = self._start(room, depth) if passage.present else 0

    def unique_tokens(self) -> int:
        return self._corpus.unique_tokens()

    def walk(self, seed: int, *coordinates: object) -> Iterator[Span]:
        """Once round, and round again for the few tokens that are read ahead."""
        if self._passage.present:
            yield from self._lead
            yield self._span
        while True:
            yield from self._ring

    @property
    def _span(self) -> Span:
        return self._corpus.episodes[self._passage.episode][0], self._passage.first, self._passage.stop

    @property
    def _behind(self) -> Span:
        block, _, stop = self._corpus.episodes[self._passage.episode]
        return block, self._passage.stop, stop

    @property
    def _ahead(self) -> Span:
        block, start, _ = self._corpus.episodes[self._passage.episode]
        return block, start, self._passage.first

    def _start(self, room: int, depth: float) -> int:
        """Set the text before the passage, and return its tokens: the nearest to the depth that segments allow."""
        most = max(0, room - self.tokens - SLACK_TOKENS // 4)
        wanted = min(most, round((room - self.tokens) * depth / 100))
        lead: list[Span] = []
        have = 0
        for block, start, stop in reversed(self._ring):
            size = int(block.token_offsets[stop] - block.token_offsets[start])
            if have + size <= wanted:
                lead.insert(0, (block, start, stop))
                have += size
                continue
            begin = _begin(block.token_offsets, start, stop, wanted - have, most - have)
            if begin < stop:
                lead.insert(0, (block, begin, stop))
                have += int(block.token_offsets[stop] - block.token_offsets[begin])
            break
        self._lead = lead
        return have


def _tokens(span: Span) -> int:
    block, first, stop = span
    return int(block.token_offsets[stop] - block.token_offsets[first])


def _begin(offsets: npt.NDArray[np.int64], start: int, stop: int, wanted: int, most: int) -> int:
    """The segment to begin at so that about ``wanted``, and at most ``most``, tokens are left to ``stop``."""
    places = [int(t) for t in offsets[start : stop + 1]]
    at = places[-1] - wanted
    above = bisect_right(places, at)  # the first boundary behind the wanted one: fewer tokens
    near = above - 1
    if at - places[near] > places[min(above, len(places) - 1)] - at or places[-1] - places[near] > most:
        near = min(above, len(places) - 1)
    return start + near
