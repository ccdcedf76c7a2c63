"""Haystacks made of one kind of line, for tasks whose classic form is no speech.

``noise:LANGUAGE`` is one line over and over (after Mohtashami & Jaggi, arXiv:2305.16300),
``pairs:LANGUAGE`` the inside of a JSON object of uuids (after Liu et al., Lost in the Middle,
arXiv:2307.03172), ``needles:LANGUAGE`` magic numbers of other keys (after RULER's niah_multikey_2,
arXiv:2404.06654). A longer context goes round, and says so.
"""

from __future__ import annotations

import uuid
from functools import cache

from niah.errors import UnknownName
from niah.generator.haystack import Corpus, cached_block
from niah.generator.tokenizers import Tokenizer
from niah.records import Segment
from niah.text.seeded import Draw
from niah.text.wording import LANGUAGES, ByLanguage, wording_of

VERSION = 2  # raised by anything that changes a line
PAIRS = 8_000  # about 400,000 tokens
NOISE_LINES = 400
# terms of two words ("amber falcon") that no haystack holds by chance: their first and second ones
WORDS = ByLanguage(lambda wording: (wording.words("terms.first"), wording.words("terms.second")))
NOISE = ByLanguage(lambda wording: wording.text("haystack.noise"))
NEEDLE = ByLanguage(lambda wording: wording.text("haystack.needle"))
_EVERY = 20  # one term in so many is left out of the haystack, for keys of needles


def filler(kind: str, language: str, tokenizer: Tokenizer) -> Corpus:
    """The haystack ``kind:language``. Raises UnknownName."""
    if language not in LANGUAGES:
        raise UnknownName(f"language of haystack {kind}", language, LANGUAGES)
    parts = [kind, language, VERSION]
    block = cached_block("filler", parts, lambda: [_segments(kind, language)], tokenizer)
    return Corpus(f"{kind}:{language}", language, [block])


def new_uuid(draw: Draw) -> str:
    """A version-4 uuid from a draw."""
    return str(uuid.UUID(int=draw.below(1 << 128), version=4))


def pair_line(key: str, value: str) -> str:
    """One line of the JSON object."""
    return f'"{key}": "{value}",'


@cache
def pair_values() -> frozenset[str]:
    """The values of all pairs of the JSON object."""
    return frozenset(line.split('"')[3] for line in _pairs())


def spare_terms(language: str) -> tuple[str, ...]:
    """The terms that are no key in ``needles:LANGUAGE``; each of their words is in other lines."""
    return tuple(term for term, spare in _terms(language) if spare)


def _segments(kind: str, language: str) -> list[Segment]:
    if kind == "noise":
        lines = [NOISE[language]] * NOISE_LINES
    elif kind == "pairs":
        lines = _pairs()
    else:
        draw, form = Draw(0, "needles", language), NEEDLE[language]
        keys = draw.shuffled([term for term, spare in _terms(language) if not spare])
        lines = [form.format(term=k, number=draw.between(1_000_000, 9_999_999)) for k in keys]
    return [Segment(text=line) for line in lines]


def _pairs() -> list[str]:
    draw = Draw(0, "pairs")  # the same in every language: only the question differs
    return [pair_line(new_uuid(draw), new_uuid(draw)) for _ in range(PAIRS)]


def _terms(language: str) -> list[tuple[str, bool]]:
    """Every term, and whether it is spare."""
    first, second = WORDS[language]
    form = wording_of(language).form("terms.term")
    return [
        (form.fill(first=one, second=other), (7 * i + j) % _EVERY == 0)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
    ]
