"""Build one prompt of an exact length with every needle, or the passage that is asked about, at an
exact depth.

The prompt is: opening, whole segments of a tour with needles between them, a tail, closing. All
parts before the tail end in a newline, so their counts add up; the tail (the last segments, the cut
one, the closing) is counted as one piece and cut where the total comes out to the token. Where a
tokenizer gives no such promise, the whole prompt is counted and the tail cut again until it fits.

For a passage the haystack is turned: the walk begins so many tokens before it that its depth is met
to half a segment, and goes once round all episodes, or round the one whose times are shown. What
says the same elsewhere is left out.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import count, islice

from niah.errors import PromptError
from niah.generator.exact_fit import (
    TAIL_TOKENS,
    Placements,
    Planted,
    Tail,
    boundary_for,
    placement_of,
)
from niah.generator.haystack import Corpus, Haystack, HaystackStream, Span, corpus_of, stream_of
from niah.generator.tokenizers import Tokenizer
from niah.records import Needle, Passage, Placement, Planting, Prompt, Segment, Transcript, Trial
from niah.text.seeded import Draw

LEAST_HAYSTACK_TOKENS = 32  # a shorter rest is refused: it would be no haystack
# a tokenizer that merges across lines may need many; two recounts of one cut are usual
_RECOUNTS = 12
_CUTS = 8


_Inserts = list[
    tuple[int, int]
]  # haystack tokens before each line planted ahead of the tail, and its bytes
_Assembled = tuple[list[bytes | memoryview], tuple[Placement, ...], _Inserts]
SLACK_TOKENS = 48  # of the tail, which reads a little further than the prompt goes


@dataclass(eq=False)
class Builder:
    """Builds the prompts of one run: one haystack, one tokenizer, one reply budget."""

    haystack: Haystack
    tokenizer: Tokenizer
    _: KW_ONLY
    seed: int
    reply_tokens: int
    haystack_per: str
    anchor_tokens: int | None = (
        None  # split prompts after so many tokens of haystack, at equal places in every prompt
    )
    _tours: dict[int, HaystackStream] = field(
        default_factory=dict
    )  # by epoch: walked once, sliced by every trial
    _marked: dict[object, MarkedEpisode] = field(default_factory=dict)  # the last one

    def build(self, trial: Trial, planting: Planting) -> Prompt:
        """The prompt of a trial.

        Raises PromptError where the length leaves no room for a haystack.
        """
        room = self.haystack_tokens(trial.context_length, planting)
        if planting.passage is not None:
            return self._around(trial, planting, room)
        return self._built(self._tour(trial), trial, planting, room)

    def bare(self, planting: Planting, lines: Sequence[str]) -> Prompt:
        """The prompt without a haystack: only these lines, or nothing but the question. Its length
        is its own."""
        text = (
            planting.opening + "\n".join(lines) + planting.closing
            if lines
            else planting.closing.lstrip("\n}")
        )
        utf8 = text.encode()
        return Prompt(
            utf8=utf8,
            tokens=self.tokenizer.count(text),
            reply_tokens=self.reply_tokens,
            haystack_tokens=0,
            unique_share=1.0,
            placements=(),
            planting=planting,
            digest=hashlib.sha256(utf8).hexdigest(),
        )

    def _around(self, trial: Trial, planting: Planting, room: int) -> Prompt:
        """The prompt in which a passage stands at the trial's depth, or is missing."""
        assert planting.passage is not None  # noqa: S101  # said by the caller
        haystack, passage = self.haystack, planting.passage
        if passage.marks and isinstance(haystack, Corpus):
            marked = self._marked.get((passage.episode, passage.marks))
            if marked is None:
                marked = marked_episode(haystack, passage, self.tokenizer)
                self._marked = {(passage.episode, passage.marks): marked}
            haystack, passage = marked.corpus, marked.moved(passage)
        turned = turned_to(haystack, passage, self.seed, trial.epoch, room, trial.depth_percent)
        prompt = self._built(
            HaystackStream(turned.walk(), haystack.unique_tokens()), trial, planting, room
        )
        if not planting.passage.present:
            return prompt
        place = Placement(
            key=planting.needles[0].key,
            depth_percent=trial.depth_percent,
            actual_depth_percent=100 * turned.before / max(1, room - turned.tokens),
            tokens_before=turned.before,
        )
        return replace(prompt, placements=(place,))

    def _built(self, tour: HaystackStream, trial: Trial, planting: Planting, room: int) -> Prompt:
        for parts, placements, inserts in self._attempts(tour, trial, planting, room):
            utf8 = b"".join(parts)
            return Prompt(
                utf8=utf8,
                tokens=trial.context_length - self.reply_tokens,
                reply_tokens=self.reply_tokens,
                haystack_tokens=room,
                unique_share=tour.unique_share(room),
                placements=placements,
                planting=planting,
                digest=hashlib.sha256(utf8).hexdigest(),
                shared_bytes=self._splits(
                    tour, planting, inserts, [self._shared(planting, inserts, room)]
                )[0],
                splits=self._splits(tour, planting, inserts, self._anchors(tour, room)),
            )
        raise PromptError(
            f"{self.tokenizer.name} cannot be brought to exactly {trial.context_length} tokens at"
            f" depth {trial.depth_percent:g}; ask for another length"
        )

    def haystack_tokens(self, context_length: int, planting: Planting) -> int:
        """Tokens left for the haystack once everything else is counted."""
        overhead = self.overhead(planting)
        room = context_length - overhead
        if room < LEAST_HAYSTACK_TOKENS:
            raise PromptError(
                f"context length {context_length} is too short: question, needles and reply take"
                f" {overhead} tokens; use {overhead + LEAST_HAYSTACK_TOKENS} or more"
            )
        return room

    def overhead(self, planting: Planting) -> int:
        """Tokens of a context that are no haystack: opening, needles, closing and reply budget."""
        lines = [n.text + "\n" for _, n in _inserted(planting)]
        return self.reply_tokens + sum(
            self.tokenizer.count(t) for t in (planting.opening, planting.closing, *lines)
        )

    def _attempts(
        self, tour: HaystackStream, trial: Trial, planting: Planting, room: int
    ) -> Iterator[_Assembled]:
        """Assemblies of exactly the right length. The first will do; where counts add up, it is the
        first tried."""
        summed, trim = (
            room,
            0,
        )  # where counts do not add up, first the segments and then the tail make up for it
        tried = {0}
        for _ in range(_RECOUNTS):
            excess = 0  # tokens too many
            planted = self._planted(trial, planting, summed)
            for parts, placements, inserts in islice(
                self._assemblies(tour, planting, planted, summed, trim), _CUTS
            ):
                if not self.tokenizer.joins_at_newlines:  # else the counts add up
                    whole = b"".join(parts).decode()
                    excess = self.tokenizer.count(whole) + self.reply_tokens - trial.context_length
                if excess == 0:
                    yield parts, placements, inserts
            if abs(excess) > TAIL_TOKENS // 2:
                summed, trim, tried = summed - excess, 0, {0}
            else:
                trim = next(n for n in _around(trim - excess) if n not in tried)
                tried.add(trim)

    def _anchors(self, tour: HaystackStream, room: int) -> list[int]:
        """Tokens before every anchor that lies before the tail of a prompt."""
        if self.anchor_tokens is None:
            return []
        wanted = range(self.anchor_tokens, max(0, room - TAIL_TOKENS), self.anchor_tokens)
        return [tour.floor(tokens).tokens for tokens in wanted]

    def _shared(self, planting: Planting, inserts: Sequence[tuple[int, int]], room: int) -> int:
        """Haystack tokens before the first planted line; around a passage every prompt has a
        haystack of its own."""
        if planting.passage is not None:
            return 0
        return min((before for before, _ in inserts), default=max(0, room - TAIL_TOKENS))

    def _splits(
        self,
        tour: HaystackStream,
        planting: Planting,
        inserts: Sequence[tuple[int, int]],
        places: Sequence[int],
    ) -> tuple[int, ...]:
        """Bytes of the prompt before some places in the haystack, given as tokens; a line planted
        there is behind."""
        opening = len(planting.opening.encode())
        start = tour.floor(0)
        return tuple(
            opening
            + sum(map(len, tour.pieces(start, tour.floor(place))))
            + sum(size for before, size in inserts if before < place)
            for place in places
        )

    def _tour(self, trial: Trial) -> HaystackStream:
        if self.haystack_per == "trial":
            return stream_of(
                self.haystack, self.seed, trial.epoch, trial.context_length, trial.depth_percent
            )
        tour = self._tours.get(trial.epoch)
        if tour is None:
            for epoch in list(self._tours)[
                :-1
            ]:  # epochs are sent one after the other: two at a time are in use
                self._tours.pop(epoch, None)
            tour = self._tours.setdefault(
                trial.epoch, stream_of(self.haystack, self.seed, trial.epoch)
            )
        return tour

    def _planted(self, trial: Trial, planting: Planting, room: int) -> list[Planted]:
        planted = []
        for number, needle in _inserted(planting):
            depth = trial.depth_percent if needle.depth_percent is None else needle.depth_percent
            tokens = self.tokenizer.count(needle.text + "\n")
            place = room * depth / 100
            if needle.tokens_before is not None and depth < 100:
                place = min(room, needle.tokens_before)
            planted.append(
                Planted(
                    needle=needle, number=number, depth_percent=depth, tokens=place, count=tokens
                )
            )
        return sorted(planted, key=lambda p: p.tokens)

    def _assemblies(
        self,
        tour: HaystackStream,
        planting: Planting,
        planted: Sequence[Planted],
        room: int,
        trim: int,
    ) -> Iterator[_Assembled]:
        """The parts of the prompt in order and the placements (asked needle first), for every cut
        that counts right."""
        tail_start = tour.floor(max(0, room - TAIL_TOKENS))
        late = [p for p in planted if p.tokens > tail_start.tokens]
        parts: list[bytes | memoryview] = [planting.opening.encode()]
        placements: Placements = {}
        inserts: _Inserts = []
        here = tour.floor(0)
        for p in planted[: len(planted) - len(late)]:
            is_mark = p.number is None
            place = (
                tour.nearest(p.tokens)
                if is_mark
                else boundary_for(tour, p.tokens, tail_start.tokens)
            )
            place = (
                place if place.tokens >= here.tokens else here
            )  # never before the one ahead of it
            parts += tour.pieces(here, place)
            parts.append((p.needle.text + "\n").encode())
            inserts.append((place.tokens, len(parts[-1])))
            placements[p.number] = placement_of(p, place.tokens, room)
            here = place
        parts += tour.pieces(here, tail_start)
        tail = Tail(self.tokenizer, tour, tail_start, room, late, planting.closing)
        for text, late_placements in tail.cuts(room - tail_start.tokens + tail.fixed_tokens + trim):
            found = placements | late_placements
            yield (
                [*parts, text.encode()],
                tuple(found[i] for i in range(len(planting.needles)) if i in found),
                inserts,
            )


def _inserted(planting: Planting) -> list[tuple[int | None, Needle]]:
    """The lines that are planted, with the number of each needle; a passage stands in the haystack
    already."""
    needles = [] if planting.passage is not None else planting.needles
    return [*enumerate(needles), *((None, mark) for mark in planting.marks)]


def _around(number: int) -> Iterator[int]:
    """number, number + 1, number - 1, number + 2 ..."""
    yield number
    for distance in count(1):
        yield from (number + distance, number - distance)


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
            f"haystack {haystack.name!r} holds {have} tokens, too few for {room} in which the"
            f" passage stands once; add to {whole} or ask for shorter contexts"
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
    """One episode as a haystack of its own, with lines above some of its segments that tell the
    time."""

    corpus: Corpus
    above: Mapping[int, int]  # where each segment stands in it, with its mark
    lines: Mapping[int, int]  # and without

    def moved(self, passage: Passage) -> Passage:
        """A passage of the episode. A mark right above is its first line, and stays where the
        passage is left out."""
        left_out = [
            (0, self.lines[a], self.above[b])
            for e, a, b in passage.left_out
            if e == passage.episode
        ]
        first = (self.above if passage.present else self.lines)[passage.first]
        return replace(
            passage, episode=0, first=first, stop=self.above[passage.stop], left_out=tuple(left_out)
        )


def marked_episode(haystack: Corpus, passage: Passage, tokenizer: Tokenizer) -> MarkedEpisode:
    """The episode of a passage with the passage's marks."""
    block, first, stop = haystack.episodes[passage.episode]
    mark_of, segments, above, lines = (
        dict(passage.marks),
        list[Segment](),
        dict[int, int](),
        dict[int, int](),
    )
    for i in range(first, stop):
        above[i] = len(segments)
        segments += [Segment(text=mark_of[i])] if i in mark_of else []
        lines[i] = len(segments)
        segments.append(Segment(text=block.text(i)))
    above[stop] = len(segments)
    transcript = Transcript(
        name=haystack.name, form="text", language=haystack.language, segments=tuple(segments)
    )
    corpus = corpus_of(haystack.name, haystack.language, [transcript], tokenizer)
    return MarkedEpisode(corpus=corpus, above=above, lines=lines)


def _begin(span: Span, wanted: int, most: int) -> int:
    """The segment to begin at so that about ``wanted``, and at most ``most``, tokens are left to
    the end of a span."""
    places = [int(t) for t in span.block.token_offsets[span.first : span.stop + 1]]
    at = places[-1] - wanted
    above = bisect_right(places, at)  # the first boundary behind the wanted one: fewer tokens
    near = above - 1
    if (
        at - places[near] > places[min(above, len(places) - 1)] - at
        or places[-1] - places[near] > most
    ):
        near = min(above, len(places) - 1)
    return span.first + near
