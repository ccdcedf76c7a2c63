"""Where a needle may go: the boundary nearest to its place, or one a little further on or back that ends a sentence.

English subtitles break lines inside sentences, and a needle between two halves of one is told by its place. Speech
without full stops, as Chinese transcripts are, leaves the nearest boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from niah.generator.haystack import Boundary, HaystackStream

FURTHER_TOKENS = 16  # about a segment: so much further than the nearest boundary may a sentence end be
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)）\]]*$")


def ends_sentence(text: str) -> bool:
    return bool(_SENTENCE_END.search(text))


def boundary_for(tour: HaystackStream, tokens: float, most: int) -> Boundary:
    """The boundary for a needle that should have so many tokens of haystack before it, and at most ``most``.

    0 is exact. Speech without full stops gives the nearest boundary.
    """
    nearest = tour.nearest(tokens)
    if tokens <= 0:
        return nearest
    reach = abs(nearest.tokens - tokens) + FURTHER_TOKENS
    near = _boundaries(tour, max(1, tokens - reach), min(most, tokens + reach))
    ends = [b for b in near if ends_sentence(tour.segment_at(tour.floor(b.tokens - 1))[0])]
    return min(ends, key=lambda b: abs(b.tokens - tokens), default=nearest)


def _boundaries(tour: HaystackStream, low: float, high: float) -> Iterator[Boundary]:
    here = tour.floor(int(low))
    while here.tokens <= high:
        if here.tokens >= low:
            yield here
        here = tour.after(here)
