"""How many tokens a server should count for a prompt, and when a count is too small to be of the whole prompt.

Measured over four haystacks and two tokenizers, the ratio between two tokenizers stays within 5 % in stretches of
1,000 tokens of one language, within 2 % in 4,000 and within 1 % in 16,000; between two scripts it differs by a third.
So there is a ratio for each script and a tolerance that shrinks with the prompt. The first long prompt that was
surely counted in full refines the ratios, once: a server that drops more and more must not be followed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

LEAST_SHORTFALL = 0.015
LONG_TOKENS = 16_000
_OF_PROMPT = 1.6
_OF_SAMPLE = 0.6
_FEW_TOKENS = 16  # what a server may add around a prompt differs by so much
_WIDE = re.compile(r"[^\x00-\x7f]")
_NOT_ASCII = bytes(range(128, 256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A prompt and the server's count of it."""

    text: bytes
    tokens: int
    server_tokens: int


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

    def expected(self, text: bytes, tokens: int) -> int:
        """What the server should count for a prompt of so many tokens of ours."""
        return round(self.overhead + tokens * self._ratio(text))

    def is_short(self, server_tokens: int, expected: int) -> bool:
        """Whether a count is of less than the whole prompt."""
        return server_tokens < expected * (1 - self.tolerance(expected)) - _FEW_TOKENS

    def is_whole(self, server_tokens: int, expected: int) -> bool:
        """Whether a count is of about the whole prompt, neither less nor more."""
        return abs(server_tokens - expected) <= expected * self.tolerance(expected) + _FEW_TOKENS

    def tolerance(self, tokens: int) -> float:
        """The share by which a count of so many tokens may fall short by chance."""
        return LEAST_SHORTFALL + _OF_PROMPT / sqrt(max(tokens, 1)) + _OF_SAMPLE / sqrt(max(self.sample_tokens, 1))

    def refined(self, tokens: int, server_tokens: int, expected: int) -> Calibration:
        """The calibration after a prompt that it expected to be ``expected``, as a larger sample; else itself.

        A count in the outer half of the tolerance is not taken: it could be the beginning of a shortfall.
        """
        scale = (server_tokens - self.overhead) / max(1.0, expected - self.overhead)
        if self.is_refined or tokens < LONG_TOKENS or abs(scale - 1) > self.tolerance(expected) / 2:
            return self
        # lines from one stretch tell less than as many from all over
        return replace(
            self, narrow=self.narrow * scale, wide=self.wide * scale, sample_tokens=tokens // 2, is_refined=True
        )

    def _ratio(self, text: bytes) -> float:
        if self.narrow == self.wide:
            return self.narrow
        narrow_bytes = len(text.translate(None, _NOT_ASCII))
        wide_tokens = (len(text) - narrow_bytes) / self.wide_bytes_per_token
        narrow_tokens = narrow_bytes / self.narrow_bytes_per_token
        share = wide_tokens / max(1e-9, wide_tokens + narrow_tokens)
        return share * self.wide + (1 - share) * self.narrow


def calibrated(counted: Sequence[Counted]) -> Calibration:
    """From the counts of a bare prompt and of one with haystack, or of two with haystack in narrow and wide script."""
    bare, *samples = counted
    ratios = [_slope(bare, sample) for sample in samples]
    first, last = samples[0], samples[-1]
    return Calibration(
        overhead=max(0.0, bare.server_tokens - bare.tokens * ratios[0]),
        narrow=ratios[0],
        wide=ratios[-1],
        narrow_bytes_per_token=len(first.text) / first.tokens,
        wide_bytes_per_token=len(last.text) / last.tokens,
        sample_tokens=min(s.tokens for s in samples),
    )


def _slope(bare: Counted, sample: Counted) -> float:
    """Server tokens per token of ours in what the sample holds more; a server that counts nothing more gives 0."""
    return max(0.0, (sample.server_tokens - bare.server_tokens) / max(1, sample.tokens - bare.tokens))


def is_wide(line: str) -> bool:
    """Whether most of a line is not ASCII."""
    return 2 * len(_WIDE.findall(line)) > len(line)
