"""How long a server may be silent: more for longer prompts, and as its finished answers taught."""

from __future__ import annotations

LEAST_S = 120.0  # a busy server queues requests for minutes
SLOWEST_TOKENS_PER_S = 400.0  # what is assumed of a server that has not answered yet: a small CPU
TIMES_EXPECTED = 6.0
SILENCES_PER_ANSWER = 6.0  # a whole answer may take so many times its longest silence


class Patience:
    """Read timeouts in seconds. A fixed one is the same for every prompt."""

    def __init__(self, fixed_s: float | None) -> None:
        self._fixed_s = fixed_s
        self._seen: dict[int, float] = {}  # slowest time to first token, by prompt tokens

    def silence_s(self, tokens: int, attempt: int) -> float:
        """The longest silence to bear in one attempt. After a timeout the next attempt has twice as long."""
        if self._fixed_s is not None:
            return self._fixed_s
        unknown_s = LEAST_S + tokens / SLOWEST_TOKENS_PER_S
        expected_s = self._expected_s(tokens)
        silence_s = unknown_s if expected_s is None else max(LEAST_S, TIMES_EXPECTED * expected_s)
        return silence_s * float(2 ** min(attempt - 1, 3))

    def answer_s(self, tokens: int, attempt: int) -> float:
        """The longest time for a whole answer: a server that trickles must not hold a run for ever."""
        return SILENCES_PER_ANSWER * self.silence_s(tokens, attempt)

    def learn(self, tokens: int, first_token_s: float | None) -> None:
        """Take in a finished trial."""
        if first_token_s is not None:
            self._seen[tokens] = max(first_token_s, self._seen.get(tokens, 0.0))

    def _expected_s(self, tokens: int) -> float | None:
        """The slowest of what finished trials lead to expect: linear for shorter prompts, quadratic for longer ones."""
        expected = [
            seconds * max(1.0, tokens / max(1, seen)) ** 2 for seen, seconds in self._seen.items() if 4 * seen >= tokens
        ]
        return max(expected, default=None)
