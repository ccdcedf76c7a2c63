"""How long to wait for a server: longer for longer prompts, and as its finished answers taught."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

LEAST_S = 120.0  # a busy server queues requests for minutes
MOST_S = 1_800.0  # unless even more is to be expected
SLOWEST_TOKENS_PER_S = 400.0  # what is assumed of a server that has not answered yet: a small CPU
SLOWEST_TOKEN_S = 5.0  # of a reply: a server that is slower than this has hung
TIMES_EXPECTED = 6.0
SILENCES_WITHOUT_A_WORD = 3.0
_REMEMBERED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long one attempt may take, in seconds."""

    silence_s: float  # between two bytes
    first_word_s: float  # of the answer, and from one word to the next: comments must not hold a run
    total_s: float  # nor may a trickle of words


class AdaptiveTimeout:
    """Times in seconds. A fixed silence is the same for every prompt. ``reply_tokens`` is the reply budget."""

    def __init__(self, fixed_s: float | None, *, reply_tokens: int = 0) -> None:
        self._fixed_s = fixed_s
        self._reply_tokens = reply_tokens
        self._seen: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)  # prompt tokens, time to first token

    def silence_s(self, tokens: int, attempt: int) -> float:
        """The longest silence to bear in one attempt. After a timeout the next attempt has twice as long."""
        if self._fixed_s is not None:
            return self._fixed_s
        silence_s = LEAST_S + tokens / SLOWEST_TOKENS_PER_S
        if self._seen:
            expected_s = median(_expected_s(tokens, *seen) for seen in self._seen)
            silence_s = min(max(LEAST_S, TIMES_EXPECTED * expected_s), max(MOST_S, 2 * expected_s))
        return silence_s * float(2 ** min(attempt - 1, 2))

    def times(self, tokens: int, attempt: int) -> Times:
        """All three bounds of an attempt."""
        silence_s = self.silence_s(tokens, attempt)
        first_word_s = SILENCES_WITHOUT_A_WORD * silence_s
        total_s = first_word_s + SLOWEST_TOKEN_S * self._reply_tokens
        return Times(silence_s=silence_s, first_word_s=first_word_s, total_s=total_s)

    def learn(self, tokens: int, first_token_s: float | None) -> None:
        """Take in a finished trial; the last ones count."""
        if first_token_s is not None:
            self._seen.append((max(1, tokens), first_token_s))


def _expected_s(tokens: int, seen_tokens: int, seen_s: float) -> float:
    """Time to first token as one finished trial leads to expect: the square where it was of about that length."""
    ratio = max(1.0, tokens / seen_tokens)
    return seen_s * (ratio**2 if ratio <= 4 else 4 * ratio)
