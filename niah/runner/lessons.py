"""What the answers of a sweep teach: how the server counts, what is too long for it, whether it is still there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from niah.records import Outcome, Result, Row
from niah.runner.calibration import Calibration
from niah.runner.client import Answer
from niah.runner.score import counted_tokens

MOST_ERRORS_IN_A_ROW = 50
LEAST_OUTAGE_S = 900.0  # a shorter outage does not end a run
MOST_FATAL_IN_A_ROW = 3  # one prompt that a firewall dislikes is no lost account
_REFUSALS = 2  # one may be a fluke of one machine behind the address


class Lessons:
    """Takes in results as they land. The clock (seconds, monotonic) is an argument."""

    def __init__(self, results: Iterable[Row], *, clock: Callable[[], float]) -> None:
        self.calibration: Calibration | None = None
        self.hopeless: set[str] = set()  # trials that another try would not help
        self._clock = clock
        self._answered_at = clock()
        self._errors_in_a_row = 0
        self._fatal_in_a_row = 0
        self._longest_accepted = 0
        self._too_long: list[Row] = []
        for result in results:
            self._take_length(result)

    def surely_too_long(self, prompt_tokens: int) -> Row | None:
        """What the server refused that is shorter than a prompt, where longer ones need not be sent."""
        refused = [r for r in self._too_long if self._longest_accepted < r.prompt_tokens < prompt_tokens]
        return refused[0] if len(refused) >= _REFUSALS else None

    def take(self, result: Result, answer: Answer, calibration: Calibration | None) -> str | None:
        """Take in a result and the calibration by which it was judged; a reason to stop the run, where there is one."""
        self._take_length(result)
        counted, expected = counted_tokens(result), result.expected_input_tokens
        if calibration and expected and counted and result.outcome is not Outcome.MISMATCH:
            refined = calibration.refined(result.prompt_tokens, counted, expected)
            if self.calibration is not None and not self.calibration.is_refined:
                self.calibration = refined
        if result.outcome is not Outcome.ERROR:
            self._errors_in_a_row = self._fatal_in_a_row = 0
            self._answered_at = self._clock()
            return None
        self._errors_in_a_row += 1
        self._fatal_in_a_row = self._fatal_in_a_row + 1 if answer.fatal else 0
        if not answer.retried:
            self.hopeless.add(result.trial.id)
        return self._reason_to_stop(answer)

    def _reason_to_stop(self, answer: Answer) -> str | None:
        if answer.fatal and (answer.retried or self._fatal_in_a_row >= MOST_FATAL_IN_A_ROW):
            return f"the server refuses requests: {answer.error}"
        silent_s = self._clock() - self._answered_at
        if self._errors_in_a_row >= MOST_ERRORS_IN_A_ROW and (not answer.retried or silent_s >= LEAST_OUTAGE_S):
            return f"{self._errors_in_a_row} trials in a row failed: {answer.error}"
        return None

    def _take_length(self, result: Row) -> None:
        """Longer prompts than those that the server itself refused need not be sent."""
        length = result.prompt_tokens  # of a control without a haystack that is far below its context length
        if result.outcome is Outcome.OVERFLOW and result.attempts:
            self._too_long.append(result)
            self._too_long.sort(key=lambda r: r.prompt_tokens)
        elif result.outcome not in (Outcome.OVERFLOW, Outcome.ERROR, Outcome.MISMATCH):
            self._longest_accepted = max(self._longest_accepted, length)
