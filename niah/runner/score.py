"""From an answer to a Result: only a whole answer is scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from niah.records import Outcome, Planting, Prompt, Result, Trial
from niah.runner.client import Answer
from niah.tasks import Task
from niah.tasks._controls import CLOSED_BOOK, ORACLE, control_score

# below this share of the smallest ratio so far a part of the prompt was dropped: no script shifts a tokenizer so far
LEAST_OF_RATIO = 0.6
GREATEST_RATIO = 1.2  # short prompts are counted with the server's own wrapping, which does not grow with them


def result_of(trial: Trial, prompt: Prompt, answer: Answer, task: Task, ratio: float | None) -> Result:
    """One line for the run log. ``ratio`` is the server's tokens per token of ours so far."""
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
        attempts=answer.attempts,
        error=answer.error,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    counted = ratio_of(result)
    if ratio is not None and counted is not None and counted < LEAST_OF_RATIO * ratio:
        about = round(ratio * prompt.tokens)
        error = f"the server counted {round(counted * prompt.tokens):,} prompt tokens where about {about:,} were sent"
        return replace(result, outcome=Outcome.MISMATCH, error=error)
    return scored(result, prompt.planting, task)


def ratio_of(result: Result) -> float | None:
    """The server's count of a prompt by ours, where it counts. A few lines without a haystack tell nothing."""
    if result.response is None or result.trial.control in (CLOSED_BOOK, ORACLE):
        return None
    counted = result.response.usage.input_tokens
    return counted / result.prompt_tokens if counted else None


def scored(result: Result, planting: Planting, task: Task) -> Result:
    """The result with its score, as the task judges it today. Other outcomes stay without one."""
    if result.outcome is not Outcome.SCORED or result.response is None:
        return result
    score = control_score(result.response.text, planting, task, result.trial.control)
    return replace(
        result,
        score=score.value,
        answer_class=score.answer_class,
        explanation=score.explanation,
        answer_detail=score.detail,
        parts=dict(score.parts),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
