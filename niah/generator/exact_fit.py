"""Where a needle may go, and the end of a prompt: cut to an exact number of tokens.

A needle goes to the boundary nearest to its place, or to one a little further on or back that ends
a sentence. English subtitles break lines inside sentences, and a needle between two halves of one
is told by its place. Speech without full stops, as Chinese transcripts are, leaves the nearest
boundary.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from niah.generator.haystack import Boundary, HaystackStream
from niah.generator.tokenizers import Tokenizer
from niah.records import Needle, Placement

FURTHER_TOKENS = 16  # about a segment: so much beyond the nearest boundary may a sentence end be
TAIL_TOKENS = 24  # the tail holds at least so much haystack: room to cut
# a speaker who breaks off, in the place of the last comma or full stop where no plain cut will do
_BREAKS = ("…", "——", "…?", "⋯", " …", "……?", "⋯⋯")
_PADS = tuple(" a" * n for n in range(1, 9))  # for cuts that only rare characters surround
_WORDS = re.compile(
    r"(?:^|[\s\u3400-\u9fff])[^\W\d_]+['’]?[^\W\d_]*[.,;:?!，。；：？！]*\Z", re.MULTILINE
)  # not a uuid
_LOOSE = " ,.;:…?!-–、，。；：？！"
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)）\]]*$")
_JOINERS = "\u200d\ufe0e\ufe0f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A needle with its asked place in haystack tokens."""

    needle: Needle
    number: int | None  # among the planting's needles; None for a mark, whose place is not kept
    depth_percent: float
    tokens: float
    count: int  # its own tokens, newline included


Placements = dict[int | None, Placement]


class Tail:
    """The end of a prompt, cut to an exact number of tokens."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        tour: HaystackStream,
        start: Boundary,
        room: int,
        late: Sequence[Planted],
        closing: str,
    ) -> None:
        self._count = tokenizer.count
        self._room = room
        self._late = late
        self._closing = closing
        begins = list(_boundaries(tour, start.tokens, room + TAIL_TOKENS - 1))
        # haystack tokens before each line, and behind the last
        self._ends = [*(here.tokens for here in begins), tour.after(begins[-1]).tokens]
        self._source = "\n".join(tour.line_at(here.tokens) for here in begins)
        self.fixed_tokens = tokenizer.count(closing) + sum(p.count for p in late)

    def cuts(self, tokens: int) -> Iterator[tuple[str, Placements]]:
        """Tails of exactly so many tokens, cut between words where possible, the longest first."""

        def counted(k: int) -> int:
            return self._count(self._compose(k, "")[0])

        near = 1 + bisect_left(range(1, len(self._source)), tokens, key=counted)
        for k, pad in self._candidates(near):
            text, placements = self._compose(k, pad)
            if self._count(text) == tokens:
                yield text, placements

    def _candidates(self, near: int) -> Iterator[tuple[int, str]]:
        """Places to cut near the likely one: between words, then with a break, then anywhere."""
        source = self._source
        window = range(min(near + 12, len(source)), max(0, near - 60), -1)
        ends = [k for k in window if not source[k - 1].isspace()]
        between = [k for k in ends if not _inside_word(source, k)]
        inside = [k for k in ends if _inside_word(source, k)]
        yield from ((k, "") for k in between)
        spoken = [k for k in between if _WORDS.search(source, 0, k)]
        yield from ((k, pad) for pad in _BREAKS for k in spoken)
        yield from ((k, "") for k in inside)
        yield from ((k, pad) for pad in (*_BREAKS, *_PADS) for k in [*between, *inside])

    def _compose(self, k: int, pad: str) -> tuple[str, Placements]:
        """The tail with the first k characters of the source, and the late needles among them."""
        taken = self._source[:k]
        kept = taken.rstrip(_LOOSE) if pad else taken
        lines = (kept + pad).rstrip("\n").split("\n")
        whole = taken.count("\n")
        ends = [*(min(end, self._room) for end in self._ends[: whole + 1]), self._room]
        inserts: dict[int, list[str]] = {}
        placements: Placements = {}
        at = 0
        for p in self._late:
            at = max(at, self._boundary_for(p, ends, lines))
            inserts.setdefault(min(at, len(lines)), []).append(p.needle.text)
            placements[p.number] = placement_of(p.needle, p.depth_percent, ends[at], self._room)
        out: list[str] = []
        for i, line in enumerate(lines):
            out += [*inserts.get(i, ()), line]
        out += inserts.get(len(lines), ())
        return "\n".join(out) + self._closing, placements

    def _boundary_for(self, planted: Planted, ends: Sequence[int], lines: Sequence[str]) -> int:
        """The number of the nearest boundary, or of one a little further that ends a sentence."""

        def distance(i: int) -> float:
            return abs(ends[i] - planted.tokens)

        nearest = min(range(len(ends)), key=lambda i: (distance(i), -i))
        if planted.number is None or planted.tokens >= self._room or planted.tokens <= 0:
            return nearest
        reach = distance(nearest) + FURTHER_TOKENS
        near = [i for i in range(1, len(ends)) if distance(i) <= reach]
        ended = [i for i in near if ends_sentence(lines[:i][-1])]
        return min(ended, key=distance, default=nearest)


def ends_sentence(text: str) -> bool:
    return bool(_SENTENCE_END.search(text))


def boundary_for(tour: HaystackStream, tokens: float, most: int) -> Boundary:
    """The boundary for a needle with so many tokens of haystack before it, and at most ``most``.

    0 is exact. Speech without full stops gives the nearest boundary.
    """
    nearest = tour.nearest(tokens)
    if tokens <= 0:
        return nearest
    reach = abs(nearest.tokens - tokens) + FURTHER_TOKENS
    near = _boundaries(tour, max(1, tokens - reach), min(most, tokens + reach))
    ends = [b for b in near if ends_sentence(tour.line_at(b.tokens - 1))]
    return min(ends, key=lambda b: abs(b.tokens - tokens), default=nearest)


def placement_of(
    needle: Needle, depth_percent: float, tokens_before: int, haystack_tokens: int
) -> Placement:
    return Placement(
        key=needle.key,
        depth_percent=depth_percent,
        actual_depth_percent=100 * tokens_before / haystack_tokens,
        tokens_before=tokens_before,
    )


def _boundaries(tour: HaystackStream, low: float, high: float) -> Iterator[Boundary]:
    here = tour.floor(int(low))
    while here.tokens <= high:
        if here.tokens >= low:
            yield here
        here = tour.after(here)


def _inside_word(text: str, k: int) -> bool:
    """Whether a cut before character k splits a word, a number, or a character from its marks."""
    if k >= len(text):
        return False
    left, right = text[k - 1], text[k]
    if unicodedata.combining(right) or right in _JOINERS:
        return True
    alphabetic = unicodedata.category(left) != "Lo" != unicodedata.category(right)
    return alphabetic and left.isalnum() and right.isalnum()
