"""A stretch of speech that is asked about where it stands: the haystack is turned so that it comes at the asked depth.

Nothing is inserted but, where they are asked for, lines with times. The walk begins so many tokens before the passage
that its depth is met to half a segment, and goes once round all episodes, or round the one whose times are shown. What
says the same elsewhere is left out. A context longer than all of it would meet the passage twice and is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from niah.errors import PromptError
from niah.generator.haystack import Corpus, Haystack, Span, corpus_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Passage, Segment, Transcript
from niah.text.seeded import Draw

SLACK_TOKENS = 48  # of the tail, which reads a little further than the prompt goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A corpus seen from one passage."""

    lead: Sequence[Span]  # before the passage
    passage: Span | None  # None: left out
    ring: Sequence[Span]  # from behind the passage round to just before it
    tokens: int  # of the passage

    @property
    def before(self) -> int:
        """Tokens before the passage."""
        return sum(span.tokens for span in self.lead)

    def walk(self) -> Iterator[Span]:
        """Once round, and round again for the few tokens that are read ahead."""
        yield from self.lead
        yield from () if self.passage is None else (self.passage,)
        while True:
            yield from self.ring


def turned_to(haystack: Haystack, passage: Passage, seed: int, epoch: int, room: int, depth: float) -> Turned:
    """A haystack turned so that the passage comes at a depth, or without it.

    ``room`` is all haystack tokens of the prompt. Raises PromptError where the text would repeat, or cut the passage.
    """
    if not isinstance(haystack, Corpus):
        raise PromptError(f"haystack {haystack.name!r} holds no transcripts to ask about; name one of your own")
    block, start, stop = haystack.episodes[passage.episode]
    others = [i for i in range(len(haystack.episodes)) if i != passage.episode]
    shuffled = Draw(seed, "passage", epoch).shuffled(others)
    ring = [
        *_without(passage, passage.episode, Span(block, passage.stop, stop)),
        *(span for i in shuffled for span in _without(passage, i, haystack.episodes[i])),
        *_without(passage, passage.episode, Span(block, start, passage.first)),
    ]
    asked = Span(block, passage.first, passage.stop)
    have = sum(span.tokens for span in ring) + (asked.tokens if passage.present else 0)
    if room + SLACK_TOKENS > have:
        whole = "its one episode" if passage.marks else "it"
        raise PromptError(
            f"haystack {haystack.name!r} holds {have} tokens, too few for {room} in which the passage "
            f"stands once; add to {whole} or ask for shorter contexts"
        )
    if not passage.present:
        return Turned(lead=(), passage=None, ring=ring, tokens=asked.tokens)
    most = room - asked.tokens - SLACK_TOKENS // 4
    if most < 0:
        raise PromptError(
            f"the passage of {asked.tokens} tokens does not fit into {room} tokens of haystack; "
            "ask for longer contexts, or quote less of it"
        )
    wanted = min(most, round((room - asked.tokens) * depth / 100))
    return Turned(lead=_lead(ring, wanted, most), passage=asked, ring=ring, tokens=asked.tokens)


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


def _lead(ring: Sequence[Span], wanted: int, most: int) -> list[Span]:
    """The text before the passage: of so many tokens, as nearly as segments allow."""
    lead: list[Span] = []
    have = 0
    for span in reversed(ring):
        if have + span.tokens > wanted:
            begin = _begin(span, wanted - have, most - have)
            return [Span(span.block, begin, span.stop), *lead] if begin < span.stop else lead
        lead.insert(0, span)
        have += span.tokens
    return lead


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


def _begin(span: Span, wanted: int, most: int) -> int:
    """The segment to begin at so that about ``wanted``, and at most ``most``, tokens are left to the end of a span."""
    places = [int(t) for t in span.block.token_offsets[span.first : span.stop + 1]]
    at = places[-1] - wanted
    above = bisect_right(places, at)  # the first boundary behind the wanted one: fewer tokens
    near = above - 1
    if at - places[near] > places[min(above, len(places) - 1)] - at or places[-1] - places[near] > most:
        near = min(above, len(places) - 1)
    return span.first + near
