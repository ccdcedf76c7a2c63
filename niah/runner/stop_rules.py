"""What the results of a sweep teach: what is too long for the server, and whether it is there."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from operator import attrgetter

from niah.records import Outcome, Result, Row
from niah.runner.exchange import Answer

MOST_ERRORS_IN_A_ROW = 50
LEAST_OUTAGE_S = 900.0  # a shorter outage does not end a run
MOST_FATAL_IN_A_ROW = 3  # one prompt that a firewall dislikes is no lost account
_REFUSALS = 2  # one may be a fluke of one machine behind the address
_length = attrgetter("sent_tokens")  # of a control without a haystack far below its context length


class OverflowMemory:
    """Which prompts are too long, as refusals and answers showed. Lengths are tokens of ours.

    An error that speaks of a context size is no proof: servers whose requests share one cache
    (llama.cpp by default) say so when there is too much at once.
    """

    def __init__(self, results: Iterable[Row]) -> None:
        self.window: int | None = None  # as the server tells it, in its own tokens
        self._longest_accepted = 0
        self._refused: list[Row] = []  # the shortest first: a log may hold as many as trials
        for result in results:
            self.take(result)

    def surely_too_long(self, prompt_tokens: int) -> Row | None:
        """The shortest refusal that shows that a prompt need not be sent; None where it must be."""
        first = bisect_right(self._refused, self._longest_accepted, key=_length)
        shortest = self._refused[first : first + _REFUSALS]
        sure = len(shortest) == _REFUSALS and shortest[-1].sent_tokens < prompt_tokens
        return shortest[0] if sure else None

    def fits(self, prompt_tokens: int, server_tokens: int | None) -> bool:
        """Whether an earlier answer, or the window that the server tells, shows room for a prompt.

        ``server_tokens`` is what prompt and reply should take of the window, where that is known.
        """
        return self._shown_to_fit(prompt_tokens, server_tokens) is True

    def believes(self, prompt_tokens: int, server_tokens: int | None) -> bool:
        """Whether a first refusal as too long is final; else it is asked again, alone."""
        return self._shown_to_fit(prompt_tokens, server_tokens) is False

    def take(self, result: Row) -> None:
        """Take in a result whose refusal, if it is one, is final."""
        if result.outcome is Outcome.OVERFLOW and result.attempts:
            insort(self._refused, result, key=_length)
        elif result.outcome not in (Outcome.OVERFLOW, Outcome.ERROR, Outcome.MISMATCH):
            self._longest_accepted = max(self._longest_accepted, result.sent_tokens)

    def _shown_to_fit(self, prompt_tokens: int, server_tokens: int | None) -> bool | None:
        """Whether a prompt fits, as answers, refusals or the server show; None where none does."""
        if prompt_tokens <= self._longest_accepted:
            return True
        if self._refused and self._refused[0].sent_tokens <= prompt_tokens:
            return False
        if server_tokens is None or self.window is None:
            return None
        return server_tokens <= self.window


class CircuitBreaker:
    """Says when a run should end: the server is gone, or refuses, or there were too many errors.

    The clock (seconds, monotonic) is an argument.
    """

    def __init__(self, *, clock: Callable[[], float], max_errors: int | None = None) -> None:
        self.hopeless: set[str] = set()  # trials that another try would not help
        self.reason: str | None = None  # to end the run
        self._clock = clock
        self._max_errors = max_errors
        self._errors = 0
        self._answered_at = clock()
        self._errors_in_a_row = 0
        self._fatal_in_a_row = 0

    def take(self, result: Result, answer: Answer) -> None:
        """Take in a result and the answer that it was made from."""
        if result.outcome is not Outcome.ERROR:
            self._errors_in_a_row = self._fatal_in_a_row = 0
            self._answered_at = self._clock()
            return
        self._errors += 1
        self._errors_in_a_row += 1
        self._fatal_in_a_row = self._fatal_in_a_row + 1 if answer.fatal else 0
        if not answer.retried:
            self.hopeless.add(result.trial.id)
        self.reason = self.reason or self._reason(answer)

    def _reason(self, answer: Answer) -> str | None:
        if answer.fatal and (answer.retried or self._fatal_in_a_row >= MOST_FATAL_IN_A_ROW):
            return f"the server refuses requests: {answer.error}"
        gone = not answer.retried or self._clock() - self._answered_at >= LEAST_OUTAGE_S
        if gone and self._errors_in_a_row >= MOST_ERRORS_IN_A_ROW:
            return f"{self._errors_in_a_row} trials in a row failed: {answer.error}"
        if self._max_errors is not None and self._errors >= self._max_errors:
            return f"max_errors {self._max_errors}: {answer.error}"
        return None
