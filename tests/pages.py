"""Runs for pages: real prompts of real recipes, any answers, and no event loop, which a browser has
for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from niah.api import experiment_for
from niah.experiment.experiment import Experiment
from niah.records import Outcome, Prompt, Response, Result, Trial, Usage
from niah.runlog.log import write_log

Answer = Callable[[Trial, Prompt], str | Outcome]


def right(trial: Trial, prompt: Prompt) -> str:
    return "It is not mentioned." if trial.control == "absent" else prompt.planting.targets[0]


def lost_in_the_middle(trial: Trial, prompt: Prompt) -> str | Outcome:
    """Answers a distractor's value in the middle of the longest, and is refused the last cell of
    it."""
    if trial.context_length < 1_000 or trial.control:
        return right(trial, prompt)
    if trial.depth_percent == 50:
        return next(n.value for n in prompt.planting.needles[1:])
    return Outcome.OVERFLOW if trial.depth_percent == 100 and trial.epoch else right(trial, prompt)


def made(folder: Path, answer: Answer = right, **settings: Any) -> Path:
    """A run in its folder, by default of two lengths, three depths, two epochs."""
    keys = {
        "lengths": "500,1k",
        "depths": "0,50,100",
        "epochs": 2,
        "task": "multikey",
        "model": "perfect",
        **settings,
    }
    experiment = experiment_for(None, {"provider": "simulated", **keys})
    write_log(
        folder, experiment.header(), [_result(experiment, t, answer) for t in experiment.trials]
    )
    return folder


def _result(experiment: Experiment, trial: Trial, answer: Answer) -> Result:
    prompt = experiment.prompt(trial)
    said = answer(trial, prompt)
    outcome = said if isinstance(said, Outcome) else Outcome.SCORED
    score = None if isinstance(said, Outcome) else experiment.task.score(said, prompt.planting)
    usage = Usage(input_tokens=prompt.tokens + 4, cached_tokens=0, output_tokens=8)
    return Result(
        trial=trial, outcome=outcome, placements=prompt.placements, targets=prompt.planting.targets,
        prompt_tokens=prompt.tokens, prompt_digest=prompt.digest, unique_share=prompt.unique_share,
        response=None if isinstance(said, Outcome) else Response(text=said, stop_reason="stop",
                                                                 usage=usage),
        score=None if score is None else score.value,
        answer_class=None if score is None else score.answer_class,
        explanation=None if score is None else score.explanation,
        first_token_s=0.2 + trial.context_length / 10_000, total_s=1.0, attempts=1,
        error="too long" if isinstance(said, Outcome) else None,
        finished="2026-11-27T10:00:00+00:00",
    )  # fmt: skip
