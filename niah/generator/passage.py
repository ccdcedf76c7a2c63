"""A haystack turned so that a passage of it, which is asked about, stands at an exact depth.

The walk begins so many tokens before the passage that its depth is met to half a segment, and goes
once round all episodes, or round the one whose times are shown. What says the same elsewhere is
left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle

import numpy as np

from niah.errors import PromptError
from niah.generator.haystack import Corpus, Haystack, HaystackStream, Span, corpus_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Passage, Segment, Transcript
from niah.text.seeded import Draw

SLACK_TOKENS = 48  # of the tail, which reads a little further than the prompt goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A corpus seen from one passage."""

    tour: HaystackStream  # once round, and round again for the few tokens that are read ahead
    before: int  # tokens ahead of the passage
    tokens: int  # of the passage


def turned_to(
    haystack: Haystack, passage: Passage, seed: int, epoch: int, room: int, depth: float
) -> Turned:
    """A haystack turned so that the passage comes at a depth, or without it.

    ``room`` is all haystack tokens of the prompt. Raises PromptError where the text would repeat,
    or cut the passage.
    """
    if not isinstance(haystack, Corpus):
        raise PromptError(
            f"haystack {haystack.name!r} holds no transcripts to ask about; name one of your own"
        )
    block, start, stop = haystack.episodes[passage.episode]
    others = [i for i in range(len(haystack.episodes)) if i != passage.episode]
    shuffled = Draw(seed, "passage", epoch).shuffled(others)
    ring = [  # from behind the passage round to just before it
        *_without(passage, passage.episode, Span(block, passage.stop, stop)),
        *(span for i in shuffled for span in _without(passage, i, haystack.episodes[i])),
        *_without(passage, passage.episode, Span(block, start, passage.first)),
    ]
    asked = Span(block, passage.first, passage.stop)
    have = sum(span.tokens for span in ring) + (asked.tokens if passage.present else 0)
    if room + SLACK_TOKENS > have:
        whole = "its one episode" if passage.marks else "it"
        raise PromptError(
            f"haystack {haystack.name!r} holds {have} tokens,"
            f" too few for {room} in which the passage stands once;"
            f" add to {whole} or ask for shorter contexts"
        )
    unique = haystack.unique_tokens()
    if not passage.present:
        return Turned(tour=HaystackStream(cycle(ring), unique), before=0, tokens=0)
    most = room - asked.tokens - SLACK_TOKENS // 4
    if most < 0:
        raise PromptError(
            f"the passage of {asked.tokens} tokens does not fit into {room} tokens of haystack;"
            " ask for longer contexts, or quote less of it"
        )
    wanted = min(most, round((room - asked.tokens) * depth / 100))
    lead = list(_lead(ring, wanted, most))[::-1]
    tour = HaystackStream(chain([*lead, asked], cycle(ring)), unique)
    return Turned(tour=tour, before=sum(span.tokens for span in lead), tokens=asked.tokens)


def _without(passage: Passage, episode: int, span: Span) -> Iterator[Span]:
    """A span of an episode without what is left out."""
    block, here, end = span
    for other, left, right in sorted(passage.left_out):
        if other == episode and left < end and right > here:
            if left > here:
                yield Span(block, here, left)
            here = right
    if end > here:
        yield Span(block, here, end)


def _lead(ring: Sequence[Span], wanted: int, most: int) -> Iterator[Span]:
    """The text before the passage, backwards: of so many tokens, as nearly as segments allow."""
    for span in reversed(ring):
        if span.tokens > wanted:
            begin = _begin(span, wanted, most)
            if begin < span.stop:
                yield Span(span.block, begin, span.stop)
            return
        yield span
        wanted, most = wanted - span.tokens, most - span.tokens


def _begin(span: Span, wanted: int, most: int) -> int:
    """The segment from which about ``wanted``, and at most ``most``, tokens are left of a span."""
    offsets = span.block.token_offsets[span.first : span.stop + 1]
    left = offsets[-1] - offsets
    fitting = np.flatnonzero(left <= most)
    return span.first + int(fitting[np.abs(left[fitting] - wanted).argmin()])


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedEpisode:
    """One episode as a haystack of its own, with lines above some segments that tell the time."""

    corpus: Corpus
    above: Mapping[int, int]  # where each segment stands in it, with its mark
    lines: Mapping[int, int]  # and without

    def moved(self, passage: Passage) -> Passage:
        """A passage of the episode. A mark right above is its first line, and stays without it."""
        first = (self.above if passage.present else self.lines)[passage.first]
        stop = self.above[passage.stop]
        left_out = tuple(
            (0, self.lines[a], self.above[b])
            for e, a, b in passage.left_out
            if e == passage.episode
        )
        return replace(passage, episode=0, first=first, stop=stop, left_out=left_out)


def marked_episode(haystack: Corpus, passage: Passage, tokenizer: Tokenizer) -> MarkedEpisode:
    """The episode of a passage with the passage's marks."""
    name, language = haystack.name, haystack.language
    block, first, stop = haystack.episodes[passage.episode]
    mark_of = dict(passage.marks)
    segments: list[Segment] = []
    above: dict[int, int] = {}
    lines: dict[int, int] = {}
    for i in range(first, stop):
        above[i] = len(segments)
        if i in mark_of:
            segments.append(Segment(text=mark_of[i]))
        lines[i] = len(segments)
        segments.append(Segment(text=block.text(i)))
    above[stop] = len(segments)
    episode = Transcript(name=name, form="text", language=language, segments=tuple(segments))
    corpus = corpus_of(name, language, [episode], tokenizer)
    return MarkedEpisode(corpus=corpus, above=above, lines=lines)
