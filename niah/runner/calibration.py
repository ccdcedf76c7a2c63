"""How a server counts tokens, and when its count is of less than the whole prompt.

A server that counts the small requests to the token as we do is *exact*: it is held to a few tokens
at every length, since all it may add is the constant frame of its chat template. For any other
there is a ratio for each script and a tolerance: measured over four haystacks and two tokenizers,
the ratio between two tokenizers stays within 5 % in stretches of 1,000 tokens of one language,
within 2 % in 4,000 and within 1 % in 16,000; between two scripts it differs by a third. The first
long prompt that was surely counted in full refines the ratios, once: a server that drops more and
more must not be followed.

Whether a count holds what was read from a cache is one fact about a server, found out once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

from niah.records import Usage

EXACT_TOKENS = 4  # what a chat template's frame may differ by from one day or message to another
LEAST_SHORTFALL = 0.015
LONG_TOKENS = 16_000
LEAST_RATIO = 0.2  # no tokenizer makes so few tokens of ours: such a server repeats a number
_OF_PROMPT = 1.6
_OF_SAMPLE = 0.6
_FEW_TOKENS = 16  # what a server of another tokenizer may add around a prompt differs by so much
_WIDE = re.compile(r"[^\x00-\x7f]")
_NOT_ASCII = bytes(range(128, 256))


class CacheCount(StrEnum):
    """What a server's count of a prompt says of the part that it read from its cache."""

    INCLUDED = "included"  # as the protocols have it
    LEFT_OUT = "left out"
    TWICE = "counted twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A prompt and the server's count of it, in tokens."""

    text: bytes
    tokens: int
    server_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A server's tokens per token of ours, by script, and what it adds to every prompt."""

    overhead: float
    narrow: float  # ratio in ASCII text
    wide: float  # ratio elsewhere
    wide_bytes_per_token: float  # of ours: tells how much of a prompt is in which script
    narrow_bytes_per_token: float
    sample_tokens: int
    is_refined: bool = False
    is_exact: bool = False  # every small request was counted to the token as we count
    cache: CacheCount | None = None  # None: nothing showed it yet
    per_media: float | None = None  # tokens of a page, or of a second of sound; None: not known
    frame: float = 0.0  # tokens that messages take beside their text: declared tools, for instance
    per_turn: float = 0.0  # and for each turn

    @property
    def resolution(self) -> float:
        """The share of a long prompt that could be missing without being noticed."""
        return 0.0 if self.is_exact else self.tolerance(10 * LONG_TOKENS)

    def expected(self, text: bytes, tokens: int) -> int:
        """What the server should count for a prompt of so many tokens of ours."""
        return round(self.overhead + tokens * self._ratio(text))

    def of_media(self, units: float) -> int | None:
        """What the server should count for so many pages or seconds; None where it is not known."""
        return None if self.per_media is None else round(units * self.per_media)

    def with_media(self, counted: Counted, units: float) -> Calibration:
        """With what a prompt tells whose ``tokens`` are those of its text beside pages or sound."""
        beside = counted.server_tokens - self.expected(counted.text, counted.tokens)
        return replace(self, per_media=beside / units) if units and beside > 0 else self

    def of_turns(self, turns: int) -> int:
        """What a server's template adds for so many turns, beside their text."""
        return round(self.frame + turns * self.per_turn)

    def with_turns(
        self, few: Counted, few_turns: int, many: Counted, many_turns: int
    ) -> Calibration:
        """With what two prompts of one text tell, parted into few turns and into many.

        Such counts are held to no token: what stands at the joints differs from turn to turn.
        """
        per_turn = (many.server_tokens - few.server_tokens) / (many_turns - few_turns)
        frame = few.server_tokens - self.expected(few.text, few.tokens) - per_turn * few_turns
        return replace(self, is_exact=False, per_turn=per_turn, frame=frame)

    def total(self, usage: Usage) -> int | None:
        """The whole prompt as the server counted it, cached or not; None where it did not count."""
        if usage.input_tokens is None:
            return None
        return _total(usage.input_tokens, usage.cached_tokens or 0, self.cache)

    def is_short(self, server_tokens: int, expected: int) -> bool:
        """Whether a count is of less than the whole prompt."""
        return server_tokens < expected - self.slack(expected)

    def is_whole(self, server_tokens: int, expected: int) -> bool:
        """Whether a count is of about the whole prompt, neither less nor more."""
        return abs(server_tokens - expected) <= self.slack(expected)

    def slack(self, expected: int) -> float:
        """Tokens by which an honest count of so many tokens may differ."""
        if self.is_exact:
            return EXACT_TOKENS
        return expected * self.tolerance(expected) + _FEW_TOKENS

    def tolerance(self, tokens: int) -> float:
        """The share by which another tokenizer's count may fall short by chance."""
        of_prompt = _OF_PROMPT / sqrt(max(tokens, 1))
        of_sample = _OF_SAMPLE / sqrt(max(self.sample_tokens, 1))
        return LEAST_SHORTFALL + of_prompt + of_sample

    def refined(self, tokens: int, server_tokens: int, expected: int) -> Calibration:
        """After a prompt that it expected to be ``expected``, as a larger sample; else itself.

        A count in the outer half of the tolerance is not taken: a shortfall could begin so.
        """
        if self.is_exact or self.is_refined or tokens < LONG_TOKENS:
            return self
        scale = (server_tokens - self.overhead) / max(1.0, expected - self.overhead)
        if abs(scale - 1) > self.tolerance(expected) / 2:
            return self
        narrow, wide = self.narrow * scale, self.wide * scale
        sample = tokens // 2  # lines from one stretch tell less than as many from all over
        return replace(self, narrow=narrow, wide=wide, sample_tokens=sample, is_refined=True)

    def after(self, first: Counted, again: Counted) -> Calibration:
        """After one more prompt, asked twice.

        The first count decides whether counts are exact indeed, the second (which a cache may have
        served) what a cache does to them.
        """
        expected, known = self.expected(first.text, first.tokens), self
        if self.is_exact and not any(_total(*_counts(first), c) == expected for c in CacheCount):
            known = replace(self, is_exact=False)
        return replace(known, cache=known.cache or known.cache_count(*_counts(again), expected))

    def cache_count(
        self, server_tokens: int, cached_tokens: int, expected: int
    ) -> CacheCount | None:
        """The one way of counting by which a cached prompt was whole; None unless just one fits."""
        if cached_tokens > server_tokens:
            return CacheCount.LEFT_OUT
        if cached_tokens <= 2 * self.slack(expected):
            return None
        totals = {c: _total(server_tokens, cached_tokens, c) for c in CacheCount}
        fitting = [c for c, total in totals.items() if self.is_whole(total, expected)]
        return fitting[0] if len(fitting) == 1 else None

    def _ratio(self, text: bytes) -> float:
        if self.narrow == self.wide:
            return self.narrow
        narrow_bytes = len(text.translate(None, _NOT_ASCII))
        wide_tokens = (len(text) - narrow_bytes) / self.wide_bytes_per_token
        narrow_tokens = narrow_bytes / self.narrow_bytes_per_token
        share = wide_tokens / max(1e-9, wide_tokens + narrow_tokens)
        return share * self.wide + (1 - share) * self.narrow


def calibrated(told: Sequence[Counted | None]) -> Calibration | None:
    """From the counts of a bare prompt and of one or two (narrow and wide script) with haystack.

    None where one is missing, and where they do not grow with the prompt: they are no counts.
    """
    counted = [c for c in told if c is not None]
    if len(counted) < max(2, len(told)):
        return None
    found = _calibrated(counted, CacheCount.INCLUDED)
    if any(c.cached_tokens for c in counted):
        by_cache = {cache: _calibrated(counted, cache) for cache in CacheCount}
        fitting = [cache for cache, known in by_cache.items() if known.is_exact]
        if any(c.cached_tokens > c.server_tokens for c in counted):
            fitting = [CacheCount.LEFT_OUT]
        if len(fitting) == 1:  # else a later request will tell
            found = replace(by_cache[fitting[0]], cache=fitting[0])
    return found if min(found.narrow, found.wide) >= LEAST_RATIO else None


def _calibrated(counted: Sequence[Counted], cache: CacheCount) -> Calibration:
    """The calibration if caches are counted in this way."""
    bare, *samples = [replace(c, server_tokens=_total(*_counts(c), cache)) for c in counted]
    # what each sample holds more: the server's tokens, none where it does not count them, and ours
    more = [(s.server_tokens - bare.server_tokens, s.tokens - bare.tokens) for s in samples]
    ratios = [max(0.0, server / max(1, ours)) for server, ours in more]
    first, last = samples[0], samples[-1]
    is_exact = all(ratio == 1 for ratio in ratios)
    overhead = bare.server_tokens - bare.tokens * ratios[0]
    return Calibration(
        overhead=overhead if is_exact else max(0.0, overhead),
        narrow=ratios[0],
        wide=ratios[-1],
        narrow_bytes_per_token=len(first.text) / first.tokens,
        wide_bytes_per_token=len(last.text) / last.tokens,
        sample_tokens=min(s.tokens for s in samples),
        is_exact=is_exact,
    )


def _counts(counted: Counted) -> tuple[int, int]:
    return counted.server_tokens, counted.cached_tokens


def _total(server_tokens: int, cached_tokens: int, cache: CacheCount | None) -> int:
    """The whole prompt's count by what the server does with what it cached."""
    if cache is CacheCount.LEFT_OUT:
        return server_tokens + cached_tokens
    return server_tokens - cached_tokens if cache is CacheCount.TWICE else server_tokens


def is_wide(line: str) -> bool:
    """Whether most of a line is not ASCII."""
    return 2 * len(_WIDE.findall(line)) > len(line)
