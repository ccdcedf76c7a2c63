"""From an answer to a Result: only a whole answer to the whole prompt is scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from niah.experiment.scoring import scored
from niah.records import Outcome, Prompt, Result, Row, Trial
from niah.runner.client import Answer
from niah.tasks import Task


def result_of(trial: Trial, prompt: Prompt, answer: Answer, task: Task, expected: int | None) -> Result:
    """One line for the run log. ``expected`` is what the server should have counted, where it is calibrated."""
    result = Result(
        trial=trial,
        outcome=answer.outcome,
        placements=prompt.placements,
        targets=prompt.planting.targets,
        prompt_tokens=prompt.tokens,
        prompt_digest=prompt.digest,
        unique_share=prompt.unique_share,
        response=answer.response,
        first_token_s=_rounded(answer.first_token_s),
        total_s=_rounded(answer.total_s),
        output_tokens_per_s=_speed(answer),
        expected_input_tokens=expected,
        attempts=answer.attempts,
        request_id=answer.request_id,
        error=answer.error,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return scored(result, prompt.planting, task)


def withheld(result: Result, why: str) -> Result:
    """The result without its score: prompt, answer or count did not arrive as they were sent.

    What has no score anyway keeps its outcome, unless the prompt was not whole.
    """
    if result.outcome is Outcome.EMPTY:
        return replace(result, error=why)
    return replace(
        result,
        outcome=Outcome.MISMATCH,
        score=None,
        answer_class=None,
        explanation=None,
        answer_detail=None,
        parts={},
        error=why,
    )


def not_sent(trial: Trial, prompt: Prompt, refused: Row) -> Result:
    """The overflow of a trial that is longer than one that the server refused as too long."""
    least = refused.prompt_tokens + prompt.reply_tokens
    return Result(
        trial=trial,
        outcome=Outcome.OVERFLOW,
        placements=prompt.placements,
        targets=prompt.planting.targets,
        prompt_tokens=prompt.tokens,
        prompt_digest=prompt.digest,
        unique_share=prompt.unique_share,
        error=f"not sent: {least:,} tokens were already too long ({refused.error})",
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def not_built(trial: Trial, targets: tuple[str, ...], why: str) -> Result:
    """The error of a trial whose prompt cannot be built."""
    return Result(
        trial=trial,
        outcome=Outcome.ERROR,
        placements=(),
        targets=targets,
        prompt_tokens=0,
        prompt_digest="",
        unique_share=1.0,
        error=why,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _speed(answer: Answer) -> float | None:
    """Output tokens per second after the first one; None where they came in one piece or are not counted."""
    tokens = None if answer.response is None else answer.response.usage.output_tokens
    if not tokens or tokens < 2 or answer.first_token_s is None or answer.total_s is None:
        return None
    seconds = answer.total_s - answer.first_token_s
    return round((tokens - 1) / seconds, 2) if seconds > 0 else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
