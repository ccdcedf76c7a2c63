"""A stretch of speech that is asked about where it stands: the haystack is turned so that it comes at the asked depth.

Nothing is inserted but, where they are asked for, lines with times. The walk begins so many tokens before the passage
that its depth is met to half a segment, and goes once round all episodes, or round the one whose times are shown. What
says the same elsewhere is left out. A context longer than all of it would meet the passage twice and is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from niah.errors import PromptError
from niah.generator.haystack import Corpus, Haystack, Span, corpus_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Passage, Segment, Transcript
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
        others = [i for i in range(len(haystack.episodes)) if i != passage.episode]
        _, start, stop = haystack.episodes[passage.episode]
        self._ring = [  # from behind the passage round to just before it
            *self._spans(passage.episode, passage.stop, stop),
            *(span for i in Draw(seed, "passage", epoch).shuffled(others) for span in self._spans(i)),
            *self._spans(passage.episode, start, passage.first),
        ]
        have = sum(map(_tokens, self._ring)) + (self.tokens if passage.present else 0)
        if room + SLACK_TOKENS > have:
            whole = "its one episode" if passage.marks else "it"
            raise PromptError(
                f"haystack {haystack.name!r} holds {have} tokens, too few for {room} in which the passage "
                f"stands once; add to {whole} or ask for shorter contexts"
            )
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

    def _spans(self, episode: int, first: int | None = None, stop: int | None = None) -> Iterator[Span]:
        """An episode, or the segments from first to before stop, without what is left out."""
        block, begin, end = self._corpus.episodes[episode]
        here, end = begin if first is None else first, end if stop is None else stop
        for other, left, right in sorted(self._passage.left_out):
            if other == episode and left < end and right > here:
                if left > here:
                    yield block, here, left
                here = right
        if end > here:
            yield block, here, end

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


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedEpisode:
    """One episode as a haystack of its own, with lines above some of its segments that tell the time."""

    corpus: Corpus
    above: Mapping[int, int]  # where each segment stands in it, with its mark
    lines: Mapping[int, int]  # and without

    def moved(self, passage: Passage) -> Passage:
        """A passage of the episode. A mark right above is its first line, and stays where the passage is left out."""
        left_out = [(0, self.lines[a], self.above[b]) for e, a, b in passage.left_out if e == passage.episode]
        first = (self.above if passage.present else self.lines)[passage.first]
        return replace(passage, episode=0, first=first, stop=self.above[passage.stop], left_out=tuple(left_out))


def marked_episode(haystack: Corpus, passage: Passage, tokenizer: Tokenizer) -> MarkedEpisode:
    """The episode of a passage with the passage's marks."""
    block, first, stop = haystack.episodes[passage.episode]
    mark_of, segments, above, lines = dict(passage.marks), list[Segment](), dict[int, int](), dict[int, int]()
    for i in range(first, stop):
        above[i] = len(segments)
        segments += [Segment(text=mark_of[i])] if i in mark_of else []
        lines[i] = len(segments)
        segments.append(Segment(text=block.text(i)))
    above[stop] = len(segments)
    transcript = Transcript(name=haystack.name, form="text", language=haystack.language, segments=tuple(segments))
    corpus = corpus_of(haystack.name, haystack.language, [transcript], tokenizer)
    return MarkedEpisode(corpus=corpus, above=above, lines=lines)


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
