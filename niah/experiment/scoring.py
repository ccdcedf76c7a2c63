"""The score of a stored answer, as its task judges it today, and of a reader that only searches.

What searching earns on the very prompts of a run stands beside a model's score as its controls do:
it is not reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean

from niah.errors import PromptError, RunError
from niah.experiment.controls import control_score, cut_score
from niah.experiment.delivering import presenter_in
from niah.experiment.experiment import Experiment
from niah.providers.replies import is_cut_off
from niah.providers.search import WAYS, Search
from niah.records import Outcome, Planting, Result, Score, Trial
from niah.tasks import Task
from niah.text.outside import plain

MOST_TOKENS = 64_000  # of a context: a longer one is searched as well, and takes seconds


def scored(result: Result, planting: Planting, task: Task) -> Result:
    """The result with its score, as the task judges it today. Other outcomes stay without one.

    A cut-off reply has a score where it is a loop or has answered already (see ``cut_score``).
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
        return replace(unscored(result), outcome=Outcome.TRUNCATED)
    return replace(
        result,
        outcome=Outcome.SCORED,
        score=score.value,
        answer_class=score.answer_class,
        explanation=score.explanation,
        answer_detail=score.detail,
        parts=dict(score.parts),
    )


def unscored(result: Result) -> Result:
    """The result without its score and what was said of it; the outcome is the caller's to tell."""
    return replace(
        result, score=None, answer_class=None, explanation=None, answer_detail=None, parts={}
    )


def rescored(result: Result, experiment: Experiment) -> Result:
    """The result as judged today. Raises RunError where today's needles are other ones."""
    planting = experiment.plant(result.trial)
    presenter = presenter_in(experiment)
    if presenter is not None and planting.marks:  # speech has times of its own
        planting = presenter.present(experiment.prompt(result.trial)).planting
    if planting.targets != result.targets:
        raise RunError(
            f"trial {result.trial.id} asked for {', '.join(result.targets)},"
            " but its haystack or task have changed since; scores are left as they are"
        )
    return scored(result, planting, experiment.task)


def search_scores(experiment: Experiment, trials: Iterable[Trial]) -> Mapping[str, float]:
    """The mean score over some trials by way of searching (``search``, ``search:first`` ...)."""
    scores: dict[str, list[float]] = {}
    for trial in trials:
        try:
            prompt = experiment.prompt(trial)
        except PromptError:  # it cannot be built, and the run says so
            continue
        search = Search(prompt.text)
        for way in WAYS:
            score = experiment.task.score(search.answer(way), prompt.planting)
            scores.setdefault(f"search:{way}".strip(":"), []).append(score.value)
    return {way: fmean(values) for way, values in scores.items()}


def best_search(experiment: Experiment) -> float | None:
    """The best of them over the first epoch of a run; None where no prompt was searched."""
    first = (t for t in experiment.trials if t.epoch == 0 and t.control is None)
    trials = [t for t in first if t.context_length <= MOST_TOKENS]
    return max(search_scores(experiment, trials).values(), default=None)
