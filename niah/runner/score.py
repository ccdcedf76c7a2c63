"""From an answer to a Result: only a whole answer is scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from niah.records import Outcome, Planting, Prompt, Result, Trial
from niah.runner.client import Answer
from niah.tasks import Task


def result_of(trial: Trial, prompt: Prompt, answer: Answer, task: Task) -> Result:
    """One line for the run log."""
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
    return scored(result, prompt.planting, task)


def scored(result: Result, planting: Planting, task: Task) -> Result:
    """The result with its score, as the task judges it today. Other outcomes stay without one."""
    if result.outcome is not Outcome.SCORED or result.response is None:
        return result
    score = task.score(result.response.text, planting)
    return replace(result, score=score.value, answer_class=score.answer_class, explanation=score.explanation)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
