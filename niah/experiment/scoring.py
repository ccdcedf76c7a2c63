"""The score of a stored answer, as its task judges it today."""

from __future__ import annotations

from dataclasses import replace

from niah.errors import RunError
from niah.experiment.controls import control_score, cut_score
from niah.experiment.delivering import presenter_in
from niah.experiment.experiment import Experiment
from niah.providers.replies import is_cut_off
from niah.records import Outcome, Planting, Result, Score
from niah.tasks import Task
from niah.text.outside import plain


def scored(result: Result, planting: Planting, task: Task) -> Result:
    """The result with its score, as the task judges it today. Other outcomes stay without one.

    A reply that was cut off has a score where it is a loop or has answered already (see ``cut_score``).
    """
    if result.outcome not in (Outcome.SCORED, Outcome.TRUNCATED) or result.response is None:
        return result
    cut = result.outcome is Outcome.TRUNCATED or is_cut_off(result.response.stop_reason)
    if getattr(task, "SCORES_RAW", False):
        score: Score | None = task.score(result.response.text, planting)
    else:
        judge = cut_score if cut else control_score
        score = judge(plain(result.response.text), planting, task, result.trial.control)
    if score is None:
        return replace(
            result,
            outcome=Outcome.TRUNCATED,
            score=None,
            answer_class=None,
            explanation=None,
            answer_detail=None,
            parts={},
        )
    return replace(
        result,
        outcome=Outcome.SCORED,
        score=score.value,
        answer_class=score.answer_class,
        explanation=score.explanation,
        answer_detail=score.detail,
        parts=dict(score.parts),
    )


def rescored(result: Result, experiment: Experiment) -> Result:
    """The result as judged today. Raises RunError where today's needles are not the ones that were asked about."""
    planting = experiment.plant(result.trial)
    presenter = presenter_in(experiment)
    if presenter is not None and planting.marks:  # speech has times of its own
        planting = presenter.present(experiment.prompt(result.trial)).planting
    if planting.targets != result.targets:
        raise RunError(
            f"trial {result.trial.id} asked for {', '.join(result.targets)}, but its haystack or task have "
            "changed since; scores are left as they are"
        )
    return scored(result, planting, experiment.task)
