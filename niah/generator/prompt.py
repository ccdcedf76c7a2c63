"""Build one prompt of an exact length, with every needle or passage at an exact depth.

The prompt is: opening, whole segments of a tour with needles between them, a tail, closing. All
parts before the tail end in a newline, so their counts add up; the tail (the last segments, the cut
one, the closing) is counted as one piece and cut where the total comes out to the token. Where a
tokenizer gives no such promise, the whole prompt is counted and the tail cut again until it fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
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
from niah.generator.haystack import Corpus, Haystack, HaystackStream, stream_of
from niah.generator.passage import MarkedEpisode, marked_episode, turned_to
from niah.generator.tokenizers import Tokenizer
from niah.records import Needle, Placement, Planting, Prompt, Trial

LEAST_HAYSTACK_TOKENS = 32  # a shorter rest is refused: it would be no haystack
# a tokenizer that merges across lines may need many; two recounts of one cut are usual
_RECOUNTS = 12
_CUTS = 8


# haystack tokens before each line planted ahead of the tail, and its bytes
_Inserts = list[tuple[int, int]]
_Assembled = tuple[list[bytes | memoryview], tuple[Placement, ...], _Inserts]


@dataclass(eq=False)
class Builder:
    """Builds the prompts of one run: one haystack, one tokenizer, one reply budget."""

    haystack: Haystack
    tokenizer: Tokenizer
    _: KW_ONLY
    seed: int
    reply_tokens: int
    haystack_per: str
    anchor_tokens: int | None = None  # of haystack between the places where prompts are split
    # by epoch: walked once, sliced by every trial
    _tours: dict[int, HaystackStream] = field(default_factory=dict)
    _marked: dict[object, MarkedEpisode] = field(default_factory=dict)  # the last one

    def build(self, trial: Trial, planting: Planting) -> Prompt:
        """The prompt of a trial. Raises PromptError for a length without room for a haystack."""
        room = self.haystack_tokens(trial.context_length, planting)
        if planting.passage is not None:
            return self._around(trial, planting, room)
        return self._built(self._tour(trial), trial, planting, room)

    def bare(self, planting: Planting, lines: Sequence[str]) -> Prompt:
        """The prompt without a haystack, of any length: these lines, or only the question."""
        text = planting.closing.lstrip("\n}")
        if lines:
            text = planting.opening + "\n".join(lines) + planting.closing
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
            key = (passage.episode, passage.marks)
            marked = self._marked.get(key) or marked_episode(haystack, passage, self.tokenizer)
            self._marked = {key: marked}
            haystack, passage = marked.corpus, marked.moved(passage)
        turned = turned_to(haystack, passage, self.seed, trial.epoch, room, trial.depth_percent)
        prompt = self._built(turned.tour, trial, planting, room)
        if not passage.present:
            return prompt
        needle, others = planting.needles[0], max(1, room - turned.tokens)
        place = placement_of(needle, trial.depth_percent, turned.before, others)
        return replace(prompt, placements=(place,))

    def _built(self, tour: HaystackStream, trial: Trial, planting: Planting, room: int) -> Prompt:
        assembled = next(self._attempts(tour, trial, planting, room), None)
        if assembled is None:
            raise PromptError(
                f"{self.tokenizer.name} cannot be brought to exactly {trial.context_length} tokens"
                f" at depth {trial.depth_percent:g}; ask for another length"
            )
        parts, placements, inserts = assembled
        utf8 = b"".join(parts)
        places = [self._shared(planting, inserts, room), *self._anchors(tour, room)]
        shared_bytes, *splits = self._bytes_before(places, tour, planting, inserts)
        return Prompt(
            utf8=utf8,
            tokens=trial.context_length - self.reply_tokens,
            reply_tokens=self.reply_tokens,
            haystack_tokens=room,
            unique_share=tour.unique_share(room),
            placements=placements,
            planting=planting,
            digest=hashlib.sha256(utf8).hexdigest(),
            shared_bytes=shared_bytes,
            splits=tuple(splits),
        )

    def haystack_tokens(self, context_length: int, planting: Planting) -> int:
        """Tokens left for the haystack once everything else is counted."""
        overhead = self.overhead(planting)
        room = context_length - overhead
        if room < LEAST_HAYSTACK_TOKENS:
            raise PromptError(
                f"context length {context_length} is too short:"
                f" question, needles and reply take {overhead} tokens;"
                f" use {overhead + LEAST_HAYSTACK_TOKENS} or more"
            )
        return room

    def overhead(self, planting: Planting) -> int:
        """Tokens of a context that are no haystack: opening, needles, closing and reply budget."""
        lines = [n.text + "\n" for _, n in _inserted(planting)]
        texts = (planting.opening, planting.closing, *lines)
        return self.reply_tokens + sum(map(self.tokenizer.count, texts))

    def _attempts(
        self, tour: HaystackStream, trial: Trial, planting: Planting, room: int
    ) -> Iterator[_Assembled]:
        """Assemblies of exactly the right length, of which any will do.

        Where counts do not add up, first the segments and then the tail make up for it.
        """
        if self.tokenizer.joins_at_newlines:  # the counts add up
            yield from self._assemblies(tour, trial, planting, room, 0)
            return
        summed, trim, tried = room, 0, {0}
        for _ in range(_RECOUNTS):
            excess = 0  # tokens too many
            assemblies = self._assemblies(tour, trial, planting, summed, trim)
            for assembled in islice(assemblies, _CUTS):
                whole = b"".join(assembled[0]).decode()
                excess = self.tokenizer.count(whole) + self.reply_tokens - trial.context_length
                if excess == 0:
                    yield assembled
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
        """Haystack tokens before the first planted line: a passage's haystack is no other's."""
        if planting.passage is not None:
            return 0
        return min((before for before, _ in inserts), default=max(0, room - TAIL_TOKENS))

    def _bytes_before(
        self, places: Sequence[int], tour: HaystackStream, planting: Planting, inserts: _Inserts
    ) -> Iterator[int]:
        """Bytes of the prompt before some places in the haystack, given as tokens.

        A line planted at a place is behind it.
        """
        for place in places:
            haystack = sum(map(len, tour.pieces(tour.floor(0), tour.floor(place))))
            planted = sum(size for before, size in inserts if before < place)
            yield len(planting.opening.encode()) + haystack + planted

    def _tour(self, trial: Trial) -> HaystackStream:
        epoch = trial.epoch
        if self.haystack_per == "trial":
            own = (trial.context_length, trial.depth_percent)
            return stream_of(self.haystack, self.seed, epoch, *own)
        if (tour := self._tours.get(epoch)) is None:
            # epochs are sent one after the other: two at a time are in use
            for old in list(self._tours)[:-1]:
                self._tours.pop(old, None)
            tour = self._tours.setdefault(epoch, stream_of(self.haystack, self.seed, epoch))
        return tour

    def _planted(self, trial: Trial, planting: Planting, room: int) -> Iterator[Planted]:
        """The lines to plant, each with its place in the haystack."""
        for number, needle in _inserted(planting):
            depth = needle.depth_in(trial)
            place = room * depth / 100
            if needle.tokens_before is not None and depth < 100:
                place = min(room, needle.tokens_before)
            size = self.tokenizer.count(needle.text + "\n")
            yield Planted(
                needle=needle, number=number, depth_percent=depth, tokens=place, count=size
            )

    def _assemblies(
        self, tour: HaystackStream, trial: Trial, planting: Planting, room: int, trim: int
    ) -> Iterator[_Assembled]:
        """For every cut that counts right the parts of the prompt, and the placements in order."""
        planted = sorted(self._planted(trial, planting, room), key=lambda p: p.tokens)
        tail_start = tour.floor(max(0, room - TAIL_TOKENS))
        early = [p for p in planted if p.tokens <= tail_start.tokens]
        late = planted[len(early) :]
        parts: list[bytes | memoryview] = [planting.opening.encode()]
        placements: Placements = {}
        inserts: _Inserts = []
        here = tour.floor(0)
        for p in early:
            if p.number is None:
                place = tour.nearest(p.tokens)
            else:
                place = boundary_for(tour, p.tokens, tail_start.tokens)
            place = max(here, place)  # never before the one ahead of it
            parts += tour.pieces(here, place)
            parts.append((p.needle.text + "\n").encode())
            inserts.append((place.tokens, len(parts[-1])))
            placements[p.number] = placement_of(p.needle, p.depth_percent, place.tokens, room)
            here = place
        parts += tour.pieces(here, tail_start)
        tail = Tail(self.tokenizer, tour, tail_start, room, late, planting.closing)
        for text, late_placements in tail.cuts(room - tail_start.tokens + tail.fixed_tokens + trim):
            found = placements | late_placements
            in_order = tuple(found[i] for i in range(len(planting.needles)) if i in found)
            yield [*parts, text.encode()], in_order, inserts


def _inserted(planting: Planting) -> list[tuple[int | None, Needle]]:
    """The lines that are planted, needles with their numbers; a passage is in the text already."""
    needles = [] if planting.passage is not None else planting.needles
    return [*enumerate(needles), *((None, mark) for mark in planting.marks)]


def _around(number: int) -> Iterator[int]:
    """number, number + 1, number - 1, number + 2 ..."""
    yield number
    for distance in count(1):
        yield from (number + distance, number - distance)
